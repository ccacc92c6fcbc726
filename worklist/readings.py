"""What people have said and seen of one study, as it is kept: nothing of it is ever changed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from worklist.conclusion import Answer, Answers
from worklist.finding import TargetFinding
from worklist.highlighting import Looker, Modes, is_withheld
from worklist.uid import SOPInstanceUID


@dataclass(frozen=True, kw_only=True, slots=True)
class FirstLook:
    """What a person saw before the marks were shown to her."""

    account: str
    assessment_number: int  # the study's newest when she looked
    answers: Answers
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Reveal:
    """The marks of one result were shown to somebody (P8)."""

    looker: str  # as events name it
    detector: str
    assessment_number: int  # of the result


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """Whether a person agrees with a result, or with one thing that it shows."""

    account: str
    detector: str
    assessment_number: int  # of the result
    lesion: int | None  # its number; None: not one of the lesions
    region: int | None  # counts from 1 in the result; None with `lesion`: the result as a whole
    agrees: bool
    comment: str
    at: datetime

    @property
    def subject(self) -> tuple[str, str, int, int | None, int | None]:
        """Who judges what: of those with the same subject the latest counts."""
        return (self.account, self.detector, self.assessment_number, self.lesion, self.region)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outline:
    """A finding that a person draws because no detector showed it."""

    target: TargetFinding
    sop_instance_uid: SOPInstanceUID
    frame_number: int  # counts from 1
    polygon: tuple[tuple[float, float], ...]  # (column, row), pixels; closed by itself


@dataclass(frozen=True, kw_only=True, slots=True)
class DrawnFinding:
    """An outline that was kept."""

    drawn_id: int
    account: str
    outline: Outline
    at: datetime
    withdrawn_at: datetime | None = None  # by who drew it; the outline stays


@dataclass(frozen=True, kw_only=True, slots=True)
class Conclusion:
    """What a person says of a study when she is done with it."""

    number: int  # counts from 1 in the study
    account: str
    answers: Answers
    assessment_number: int  # the study's newest then
    reading_s: float  # active seconds on its page
    opened_at: datetime  # since when it was hers to read
    concluded_at: datetime
    amends: bool = False  # puts her own last one right


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What one detector's newest outcome on a study has to show."""

    detector: str
    target: TargetFinding
    assessment_number: int
    is_applicable: bool  # false: the study is none for the detector
    has_marks: bool  # it gave a probability
    lesions: frozenset[int] = frozenset()  # their numbers
    regions: int = 0  # how many


@dataclass(frozen=True, kw_only=True, slots=True)
class Readings:
    """Everything that is kept of the reading of one study."""

    assessment_number: int = 0  # the study's newest; 0: none queued yet
    results: tuple[Result, ...] = ()  # by detector
    first_looks: tuple[FirstLook, ...] = ()  # all in their order, oldest first
    reveals: Collection[Reveal] = frozenset()
    judgements: tuple[Judgement, ...] = ()
    drawn: tuple[DrawnFinding, ...] = ()
    conclusions: tuple[Conclusion, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)  # accounts' names for people

    @property
    def targets(self) -> frozenset[TargetFinding]:
        """What a conclusion must answer: whatever a detector looked for, or could not."""
        return frozenset(one.target for one in self.results if one.is_applicable)

    @property
    def judgements_in_force(self) -> tuple[Judgement, ...]:
        """The latest of each person on each thing, oldest first."""
        latest = {one.subject: one for one in self.judgements}
        return tuple(one for one in self.judgements if latest[one.subject] is one)

    def result_of(self, detector: str) -> Result | None:
        """The newest result of this detector, if there is one."""
        return next((one for one in self.results if one.detector == detector), None)

    def has_answered(self, account: str, target: TargetFinding, number: int) -> bool:
        """Whether the person has said, of this assessment or a later one, what she sees."""
        said: list[FirstLook | Conclusion] = [*self.first_looks, *self.conclusions]
        return any(
            one.account == account and one.assessment_number >= number and target in one.answers
            for one in said
        )

    def has_seen(self, looker: Looker, detector: str, number: int) -> bool:
        """Whether the marks of the detector's result were shown to this looker."""
        reveal = Reveal(looker=looker.actor, detector=detector, assessment_number=number)
        return reveal in self.reveals

    @property
    def people(self) -> frozenset[str]:
        """Accounts of everybody who said something."""
        said: list[FirstLook | Conclusion | Judgement | DrawnFinding] = [
            *self.first_looks,
            *self.conclusions,
            *self.judgements,
            *self.drawn,
        ]
        return frozenset(one.account for one in said)

    def has_acted(self, account: str, *, since: datetime) -> bool:
        """Whether the person has looked, judged or drawn since then, or taken a drawing back."""
        acts: list[FirstLook | Judgement | DrawnFinding] = [
            *self.first_looks,
            *self.judgements,
            *self.drawn,
        ]
        times = [(one.account, one.at) for one in acts]
        times += [(one.account, one.withdrawn_at) for one in self.drawn if one.withdrawn_at]
        return any(who == account and at >= since for who, at in times)

    def answers_of(self, account: str, number: int) -> dict[TargetFinding, Answer]:
        """What a person said at her first look at this assessment."""
        said: dict[TargetFinding, Answer] = {}
        for one in self.first_looks:
            if one.account == account and one.assessment_number == number:
                said |= one.answers
        return said

    def withheld(
        self, detectors: Mapping[str, TargetFinding], modes: Modes, looker: Looker
    ) -> dict[str, TargetFinding]:
        """Those of these detectors, and of those with a result, whose marks the looker may not see.

        A detector without a result is judged by the newest assessment: its result to come.
        """
        everyone = {**detectors, **{one.detector: one.target for one in self.results}}
        return {
            detector: target
            for detector, target in everyone.items()
            if self._is_withheld(detector, target, modes, looker)
        }

    def _is_withheld(
        self, detector: str, target: TargetFinding, modes: Modes, looker: Looker
    ) -> bool:
        result = self.result_of(detector)
        number = result.assessment_number if result else self.assessment_number
        return is_withheld(
            modes.of(detector),
            looker,
            has_answered=looker.account is not None
            and self.has_answered(looker.account, target, number),
            has_seen=self.has_seen(looker, detector, number),
        )


NOTHING_READ = Readings()


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageSize:
    """What an outline must fit."""

    number_of_frames: int
    rows: int | None  # pixels; None: no pixels
    columns: int | None
