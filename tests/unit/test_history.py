"""What happened to a study, said in sentences; silence is not a negative (P4)."""

import pytest

from worklist.history import in_a_sentence

MOVED = {
    "due_at": "2026-03-02T14:30:00+02:00",
    "due_before": "2026-03-03T12:00:00+00:00",
    "place_before": 14,
    "place": 2,
    "reason": "routine 24 h; haemorrhage 0.91 → 11 min",
}


def test_a_move_says_when_why_and_where_with_times_in_utc() -> None:
    assert in_a_sentence("due_time_changed", MOVED) == (
        "due 2026-03-02 12:30:00 UTC (routine 24 h; haemorrhage 0.91 → 11 min), place 14 → 2"
    )


@pytest.mark.parametrize(
    ("details", "words"),
    [
        (
            {"outcome": "flagged", "probability": 0.914, "too_late": False},
            "fracture: flagged, probability 0.91",
        ),
        (
            {"outcome": "not_flagged", "probability": 0.1, "too_late": True},
            "fracture: not flagged, probability 0.10, too late: the study was read",
        ),
        (
            {"outcome": "not_applicable", "why": "no bones in it", "too_late": False},
            "fracture: not applicable, because no bones in it",
        ),
        (
            {"outcome": "failed", "why": "out of memory", "too_late": True},
            "fracture: failed, because out of memory, too late: the study was read",
        ),
    ],
)
def test_an_outcome_is_said_as_what_it_is_and_never_as_normal(
    details: dict[str, object], words: str
) -> None:
    said = in_a_sentence("outcome_recorded", {"detector": "fracture", **details})
    assert said == words
    assert "normal" not in said


def test_a_priority_taken_back_is_said_so() -> None:
    details = {"priority": None, "why": "a mistake", **MOVED}
    said = in_a_sentence("priority_overridden", details)
    assert said.startswith("priority as requested, because a mistake; due ")


def test_a_kind_of_a_later_version_is_named_as_it_is_stored() -> None:
    assert in_a_sentence("report_burnt", {}) == "report burnt"


@pytest.mark.parametrize(
    ("kind", "details", "words"),
    [
        (
            "first_look",
            {"first_answers": {"fracture": "cannot_say"}},
            "first look, before any mark: fracture cannot say",
        ),
        (
            "marks_revealed",
            {"results": {"nodule": 1, "fracture": 2}},
            "was shown the marks of fracture, nodule",
        ),
        (
            "finding_judged",
            {"detector": "nodule", "lesion": 2, "region": None, "agrees": False, "comment": "rib"},
            "disagrees with nodule, lesion 2: rib",
        ),
        (
            "finding_judged",
            {"detector": "nodule", "lesion": None, "region": None, "agrees": True, "comment": ""},
            "agrees with nodule",
        ),
        (
            "finding_drawn",
            {"target": "pulmonary_nodule"},
            "drew a finding that was not marked: nodule",
        ),
        (
            "reopened",
            {"why": "the ward asks", "place": 3},
            "back on the list at place 3, because the ward asks",
        ),
        ("drawn_withdrawn", {"target": "fracture"}, "took back a drawn finding: fracture"),
        (
            "conclusion_amended",
            {"answers": {"pulmonary_nodule": "present", "fracture": "absent"}, "reading_s": 75.0},
            "amended: concluded after 1 min: fracture absent; nodule present",
        ),
        (
            "concluded",
            {"answers": {}, "reading_s": 7.2},
            "concluded after 7 s",
        ),
    ],
)
def test_what_a_reader_does_is_said_in_words(
    kind: str, details: dict[str, object], words: str
) -> None:
    assert in_a_sentence(kind, details) == words
