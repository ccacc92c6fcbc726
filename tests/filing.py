"""An indexer for tests: with a store that remembers, a clock, and something that receives."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dicom_listener.command import C_STORE_RQ, Command
from dicom_listener.handlers import StoreHandler
from dicom_listener.inbox import Inbox, Origin
from dicom_listener.indexer import Indexer, IndexerSettings
from dicom_listener.settings import ListenerSettings
from worklist.errors import RefusedByStore, StoreUnavailable
from worklist.study import (
    ArrivalResult,
    Completeness,
    InstanceArrival,
    QuarantinedObject,
    StudyArrival,
)
from worklist.uid import SOPInstanceUID, StudyInstanceUID

T0 = datetime(2026, 1, 5, 2, 31, tzinfo=UTC)


class FakeStore:
    """Remembers; can be down, and can choke on one object."""

    def __init__(self) -> None:
        self.instances: dict[SOPInstanceUID, InstanceArrival] = {}
        self.conflicts: list[InstanceArrival] = []
        self.quarantined: list[QuarantinedObject] = []
        self.completed: list[tuple[StudyInstanceUID, Completeness, datetime]] = []
        self.is_down = False
        self.poison: SOPInstanceUID | None = None
        self.on_poison: Exception = RefusedByStore("a value the database refuses")

    def existing_digests(
        self, uids: Sequence[SOPInstanceUID]
    ) -> dict[SOPInstanceUID, tuple[str, str]]:
        self._check()
        known = {uid: self.instances[uid] for uid in uids if uid in self.instances}
        return {uid: (one.sha256, one.transfer_syntax_uid) for uid, one in known.items()}

    def record_arrivals(
        self, arrivals: Sequence[InstanceArrival], *, now: datetime
    ) -> list[ArrivalResult]:
        self._check()
        if any(one.sop_instance_uid == self.poison for one in arrivals):
            raise self.on_poison
        results = []
        for one in arrivals:
            first = self.instances.setdefault(one.sop_instance_uid, one)
            if first is one:
                results.append(ArrivalResult.FILED)
            elif first.sha256 == one.sha256:
                results.append(ArrivalResult.ALREADY_FILED)
            else:
                self.conflicts.append(one)
                results.append(ArrivalResult.CONFLICT)
        return results

    def record_quarantined(
        self, quarantined: Sequence[QuarantinedObject], *, now: datetime
    ) -> None:
        self._check()
        self.quarantined += quarantined

    def studies_arriving(self) -> list[StudyArrival]:
        self._check()
        done = {uid for uid, _, _ in self.completed}
        studies: dict[StudyInstanceUID, list[InstanceArrival]] = {}
        for one in self.instances.values():
            studies.setdefault(one.study.study_instance_uid, []).append(one)
        return [
            StudyArrival(
                study_instance_uid=uid,
                first_received_at=min(one.received_at for one in ones),
                last_received_at=max(one.received_at for one in ones),
                reopened_at=None,
                instance_count=len(ones),
                expected_instance_count=None,
                senders=frozenset((one.calling_ae_title, one.sender_address) for one in ones),
                association_ids=frozenset(one.association_id for one in ones),
            )
            for uid, ones in studies.items()
            if uid not in done
        ]

    def complete_study(
        self, uid: StudyInstanceUID, *, completeness: Completeness, now: datetime
    ) -> None:
        self._check()
        self.completed.append((uid, completeness, now))

    def _check(self) -> None:
        if self.is_down:
            raise StoreUnavailable("down")


class Node:
    """A data folder with an indexer, a store, a clock and something that receives."""

    def __init__(self, data: Path, *, batch_size: int = 200) -> None:
        self.data = data
        self.now = T0
        self.store = FakeStore()
        self.settings = IndexerSettings(data=data, batch_size=batch_size)
        self.indexer = Indexer(self.settings, self.store, lambda: self.now)
        listener = ListenerSettings(data=data, disk_reserve_bytes=0)
        self.origin = Origin(
            association_id="0123456789abcdef-000001",
            calling_ae_title="CT01",
            called_ae_title="VIGIE",
            address="10.0.0.7",
        )
        self._handler = StoreHandler(
            inbox=Inbox(listener.inbox),
            settings=listener,
            origin=self.origin,
            clock_ns=lambda: int(self.now.timestamp() * 10**9),
        )

    def receive(self, uid: str, *, study: str = "1.2.1", more: bytes = b"") -> None:
        content = (
            element(0x00080018, b"UI", uid.encode())
            + element(0x0020000D, b"UI", study.encode())
            + element(0x0020000E, b"UI", study.encode() + b".1")
            + more
        )
        self.receive_bytes(content, uid.encode())

    def receive_bytes(self, content: bytes, uid: bytes) -> None:
        command = Command(
            field=C_STORE_RQ,
            message_id=1,
            has_data_set=True,
            sop_class_uid=b"1.2.840.10008.5.1.4.1.1.2",
            sop_instance_uid=uid,
        )
        reception = self._handler.begin(command, "1.2.840.10008.1.2.1")
        reception.write(memoryview(content))
        assert self._handler.finish(reception).status == 0

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.indexer.run_once()

    def archived(self) -> list[str]:
        root = self.data / "archive"
        return sorted(path.relative_to(root).as_posix() for path in root.rglob("*.dcm"))


def raising(error: Exception) -> Callable[..., None]:
    """A function that always fails."""

    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    value += b"\0" * (len(value) % 2)
    head = (tag >> 16).to_bytes(2, "little") + (tag & 0xFFFF).to_bytes(2, "little")
    return head + vr + len(value).to_bytes(2, "little") + value
