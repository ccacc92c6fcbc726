"""Cases of quality assurance over HTTP; the rules are `worklist.cases`."""

import csv
import io
from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from viewer.acts_api import actor
from viewer.cases_schemas import (
    AssignRequest,
    CaseAnswer,
    CaseQuery,
    CaseRowAnswer,
    CasesAnswer,
    CloseRequest,
    CommentRequest,
    MeasuredAnswer,
    ReviewRequest,
    case_answer,
    measured_answer,
    row_answer,
)
from viewer.gate import Caller
from viewer.reading_api import looker_of
from viewer.session_api import WhoAsks
from worklist.cases import Cases
from worklist.people import AccountName
from worklist.quality_ports import CaseFilter

_CaseId = Annotated[int, Path(ge=1, le=2**62)]
_COLUMNS = (
    "case_id",
    "state",
    "kinds",
    "target",
    "study_instance_uid",
    "accession_number",
    "patient_id",
    "study_description",
    "study_at",
    "opened_at",
    "due_at",
    "assigned_to",
    "reviews",
    "verdict",
    "root_cause",
    "action",
    "closed_at",
    "closed_by",
    "teaches",
    "inclusion_probability",
)
_CSV: dict[int | str, dict[str, object]] = {200: {"content": {"text/csv": {}}}}


def make_router(cases: Cases, now: Callable[[], datetime]) -> APIRouter:
    """The routes under ``/api/cases``; every act answers the case anew."""
    router = APIRouter(prefix="/api/cases", tags=["quality"])

    def rows(asked: CaseFilter, caller: Caller) -> list[CaseRowAnswer]:
        looker, name = looker_of(caller), actor(caller)
        shown = cases.cases(asked, looker)
        return [row_answer(one, looker.roles, name, now()) for one in shown]

    def shown(case_id: int, caller: Caller) -> CaseAnswer:
        looker = looker_of(caller)
        return case_answer(cases.case(case_id, looker), looker.roles, actor(caller), now())

    @router.get("")
    def listed(asked: Annotated[CaseQuery, Query()], caller: WhoAsks) -> CasesAnswer:
        """Cases by their numbers, without what whoever asks may not know before her review."""
        found = rows(asked.as_filter(now()), caller)
        is_full = len(found) == asked.limit
        return CasesAnswer(cases=found, next_after=found[-1].case_id if is_full else None)

    @router.get("/export.csv", response_class=Response, responses=_CSV)
    def export(asked: Annotated[CaseQuery, Query()], caller: WhoAsks) -> Response:
        """The same as a table."""
        text = as_csv(rows(asked.as_filter(now()), caller))
        return Response(
            text,
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="cases.csv"'},
        )

    @router.get("/measures")
    def measures() -> list[MeasuredAnswer]:
        """Sensitivity and specificity, corrected for what was not looked at (docs/quality.md)."""
        return [measured_answer(one) for one in cases.measured()]

    @router.get("/{case_id}")
    def case(case_id: _CaseId, caller: WhoAsks) -> CaseAnswer:
        """One case, without what whoever asks may not know before her review."""
        return shown(case_id, caller)

    @router.post("/{case_id}/review")
    def review(case_id: _CaseId, asked: ReviewRequest, caller: WhoAsks) -> CaseAnswer:
        """Say what is on the images; then what others said is shown."""
        cases.review(case_id, asked.answer, asked.comment, looker_of(caller), now=now())
        return shown(case_id, caller)

    @router.post("/{case_id}/assign")
    def assign(case_id: _CaseId, asked: AssignRequest, caller: WhoAsks) -> CaseAnswer:
        """Give a case to a reviewer who may review it, or to nobody."""
        to = None if asked.account is None else AccountName(asked.account)
        cases.assign(case_id, to, looker_of(caller), now=now())
        return shown(case_id, caller)

    @router.post("/{case_id}/comments")
    def comment(case_id: _CaseId, asked: CommentRequest, caller: WhoAsks) -> CaseAnswer:
        """Write on a case."""
        cases.comment(case_id, asked.text, looker_of(caller), now=now())
        return shown(case_id, caller)

    @router.post("/{case_id}/close")
    def close(case_id: _CaseId, asked: CloseRequest, caller: WhoAsks) -> CaseAnswer:
        """Close a case that has its verdict, with its root cause and what is done about it."""
        looker = looker_of(caller)
        cases.close(
            case_id, asked.root_cause, asked.action, looker, teaches=asked.teaches, now=now()
        )
        return shown(case_id, caller)

    return router


def as_csv(rows: list[CaseRowAnswer]) -> str:
    """The rows as a table; what could be taken for a formula begins with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    for row in rows:
        values = row.model_dump(mode="json")
        values["kinds"] = " ".join(values["kinds"])
        values["reviews"] = " ".join(f"{one.by.name}:{one.answer}" for one in row.reviews)
        for name in ("assigned_to", "closed_by"):
            values[name] = values[name]["name"] if values[name] else ""
        writer.writerow([_cell(values[name]) for name in _COLUMNS])
    return out.getvalue()


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text[:1] in tuple("=+-@\t\r") else text
