"""The indexer: files what the inbox holds, and says when studies are complete.

It is the only reader of the inbox. Receiving never waits for it: with the database down it waits
and goes on where it was, and nothing is lost, because an object leaves the inbox only after it
is durable in the archive and recorded.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from dicom_listener.archive import Archive, Content
from dicom_listener.association_evidence import open_associations
from dicom_listener.attributes import WANTED, Identity, identity, instance_arrival
from dicom_listener.completion import (
    Complete,
    CompletionSettings,
    Incomplete,
    Waiting,
    decide,
)
from dicom_listener.durable import only_one
from dicom_listener.errors import UnreadableObject
from dicom_listener.inbox import Inbox, ReceivedName
from dicom_listener.ports import ArrivalStore
from dicom_listener.quarantine import Quarantine
from dicom_listener.received_object import (
    Digest,
    ReceivedObject,
    data_set_digest,
    open_received,
)
from worklist.errors import RefusedByStore, StoreUnavailable
from worklist.study import (
    ArrivalResult,
    Completeness,
    InstanceArrival,
    QuarantinedObject,
    StudyArrival,
)

log = structlog.get_logger(__name__)

_BATCHES_BETWEEN_CHECKS = 20  # of completion, while a backlog is worked off
_RETRY_AFTER = timedelta(seconds=10)  # an object that a disk error keeps in the inbox
_LONGEST_UNCHECKED = timedelta(seconds=5)  # studies may also come another way

Clock = Callable[[], datetime]


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexerSettings:
    """What the indexer needs to know."""

    data: Path  # the node's folder
    batch_size: int = 200  # objects filed in one transaction
    poll_s: float = 0.2  # how often the inbox is looked at
    longest_pause_s: float = 10.0  # between two attempts while the database is down
    completion: CompletionSettings = field(default_factory=CompletionSettings)

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError("batch_size: must be at least 1")
        if not 0 < self.poll_s <= self.longest_pause_s:
            raise ValueError("poll_s: must be above 0 and at most longest_pause_s")


@dataclass(frozen=True, slots=True)
class Filed:
    """What one batch came to."""

    results: tuple[ArrivalResult, ...] = ()
    quarantined: int = 0
    failed: tuple[str, ...] = ()  # names left in the inbox, to be tried again

    def __add__(self, other: "Filed") -> "Filed":
        return Filed(
            self.results + other.results,
            self.quarantined + other.quarantined,
            self.failed + other.failed,
        )

    @property
    def changed_something(self) -> bool:
        """Whether any object left the inbox."""
        return bool(self.results) or self.quarantined > 0


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def run(
    settings: IndexerSettings,
    store: ArrivalStore,
    stop: threading.Event,
    clock: Clock = utc_now,
) -> None:
    """File and complete until `stop` is set; one process an inbox, a second one waits.

    Raises
    ------
    OSError
        If the folders cannot be used at all.
    """
    indexer = Indexer(settings, store, clock)
    with only_one(indexer.inbox.root / "indexer.lock", stop) as is_ours:
        if is_ours:
            indexer.run(stop)


class Indexer:
    """Files the inbox of one node."""

    def __init__(self, settings: IndexerSettings, store: ArrivalStore, clock: Clock) -> None:
        self.inbox = Inbox(settings.data / "inbox")
        self.archive = Archive(settings.data / "archive")
        self.quarantine = Quarantine(settings.data / "quarantine")
        self._settings = settings
        self._store = store
        self._clock = clock
        self._next_check_at: datetime | None = None  # None: check at the next opportunity
        self._open_before: frozenset[tuple[str, str]] = frozenset()
        self._retry_at: dict[str, datetime] = {}

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set."""
        pause_s = self._settings.poll_s
        while not stop.is_set():
            try:
                self.run_once(stop)
                pause_s = self._settings.poll_s
            except StoreUnavailable as error:
                log.error(
                    "objects wait in the inbox for the database",
                    error=str(error),
                    next_attempt_in_s=pause_s,
                )
                pause_s = min(2 * pause_s, self._settings.longest_pause_s)
            stop.wait(pause_s)

    def run_once(self, stop: threading.Event | None = None) -> None:
        """File what lies in the inbox, and complete what is complete.

        Raises
        ------
        StoreUnavailable
            If the database does not answer.
        """
        # The order is the proof: an association no longer open here has all its objects in the
        # listing below, and whatever was received before `now` is filed when `decide` asks.
        senders = frozenset(a.sender for a in open_associations(self.inbox))
        now = self._clock()
        names = self._due_names(now)
        for number, start in enumerate(range(0, len(names), self._settings.batch_size), start=1):
            if stop is not None and stop.is_set():
                return
            batch = names[start : start + self._settings.batch_size]
            filed = self._file_or_quarantine(batch)
            self._retry_at |= dict.fromkeys(filed.failed, now + _RETRY_AFTER)
            if filed.changed_something:
                self._next_check_at = None
            if number % _BATCHES_BETWEEN_CHECKS == 0:
                self._complete_during_backlog(batch[-1])
        if senders != self._open_before or self._is_due(now):
            self._complete(lambda _: senders, now)
            self._open_before = senders

    def _due_names(self, now: datetime) -> list[str]:
        """The names to file now: all, but those that failed a moment ago."""
        self._retry_at = {name: at for name, at in self._retry_at.items() if at > now}
        return [name for name in self.inbox.pending() if name not in self._retry_at]

    def _file_or_quarantine(self, names: Sequence[str]) -> Filed:
        """File a batch; an object that the store cannot take must not stop the others.

        Only what the store refuses for its data goes into quarantine; what fails otherwise
        stays in the inbox, to be tried again.
        """
        try:
            return self.file_pending(names)
        except StoreUnavailable:
            raise
        except OSError as error:  # of the archive's disk; the objects are safe in the inbox
            log.error("a batch cannot be filed for now", first=names[0], error=str(error))
            return Filed(failed=tuple(names))
        except Exception as error:  # noqa: BLE001 - the boundary to the store: recorded below
            if len(names) > 1:
                middle = len(names) // 2
                first, second = names[:middle], names[middle:]
                return self._file_or_quarantine(first) + self._file_or_quarantine(second)
            if isinstance(error, RefusedByStore):
                return self._quarantine(names[0], str(error))
            # Only the kind of error: its text may hold the patient's name.
            kind = f"{type(error).__module__}.{type(error).__name__}"
            log.error(
                "an object cannot be filed, and will be tried again", name=names[0], kind=kind
            )
            return Filed(failed=(names[0],))

    def _quarantine(self, name: str, reason: str) -> Filed:
        log.error("object put into quarantine", name=name, reason=reason)
        path, received_at = self.inbox.root / name, self._received_at(name)
        try:
            placed = self.quarantine.place(path, reason=reason, received_at=received_at)
            self._store.record_quarantined([placed], now=self._clock())
        except (OSError, RefusedByStore) as error:
            log.error("it cannot be put into quarantine for now", name=name, error=str(error))
            return Filed(failed=(name,))
        path.unlink(missing_ok=True)
        return Filed(quarantined=1)

    def file_pending(self, names: Sequence[str]) -> Filed:
        """File one batch of inbox files.

        Parameters
        ----------
        names : sequence of str
            As `Inbox.pending` returns them.

        Raises
        ------
        StoreUnavailable
            If the database does not answer; every object is still in the inbox.
        """
        batch = _Batch()
        for name in names:
            self._examine(name, batch)
        arrivals = self._place(batch)
        self.archive.sync()
        now = self._clock()
        results = self._store.record_arrivals(arrivals, now=now) if arrivals else []
        if batch.quarantined:
            self._store.record_quarantined(batch.quarantined, now=now)
        for name in batch.done:
            (self.inbox.root / name).unlink(missing_ok=True)
        for arrival, result in zip(arrivals, results, strict=True):
            if result is ArrivalResult.CONFLICT:
                log.warning(
                    "two objects share a SOP Instance UID; both are kept",
                    sop_instance_uid=arrival.sop_instance_uid,
                    archive_path=arrival.archive_path,
                )
        return Filed(tuple(results), len(batch.quarantined), tuple(batch.failed))

    def _examine(self, name: str, batch: "_Batch") -> None:
        path = self.inbox.root / name
        try:
            try:
                received = open_received(path, WANTED)
                who = identity(received)
                batch.objects.append(_Object(name, received, who, data_set_digest(path)))
            except UnreadableObject as error:
                log.warning("object put into quarantine", name=name, reason=str(error))
                batch.quarantined.append(
                    self.quarantine.place(
                        path, reason=str(error), received_at=self._received_at(name)
                    )
                )
                batch.done.append(name)
        except FileNotFoundError:
            return  # filed before, by a run that was cut after its last step
        except OSError as error:
            log.error("an object cannot be filed for now", name=name, error=str(error))
            batch.failed.append(name)

    def _place(self, batch: "_Batch") -> list[InstanceArrival]:
        """Link a batch's objects into the archive."""
        uids = [item.who.sop_instance_uid for item in batch.objects]
        first = {
            uid: Content(sha256, transfer_syntax_uid)
            for uid, (sha256, transfer_syntax_uid) in (
                self._store.existing_digests(uids).items() if uids else ()
            )
        }
        arrivals = []
        for item in batch.objects:
            content = item.content
            known = first.setdefault(item.who.sop_instance_uid, content)
            try:
                path = self.archive.place(self.inbox.root / item.name, item.who, content, known)
            except OSError as error:
                log.error("an object cannot be filed for now", name=item.name, error=str(error))
                batch.failed.append(item.name)
                continue
            arrivals.append(self._arrival(item, path))
            batch.done.append(item.name)
        return arrivals

    def _arrival(self, item: "_Object", archive_path: str) -> InstanceArrival:
        name = ReceivedName.parse(item.name)
        return instance_arrival(
            item.received,
            item.who,
            item.digest,
            archive_path=archive_path,
            received_at=self._received_at(item.name),
            association_id=name.association_id if name else "",
        )

    def _received_at(self, name: str) -> datetime:
        parsed = ReceivedName.parse(name)
        if parsed is not None:
            return parsed.received_at
        return datetime.fromtimestamp((self.inbox.root / name).stat().st_mtime, UTC)

    def _is_due(self, now: datetime) -> bool:
        return self._next_check_at is None or now >= self._next_check_at

    def _complete_during_backlog(self, last_name: str) -> None:
        """Complete what is surely whole while younger objects still wait in the inbox.

        Everything received before the object just filed is filed too, so its time of reception
        is the time to decide at. What the senders did since lies in the backlog: they count as
        sending.
        """
        last = ReceivedName.parse(last_name)
        if last is not None:
            self._complete(lambda study: study.senders, last.received_at)
            self._next_check_at = None

    def _complete(
        self, open_senders: Callable[[StudyArrival], frozenset[tuple[str, str]]], now: datetime
    ) -> None:
        due = []
        for study in self._store.studies_arriving():
            match decide(study, open_senders(study), self._settings.completion, now):
                case Complete(reason):
                    self._hand_on(study, Completeness.COMPLETE, reason)
                case Incomplete(reason):
                    self._hand_on(study, Completeness.INCOMPLETE, reason)
                case Waiting(until):
                    due.append(until)
        self._next_check_at = min([*due, now + _LONGEST_UNCHECKED])

    def _hand_on(self, study: StudyArrival, completeness: Completeness, reason: str) -> None:
        uid = study.study_instance_uid
        try:
            self._store.complete_study(uid, completeness=completeness, now=self._clock())
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - the boundary to the store: recorded
            kind = f"{type(error).__module__}.{type(error).__name__}"
            log.error("a study could not be handed on", study_instance_uid=uid, error=kind)
            return
        log.info(
            "study handed on", study_instance_uid=uid, completeness=completeness, reason=reason
        )


@dataclass(frozen=True, slots=True)
class _Object:
    name: str  # in the inbox
    received: ReceivedObject
    who: Identity
    digest: Digest

    @property
    def content(self) -> Content:
        return Content(self.digest.sha256, self.received.transfer_syntax_uid)


@dataclass(slots=True)
class _Batch:
    objects: list[_Object] = field(default_factory=list)
    quarantined: list[QuarantinedObject] = field(default_factory=list)
    done: list[str] = field(default_factory=list)  # may leave the inbox once recorded
    failed: list[str] = field(default_factory=list)
