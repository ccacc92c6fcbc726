"""The demonstration's own judgement can fail: it is told of each thing that could be wrong."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from vigie.demo import Case, is_assessed, read_cases, what_is_wrong
from worklist.due_time import DueTargets, due_time
from worklist.finding import OutcomeState, TargetFinding
from worklist.reading import ReadingState
from worklist.study import Completeness, RequestedPriority
from worklist.uid import StudyInstanceUID
from worklist.views import DetectorView, WorklistRow

_AT = datetime(2026, 11, 21, 8, tzinfo=UTC)
_TARGETS = DueTargets()
_CASES = [
    Case(
        folder=Path(),
        study_instance_uid=StudyInstanceUID(f"1.{n}"),
        title=f"case {n}",
        requested_priority=priority,
        made_for=made_for,
        present=present,
    )
    for n, (priority, made_for, present) in enumerate(
        [
            (RequestedPriority.STAT, TargetFinding.INTRACRANIAL_HAEMORRHAGE, False),
            (RequestedPriority.ROUTINE, TargetFinding.FRACTURE, True),
            (RequestedPriority.ROUTINE, TargetFinding.FRACTURE, False),
        ],
        start=1,
    )
]


def _row(case: Case, place: int, probability: float | None = None) -> WorklistRow:
    found = {} if probability is None else {case.made_for: probability}
    due = due_time(_AT, case.requested_priority, _TARGETS, found)
    state = OutcomeState.NOT_APPLICABLE if probability is None else OutcomeState.FLAGGED
    return WorklistRow(
        place=place,
        reading_state=ReadingState.UNREAD,
        study_instance_uid=case.study_instance_uid,
        patient_id="",
        patient_name="",
        patient_birth_date=None,
        patient_sex="",
        accession_number="",
        study_description="",
        modalities=("DX",),
        body_part="",
        requested_priority=case.requested_priority,
        priority_in_force=case.requested_priority,
        pinned=False,
        received_at=_AT,
        due_at=due.due_at,
        due_without_ai_at=due_time(_AT, case.requested_priority, _TARGETS).due_at,
        reason=due.reason,
        completeness=Completeness.COMPLETE,
        arriving=False,
        instance_count=1,
        conflicts=0,
        detectors=(
            DetectorView(
                name=case.made_for.words,
                target=case.made_for,
                state=state,
                probability=probability,
            ),
        ),
        cursor="",
    )


def _rows() -> list[WorklistRow]:
    return [_row(_CASES[0], 1, 0.01), _row(_CASES[1], 2, 0.4), _row(_CASES[2], 3, 0.1)]


def test_the_expected_list_is_found_right() -> None:
    assert what_is_wrong(_CASES, _rows(), _TARGETS) == []


def test_a_wrong_order_is_found() -> None:
    assert any("order" in one for one in what_is_wrong(_CASES, _rows()[::-1], _TARGETS))


def test_a_missing_study_is_found() -> None:
    assert "case 2: not in the list" in what_is_wrong(_CASES, _rows()[::2], _TARGETS)


def test_a_radiograph_that_nobody_looked_at_is_found() -> None:
    first, _, third = _rows()
    wrong = what_is_wrong(_CASES, [first, third, _row(_CASES[1], 3)], _TARGETS)
    assert "case 2: no detector looked for a fracture" in wrong


def test_a_fracture_behind_an_intact_bone_is_found() -> None:
    rows = [_row(_CASES[0], 1, 0.01), _row(_CASES[2], 2, 0.5), _row(_CASES[1], 3, 0.4)]
    assert what_is_wrong(_CASES, rows, _TARGETS) == ["case 2 stands behind case 3"]


def test_a_failed_detector_is_found() -> None:
    first, second, third = _rows()
    failed = replace(second.detectors[0], state=OutcomeState.FAILED, reason="crashed")
    wrong = what_is_wrong(_CASES, [first, replace(second, detectors=(failed,)), third], _TARGETS)
    assert any("crashed" in one for one in wrong)


def test_a_study_that_ai_delays_is_found() -> None:
    first, second, third = _rows()
    late = replace(second, due_at=second.due_without_ai_at + timedelta(seconds=1))
    wrong = what_is_wrong(_CASES, [first, late, third], _TARGETS)
    assert any("later with AI" in one for one in wrong)


def test_a_study_counts_as_assessed_only_when_every_detector_had_its_turn() -> None:
    row = _rows()[1]
    assert is_assessed(row)
    assert not is_assessed(replace(row, arriving=True))
    assert not is_assessed(replace(row, detectors=()))
    for state in (OutcomeState.RUNNING, OutcomeState.NOT_RUN_YET):
        assert not is_assessed(replace(row, detectors=(replace(row.detectors[0], state=state),)))


def test_every_phantom_case_is_read() -> None:
    folder = Path(__file__).parent.parent.parent / "test_images"
    cases = read_cases(folder)
    assert len(cases) == len(list(folder.glob("*/case.toml"))) >= 6
    assert {one.requested_priority for one in cases} == set(RequestedPriority)
    assert {(one.made_for, one.present) for one in cases} == {
        (target, present) for target in TargetFinding for present in (True, False)
    }
