"""Events in words, for people who ask what happened to a study."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from worklist.conclusion import in_words
from worklist.due_time import NOT_SHOWN, probability_in_words
from worklist.due_time import in_words as span_in_words
from worklist.finding import TargetFinding

Details = Mapping[str, Any]


def in_a_sentence(kind: str, details: Details) -> str:
    """What happened; a kind this version does not know is named as it is stored."""
    words = _WORDS.get(kind)
    return words(details) if words else kind.replace("_", " ")


def told(kind: str, details: Details) -> str:
    """The same of any version's events: where details lack what its words need, the kind."""
    try:
        return in_a_sentence(kind, details)
    except (KeyError, TypeError, ValueError):
        return kind.replace("_", " ")


def _moved(details: Details) -> str:
    place = f"place {details['place_before']} → {details['place']}"
    return f"{_due(details)}, {place}"


def _due(details: Details) -> str:
    return f"due {_clock(details['due_at'])} ({details['reason']})"


def _due_time_changed(details: Details) -> str:
    if "part_of" not in details:
        return _moved(details)
    verb = str(details["part_of"]).removeprefix("ai_")
    return f"{_due(details)}, {_which_ai(details)} was {verb}, because {details['why']}"


def _which_ai(details: Details) -> str:
    named = details["detectors"]
    return "AI" if named == "all" else f"the detector {', '.join(named)}"


def _clock(at: str) -> str:
    return datetime.fromisoformat(at).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _outcome(details: Details) -> str:
    said = str(details["outcome"]).replace("_", " ")
    late = ", too late: the study was read" if details["too_late"] else ""
    if "why" in details:
        return f"{details['detector']}: {said}, because {details['why']}{late}"
    if "probability" not in details:  # left out for whoever may not see it yet
        return f"{details['detector']}: {said}, probability {NOT_SHOWN}{late}"
    probability = probability_in_words(details["probability"])
    return f"{details['detector']}: {said}, probability {probability}{late}"


def _judged(details: Details) -> str:
    detector = details["detector"]
    if "agrees" not in details:
        return f"judged the result of {detector}"
    verb = "agrees" if details["agrees"] else "disagrees"
    about = next(
        (f", {part} {details[part]}" for part in ("lesion", "region") if details[part]), ""
    )
    comment = f": {details['comment']}" if details["comment"] else ""
    return f"{verb} with {detector}{about}{comment}"


def _first_look(details: Details) -> str:
    said = in_words(details["first_answers"])
    return f"first look, before any mark: {said or NOT_SHOWN}"


def _drawn(details: Details) -> str:
    target = TargetFinding(details["target"]).words
    return f"drew a finding that was not marked: {target}"


def _revealed(details: Details) -> str:
    return f"was shown the marks of {', '.join(sorted(details['results']))}"


def _concluded(details: Details) -> str:
    span = span_in_words(timedelta(seconds=details["reading_s"]))
    said = in_words(details["answers"])
    return f"concluded after {span}: {said}" if said else f"concluded after {span}"


def _suspected(details: Details) -> str:
    finding = TargetFinding(details["finding"]).words
    return f"the channel {details['channel']} that this is suspected: {finding}"


def _complete(details: Details) -> str:
    count = details["instance_count"]
    if details["completeness"] == "complete":
        return f"complete with {count} objects; queued for the detectors"
    return f"not known to be complete in time; queued with the {count} objects that are there"


def _kept(details: Details) -> str:
    parts = []
    if details["documents"]:
        parts.append(
            f"{details['documents']} objects that are no images came after it was complete and are "
            "kept"
        )
    if details["results"]:
        parts.append(f"{details['results']} results of Vigie came back and are kept")
    return "; ".join(parts)


def _conflict(details: Details) -> str:
    uid, named = details["sop_instance_uid"], details["names_study"]
    if not details["filed_here"]:
        return (
            f"an object came under {uid}, which an object of study {details['filed_in_study']} "
            "has already; both are kept, the other study's counts"
        )
    if named != details["filed_in_study"]:
        return (
            f"an object of study {named} came under {uid} too; both are kept, this study's counts"
        )
    return f"an object came again under {uid} with other bytes; both are kept"


def _results_made(details: Details) -> str:
    count = sum(details["objects"].values())
    problem = f"; not made: {details['problem']}" if "problem" in details else ""
    return f"results of assessment {details['assessment_number']} made: {count} objects{problem}"


def _case(details: Details) -> str:
    return f"case {details['case']}: {TargetFinding(details['target']).words}"


_CLAIM_ENDS = {
    "concluded": "the study was concluded",
    "read_elsewhere": "the study was read elsewhere",
    "signed_out": "no longer signed in as a radiologist",
    "time_limit": "held for as long as anybody may",
}

_WORDS: Mapping[str, Callable[[Details], str]] = {
    "study_arrived": lambda d: (
        f"first object received, requested {d['requested_priority']}; "
        f"due {_clock(d['due_at'])}, place {d['place']}"
    ),
    "study_reopened": lambda d: (
        f"{d['new_images']} more objects arrived after it was "
        f"{'read' if d['was_read'] else 'complete'}; {_moved(d)}"
    ),
    "study_complete": _complete,
    "objects_kept": _kept,
    "patient_id_differs": lambda d: (
        f"{d['objects']} objects name another patient ID than the first did"
    ),
    "instance_conflict": _conflict,
    "requested_priority_changed": lambda d: f"asked for as {d['requested_priority']}; {_moved(d)}",
    "order_priority_changed": lambda d: (
        f"the order asks for it as {d['requested_priority']}; {_moved(d)}"
    ),
    "order_cancelled": lambda d: f"the RIS cancelled the order {d['accession_number']}",
    "ordered_again": lambda d: f"the RIS ordered {d['accession_number']} again",
    "older_order_ignored": lambda d: (
        f"an older message on the order {d['accession_number']} changed nothing"
    ),
    "ris_names_another_patient": lambda d: (
        f"the RIS names another patient for {d['accession_number']}; nothing was done"
    ),
    "patient_updated": lambda _: "the RIS told other data of the patient",
    "patient_merged": lambda d: (
        f"the RIS put the patient ID {d['patient_id']} in place of {d['from_patient_id']}"
    ),
    "reported_elsewhere": lambda d: f"reported elsewhere: the report is {d['status']}",
    "report_observed": lambda d: f"the RIS told of a report: it is {d['status']}",
    "earlier_report_found": lambda d: (
        f"the RIS had told of a report at {_clock(d['received_at'])}: it is {d['status']}"
    ),
    "report_withdrawn": lambda d: f"the RIS withdrew its report; {_moved(d)}",
    "result_told_to_ris": lambda d: (
        f"the RIS has the result of assessment {d['assessment_number']}"
    ),
    "priority_told_to_ris": lambda d: f"the RIS was asked for {d['requested_priority']}",
    "message_to_ris_parked": lambda d: f"the RIS did not take the message {d['message']}",
    "assessment_started": lambda d: f"assessment {d['assessment_number']} started",
    "assessment_finished": lambda d: f"assessment {d['assessment_number']} finished",
    "outcome_recorded": _outcome,
    "due_time_changed": _due_time_changed,
    "priority_overridden": lambda d: (
        f"priority {d['priority'] or 'as requested'}, because {d['why']}; {_moved(d)}"
    ),
    "ai_stopped": lambda d: f"{_which_ai(d)} was stopped, because {d['why']}",
    "ai_started": lambda d: f"{_which_ai(d)} was started, because {d['why']}",
    "pinned": lambda d: f"pinned to the top, because {d['why']}",
    "unpinned": lambda d: f"no longer pinned, because {d['why']}",
    "marked_read": lambda d: f"marked as read elsewhere, because {d['why']}",
    "first_look": _first_look,
    "marks_revealed": _revealed,
    "finding_judged": _judged,
    "finding_drawn": _drawn,
    "drawn_withdrawn": lambda d: f"took back a drawn finding: {TargetFinding(d['target']).words}",
    "concluded": _concluded,
    "conclusion_amended": lambda d: f"amended: {_concluded(d)}",
    "reopened": lambda d: f"back on the list at place {d['place']}, because {d['why']}",
    "claimed": lambda d: f"claimed by {d['account']}",
    "claim_taken_over": lambda d: f"claimed by {d['account']}, who took over from {d['from']}",
    "claim_released": lambda d: f"claim of {d['account']} released",
    "notification_delivered": lambda d: f"told {_suspected(d)}",
    "notification_parked": lambda d: f"could not tell {_suspected(d)}, because {d['answer']}",
    "notification_not_sent": lambda d: f"did not tell {_suspected(d)}, because {d['answer']}",
    "notification_sent_again": lambda d: f"asked to tell {_suspected(d)} once more",
    "results_made": _results_made,
    "results_sent": lambda d: f"{d['objects']} objects sent to {d['destination']}",
    "results_committed": lambda d: f"{d['destination']} keeps {d['objects']} objects safely",
    "results_refused": lambda d: (
        f"{d['objects']} objects refused by {d['destination']}: {d.get('why', '')}"
    ),
    "results_parked": lambda d: (
        f"{d['objects']} objects for {d['destination']} parked: {d.get('why', '')}"
    ),
    "results_not_kept": lambda d: (
        f"{d['objects']} objects are to go to {d['destination']} again: {d.get('why', '')}"
    ),
    "results_rejected": lambda d: (
        f"{d['objects']} objects at {d['destination']} are to be rejected: {d['rejected']}"
    ),
    "results_not_rejected": lambda d: (
        f"{d['objects']} objects at {d['destination']} cannot be rejected: {d['problem']}"
    ),
    "results_resent": lambda d: (
        f"{d['objects']} objects sent again to {', '.join(d['destinations'])}"
    ),
    "results_withdrawn": lambda d: (
        f"{d['objects']} objects for {d['destination']} are sent no more: {d['why']}"
    ),
    "results_asked_again": lambda d: (
        "asked for the results again" + (f", because {d['why']}" if "why" in d else "")
    ),
    "results_retracted": lambda d: f"results retracted, {d['objects']} objects, because {d['why']}",
    "case_opened": lambda d: f"opened {_case(d)}",
    "case_reason_added": lambda d: f"a new reason for {_case(d)}",
    "case_reviewed": lambda d: f"reviewed case {d['case']}",
    "case_assigned": lambda d: (
        f"gave case {d['case']} to {d['account']}"
        if d["account"]
        else f"gave case {d['case']} to nobody"
    ),
    "case_commented": lambda d: f"wrote on case {d['case']}",
    "case_closed": lambda d: f"closed {_case(d)}; {d['action']}",
    "claim_ended": lambda d: f"claim of {d['account']} ended: {_CLAIM_ENDS[d['how']]}",
}
