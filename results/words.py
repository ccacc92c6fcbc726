"""What Vigie says in objects: short English sentences in ASCII, right in every character set."""

import unicodedata

from results.facts import AssessmentFacts, DetectorResult
from results.outcome_words import UNREVIEWED as UNREVIEWED  # said again by who imports it here
from results.outcome_words import outcome_words
from worklist.finding import TurnedImage
from worklist.study import Completeness

_LIKE = str.maketrans(
    {
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
        **dict.fromkeys("\u2018\u2019", "'"),
        **dict.fromkeys("\u201c\u201d\u00ab\u00bb", '"'),
        "\u00d7": "x", "\u2264": "<=", "\u2265": ">=", "\u2192": "->", "\u00df": "ss",
        "\u00e6": "ae", "\u0153": "oe", "\\": "/", "~": "-",
    }
)  # fmt: skip


def ascii_text(text: str) -> str:
    """The text in ASCII: accents dropped, what has no likeness as a question mark.

    Without backslash and tilde, which are other signs in Japanese sets (PS3.3 C.12.1.1.2), and
    without control characters.
    """
    flat = unicodedata.normalize("NFKD", text.translate(_LIKE)).translate(_LIKE)
    bare = "".join(one for one in flat if not unicodedata.combining(one))
    known = bare.encode("ascii", "replace").decode("ascii")
    return " ".join("".join(one if one.isprintable() else " " for one in known).split())


def long_string(text: str, most: int = 64) -> str:
    """The text in ASCII, cut to what a short value holds (LO: 64 characters)."""
    flat = ascii_text(text)
    return flat if len(flat) <= most else flat[: most - 3] + "..."


def percent(share: float) -> str:
    """A probability or score as people read it; never rounded to what it is not."""
    if 0.995 <= share < 1.0:
        return "above 99 %"
    if 0.0 < share < 0.005:
        return "below 1 %"
    return f"{100 * share:.0f} %"


def model_words(result: DetectorResult) -> str:
    """Which model speaks, in a few words."""
    detector = result.provenance.detector
    return f"{long_string(detector.name)} {long_string(detector.version)}"


def place_words(score: float, kind: str) -> str:
    """How sure the model is of one place, and what it likens it to, if it says so."""
    return ascii_text(f"this place {percent(score)}" + (f" ({long_string(kind)})" if kind else ""))


def mark_words(result: DetectorResult, score: float, kind: str) -> str:
    """Beside an outline: which model, how probable in the study, how sure of this place."""
    finding = result.provenance.detector.target.words
    share = "" if result.probability is None else f" {percent(result.probability)}"
    return ascii_text(
        f"AI {model_words(result)}: {finding} suspected{share}, "
        f"{place_words(score, kind)}. Not reviewed."
    )


def statement(facts: AssessmentFacts, result: DetectorResult) -> str:
    """What the detector came to, with everything that it rests not on."""
    parts = [outcome_words(result.outcome, result.provenance.detector.target), UNREVIEWED]
    if facts.completeness is Completeness.INCOMPLETE:
        parts.append("The study was not complete when it was looked at.")
    if result.turned:
        parts.append(_turned(len(result.turned)))
    not_used = result.provenance.not_eligible if result.marks else ()
    parts.extend(f"Not, or not wholly, used: series {uid}: {why}." for uid, why in not_used)
    return ascii_text(" ".join(parts))


def _turned(count: int) -> str:
    images = "1 image was" if count == 1 else f"{count} images were"
    return f"{images} turned to be looked at; places are told as the images were received."


def turned_words(one: TurnedImage) -> str:
    """Which image was turned, and how."""
    degrees = 90 * one.quarters
    return (
        f"Turned to be looked at: {one.sop_instance_uid}, frame {one.frame_number}, "
        f"{degrees} degrees counterclockwise"
    )
