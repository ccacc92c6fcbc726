"""Where people and AI disagree: when a case opens, and which unflagged studies are reviewed.

A case is one reason to look at one finding of one study again. Nothing here says who was right.
"""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from worklist.conclusion import Answer
from worklist.finding import OutcomeState, TargetFinding
from worklist.report_reading import Said
from worklist.uid import StudyInstanceUID


class CaseKind(StrEnum):
    """Why a finding of a study is looked at again."""

    MISSED_FLAG = "missed_flag"  # AI looked and did not flag; a person says it is there
    FALSE_FLAG = "false_flag"  # AI flagged; a person says it is not there
    NOT_LOOKED = "not_looked"  # AI failed or did not run; a person says it is there
    LATE_FLAG = "late_flag"  # the flag came after the reading
    MISSED_BY_READER = "missed_by_reader"  # AI flagged, one reader denied, another confirms
    SAMPLE = "sample"  # drawn by lot from the unflagged, so that silence is measured too


@dataclass(frozen=True, kw_only=True, slots=True)
class AIAnswer:
    """What one detector's newest outcome came to."""

    detector: str
    state: OutcomeState  # flagged, not flagged, not applicable or failed
    probability: float | None
    was_late: bool  # it came after the reading


@dataclass(frozen=True, kw_only=True, slots=True)
class ReaderAnswer:
    """What one conclusion said."""

    account: str
    answer: Answer


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What is known of one target finding of one study that was read."""

    target: TargetFinding
    ai: tuple[AIAnswer, ...] = ()  # one for each detector with an outcome
    is_looked_for: bool = False  # a detector for it is installed
    conclusions: tuple[ReaderAnswer, ...] = ()  # oldest first
    report: Said | None = None  # of the newest signed one; None: there is none, or no text

    @property
    def is_flagged_in_time(self) -> bool:
        """Whether a reader could know of a flag."""
        return self._has(OutcomeState.FLAGGED, late=False)

    @property
    def is_flagged_late(self) -> bool:
        """Whether there is a flag that came after the reading."""
        return self._has(OutcomeState.FLAGGED, late=True)

    @property
    def is_unflagged(self) -> bool:
        """Whether AI looked, in time, and flagged nothing."""
        return self._has(OutcomeState.NOT_FLAGGED, late=False) and not self.is_flagged

    @property
    def is_flagged(self) -> bool:
        """Whether there is a flag, in time or not."""
        return self._has(OutcomeState.FLAGGED, late=True) or self.is_flagged_in_time

    @property
    def is_not_applicable(self) -> bool:
        """Whether every detector found that the study is none for it."""
        return bool(self.ai) and all(one.state is OutcomeState.NOT_APPLICABLE for one in self.ai)

    @property
    def concluded(self) -> Answer | None:
        """What the last conclusion that answers for it says; it stands for those before it."""
        return self.conclusions[-1].answer if self.conclusions else None

    @property
    def is_said_present(self) -> bool:
        """Whether a person says that it is there: in the conclusion or in the report."""
        return self.concluded is Answer.PRESENT or self.report is Said.PRESENT

    @property
    def is_said_absent(self) -> bool:
        """Whether a person says that it is not there, and nobody the contrary."""
        says = self.concluded is Answer.ABSENT or self.report is Said.ABSENT
        return says and not self.is_said_present

    @property
    def is_confirmed_by_another(self) -> bool:
        """Whether one person denied it and another one, later, says that it is there."""
        denied: set[str] = set()
        for one in self.conclusions:
            if one.answer is Answer.PRESENT and denied - {one.account}:
                return True
            if one.answer is Answer.ABSENT:
                denied.add(one.account)
        return self.concluded is Answer.ABSENT and self.report is Said.PRESENT

    def _has(self, state: OutcomeState, *, late: bool) -> bool:
        return any(one.state is state and one.was_late is late for one in self.ai)


def kinds_of(evidence: Evidence) -> frozenset[CaseKind]:
    """The cases that this evidence opens, of those that disagreement opens.

    *Cannot say* and an uncertain report open none. Where AI found that the study is none for it,
    only a radiologist's own answer opens one: reports name findings that no detector looks for
    in such images.
    """
    kinds = set()
    if evidence.is_said_present and evidence.is_unflagged:
        kinds.add(CaseKind.MISSED_FLAG)
    if evidence.is_said_absent and evidence.is_flagged_in_time:
        kinds.add(CaseKind.FALSE_FLAG)
    if evidence.is_said_present and _was_not_looked_at(evidence):
        kinds.add(CaseKind.NOT_LOOKED)
    if evidence.is_flagged_late:
        kinds.add(CaseKind.LATE_FLAG)
    if evidence.is_flagged_in_time and evidence.is_confirmed_by_another:
        kinds.add(CaseKind.MISSED_BY_READER)
    return frozenset(kinds)


def _was_not_looked_at(evidence: Evidence) -> bool:
    answered = {OutcomeState.FLAGGED, OutcomeState.NOT_FLAGGED}
    if not evidence.is_looked_for or any(one.state in answered for one in evidence.ai):
        return False
    return not evidence.is_not_applicable or evidence.concluded is Answer.PRESENT


def is_drawn(uid: StudyInstanceUID, target: TargetFinding, key: bytes, share: float) -> bool:
    """Whether the lot falls on an unflagged finding, so that its silence is reviewed.

    The same study always draws the same lot, whoever asks and however often, and nobody without
    the key can tell or choose which (HMAC-SHA-256 as a uniform number).

    Parameters
    ----------
    key
        The site's own; kept in the database, shown to nobody.
    share
        The probability with which each is drawn, 0 to 1.
    """
    digest = hmac.new(key, f"{uid} {target}".encode(), hashlib.sha256).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def drawn_kinds(
    evidence: Evidence, uid: StudyInstanceUID, key: bytes, share: float
) -> frozenset[CaseKind]:
    """`SAMPLE` where the lot falls on an unflagged finding that nobody called present."""
    if not evidence.is_unflagged or evidence.is_said_present:
        return frozenset()
    return frozenset({CaseKind.SAMPLE} if is_drawn(uid, evidence.target, key, share) else ())


_MOST_SERIOUS_FIRST = (
    CaseKind.MISSED_FLAG,
    CaseKind.NOT_LOOKED,
    CaseKind.MISSED_BY_READER,
    CaseKind.LATE_FLAG,
    CaseKind.FALSE_FLAG,
    CaseKind.SAMPLE,
)


def ordered_kinds(kinds: Iterable[CaseKind]) -> tuple[CaseKind, ...]:
    """The reasons, the most serious first."""
    return tuple(sorted(kinds, key=_MOST_SERIOUS_FIRST.index))
