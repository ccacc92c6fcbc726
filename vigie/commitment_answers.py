"""What peers are answered that ask whether we keep their objects (PS3.4 annex J).

The listener keeps requests as files; here each is looked up: an object is kept if it lies in the
archive under its UID, of the SOP class that was named, with the bytes that were received; or in the
inbox, whole and not yet filed. The answer is put where the association that asked finds it. When
that is closed, it is told on an association of our own, again and again until the peer takes it
(`vigie.commitment_telling`).

Files are read through to compare their bytes, each once a request. Peers take turns at that: what
one asks, however much, holds up no other for longer than a turn.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from dicom_listener.association_evidence import open_associations
from dicom_listener.attributes import WANTED, identity
from dicom_listener.commitments import CommitmentFolders, peer_of
from dicom_listener.durable import only_one
from dicom_listener.errors import UnreadableObject
from dicom_listener.inbox import Inbox, ReceivedName
from dicom_listener.received_object import data_set_digest, open_received
from results.sending.commitment import decoded_request, encoded_answer
from results.sending.destination import DimseDestination
from vigie.commitment_telling import CommitmentTelling, Report
from worklist.archived import ArchivedObject
from worklist.commitment import (
    CommitmentAnswer,
    CommitmentMessage,
    FailureReason,
    NotCommitted,
    ObjectReference,
    PreparedAnswer,
)
from worklist.errors import StoreUnavailable
from worklist.uid import SOPInstanceUID, TransactionUID

_POLL_S = 0.5
_TIME_TO_FILE = timedelta(seconds=30)  # then what still lies in the inbox is looked at there
_LEFT_TO_ASSOCIATION = timedelta(seconds=30)  # that asked, while it is open
_LAST_WAIT_S = 3.0  # for who is being told, when asked to stop
_MOST_AT_ONCE = 5000  # objects in one question to the database
_TURN_BYTES = 256 * 1024**2  # read for one peer before the next one's turn

Find = Callable[[Sequence[SOPInstanceUID]], Mapping[SOPInstanceUID, ArchivedObject]]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class CommitmentSettings:
    """What answering needs to know."""

    data: Path  # the node's folder
    ae_title: str
    peers: Mapping[str, DimseDestination]  # where those that ask listen, by AE title
    limit: timedelta  # for how long a peer is told again


class CommitmentAnswers:
    """Answers the requests of one node.

    Parameters
    ----------
    find
        Looks objects up in the archive; may raise `StoreUnavailable`.
    report
        Tells an answer on an association of our own; raises `DestinationUnavailable`.
    """

    def __init__(
        self,
        settings: CommitmentSettings,
        *,
        find: Find,
        report: Report,
        clock: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._find = find
        self._clock = clock
        self._telling = CommitmentTelling(report, self._prepared)
        self._folders = CommitmentFolders(settings.data)
        self._inbox = Inbox(settings.data / "inbox")
        self._unknown: set[str] = set()  # AE titles without an address, said once
        self._ready: dict[str, _Ready] = {}
        self._begun: dict[str, _Begun] = {}
        self._read_bytes: Counter[str] = Counter()  # in this turn, by peer

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; one process a node, others wait."""
        with only_one(self._folders.asked.parent / "answers.lock", stop) as is_ours:
            while is_ours and not stop.is_set():
                try:
                    self.run_once(stop)
                except StoreUnavailable as error:
                    log.warning("storage commitment waits for the database", error=str(error))
                except Exception:  # the boundary of the thread: recorded, and tried again
                    log.exception("storage commitment failed for now")
                stop.wait(0 if self._begun else _POLL_S)
            self.finish(_LAST_WAIT_S)

    def run_once(self, stop: threading.Event | None = None) -> None:
        """Look at every request that is not answered, for one turn of each peer.

        Parameters
        ----------
        stop
            Ends the turn; what was not finished begins anew after a restart.

        Raises
        ------
        StoreUnavailable
            If the database does not answer.
        """
        self._note_told()
        names = sorted(path.name for path in self._folders.asked.glob("*.json"))
        known = set(names)
        self._ready = {name: one for name, one in self._ready.items() if name in known}
        self._begun = {name: one for name, one in self._begun.items() if name in known}
        self._read_bytes.clear()
        if not names:
            return
        due: dict[str, list[str]] = {}  # by AE title
        try:
            for name, title in self._to_tell(names, stop):
                due.setdefault(title, []).append(name)
        finally:  # what is ready needs no database
            if stop is None or not stop.is_set():
                self._tell_peers(due, self._clock())

    def _to_tell(
        self, names: Sequence[str], stop: threading.Event | None
    ) -> Iterator[tuple[str, str]]:
        """Requests whose answers are ready and not left to an association, with AE titles."""
        is_open = {one.association_id for one in open_associations(self._inbox)}
        for name in names:
            if stop is not None and stop.is_set():
                return
            try:
                ready = self._ready.get(name) or self._made_ready(name, stop)
            except StoreUnavailable:
                raise
            except Exception:  # the boundary of one request: recorded, and the next one answered
                log.exception("a request for storage commitment cannot be answered now", name=name)
                continue
            if ready is None:
                continue
            self._ready[name] = ready
            now = self._clock()
            if ready.association_id in is_open and now - ready.at < _LEFT_TO_ASSOCIATION:
                continue
            if now - ready.asked_at > self._settings.limit:
                self._give_up(name, ready.calling_ae_title)
                continue
            yield name, ready.calling_ae_title

    def finish(self, limit_s: float) -> None:
        """Wait for peers that are being told, no longer than this, and note what they said."""
        self._telling.finish(limit_s)
        self._note_told()

    def _made_ready(self, name: str, stop: threading.Event | None) -> "_Ready | None":
        """The request with its answer written; None if that is not possible yet, or never."""
        peer = peer_of(name)
        if self._read_bytes[peer] >= _TURN_BYTES:
            return None
        begun = self._begun.pop(name, None) or self._begin(name)
        if begun is None:
            return None
        for one in begun.unread():
            if self._read_bytes[peer] >= _TURN_BYTES or (stop is not None and stop.is_set()):
                self._begun[name] = begun
                return None
            begun.broken[one.sop_instance_uid], size = _why_broken(one)
            self._read_bytes[peer] += size
        asked = begun.asked
        answer = self._answer(begun)
        encoded = encoded_answer(answer, asked.transfer_syntax_uid)
        prepared = PreparedAnswer(answer=answer, data_set=encoded)
        self._folders.keep(self._folders.answers, name, prepared.as_json())
        return _Ready(
            calling_ae_title=asked.calling_ae_title,
            address=asked.address,
            association_id=asked.association_id,
            asked_at=asked.received_at,
            at=answer.heard_at,
        )

    def _begin(self, name: str) -> "_Begun | None":
        """The request and where its objects are; None if that cannot be said yet, or never."""
        path = self._folders.asked / name
        try:
            asked = CommitmentMessage.from_json(path.read_text(encoding="utf-8"))
            transaction_uid, references = decoded_request(asked)
        except FileNotFoundError:  # answered meanwhile
            return None
        except ValueError as error:
            log.error("a request for storage commitment is unreadable", name=name, why=str(error))
            path.rename(path.with_suffix(".unreadable"))
            return None
        uids = {one.sop_instance_uid for one in references}
        older = self._received_before(asked.received_at)  # listed first: they may be filed now
        filed = self._filed(uids)
        waiting: Mapping[SOPInstanceUID, str] = {}
        if older and len(filed) < len(uids):
            if self._clock() - asked.received_at < _TIME_TO_FILE:
                return None
            waiting = self._in_inbox(older)
            filed |= self._filed(uids - filed.keys())  # what was filed while we looked
        return _Begun(
            asked=asked,
            transaction_uid=transaction_uid,
            references=references,
            filed=filed,
            waiting=waiting,
        )

    def _filed(self, uids: Set[SOPInstanceUID]) -> dict[SOPInstanceUID, ArchivedObject]:
        ordered = sorted(uids)
        filed: dict[SOPInstanceUID, ArchivedObject] = {}
        for start in range(0, len(ordered), _MOST_AT_ONCE):
            filed |= self._find(ordered[start : start + _MOST_AT_ONCE])
        return filed

    def _answer(self, begun: "_Begun") -> CommitmentAnswer:
        pairs = [(one, begun.why_not(one)) for one in begun.references]
        return CommitmentAnswer(
            transaction_uid=begun.transaction_uid,
            committed=tuple(one for one, reason in pairs if reason is None),
            failed=tuple(
                NotCommitted(object=one, failure_reason=reason)
                for one, reason in pairs
                if reason is not None
            ),
            ae_title=self._settings.ae_title,
            heard_at=self._clock(),
        )

    def _received_before(self, moment: datetime) -> list[str]:
        parsed = [(name, ReceivedName.parse(name)) for name in self._inbox.pending()]
        return [name for name, one in parsed if one is None or one.received_at <= moment]

    def _in_inbox(self, names: Sequence[str]) -> dict[SOPInstanceUID, str]:
        """SOP class by SOP Instance UID of the objects that will be filed."""
        found = {}
        for name in names:
            try:
                who = identity(open_received(self._inbox.root / name, WANTED))
            except (OSError, UnreadableObject):  # filed meanwhile, or a case for quarantine
                continue
            found[who.sop_instance_uid] = who.sop_class_uid
        return found

    def _tell_peers(self, due: Mapping[str, Sequence[str]], now: datetime) -> None:
        """Begin to tell each AE title the answers to its requests."""
        for title, names in due.items():
            peer = self._settings.peers.get(title)
            if peer is None:
                self._say_unknown(title, self._ready[names[0]].address)
            elif self._telling.may_begin(title, now):
                self._telling.begin(title, peer, names)

    def _prepared(self, name: str) -> CommitmentAnswer | None:
        """The answer to a request; None if the association that asked was told it meanwhile."""
        try:
            text = (self._folders.answers / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        return PreparedAnswer.from_json(text).answer

    def _note_told(self) -> None:
        """Keep what came of telling."""
        for title, told in self._telling.told(self._clock()):
            if told.why_not:
                log.warning(
                    "storage commitment not told yet", calling_ae_title=title, why=told.why_not
                )
                continue
            self._ready.pop(told.name, None)
            if told.answer is None:
                continue
            self._folders.answered(told.name)
            log.info(
                "storage commitment told",
                calling_ae_title=title,
                transaction_uid=told.answer.transaction_uid,
                kept=len(told.answer.committed),
                not_kept=len(told.answer.failed),
            )

    def _give_up(self, name: str, title: str) -> None:
        log.error("a peer never took the answer of storage commitment", calling_ae_title=title)
        with suppress(FileNotFoundError):
            path = self._folders.asked / name
            path.rename(path.with_suffix(".unanswered"))
        (self._folders.answers / name).unlink(missing_ok=True)

    def _say_unknown(self, title: str, address: str) -> None:
        if title not in self._unknown:
            self._unknown.add(title)
            log.error(
                "a peer closed its association and waits for storage commitment: where it "
                "listens must be said in commitment_peers",
                calling_ae_title=title,
                address=address,
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ready:
    """A request whose answer lies in its file."""

    calling_ae_title: str
    address: str
    association_id: str
    asked_at: datetime
    at: datetime  # when the answer was made


@dataclass(kw_only=True, slots=True)
class _Begun:
    """A request whose objects are looked at."""

    asked: CommitmentMessage
    transaction_uid: TransactionUID
    references: Sequence[ObjectReference]
    filed: Mapping[SOPInstanceUID, ArchivedObject]
    waiting: Mapping[SOPInstanceUID, str]  # SOP class of those in the inbox
    broken: dict[SOPInstanceUID, FailureReason | None] = field(default_factory=dict)

    def unread(self) -> Iterator[ArchivedObject]:
        """Those in the archive whose bytes were not compared yet."""
        for one in self.references:
            there = self.filed.get(one.sop_instance_uid)
            if there is not None and there.sop_instance_uid not in self.broken:
                yield there

    def why_not(self, one: ObjectReference) -> FailureReason | None:
        """Why an object is not kept; None if it is."""
        there = self.filed.get(one.sop_instance_uid)
        waiting = self.waiting.get(one.sop_instance_uid)
        sop_class_uid = waiting if there is None else there.sop_class_uid
        if sop_class_uid is None:
            return FailureReason.NO_SUCH_OBJECT
        if sop_class_uid != one.sop_class_uid:
            return FailureReason.CLASS_INSTANCE_CONFLICT
        return self.broken.get(one.sop_instance_uid)


def _why_broken(there: ArchivedObject) -> tuple[FailureReason | None, int]:
    """Why an archived file is not what was received, if so, and how many bytes were read."""
    size = 0
    try:
        digest = data_set_digest(there.path)
        if digest.sha256 == there.sha256:
            return None, digest.size_bytes
        size, error = digest.size_bytes, "its bytes are not those that were received"
    except FileNotFoundError:
        log.error("an archived object is missing", path=str(there.path))
        return FailureReason.NO_SUCH_OBJECT, size
    except OSError as failure:
        error = str(failure)
    log.error("an archived object cannot be vouched for", path=str(there.path), error=error)
    return FailureReason.PROCESSING_FAILURE, size
