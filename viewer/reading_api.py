"""Reading a study, as JSON: opening it, the first look, agreement, drawing, concluding.

Nothing here writes or signs a report (P5): a conclusion says of target findings whether they are
there, for the list and for quality assurance.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi import Path as PathParameter

from viewer.gate import Caller
from viewer.ports import SiteLinks, WorklistReader
from viewer.reading_schemas import (
    AgreementRequest,
    ConclusionRequest,
    DrawnRequest,
    FirstLookRequest,
    OpenedStudyAnswer,
    PriorsAnswer,
    ReopenRequest,
    RevealRequest,
    opened_study,
    priors_answer,
)
from viewer.session_api import WhoAsks
from worklist.blinding import blinded
from worklist.highlighting import Looker
from worklist.readings import Outline
from worklist.service import Worklist
from worklist.uid import SOPInstanceUID, StudyInstanceUID

_DrawnId = Annotated[int, PathParameter(ge=1, le=2**63 - 1)]
_Marks = Annotated[bool, Query(description="false: without any mark, and no reveal is logged")]


def looker_of(caller: Caller) -> Looker:
    """Who looks, as the gate found out."""
    if caller.account is not None:
        account = caller.account
        return Looker(actor=account.actor, account=account.name, roles=account.roles)
    if caller.token is None:
        raise TypeError("the gate let nobody in")
    return Looker(actor=f"token {caller.token.name}", account=None)


def make_router(
    reader: WorklistReader,
    worklist: Worklist,
    now: Callable[[], datetime],
    links: SiteLinks,
    is_blind: Callable[[StudyInstanceUID, Looker], bool] = lambda _uid, _looker: False,
) -> APIRouter:
    """The routes under ``/api/studies`` for who reads; every act answers the study anew.

    Parameters
    ----------
    is_blind
        Whether a person is to review a study before she knows what was said of it.
    """
    router = APIRouter(prefix="/api/studies/{study_instance_uid}", tags=["reading"])

    def opened(uid: StudyInstanceUID, caller: Caller, *, marks: bool = True) -> OpenedStudyAnswer:
        at, looker = now(), looker_of(caller)
        study = reader.study(uid, at)
        if is_blind(uid, looker):
            return opened_study(blinded(study, looker), links)
        return opened_study(worklist.show(study, looker, now=at, marks=marks), links)

    @router.get("")
    def study(study_instance_uid: str, caller: WhoAsks, marks: _Marks = True) -> OpenedStudyAnswer:
        """One study with its images, provenance, history, and the marks that may be seen.

        That marks are shown is logged, once for each person and result (P8).
        """
        return opened(StudyInstanceUID(study_instance_uid), caller, marks=marks)

    @router.get("/priors")
    def priors(study_instance_uid: str) -> PriorsAnswer:
        """Other studies of the same patient, newest first."""
        return priors_answer(reader.priors(StudyInstanceUID(study_instance_uid)))

    @router.post("/first-look")
    def first_look(
        study_instance_uid: str, asked: FirstLookRequest, caller: WhoAsks
    ) -> OpenedStudyAnswer:
        """Keep what one sees without marks; then they are shown."""
        uid = StudyInstanceUID(study_instance_uid)
        worklist.first_look(
            uid,
            asked.answers,
            looker_of(caller),
            assessment_number=asked.assessment_number,
            now=now(),
        )
        return opened(uid, caller)

    @router.post("/reveal")
    def reveal(study_instance_uid: str, asked: RevealRequest, caller: WhoAsks) -> OpenedStudyAnswer:
        """Show the marks of one detector, if they may be seen."""
        uid = StudyInstanceUID(study_instance_uid)
        worklist.reveal(uid, asked.detector, looker_of(caller), now=now())
        return opened(uid, caller)

    @router.post("/agreements")
    def agree(
        study_instance_uid: str, asked: AgreementRequest, caller: WhoAsks
    ) -> OpenedStudyAnswer:
        """Agree or disagree with a result, or with one lesion or region of it."""
        uid = StudyInstanceUID(study_instance_uid)
        worklist.judge(
            uid,
            asked.detector,
            looker_of(caller),
            agrees=asked.agrees,
            lesion=asked.lesion,
            region=asked.region,
            comment=asked.comment or "",
            now=now(),
        )
        return opened(uid, caller)

    _add_drawing(router, worklist, now, opened)
    _add_ends(router, worklist, now, opened)
    return router


_Opened = Callable[[StudyInstanceUID, Caller], OpenedStudyAnswer]


def _add_drawing(
    router: APIRouter, worklist: Worklist, now: Callable[[], datetime], opened: _Opened
) -> None:
    @router.post("/drawn")
    def draw(study_instance_uid: str, asked: DrawnRequest, caller: WhoAsks) -> OpenedStudyAnswer:
        """Outline a finding that no detector showed."""
        uid = StudyInstanceUID(study_instance_uid)
        outline = Outline(
            target=asked.target,
            sop_instance_uid=SOPInstanceUID(asked.sop_instance_uid),
            frame_number=asked.frame_number,
            polygon=asked.polygon,
        )
        worklist.draw(uid, outline, looker_of(caller), now=now())
        return opened(uid, caller)

    @router.delete("/drawn/{drawn_id}")
    def withdraw(study_instance_uid: str, drawn_id: _DrawnId, caller: WhoAsks) -> OpenedStudyAnswer:
        """Take back one's own outline; it is kept, marked so."""
        uid = StudyInstanceUID(study_instance_uid)
        worklist.withdraw(uid, drawn_id, looker_of(caller), now=now())
        return opened(uid, caller)


def _add_ends(
    router: APIRouter, worklist: Worklist, now: Callable[[], datetime], opened: _Opened
) -> None:
    @router.post("/conclusion")
    def conclude(
        study_instance_uid: str, asked: ConclusionRequest, caller: WhoAsks
    ) -> OpenedStudyAnswer:
        """Conclude a study that one has claimed: it is read. Again: the conclusion is amended."""
        uid = StudyInstanceUID(study_instance_uid)
        worklist.conclude(
            uid,
            asked.answers,
            looker_of(caller),
            reading_s=asked.reading_s,
            instance_count=asked.instance_count,
            now=now(),
        )
        return opened(uid, caller)

    @router.post("/reopen")
    def reopen(study_instance_uid: str, asked: ReopenRequest, caller: WhoAsks) -> OpenedStudyAnswer:
        """Put a study that was read back on the list, with a reason."""
        uid = StudyInstanceUID(study_instance_uid)
        actor = looker_of(caller).account or ""
        worklist.reopen(uid, actor=actor, reason=asked.reason, now=now())
        return opened(uid, caller)
