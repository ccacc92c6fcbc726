"""The demonstration: what must be true of the list once the phantom studies are assessed."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread

from worklist.due_time import DueTargets, due_time
from worklist.finding import OutcomeState, TargetFinding
from worklist.order import Position, in_order
from worklist.study import RequestedPriority
from worklist.uid import StudyInstanceUID
from worklist.views import WorklistRow

_WITH_PROBABILITY = {OutcomeState.FLAGGED, OutcomeState.NOT_FLAGGED}
_MADE_FOR = {
    ("DX", ""): TargetFinding.FRACTURE,
    ("CT", "HEAD"): TargetFinding.INTRACRANIAL_HAEMORRHAGE,
    ("CT", "CHEST"): TargetFinding.PULMONARY_NODULE,
}
_ENDED = {*_WITH_PROBABILITY, OutcomeState.NOT_APPLICABLE}


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One phantom study and what its ``case.toml`` says of it."""

    folder: Path
    study_instance_uid: StudyInstanceUID
    title: str
    requested_priority: RequestedPriority
    made_for: TargetFinding  # what its images could show
    present: bool  # whether they were drawn with it


def read_cases(folder: Path) -> list[Case]:
    """The cases of a folder; folders without a ``case.toml`` are passed over."""
    cases = []
    for path in sorted(folder.glob("*/case.toml")):
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        first = dcmread(next(path.parent.rglob("*.dcm")), stop_before_pixels=True)
        modality = content["modality"]
        made_for = _MADE_FOR[modality, first.BodyPartExamined if modality == "CT" else ""]
        cases.append(
            Case(
                folder=path.parent,
                study_instance_uid=StudyInstanceUID(str(first.StudyInstanceUID)),
                title=content["title"],
                requested_priority=RequestedPriority(content["requested_priority"].lower()),
                made_for=made_for,
                present=content["findings"][made_for] == "present",
            )
        )
    return cases


def is_assessed(row: WorklistRow) -> bool:
    """Whether every detector has had its turn on the whole study."""
    return (
        not row.arriving
        and bool(row.detectors)
        and all(
            one.state not in (OutcomeState.NOT_RUN_YET, OutcomeState.RUNNING)
            for one in row.detectors
        )
    )


def what_is_wrong(
    cases: Sequence[Case], rows: Sequence[WorklistRow], targets: DueTargets
) -> list[str]:
    """Sentences on what is not as it must be; empty when all is well.

    The expected order is computed here from the priorities that the cases ask for and the
    probabilities that the list itself shows, apart from the node that made the list. What the
    detectors made of the images is held against what was drawn.
    """
    shown = {row.study_instance_uid: row for row in rows}
    wrong = [
        f"{case.title}: not in the list" for case in cases if case.study_instance_uid not in shown
    ]
    for row in rows:
        wrong += [
            f"{row.study_instance_uid}: {one.name} is {one.state}: {one.reason}"
            for one in row.detectors
            if one.state not in _ENDED
        ]
        if row.due_at > row.due_without_ai_at:
            wrong.append(f"{row.study_instance_uid}: due later with AI than without")
    wrong += _what_was_not_seen(cases, shown)
    asked = {case.study_instance_uid: case.requested_priority for case in cases}
    expected = expected_order(rows, asked, targets)
    if expected != [row.study_instance_uid for row in rows]:
        wrong.append(f"the order is not the expected one, which is {', '.join(expected)}")
    return wrong


def _what_was_not_seen(
    cases: Sequence[Case], shown: Mapping[StudyInstanceUID, WorklistRow]
) -> list[str]:
    """Studies at which nobody looked, and such with a finding that stand behind such without."""
    wrong = []
    seen = [
        (shown[case.study_instance_uid], case) for case in cases if case.study_instance_uid in shown
    ]
    for row, case in seen:
        looked = [one for one in row.detectors if one.target is case.made_for]
        if not any(one.state in _WITH_PROBABILITY for one in looked):
            wrong.append(f"{case.title}: no detector looked for a {case.made_for.words}")
    for behind, ill in seen:
        wrong += [
            f"{ill.title} stands behind {well.title}"
            for before, well in seen
            if ill.present
            and not well.present
            and ill.made_for is well.made_for
            and ill.requested_priority == well.requested_priority
            and before.due_at < behind.due_at
        ]
    return wrong


def expected_order(
    rows: Sequence[WorklistRow],
    asked: Mapping[StudyInstanceUID, RequestedPriority],
    targets: DueTargets,
) -> list[StudyInstanceUID]:
    """The order that the rules give these studies."""
    positions = []
    for row in rows:
        due = due_time(
            row.received_at,
            asked.get(row.study_instance_uid, row.priority_in_force),
            targets,
            {
                one.target: one.probability
                for one in row.detectors
                if one.state in _WITH_PROBABILITY and one.probability is not None
            },
        )
        positions.append(
            Position(
                unpinned=not row.pinned,
                due_at=due.due_at,
                received_at=row.received_at,
                study_instance_uid=row.study_instance_uid,
            )
        )
    return [one.study_instance_uid for one in in_order(positions)]
