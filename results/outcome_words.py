"""What a detector came to, in a sentence; the same in every object and message."""

from worklist.finding import Failed, Flagged, NotFlagged, Outcome, TargetFinding

UNREVIEWED = "AI result, not reviewed, not for diagnostic use."


def outcome_words(outcome: Outcome, target: TargetFinding) -> str:
    """What is suspected, or why nothing is said; never that there is none (P4)."""
    finding = target.words
    match outcome:
        case Flagged():
            return f"Suspected: {finding}."
        case NotFlagged():
            return f"Not flagged for {finding}; this does not say that there is none."
        case Failed(reason=reason):
            return f"Not evaluated for {finding}, because it failed: {reason}."
        case other:
            return f"Not evaluated for {finding}, because it does not apply: {other.reason}."
