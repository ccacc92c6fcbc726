"""What must be answered, how long a reading took, where an outline may lie, who is a prior."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from tests.builders import NOON
from worklist.conclusion import Answer, AnswersMissing, bounded_reading_s, in_words, require_answers
from worklist.due_time import without_terms
from worklist.finding import TargetFinding
from worklist.outlines import MOST_POINTS, InvalidOutline, check_outline
from worklist.priors import Patient, is_same_patient
from worklist.readings import ImageSize, Judgement, Outline, Readings, Result
from worklist.uid import SOPInstanceUID
from worklist.views import UnknownInstance

HAEMORRHAGE, FRACTURE, NODULE = TargetFinding
PRESENT, ABSENT, CANNOT_SAY = Answer


def test_a_conclusion_answers_for_every_finding_that_was_looked_for() -> None:
    require_answers({HAEMORRHAGE: CANNOT_SAY, NODULE: PRESENT}, {HAEMORRHAGE})
    require_answers({}, set())
    with pytest.raises(AnswersMissing, match="haemorrhage; fracture"):
        require_answers({NODULE: ABSENT}, {FRACTURE, HAEMORRHAGE})


def test_findings_whose_detector_does_not_apply_need_no_answer() -> None:
    looked = Result(
        detector="haemorrhage",
        target=HAEMORRHAGE,
        assessment_number=1,
        is_applicable=True,
        has_marks=False,
    )
    none = replace(looked, detector="nodule", target=NODULE, is_applicable=False)
    assert Readings(results=(looked, none)).targets == {HAEMORRHAGE}


def test_answers_are_said_in_one_order() -> None:
    said = {"fracture": "cannot_say", "intracranial_haemorrhage": "present"}
    assert in_words(said) == "haemorrhage present; fracture cannot say"


@pytest.mark.parametrize(
    ("said_s", "kept_s"), [(0, 0), (59, 59), (60, 60), (61, 60), (1e9, 60), (-5, 0)]
)
def test_a_reading_takes_no_longer_than_the_study_was_open(said_s: float, kept_s: float) -> None:
    assert bounded_reading_s(said_s, NOON, NOON + timedelta(minutes=1)) == kept_s


def test_a_clock_that_went_back_gives_no_negative_time() -> None:
    assert bounded_reading_s(10, NOON, NOON - timedelta(minutes=1)) == 0


def test_of_several_judgements_of_one_thing_the_latest_counts() -> None:
    first = Judgement(
        account="anna",
        detector="nodule",
        assessment_number=1,
        lesion=1,
        region=None,
        agrees=True,
        comment="",
        at=NOON,
    )
    others = [
        replace(first, lesion=2),
        replace(first, account="ben"),
        replace(first, assessment_number=2),
    ]
    last = replace(first, agrees=False, at=NOON + timedelta(minutes=1))
    kept = Readings(judgements=(first, *others, last))
    assert kept.judgements_in_force == (*others, last)


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("routine 24 h", "routine 24 h"),
        ("routine 24 h; haemorrhage 0.91 → 11 min", "routine 24 h; haemorrhage not shown"),
        (
            "stat 60 min; fracture < 0.01 → 60 days; haemorrhage > 0.99 → 10 min",
            "stat 60 min; fracture < 0.01 → 60 days; haemorrhage not shown",
        ),
        ("because the ward called", "because the ward called"),
    ],
)
def test_a_reason_can_be_told_without_a_probability(reason: str, shown: str) -> None:
    assert without_terms(reason, {HAEMORRHAGE}) == shown


IMAGE = ImageSize(number_of_frames=2, rows=10, columns=20)
TRIANGLE = Outline(
    target=FRACTURE,
    sop_instance_uid=SOPInstanceUID("1.2"),
    frame_number=1,
    polygon=((0, 0), (20, 0), (20, 10)),
)


def test_an_outline_may_touch_the_edges_of_its_image() -> None:
    check_outline(TRIANGLE, IMAGE)
    check_outline(replace(TRIANGLE, frame_number=2), IMAGE)


@pytest.mark.parametrize(
    "outline",
    [
        replace(TRIANGLE, frame_number=0),
        replace(TRIANGLE, frame_number=3),
        replace(TRIANGLE, polygon=((0, 0), (20.01, 0), (20, 10))),
        replace(TRIANGLE, polygon=((0, 0), (20, -0.01), (20, 10))),
        replace(TRIANGLE, polygon=((0, 0), (20, 0), (20, 10.01))),
        replace(TRIANGLE, polygon=((0, 0), (float("nan"), 0), (20, 10))),
        replace(TRIANGLE, polygon=((0, 0), (20, 10))),
        replace(TRIANGLE, polygon=((0, 0), (10, 5), (20, 10))),
        replace(TRIANGLE, polygon=((0, 0), (20, 0), (20, 10)) * MOST_POINTS),
    ],
)
def test_an_outline_that_cannot_lie_in_its_image_is_refused(outline: Outline) -> None:
    with pytest.raises(InvalidOutline):
        check_outline(outline, IMAGE)


def test_an_outline_needs_an_image_with_pixels() -> None:
    with pytest.raises(UnknownInstance):
        check_outline(TRIANGLE, None)
    with pytest.raises(InvalidOutline):
        check_outline(TRIANGLE, ImageSize(number_of_frames=1, rows=None, columns=None))


JANE = Patient(patient_id="P1", name="Doe^Jane", birth_date=date(1970, 1, 2), sex="F")


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (JANE, True),
        (replace(JANE, patient_id=" P1 "), True),
        (replace(JANE, name="Doe-Smith^Jane"), True),
        (replace(JANE, sex=""), True),
        (replace(JANE, birth_date=None), True),
        (replace(JANE, birth_date=None, name="DOE^JANE=山田^"), True),
        (replace(JANE, birth_date=None, name="Roe^Jane"), False),
        (replace(JANE, birth_date=date(1970, 1, 3)), False),
        (replace(JANE, sex="M"), False),
        (replace(JANE, patient_id="P2"), False),
        (replace(JANE, patient_id=""), False),
    ],
)
def test_a_prior_is_of_the_same_patient_as_far_as_headers_tell(other: Patient, same: bool) -> None:
    assert is_same_patient(JANE, other) is same
    assert is_same_patient(other, JANE) is same


def test_studies_without_a_patient_id_or_without_any_other_sign_are_no_priors() -> None:
    nobody = replace(JANE, patient_id="")
    assert not is_same_patient(nobody, nobody)
    bare = replace(JANE, birth_date=None, name="^^")
    assert not is_same_patient(bare, bare)
