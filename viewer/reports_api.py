"""Reports of a study as the RIS told of them, for who reads and who reviews: observed, never ours.

Nothing here is written or signed by Vigie (P5). The words are the RIS's: data, whatever they are
(P9).
"""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from fastapi import Path as PathParameter
from pydantic import BaseModel, ConfigDict, Field

from viewer.ports import WorklistReader
from worklist.exchange_ports import KeptReport
from worklist.orders import ReportStatus
from worklist.reported import in_force
from worklist.uid import StudyInstanceUID

_UID = Annotated[str, PathParameter(description="Study Instance UID")]


class ReportAnswer(BaseModel):
    """A report from the RIS, not written by Vigie."""

    model_config = ConfigDict(frozen=True)

    status: ReportStatus
    text: str = Field(description="as the RIS sent it, plain")
    said_at: datetime = Field(description="when it was given this status")
    received_at: datetime
    withdrawn_at: datetime | None = Field(description="null: it was not withdrawn")

    @classmethod
    def of(cls, kept: KeptReport, withdrawn_at: datetime | None) -> "ReportAnswer":
        """As people are shown it."""
        report = kept.report
        return cls(
            status=report.status,
            text=report.text,
            said_at=report.said_at,
            received_at=kept.received_at,
            withdrawn_at=withdrawn_at,
        )


def make_router(reader: WorklistReader) -> APIRouter:
    """The route under ``/api/studies``."""
    router = APIRouter(prefix="/api/studies/{study_instance_uid}", tags=["reading"])

    @router.get("/reports")
    def reports(study_instance_uid: _UID) -> list[ReportAnswer]:
        """What the RIS told of reports on a study, in the order in which it said so."""
        found = reader.reports(StudyInstanceUID(study_instance_uid))
        return [ReportAnswer.of(one, withdrawn_at) for one, withdrawn_at in in_force(found)]

    return router
