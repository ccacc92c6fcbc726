"""Highlighting is a choice (P8): who may see a detector's marks."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import NOON
from worklist.conclusion import Answer
from worklist.finding import TargetFinding
from worklist.highlighting import Highlighting, Looker, Modes, is_withheld
from worklist.people import Role
from worklist.readings import Conclusion, FirstLook, Readings, Result, Reveal

AT_ONCE, AFTER, TRIAGE = Highlighting
HAEMORRHAGE = TargetFinding.INTRACRANIAL_HAEMORRHAGE
FRACTURE = TargetFinding.FRACTURE
ANNA = Looker(actor="person anna", account="anna", roles=frozenset({Role.RADIOLOGIST}))
BEN = replace(ANNA, actor="person ben", account="ben")
QUINN = Looker(actor="person quinn", account="quinn", roles=frozenset({Role.QA_REVIEWER}))
ADA = Looker(actor="person ada", account="ada", roles=frozenset({Role.ADMINISTRATOR}))
BOTH = replace(ADA, roles=frozenset({Role.ADMINISTRATOR, Role.RADIOLOGIST}))
MACHINE = Looker(actor="token pacs", account=None)
RESULT = Result(
    detector="haemorrhage",
    target=HAEMORRHAGE,
    assessment_number=2,
    is_applicable=True,
    has_marks=True,
)
KEPT = Readings(assessment_number=2, results=(RESULT,))


def look(number: int, account: str = "anna", **answers: Answer) -> FirstLook:
    said = {TargetFinding(name): answer for name, answer in answers.items()}
    return FirstLook(account=account, assessment_number=number, answers=said, at=NOON)


def modes(mode: Highlighting) -> Modes:
    return Modes(chosen={"haemorrhage": mode})


def withheld(kept: Readings, mode: Highlighting, looker: Looker = ANNA) -> set[str]:
    return set(kept.withheld({}, modes(mode), looker))


def test_marks_are_shown_at_once_unless_the_site_says_otherwise() -> None:
    assert Modes().of("haemorrhage") is AT_ONCE
    assert Modes(chosen={"*": AFTER, "fracture": TRIAGE}).of("haemorrhage") is AFTER
    assert Modes(chosen={"*": AFTER, "fracture": TRIAGE}).of("fracture") is TRIAGE


@pytest.mark.parametrize("looker", [ANNA, QUINN, ADA, BOTH, MACHINE], ids=lambda one: one.actor)
def test_at_once_withholds_from_nobody_and_triage_only_from_everybody(looker: Looker) -> None:
    assert not withheld(KEPT, AT_ONCE, looker)
    answered = replace(KEPT, first_looks=(look(2, intracranial_haemorrhage=Answer.ABSENT),))
    assert withheld(answered, TRIAGE, looker)


@pytest.mark.parametrize(
    ("looker", "kept_from"),
    [(ANNA, True), (BOTH, True), (MACHINE, True), (QUINN, False), (ADA, False)],
)
def test_after_first_look_withholds_from_whoever_reads_and_from_machines(
    looker: Looker, kept_from: bool
) -> None:
    assert bool(withheld(KEPT, AFTER, looker)) is kept_from


def test_a_kept_answer_opens_the_marks_of_its_finding_for_who_gave_it() -> None:
    answered = replace(KEPT, first_looks=(look(2, intracranial_haemorrhage=Answer.CANNOT_SAY),))
    assert not withheld(answered, AFTER)
    assert withheld(answered, AFTER, BEN)
    assert withheld(replace(KEPT, first_looks=(look(2, fracture=Answer.PRESENT),)), AFTER)


@pytest.mark.parametrize(("number", "is_open"), [(1, False), (2, True), (3, True)])
def test_an_answer_holds_for_results_no_newer_than_the_look(number: int, is_open: bool) -> None:
    said = look(number, intracranial_haemorrhage=Answer.PRESENT)
    assert (not withheld(replace(KEPT, first_looks=(said,)), AFTER)) is is_open


@pytest.mark.parametrize(("number", "is_open"), [(1, False), (2, True)])
def test_a_conclusion_without_marks_is_an_answer_too(number: int, is_open: bool) -> None:
    concluded = Conclusion(
        number=1,
        account="anna",
        answers={HAEMORRHAGE: Answer.ABSENT},
        assessment_number=number,
        reading_s=1,
        opened_at=NOON,
        concluded_at=NOON + timedelta(minutes=1),
    )
    assert (not withheld(replace(KEPT, conclusions=(concluded,)), AFTER)) is is_open


def test_what_was_shown_before_is_not_asked_about_again() -> None:
    seen = Reveal(looker=ANNA.actor, detector="haemorrhage", assessment_number=2)
    assert not withheld(replace(KEPT, reveals={seen}), AFTER)
    assert withheld(replace(KEPT, reveals={replace(seen, assessment_number=1)}), AFTER)
    assert withheld(replace(KEPT, reveals={seen}), TRIAGE)


def test_a_detector_without_a_result_is_withheld_by_the_newest_assessment() -> None:
    kept = Readings(assessment_number=3)
    detectors = {"haemorrhage": HAEMORRHAGE, "fracture": FRACTURE}
    assert set(kept.withheld(detectors, modes(AFTER), ANNA)) == {"haemorrhage"}
    answered = replace(kept, first_looks=(look(3, intracranial_haemorrhage=Answer.ABSENT),))
    assert not answered.withheld(detectors, modes(AFTER), ANNA)


@given(
    mode=st.sampled_from(Highlighting),
    roles=st.frozensets(st.sampled_from(Role)),
    is_machine=st.booleans(),
    has_answered=st.booleans(),
    has_seen=st.booleans(),
)
def test_more_is_never_withheld_for_having_answered(
    mode: Highlighting,
    roles: frozenset[Role],
    is_machine: bool,
    has_answered: bool,
    has_seen: bool,
) -> None:
    looker = Looker(actor="x", account=None if is_machine else "x", roles=roles)
    before = is_withheld(mode, looker, has_answered=False, has_seen=has_seen)
    assert before >= is_withheld(mode, looker, has_answered=has_answered, has_seen=has_seen)
