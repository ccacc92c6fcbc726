"""The HL7 interface, put together: messages of the RIS to the worklist, and results to the RIS."""

import hashlib
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
import structlog

from results.hl7.answers import Answer, read_answer
from results.hl7.building import acknowledgement
from results.hl7.client import Link, Receiver, connected
from results.hl7.errors import ERROR, REJECT, BadMessage, NoAnswer
from results.hl7.inbound import Site, statements
from results.hl7.message import Envelope, envelope, parse
from results.hl7.outbound import Recipient, written
from results.hl7.server import ServerSettings
from vigie.settings import Settings
from vigie.wiring import site_zone
from worklist.errors import MissingReason, RefusedByStore, StoreUnavailable
from worklist.exchange_views import LoggedMessage, MessageToSend, NoDeadLetter
from worklist.identity import AnotherPatient
from worklist.orders import MessageHeader, MessageState, Order, Report, Statement
from worklist.service import Worklist
from worklist.store.message_log import PostgresMessageLog
from worklist.store.messages import PostgresMessages, Told
from worklist.study import RequestedPriority

log = structlog.get_logger(__name__)

_REPLACED = "bytes that are none of its character set were replaced; see hl7_character_set"
_LONGEST_PAUSE_S = 300.0  # between attempts at one message
_LONGEST_AWAY_S = 60.0  # between attempts to connect


def fault(error: Exception) -> dict[str, object]:
    """What failed and where, for the log: never its words, which may name a patient."""
    frames = traceback.extract_tb(error.__traceback__)
    where = [f"{Path(one.filename).name}:{one.lineno} in {one.name}" for one in frames]
    return {"error": type(error).__name__, "where": where[-8:]}


def site_of(settings: Settings) -> Site:
    """How the site's RIS writes its messages."""
    return Site(
        application=settings.hl7_application,
        facility=settings.hl7_facility,
        assumed_character_set=settings.hl7_character_set,
        accession_fields=settings.hl7_accession_fields,
        patient_id_issuers=frozenset(settings.hl7_patient_id_issuers),
        priorities={
            code.strip().upper(): RequestedPriority(meant.strip())
            for code, _, meant in (one.partition("=") for one in settings.hl7_priorities)
        },
        processing_id=settings.hl7_processing_id,
        report_senders=frozenset(settings.hl7_report_senders),
        zone=site_zone(settings.hl7_timezone or settings.timezone),
    )


def server_settings(settings: Settings) -> ServerSettings:
    """The server's part of the settings."""
    return ServerSettings(
        host=settings.hl7_host,
        port=settings.hl7_port or 0,
        allowed_addresses=settings.hl7_allowed_addresses,
        longest_message=settings.hl7_max_message_bytes,
        most_connections=settings.hl7_max_connections,
        idle_timeout_s=settings.hl7_idle_timeout_s,
        message_timeout_s=settings.hl7_message_timeout_s,
        tls_certificate=settings.hl7_tls_certificate,
        tls_key=settings.hl7_tls_key,
        tls_client_ca=settings.hl7_tls_client_ca,
    )


def receiver_of(settings: Settings) -> Receiver | None:
    """Where messages go; None: nowhere."""
    if settings.hl7_peer is None:
        return None
    host, _, port = settings.hl7_peer.rpartition(":")
    return Receiver(
        host=host.strip("[]"),
        port=int(port),
        answer_timeout_s=settings.hl7_message_timeout_s,
        tls=settings.hl7_peer_tls,
        ca=settings.hl7_peer_ca,
        certificate=settings.hl7_peer_certificate,
        key=settings.hl7_peer_key,
    )


def recipient_of(settings: Settings) -> Recipient:
    """Whom messages are for."""
    return Recipient(
        application=settings.hl7_peer_application,
        facility=settings.hl7_peer_facility,
        priority_message="OMI" if settings.hl7_priority_message == "OMI" else "ORM",
    )


class Inbound:
    """Answers messages: AA when what they say is durable, AE or AR with a sentence, or nothing."""

    def __init__(self, worklist: Worklist, site: Site, now: Callable[[], datetime]) -> None:
        self._worklist = worklist
        self._site = site
        self._now = now

    def handle(self, raw: bytes, *, same_patient: bool = False) -> bytes | None:
        """The acknowledgement of a message.

        Parameters
        ----------
        same_patient
            A person says that its patient is that of the studies, although he is called otherwise.

        Returns
        -------
        bytes or None
            None while the database is away: the connection is closed without an answer, and the
            sender sends again.
        """
        said = envelope(raw, self._site.assumed_character_set)
        try:
            return self._taken(said, raw, same_patient=same_patient)
        except BadMessage as problem:
            return self._refused(said, raw, problem)
        except StoreUnavailable as error:
            log.warning("hl7_not_answered", control_id=said.control_id, reason=str(error))
            return None
        except Exception as error:  # noqa: BLE001  (the boundary of one message: a dead letter)
            log.error("hl7_message_failed", control_id=said.control_id, **fault(error))
            failed = BadMessage("the message cannot be processed here", error_code=207)
            return self._refused(said, raw, failed)

    def cut(self, beginning: bytes, reason: str) -> bytes | None:
        """The answer to a message of which only the beginning is known."""
        said = envelope(beginning, self._site.assumed_character_set)
        problem = BadMessage(reason, error_code=102, code=REJECT)
        return self._refused(said, beginning, problem, is_whole=False)

    def _taken(self, said: Envelope, raw: bytes, *, same_patient: bool) -> bytes:
        now = self._now()
        message = parse(raw, self._site.assumed_character_set)
        found = statements(message, said, self._site, now)
        try:
            kept = self._worklist.receive(
                _header(said, raw, found),
                found,
                same_patient=same_patient,
                remark="" if message.is_exact else _REPLACED,
                now=now,
            )
        except RefusedByStore as error:
            raise BadMessage(str(error), error_code=207) from error
        except AnotherPatient as error:
            raise BadMessage(str(error), error_code=204, location="PID^1^5") from error
        log.info("hl7_received", type=said.message_type, control_id=said.control_id)
        return acknowledgement(said, self._site, code=kept.code, now=now)

    def _refused(
        self, said: Envelope, raw: bytes, problem: BadMessage, *, is_whole: bool = True
    ) -> bytes | None:
        now = self._now()
        try:
            self._worklist.refuse(
                _header(said, raw, ()),
                code=problem.code,
                error=str(problem),
                raw=raw,
                is_whole=is_whole,
                now=now,
            )
        except StoreUnavailable as error:
            log.warning("hl7_not_answered", control_id=said.control_id, reason=str(error))
            return None
        log.warning(
            "hl7_refused", type=said.message_type, control_id=said.control_id, reason=str(problem)
        )
        return acknowledgement(said, self._site, code=problem.code, now=now, problem=problem)


def _header(said: Envelope, raw: bytes, found: Sequence[Statement]) -> MessageHeader:
    numbers = [one.accession_number for one in found if isinstance(one, Order | Report)]
    return MessageHeader(
        sender=said.sender,
        control_id=said.control_id,
        message_type=said.message_type,
        sha256=hashlib.sha256(raw).hexdigest(),
        accession_number=numbers[0] if numbers else "",
    )


class Outbound:
    """Sends what is due, each message until it is acknowledged or given up."""

    def __init__(
        self,
        messages: PostgresMessages,
        settings: Settings,
        now: Callable[[], datetime],
    ) -> None:
        self._messages = messages
        self._site = site_of(settings)
        self._recipient = recipient_of(settings)
        self._receiver = receiver_of(settings)
        self._attempts = settings.hl7_attempts
        self._told = Told(
            observations=settings.hl7_observations, priorities=settings.hl7_priority_changes
        )
        self._now = now
        self._tries = 0  # to connect, since it worked

    def flush(self, is_over: Callable[[], bool]) -> None:
        """Queue what is due and send what is queued, once.

        Parameters
        ----------
        is_over
            Whether somebody else sends from now on, or nobody.
        """
        while not is_over() and self._messages.queue_due(self._told, self._now()):
            pass
        due = self._messages.due(self._now())
        if self._receiver is None or not due:
            return
        with ExitStack() as stack:
            try:
                link = stack.enter_context(connected(self._receiver))
            except NoAnswer as error:
                self._away(due, str(error))
                return
            self._tries = 0
            for number in due:
                if is_over() or not self._settled(link, number):
                    return

    def _settled(self, link: Link, number: int) -> bool:
        """Send one message as it is true now; False: the connection is of no use any more."""
        try:
            message = self._messages.renewed(number, self._now())
            if message is None:
                return True
            raw = written(message, self._site, self._recipient, self._now())
        except (StoreUnavailable, RefusedByStore):
            raise
        except Exception as error:  # noqa: BLE001  (the boundary of one message: a dead letter)
            log.error("hl7_message_failed", message=f"out-{number}", **fault(error))
            told = f"it cannot be told: {type(error).__name__}"
            self._messages.unwritable(number, told, self._now())
            return True
        return self._sent(link, message, raw)

    def _away(self, due: Sequence[int], error: str) -> None:
        """Nobody is there: everything waits, for as long as it takes, and counts no attempt."""
        pause = timedelta(seconds=min(2.0 ** min(self._tries, 20), _LONGEST_AWAY_S))
        self._tries += 1
        log.warning("hl7_peer_away", waiting=len(due), reason=error)
        self._messages.put_off(due, error, self._now() + pause)

    def _sent(self, link: Link, message: MessageToSend, raw: bytes) -> bool:
        """Send one message; False: the connection is of no use any more."""
        try:
            bytes_back = link.ask(raw)
        except NoAnswer as error:
            self._put_off(message, raw, str(error))
            return False
        answer = read_answer(bytes_back, self._site.assumed_character_set)
        if answer.control_id != message.control_id:
            self._put_off(message, raw, "the answer was to another message")
            return False
        if answer.is_accepted:
            self._messages.delivered(message, answer.code, self._now())
            log.info("hl7_sent", control_id=message.control_id, kind=message.kind)
        else:
            self._nacked(message, answer, raw, bytes_back)
        return True

    def _nacked(
        self, message: MessageToSend, answer: Answer, raw: bytes, bytes_back: bytes
    ) -> None:
        """An error is in the message and stays there; a rejection may be of the moment."""
        error = f"the receiver answered {answer.code}"
        error += f" with error {answer.error_code}" if answer.error_code else ""
        is_last = message.attempts + 1 >= self._attempts
        if answer.code in (ERROR, "CE") or is_last:
            log.warning("hl7_parked", control_id=message.control_id, reason=error)
            self._messages.parked(
                message, error, code=answer.code, raw=raw, answer=bytes_back, now=self._now()
            )
            return
        self._put_off(message, raw, error, code=answer.code)

    def _put_off(self, message: MessageToSend, raw: bytes, error: str, code: str = "") -> None:
        now = self._now()
        log.warning("hl7_not_sent", control_id=message.control_id, reason=error)
        if message.attempts + 1 >= self._attempts:
            self._messages.parked(message, error, code=code, raw=raw, answer=None, now=now)
            return
        pause = timedelta(seconds=min(2.0 ** min(message.attempts, 20), _LONGEST_PAUSE_S))
        self._messages.failed(message, error, code=code, next_try_at=now + pause, now=now)


class MessageDesk:
    """The log of messages, and dead letters sent or read again by a person."""

    def __init__(
        self,
        engine: sa.Engine,
        worklist: Worklist,
        settings: Settings,
        now: Callable[[], datetime],
    ) -> None:
        self._log = PostgresMessageLog(engine)
        self._inbound = Inbound(worklist, site_of(settings), now)
        self._now = now

    def messages(self, limit: int, *, dead: bool = False) -> list[LoggedMessage]:
        """The newest messages; see `PostgresMessageLog.messages`."""
        return self._log.messages(limit, dead=dead)

    def dead_letter(self, message_id: str) -> LoggedMessage:
        """One dead letter with its bytes.

        Raises
        ------
        UnknownMessage
            If there is none of this number.
        NoDeadLetter
            If nobody has to look after it.
        """
        found = self._log.message(message_id)
        if not found.is_dead:
            raise NoDeadLetter("only a message that was refused or given up can be sent again")
        return found

    def dismiss(self, message_id: str, actor: str, reason: str) -> LoggedMessage:
        """Let a dead letter be over.

        Raises
        ------
        UnknownMessage
            If there is none of this number.
        NoDeadLetter
            If nobody has to look after it.
        MissingReason
            If nothing is said of why.
        """
        if not reason.strip():
            raise MissingReason("say why: the reason stands in the event log")
        self.dead_letter(message_id)
        self._log.dismiss(message_id, actor=actor, reason=reason.strip(), now=self._now())
        return self._log.message(message_id)

    def again(self, message_id: str, actor: str) -> LoggedMessage:
        """Send a dead letter again, or read it again.

        Raises
        ------
        UnknownMessage
            If there is none of this number.
        NoDeadLetter
            If nobody has to look after it, or only its beginning was kept.
        """
        found = self.dead_letter(message_id)
        if not found.is_whole:
            raise NoDeadLetter("only its beginning was kept; let its sender send it again")
        if found.state is MessageState.REFUSED:
            # Who reads it again was told why it was refused, and says that it is the same patient.
            confirms = found.error == str(AnotherPatient())
            self._inbound.handle(found.raw or b"", same_patient=confirms)
        else:
            self._log.send_again(message_id, self._now())
        self._log.note_resent(message_id, actor, self._now())
        return replace(self._log.message(message_id), raw=None)
