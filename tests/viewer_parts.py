"""A list of one study for the HTTP edge, and a way to ask it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import numpy as np
from fastapi import FastAPI

from tests.fakes import FakeStore
from viewer.ports import CannotDecode, Frame
from worklist.api_tokens import ApiToken
from worklist.due_time import DueTargets
from worklist.errors import StoreUnavailable, UnknownDetector, UnknownStudy
from worklist.exchange_ports import KeptReport
from worklist.filters import EVERYTHING, ListFilter
from worklist.finding import (
    ImageScore,
    Lesion,
    OutcomeState,
    SuspectedKind,
    TargetFinding,
    TurnedImage,
)
from worklist.people import Account, AccountName, Role
from worklist.priors import Prior, Priors
from worklist.reading import ReadingState
from worklist.service import Worklist
from worklist.sessions import NewSession, Session, SessionLimits, SignedIn
from worklist.sign_in import SignInRefused, Visitor
from worklist.study import Completeness, RequestedPriority
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID
from worklist.views import (
    DetectorView,
    EventView,
    EvidenceView,
    FilterChoices,
    InstanceView,
    InvalidCursor,
    MissedFlags,
    ModelState,
    ModelView,
    NodeCounts,
    ProvenanceView,
    RegionView,
    SeriesView,
    StudyView,
    UnknownInstance,
    WorklistChange,
    WorklistPage,
    WorklistRow,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
STUDY = StudyInstanceUID("1.2.3")
SERIES = SeriesInstanceUID("1.2.3.1")
INSTANCE = SOPInstanceUID("1.2.3.1.1")
FRAME_URL = f"/api/studies/{STUDY}/series/{SERIES}/instances/{INSTANCE}/frames/1/rendered"

ROW = WorklistRow(
    place=1,
    reading_state=ReadingState.UNREAD,
    study_instance_uid=STUDY,
    patient_id="P1",
    patient_name="<script>alert(1)</script>^Ann",
    patient_birth_date=None,
    patient_sex="F",
    accession_number="A1",
    study_description="Wrist",
    modalities=("DX",),
    body_part="WRIST",
    requested_priority=RequestedPriority.ROUTINE,
    priority_in_force=RequestedPriority.ROUTINE,
    pinned=False,
    received_at=NOW,
    due_at=NOW + timedelta(hours=2),
    due_without_ai_at=NOW + timedelta(hours=24),
    reason="routine 24 h; fracture 0.91 → 2 h 12 min",
    completeness=Completeness.COMPLETE,
    arriving=False,
    instance_count=1,
    conflicts=0,
    detectors=tuple(
        DetectorView(name=state.value, target=TargetFinding.FRACTURE, state=state)
        for state in OutcomeState
    ),
    cursor="c1",
)


MODEL = ModelView(
    name="fracture",
    target=TargetFinding.FRACTURE,
    title="Fractures on radiographs",
    version="1",
    weights_sha256="ab" * 32,
    operating_point=0.4,
    state=ModelState.STOPPED,
    broken=None,
    stopped_by="anna",
    stopped_at=NOW,
    stopped_because="odd results",
    registered_at=NOW,
    card={
        "intended_use": "Orders the list.",
        "limits": ["<b>Metal</b> raises the probability."],
        "training_data": ["FracAtlas, CC BY 4.0"],
        "licence": "",
        "guards": {"radiograph_guard": "0" * 64},
        "calibration": {"weights": [1.0], "bias": -0.5},
        "performance": {"auc": 0.9, "subgroups": {"hand": {"n": 12, "auc": None}}},
    },
)


PRIOR = Prior(
    study_instance_uid=StudyInstanceUID("1.2.2"),
    study_at=NOW - timedelta(days=400),
    received_at=NOW - timedelta(days=399),
    modalities=("DX",),
    study_description="Wrist <b>left</b>",
    body_part="WRIST",
    accession_number="A0",
    instance_count=2,
)


def room() -> Worklist:
    """A reading room without a study of its own: it shows what a reader hands it."""
    return Worklist(FakeStore(), DueTargets())


@dataclass
class FakeReader:
    """A list of one study, an archive of one file; the store may be away."""

    archive: Path
    away: bool = False
    asked: list[tuple[str | None, int]] = field(default_factory=list)
    filters: list[tuple[int, ListFilter]] = field(default_factory=list)
    version: int = 7

    def choices(self) -> FilterChoices:
        return FilterChoices(modalities=("CT",), body_parts=("HEAD",))

    def worklist_page(
        self,
        after: str | None,
        limit: int,
        now: datetime,
        *,
        offset: int = 0,
        asked: ListFilter = EVERYTHING,
    ) -> WorklistPage:
        if self.away:
            raise StoreUnavailable("the database does not answer")
        if after == "forged":
            raise InvalidCursor("this cursor is none of ours")
        self.asked.append((after, limit))
        self.filters.append((offset, asked))
        return WorklistPage(
            rows=(ROW,),
            total=1,
            matching=1,
            matching_limited=False,
            next_cursor=None,
            ai_stopped=False,
            stopped_detectors=(),
            trouble=(),
            version=self.version,
            generated_at=now,
        )

    def list_version(self) -> int:
        if self.away:
            raise StoreUnavailable("the database does not answer")
        return self.version

    def missed_flags(self, after: int | None) -> MissedFlags:
        del after
        return MissedFlags(flags=(), latest=self.list_version())

    def row(self, study_instance_uid: StudyInstanceUID) -> WorklistRow:
        return self.study(study_instance_uid, NOW).row

    def reports(self, study_instance_uid: StudyInstanceUID) -> list[KeptReport]:
        self.study(study_instance_uid, NOW)
        return []

    def study(self, study_instance_uid: StudyInstanceUID, now: datetime) -> StudyView:
        if study_instance_uid != STUDY:
            raise UnknownStudy(f"no study {study_instance_uid} has been filed")
        return StudyView(
            row=ROW,
            series=(
                SeriesView(
                    series_instance_uid=SERIES,
                    modality="DX",
                    description="PA",
                    body_part="WRIST",
                    instances=(
                        InstanceView(
                            sop_instance_uid=INSTANCE,
                            instance_number=1,
                            number_of_frames=1,
                            rows=4,
                            columns=6,
                        ),
                    ),
                ),
            ),
            regions=(
                RegionView(
                    detector="fracture",
                    sop_instance_uid=INSTANCE,
                    frame_number=1,
                    polygon=((0.0, 0.0), (2.5, 0.0), (2.5, 3.0)),
                    score=0.9,
                    kind="displaced",
                    lesion=1,
                ),
            ),
            evidence=(
                EvidenceView(
                    detector="fracture",
                    image_scores=(
                        ImageScore(sop_instance_uid=INSTANCE, frame_number=1, score=0.75),
                    ),
                    kinds=(SuspectedKind(name="displaced", score=0.5),),
                    lesions=(
                        Lesion(
                            number=1,
                            score=0.9,
                            centre_mm=None,
                            diameter_mm=6.5,
                            first_image=INSTANCE,
                            last_image=INSTANCE,
                        ),
                    ),
                    turned=(TurnedImage(sop_instance_uid=INSTANCE, frame_number=1, quarters=3),),
                ),
            ),
            provenance=(
                ProvenanceView(
                    detector="fracture",
                    version="1",
                    weights_sha256="ab" * 32,
                    operating_point=0.4,
                    software_version="1.0",
                    instances=((INSTANCE, "cd" * 32),),
                    not_eligible=(("1.9", "a report"),),
                    started_at=NOW,
                    finished_at=NOW,
                ),
            ),
            events=(
                EventView(event_id=1, at=NOW, kind="filed", actor="vigie file", words="Filed."),
            ),
        )

    def priors(self, study_instance_uid: StudyInstanceUID) -> Priors:
        if study_instance_uid != STUDY:
            raise UnknownStudy(f"no study {study_instance_uid} has been filed")
        return Priors(studies=(PRIOR,))

    def archived_path(
        self,
        study_instance_uid: StudyInstanceUID,
        series_instance_uid: SeriesInstanceUID,
        sop_instance_uid: SOPInstanceUID,
    ) -> Path:
        if (study_instance_uid, series_instance_uid, sop_instance_uid) != (STUDY, SERIES, INSTANCE):
            raise UnknownInstance("no such object has been filed")
        return self.archive

    def models(self) -> list[ModelView]:
        return [MODEL, replace(MODEL, name="fracture.old", state=ModelState.BROKEN, card=None)]

    def model(self, name: str) -> ModelView:
        for one in self.models():
            if one.name == name:
                return one
        raise UnknownDetector(f"no detector named {name} is installed")

    def counts(self) -> NodeCounts:
        if self.away:
            raise StoreUnavailable("the database does not answer")
        return NodeCounts(
            studies={"waiting": 3},
            outcomes={("fracture", "flagged"): 2},
            inbox_objects=5,
            quarantined_objects=1,
            conflicts=2,
            jobs_waiting=4,
            jobs_failed=0,
        )


@contextlib.asynccontextmanager
async def silence() -> AsyncIterator[AsyncIterator[WorklistChange]]:
    async def nothing() -> AsyncIterator[WorklistChange]:
        await asyncio.Event().wait()
        yield WorklistChange(event_id=0, study_instance_uid=None, kind="", at=NOW)

    yield nothing()


def decode(path: Path, frame_number: int) -> Frame:
    if frame_number > 1:
        raise CannotDecode("the object has one frame")
    if path.read_bytes() == b"bomb":
        raise ZeroDivisionError("Doe^John")
    return Frame(pixels=np.arange(24, dtype=np.float32).reshape(4, 6))


ANNA = Account(
    name=AccountName("anna"),
    display_name="Dr Anna Weber",
    roles=frozenset({Role.RADIOLOGIST}),
    password_hash="kept",
    must_change_password=False,
    password_ends_at=None,
    issuer=None,
    subject=None,
    created_at=NOW,
    disabled_at=None,
)
SIGNED_IN = "vigie_session=open"  # the cookie of anna's session


class FakePeople:
    """One person, signed in already; nobody else can be."""

    limits = SessionLimits()
    session = Session(
        digest=b"",
        account=ANNA.name,
        csrf_token="token",
        address="127.0.0.1",
        started_at=NOW,
        last_seen_at=NOW,
        ended_at=None,
    )

    def who(self, secret: str, now: datetime, *, attended: bool) -> SignedIn | None:
        return SignedIn(account=ANNA, session=self.session) if secret == "open" else None

    def sign_in(self, name: str, password: str, visitor: Visitor, now: datetime) -> NewSession:
        raise SignInRefused("the name or the password is wrong")

    def sign_out(self, secret: str, now: datetime) -> None:
        pass

    def present(self, names: Collection[AccountName], now: datetime) -> list[AccountName]:
        return []

    def change_password(
        self, signed_in: SignedIn, old: str, new: str, visitor: Visitor, now: datetime
    ) -> NewSession:
        raise SignInRefused("the present password is wrong")

    def token(self, secret: str, now: datetime) -> ApiToken | None:
        return None

    def token_holds(self, token: ApiToken, now: datetime) -> bool:
        return False


Get = Callable[..., httpx.Response]


def getter(app: FastAPI, cookie: str = SIGNED_IN) -> Get:
    def get(url: str, method: str = "GET", **headers: str) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=app)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as c:
                named = {name.replace("_", "-"): value for name, value in headers.items()}
                return await c.request(method, url, headers={"cookie": cookie, **named})

        return asyncio.run(ask())

    return get
