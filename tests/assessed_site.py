"""A site with phantom studies filed and assessed, and destinations of which a test is the peer."""

import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import sqlalchemy as sa
from pydicom import dcmread

from results.facts import Device
from results.sending.destination import Delivered, Destination, DimseDestination
from results.sending.errors import DestinationUnavailable, UnsendableFile
from results.source import source_image_of
from tests.builders import NOON
from tests.result_facts import FRACTURE, HAEMORRHAGE, PHANTOMS, flagged, region_on
from vigie.delivering import Outbox, Sender
from vigie.frames import decode_frame
from vigie.making import Maker, Subscription
from vigie.result_facts import Site
from vigie.result_files import ResultFolder
from worklist.commitment import CommitmentAnswer, ObjectReference
from worklist.deliveries import Asked, Deliveries
from worklist.due_time import DueTargets
from worklist.finding import (
    DetectorIdentity,
    NotApplicable,
    NotFlagged,
    Outcome,
    Provenance,
)
from worklist.highlighting import Modes
from worklist.outbound import (
    DeliveryView,
    DestinationView,
    ObjectKind,
    Patience,
    Wants,
    Worth,
    rules_of,
)
from worklist.service import Worklist
from worklist.store.committing import PostgresCommitting
from worklist.store.destinations import PostgresDestinations
from worklist.store.making import PostgresMaking
from worklist.store.outbound import PostgresOutbound
from worklist.store.postgres import PostgresStore
from worklist.store.result_files import PostgresResultFiles
from worklist.study import (
    Completeness,
    InstanceArrival,
    SeriesAttributes,
    StudyAttributes,
)
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID, TransactionUID

EVERYTHING = frozenset(ObjectKind) - {ObjectKind.REJECTION}
PATIENCE = Patience(
    first_pause=timedelta(seconds=5), longest_pause=timedelta(minutes=10), limit=timedelta(hours=1)
)


class FakePeer:
    """A destination that a test sees into; it may be away, refuse, or die in the middle."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes]] = []  # name of the destination, bytes; in their order
        self.away: set[str] = set()
        self.dies_after: int | None = None  # objects, in one association
        self.refuses: set[str] = set()  # SOP Class UIDs
        self.tests = 0
        self.asked: list[Sequence[ObjectReference]] = []
        self.answers_commitment: Callable[..., CommitmentAnswer | None] | None = None
        self.during: Callable[[], None] = lambda: None

    def send(self, destination: Destination, files: Sequence[Path]) -> Sequence[Delivered]:
        if destination.name in self.away:
            raise DestinationUnavailable("Nobody answers.", begun=())
        delivered: list[Delivered] = []
        for path in files:
            if not path.exists():
                raise UnsendableFile("It is not there.", path)
        for path in files:
            if self.dies_after is not None and len(delivered) == self.dies_after:
                raise DestinationUnavailable("It died.", delivered)
            uid = SOPInstanceUID(str(dcmread(path).SOPInstanceUID))
            if dcmread(path).SOPClassUID in self.refuses:
                told = Delivered(
                    sop_instance_uid=uid, state="refused", status=0x0122, words="not that"
                )
            else:
                self.taken.append((destination.name, path.read_bytes()))
                told = Delivered(sop_instance_uid=uid, state="accepted", status=0, words="")
            delivered.append(told)
        self.during()
        return delivered

    def test(self, destination: Destination) -> str:
        self.tests += 1
        if destination.name in self.away:
            raise DestinationUnavailable("Nobody answers.")
        return "It answers."

    def ask_commitment(
        self,
        destination: Destination,
        transaction_uid: TransactionUID,
        references: Sequence[ObjectReference],
        record: Callable[[CommitmentAnswer], None],
    ) -> CommitmentAnswer | None:
        self.asked.append(references)
        if self.answers_commitment is None:
            return None
        return self.answers_commitment(destination, transaction_uid, references)


@dataclass
class AssessedSite:
    """A database, an archive, what is made and what is sent, and a clock that a test turns."""

    engine: sa.Engine
    folder: Path
    names: Sequence[str] = ("PACS",)
    kinds: frozenset[ObjectKind] = EVERYTHING
    worth: Worth = Worth.EVALUATED
    modes: Modes = field(default_factory=Modes)
    commitment: bool = False
    addresses: Mapping[str, str] = field(default_factory=dict)  # of destinations that moved
    software: str = "0.1.0"
    now: datetime = NOON
    peer: FakePeer = field(default_factory=FakePeer)

    def __post_init__(self) -> None:
        self.worklist = Worklist(PostgresStore(self.engine), DueTargets(), modes=self.modes)
        self.store = PostgresOutbound(self.engine)
        self.making = PostgresMaking(self.engine, self.folder / "archive")
        self.results = self.folder / "results"
        addresses = {name: self.addresses.get(name, f"at {name}") for name in self.names}
        since = PostgresDestinations(self.engine).note(addresses, self.now)
        self.making.make_again_what_waits(self.modes, min(since.values()))
        self.files = PostgresResultFiles(self.engine)
        self.maker = Maker(
            self.making,
            self.files,
            Site(
                modes=self.modes,
                device=Device(
                    uid=self.making.installation_uid("2.25.1"),
                    station_name="VIGIE",
                    software_version=self.software,
                ),
                zone=_utc,
                decode_frame=decode_frame,
            ),
            [
                Subscription(
                    wants=Wants(name=name, kinds=self.kinds, worth=self.worth), since=since[name]
                )
                for name in self.names
            ],
            ResultFolder(self.results),
            lambda: self.now,
        )
        outbox = Outbox(
            store=self.store,
            committing=PostgresCommitting(self.engine),
            files=self.files,
            transport=self.peer,
            patience=PATIENCE,
            folder=self.results,
            now=lambda: self.now,
            rules=rules_of(self.software, self.modes),
        )
        self.outbox = outbox
        self.senders = {
            name: Sender(outbox, destination(name), asks_commitment=self.commitment)
            for name in self.names
        }
        rules = rules_of(self.software, self.modes)
        self.deliveries = Deliveries(self.store, [view(name) for name in self.names], rules)

    def later(self, **pause: float) -> datetime:
        """Let time go by."""
        self.now += timedelta(**pause)
        return self.now

    def file(self, phantom: str, *, study: str | None = None) -> StudyInstanceUID:
        """File a phantom study, complete."""
        arrivals = [self._filed(path) for path in sorted((PHANTOMS / phantom).glob("*.dcm"))]
        self.worklist.record_arrivals(arrivals, now=self.now)
        uid = arrivals[0].study.study_instance_uid
        self.worklist.complete_study(uid, completeness=Completeness.COMPLETE, now=self.now)
        return uid

    def _filed(self, path: Path) -> InstanceArrival:
        header = dcmread(path, stop_before_pixels=True)
        name = f"{header.StudyInstanceUID}/{header.SOPInstanceUID}.dcm"
        target = self.folder / "archive" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        return InstanceArrival(
            study=StudyAttributes(
                study_instance_uid=StudyInstanceUID(str(header.StudyInstanceUID)), patient_id="P"
            ),
            series=SeriesAttributes(
                series_instance_uid=SeriesInstanceUID(str(header.SeriesInstanceUID)),
                modality=str(header.Modality),
            ),
            sop_instance_uid=SOPInstanceUID(str(header.SOPInstanceUID)),
            sop_class_uid=str(header.SOPClassUID),
            transfer_syntax_uid=str(header.file_meta.TransferSyntaxUID),
            sha256="0" * 64,
            size_bytes=path.stat().st_size,
            archive_path=name,
            received_at=self.now,
            calling_ae_title="CT1",
            sender_address="192.0.2.7",
            association_id="association-1",
            instance_number=1,
            rows=header.Rows,
            columns=header.Columns,
            expected_instance_count=None,
        )

    def assess(
        self,
        phantom: str,
        uid: StudyInstanceUID,
        number: int = 1,
        *,
        finding: bool = True,
        applies: bool = True,
        probability: float = 0.91,
    ) -> None:
        """Record an assessment: something was flagged, was not, or nothing applies."""
        files = sorted((PHANTOMS / phantom).glob("*.dcm"))
        images = [source_image_of(dcmread(one, stop_before_pixels=True)) for one in files]
        found, other = (HAEMORRHAGE, FRACTURE) if len(images) > 4 else (FRACTURE, HAEMORRHAGE)
        outcome: Outcome = NotFlagged(probability=0.02)
        if finding:
            middle = len(images) // 2
            outcome = flagged([region_on(images[middle], lesion=1)], probability)
        if not applies:
            outcome = NotApplicable(reason="it is another part of the body")
        seen = [] if not applies else [one.reference.sop_instance_uid for one in images]
        assert self.worklist.begin_assessment(uid, number, now=self.now) is not None
        self._record(uid, number, found, outcome, seen)
        self._record(uid, number, other, NotApplicable(reason="it is another part"), [])
        self.worklist.finish_assessment(uid, number, now=self.now)

    def _record(
        self,
        uid: StudyInstanceUID,
        number: int,
        detector: DetectorIdentity,
        outcome: Outcome,
        seen: Sequence[SOPInstanceUID],
    ) -> None:
        provenance = Provenance(
            detector=detector,
            instances=tuple((one, "0" * 64) for one in sorted(seen)),
            not_eligible=(),
            software_version="0.1.0",
            started_at=self.now,
            finished_at=self.now,
        )
        self.worklist.record_outcome(uid, number, outcome, provenance, now=self.now)

    def reassess(self, phantom: str, uid: StudyInstanceUID, **said: object) -> None:
        """One more image came, and all was looked at again."""
        self.queue_again(phantom, uid)
        self.assess(phantom, uid, 2, **said)  # type: ignore[arg-type]

    def queue_again(self, phantom: str, uid: StudyInstanceUID) -> None:
        """One more image came, and all is to be looked at again."""
        again = self._filed(min((PHANTOMS / phantom).glob("*.dcm")))
        more = replace(
            again,
            sop_instance_uid=SOPInstanceUID(f"{again.sop_instance_uid}.1"),
            archive_path=f"{uid}/more.dcm",
        )
        self.worklist.record_arrivals([more], now=self.now)
        self.worklist.complete_study(uid, completeness=Completeness.COMPLETE, now=self.now)

    def make(self) -> None:
        """Make what is due."""
        self.maker.make_due(lambda: False)

    def send(self, name: str = "PACS") -> None:
        """Send what is due."""
        while self.senders[name].send_due():
            pass

    def views(self, **asked: object) -> Sequence[DeliveryView]:
        """Deliveries, the first made first."""
        page = self.deliveries.page(Asked(**asked), limit=200)  # type: ignore[arg-type]
        return page.deliveries[::-1]

    def states(self, name: str = "PACS") -> list[tuple[str, str]]:
        """Kind and state of everything for a destination, the first made first."""
        return [(str(one.kind), str(one.delivery.state)) for one in self.views(destination=name)]

    def events(self, *kinds: str) -> list[sa.Row[tuple[object, ...]]]:
        """Those of these kinds, oldest first."""
        with self.engine.connect() as connection:
            rows = connection.execute(sa.text("SELECT * FROM event ORDER BY event_id")).all()
        return [row for row in rows if row.kind in kinds]

    def run(self, name: str, stop: threading.Event, may_send: threading.Event) -> threading.Thread:
        """A sender at work in a thread of its own."""
        thread = threading.Thread(target=self.senders[name].run, args=(stop, may_send), daemon=True)
        thread.start()
        return thread


def _utc(at: datetime) -> tzinfo:
    return UTC


def destination(name: str) -> DimseDestination:
    """A destination that only a fake peer answers for."""
    return DimseDestination(name=name, host="127.0.0.1", port=1, called_ae_title="PEER")


def view(name: str) -> DestinationView:
    """It as it is set."""
    return DestinationView(
        name=name,
        kind="dimse",
        address="PEER at 127.0.0.1:1",
        objects=(ObjectKind.REPORT,),
        worth=Worth.EVALUATED,
        counts={},
    )
