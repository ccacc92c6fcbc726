"""What people see and say of studies, in memory: the readers' part of `tests.fakes`."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from worklist.finding import Flagged, NotApplicable, NotFlagged
from worklist.readings import (
    Conclusion,
    DrawnFinding,
    FirstLook,
    ImageSize,
    Judgement,
    Outline,
    Readings,
    Result,
    Reveal,
)
from worklist.uid import SOPInstanceUID, StudyInstanceUID

if TYPE_CHECKING:
    from tests.fakes import FakeOutcome, Tables


@dataclass(kw_only=True, slots=True)
class ReadingTables:
    """Rows of readers; each belongs to a study."""

    first_looks: list[tuple[StudyInstanceUID, FirstLook]] = field(default_factory=list)
    reveals: list[tuple[StudyInstanceUID, Reveal]] = field(default_factory=list)
    judgements: list[tuple[StudyInstanceUID, Judgement]] = field(default_factory=list)
    drawn: list[tuple[StudyInstanceUID, DrawnFinding]] = field(default_factory=list)
    conclusions: list[tuple[StudyInstanceUID, Conclusion]] = field(default_factory=list)


class FakeReadings:
    """The readers' part of a transaction; see `worklist.ports.Transaction`."""

    _tables: "Tables"

    def readings_of(self, uid: StudyInstanceUID) -> Readings:
        record = self._tables.studies.get(uid)
        kept = Readings(
            assessment_number=record.assessment_number if record else 0,
            results=self._results(uid),
            first_looks=tuple(one for study, one in self._tables.first_looks if study == uid),
            reveals=frozenset(one for study, one in self._tables.reveals if study == uid),
            judgements=tuple(one for study, one in self._tables.judgements if study == uid),
            drawn=tuple(one for study, one in self._tables.drawn if study == uid),
            conclusions=tuple(one for study, one in self._tables.conclusions if study == uid),
        )
        return replace(kept, names={name: f"Dr {name.title()}" for name in kept.people})

    def _results(self, uid: StudyInstanceUID) -> tuple[Result, ...]:
        mine = [
            one for one in self._tables.outcomes if one.study_instance_uid == uid and one.current
        ]
        return tuple(map(_result, sorted(mine, key=lambda one: one.provenance.detector.name)))

    def add_first_look(self, uid: StudyInstanceUID, look: FirstLook) -> None:
        for study, one in self._tables.first_looks:
            same = one.account == look.account and one.assessment_number == look.assessment_number
            assert not (study == uid and same and set(one.answers) & set(look.answers))
        self._tables.first_looks.append((uid, look))

    def add_reveals(
        self, uid: StudyInstanceUID, reveals: Sequence[Reveal], now: datetime
    ) -> list[Reveal]:
        new = [one for one in reveals if (uid, one) not in self._tables.reveals]
        self._tables.reveals += [(uid, one) for one in new]
        return new

    def add_judgement(self, uid: StudyInstanceUID, judgement: Judgement) -> None:
        self._tables.judgements.append((uid, judgement))

    def add_drawn(
        self, uid: StudyInstanceUID, account: str, outline: Outline, now: datetime
    ) -> int:
        number = len(self._tables.drawn) + 1
        one = DrawnFinding(drawn_id=number, account=account, outline=outline, at=now)
        self._tables.drawn.append((uid, one))
        return number

    def withdraw_drawn(self, drawn_id: int, now: datetime) -> None:
        self._tables.drawn = [
            (uid, replace(one, withdrawn_at=now) if one.drawn_id == drawn_id else one)
            for uid, one in self._tables.drawn
        ]

    def add_conclusion(self, uid: StudyInstanceUID, conclusion: Conclusion) -> None:
        before = [one for study, one in self._tables.conclusions if study == uid]
        assert conclusion.number == len(before) + 1
        self._tables.conclusions.append((uid, conclusion))

    def image_size(self, uid: StudyInstanceUID, image: SOPInstanceUID) -> ImageSize | None:
        one = self._tables.instances.get(image)
        if one is None or one.study.study_instance_uid != uid:
            return None
        return ImageSize(number_of_frames=one.number_of_frames, rows=one.rows, columns=one.columns)


def _result(one: "FakeOutcome") -> Result:
    outcome, detector = one.outcome, one.provenance.detector
    has_marks = isinstance(outcome, Flagged | NotFlagged)
    return Result(
        detector=detector.name,
        target=detector.target,
        assessment_number=one.number,
        is_applicable=not isinstance(outcome, NotApplicable),
        has_marks=has_marks,
        lesions=frozenset(one.number for one in outcome.evidence.lesions)
        if has_marks
        else frozenset(),
        regions=len(outcome.regions) if has_marks else 0,
    )
