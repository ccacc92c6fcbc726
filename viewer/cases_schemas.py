"""The JSON of cases; made from `worklist.case_views.ShownCase`.

Of a case that is blind to whoever asks, what others said is null or empty.
"""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from viewer.asked import Asked
from worklist.case_review import CaseState, RootCause
from worklist.case_views import Measured, ReadReport, Reason, ShownCase
from worklist.conclusion import Answer
from worklist.finding import OutcomeState, TargetFinding
from worklist.people import Role
from worklist.quality import CaseKind
from worklist.quality_ports import CaseFilter
from worklist.report_reading import Said, Statement
from worklist.verification import Estimate

LONGEST_TEXT = 4000  # characters of a comment or an action


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class ReviewRequest(Asked):
    """What a reviewer sees on the images."""

    answer: Answer
    comment: str = Field(default="", max_length=LONGEST_TEXT)


class AssignRequest(Asked):
    """Who is to look after a case; null: nobody."""

    account: str | None = Field(max_length=64)


class CommentRequest(Asked):
    """A comment on a case."""

    text: str = Field(max_length=LONGEST_TEXT)


class CloseRequest(Asked):
    """Why it came to the disagreement, and what is done about it."""

    root_cause: RootCause
    action: str = Field(max_length=LONGEST_TEXT)
    teaches: bool = False


class CaseQuery(Asked):
    """Which cases."""

    state: list[CaseState] = Field(default=[], max_length=8)
    kind: CaseKind | None = Field(default=None, description="Leaves out cases that are blind.")
    target: TargetFinding | None = None
    assigned_to: str | None = Field(default=None, max_length=64)
    overdue: bool = False
    teaches: bool = Field(default=False, description="The teaching file.")
    q: str = Field(default="", max_length=256, description="Words of the study's names.")
    after: int = Field(default=0, ge=0, le=2**62, description="Go on behind this number.")
    limit: int = Field(default=100, ge=1, le=500)

    def as_filter(self, now: datetime) -> CaseFilter:
        """As the store is asked."""
        return CaseFilter(
            states=frozenset(self.state),
            kind=self.kind,
            target=self.target,
            assigned_to=self.assigned_to,
            overdue_at=now if self.overdue else None,
            teaches=self.teaches,
            text=self.q,
            after=self.after,
            limit=self.limit,
        )


class PersonAnswer(_Frozen):
    """A person."""

    name: str
    display_name: str


class ReviewAnswer(_Frozen):
    """What a reviewer said of the images."""

    by: PersonAnswer
    answer: Answer
    comment: str
    at: datetime


class CaseRowAnswer(_Frozen):
    """One case in a list."""

    case_id: int
    study_instance_uid: str
    target: TargetFinding
    state: CaseState
    is_blind: bool
    may_review: bool
    kinds: list[CaseKind]
    opened_at: datetime
    due_at: datetime
    is_overdue: bool
    assigned_to: PersonAnswer | None
    reviews: list[ReviewAnswer]
    reviewed: int
    verdict: Answer | None
    root_cause: RootCause | None
    action: str
    closed_at: datetime | None
    closed_by: PersonAnswer | None
    teaches: bool
    inclusion_probability: float | None
    accession_number: str
    patient_id: str
    patient_name: str
    study_description: str
    modalities: list[str]
    study_at: datetime | None


class AIAnswerAnswer(_Frozen):
    """What one detector had said when the case opened."""

    detector: str
    state: OutcomeState
    probability: float | None
    was_late: bool


class ReaderAnswerAnswer(_Frozen):
    """What one reader had concluded."""

    by: PersonAnswer
    answer: Answer


class ReasonAnswer(_Frozen):
    """Why a case is looked at."""

    kind: CaseKind
    at: datetime
    ai: list[AIAnswerAnswer]
    conclusions: list[ReaderAnswerAnswer]
    report: Said | None


class SpanAnswer(_Frozen):
    """Words of a report that name a finding; offsets count characters (code points) from 0."""

    target: TargetFinding
    status: str
    counts: bool
    start: int
    end: int
    cues: list[tuple[int, int]]


class ReportAnswer(_Frozen):
    """The newest signed report, and what was read in it by rules: never trusted alone."""

    text: str
    language: str
    answers: dict[TargetFinding, Said]
    spans: list[SpanAnswer]


class CommentAnswer(_Frozen):
    """What somebody wrote."""

    by: PersonAnswer
    text: str
    at: datetime


class CaseAnswer(CaseRowAnswer):
    """One case."""

    reasons: list[ReasonAnswer]
    comments: list[CommentAnswer]
    report: ReportAnswer | None


class CasesAnswer(_Frozen):
    """Cases by their numbers."""

    cases: list[CaseRowAnswer]
    next_after: int | None  # None: these are the last


class EstimateAnswer(_Frozen):
    """A share with its 95 % interval, and what it rests on."""

    model_config = ConfigDict(from_attributes=True, frozen=True)

    value: float
    low: float
    high: float
    counted: int
    weight: float
    effective: float


class MeasuredAnswer(_Frozen):
    """How good AI is at one finding, corrected for what was not looked at."""

    target: TargetFinding
    sensitivity: EstimateAnswer | None
    specificity: EstimateAnswer | None


def row_answer(shown: ShownCase, roles: frozenset[Role], me: str, now: datetime) -> CaseRowAnswer:
    """A case in a list, as this person sees it."""
    return CaseRowAnswer(**_row(shown, roles, me, now))


def case_answer(shown: ShownCase, roles: frozenset[Role], me: str, now: datetime) -> CaseAnswer:
    """A case as this person sees it."""
    return CaseAnswer(
        **_row(shown, roles, me, now),
        reasons=[_reason(one, shown) for one in shown.reasons],
        comments=[
            CommentAnswer(by=_person(one.account, shown), text=one.text, at=one.at)
            for one in shown.comments
        ],
        report=_report(shown.report),
    )


def measured_answer(measured: Measured) -> MeasuredAnswer:
    """As JSON."""
    return MeasuredAnswer(
        target=measured.target,
        sensitivity=_estimate(measured.sensitivity),
        specificity=_estimate(measured.specificity),
    )


def _estimate(one: Estimate | None) -> EstimateAnswer | None:
    return None if one is None else EstimateAnswer.model_validate(one)


def _row(shown: ShownCase, roles: frozenset[Role], me: str, now: datetime) -> dict[str, Any]:
    row, case = shown.row, shown.row.case
    is_done = case.review_of(me) is not None
    return {
        "case_id": case.case_id,
        "study_instance_uid": case.study_instance_uid,
        "target": case.target,
        "state": case.state,
        "is_blind": shown.is_blind,
        "may_review": shown.is_blind and not is_done and Role.QA_REVIEWER in roles,
        "kinds": list(case.kinds),
        "opened_at": case.opened_at,
        "due_at": case.due_at,
        "is_overdue": case.state is not CaseState.CLOSED and case.due_at < now,
        "assigned_to": _person(case.assigned_to, shown) if case.assigned_to else None,
        "reviews": [
            ReviewAnswer(
                by=_person(one.account, shown), answer=one.answer, comment=one.comment, at=one.at
            )
            for one in case.reviews
        ],
        "reviewed": shown.reviewed,
        "verdict": case.verdict,
        "root_cause": case.root_cause,
        "action": case.action,
        "closed_at": case.closed_at,
        "closed_by": _person(case.closed_by, shown) if case.closed_by else None,
        "teaches": case.teaches,
        "inclusion_probability": case.inclusion_probability,
        "accession_number": row.accession_number,
        "patient_id": row.patient_id,
        "patient_name": row.patient_name,
        "study_description": row.study_description,
        "modalities": list(row.modalities),
        "study_at": row.study_at,
    }


def _reason(reason: Reason, shown: ShownCase) -> ReasonAnswer:
    said = reason.evidence
    return ReasonAnswer(
        kind=reason.kind,
        at=reason.at,
        ai=[AIAnswerAnswer.model_validate(one) for one in said["ai"]],
        conclusions=[
            ReaderAnswerAnswer(by=_person(one["account"], shown), answer=one["answer"])
            for one in said["conclusions"]
        ],
        report=said["report"]["said"] if "report" in said else None,
    )


def _report(report: ReadReport | None) -> ReportAnswer | None:
    if report is None:
        return None
    return ReportAnswer(
        text=report.text,
        language=report.reading.language,
        answers=dict(report.reading.answers),
        spans=[_span(one) for one in report.reading.statements],
    )


def _span(one: Statement) -> SpanAnswer:
    return SpanAnswer(
        target=one.target,
        status=one.status,
        counts=one.counts,
        start=one.start,
        end=one.end,
        cues=list(one.cues),
    )


def _person(account: str, shown: ShownCase) -> PersonAnswer:
    return PersonAnswer(name=account, display_name=(shown.names or {}).get(account, account))
