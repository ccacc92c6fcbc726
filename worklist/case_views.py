"""Cases as people are shown them: who may yet have to review one is not told what others said."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from worklist.case_review import CaseState
from worklist.finding import TargetFinding
from worklist.highlighting import Looker
from worklist.people import Role
from worklist.quality import CaseKind
from worklist.quality_ports import CaseRow, Comment
from worklist.report_reading import ReportReading
from worklist.verification import Estimate


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """Why a case is looked at, with what was known then."""

    kind: CaseKind
    at: datetime
    evidence: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadReport:
    """A report with what was read in it."""

    text: str
    reading: ReportReading


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownCase:
    """A case as one person may see it now."""

    row: CaseRow
    is_blind: bool  # she may have to review it: what others said is left out
    reviewed: int  # how many reviews there are
    reasons: tuple[Reason, ...] = ()
    comments: tuple[Comment, ...] = ()
    report: ReadReport | None = None
    names: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """How good AI is at one finding, as far as it was verified."""

    target: TargetFinding
    sensitivity: Estimate | None
    specificity: Estimate | None


def is_reviewer(looker: Looker) -> bool:
    """Whether this is a person who reviews cases."""
    return looker.account is not None and Role.QA_REVIEWER in looker.roles


def blind_name(looker: Looker) -> str | None:
    """For whom a list leaves out what she may not know yet."""
    return looker.account if is_reviewer(looker) else None


def shown_to(row: CaseRow, looker: Looker, blind: bool) -> ShownCase:
    """The case, without what a person who may yet have to review it may not know."""
    if not blind:
        return ShownCase(row=row, is_blind=False, reviewed=len(row.case.reviews))
    case = row.case
    mine = case.review_of(looker.account or "")
    said = case.reviews if case.state is CaseState.ADJUDICATION else (mine,) if mine else ()
    bare = replace(
        case,
        kinds=(),
        inclusion_probability=None,
        reviews=said,
        verdict=None,
        root_cause=None,
        action="",
    )
    return ShownCase(row=replace(row, case=bare), is_blind=True, reviewed=len(case.reviews))


def people_in(shown: ShownCase) -> set[str]:
    """Accounts of everybody whom it names."""
    case = shown.row.case
    said = {one.account for one in case.reviews} | {one.account for one in shown.comments}
    concluded = {
        one["account"] for reason in shown.reasons for one in reason.evidence["conclusions"]
    }
    return said | concluded | {one for one in (case.assigned_to, case.closed_by) if one}
