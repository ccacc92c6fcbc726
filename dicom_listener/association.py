"""One association, from the first byte to the last, in one thread.

The acceptor's half of the Upper Layer state machine (PS3.8 section 9.2) is a straight line:
await a request, answer it, serve messages, release or abort, wait for the peer to close.
pynetdicom's reactor runs it on two threads that poll every millisecond and passes each data
PDU through three queues; here each data PDU goes from the socket to the file.
"""

import contextlib
import socket
import ssl
import struct
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import structlog

from dicom_listener import handlers, negotiation, pdu
from dicom_listener.association_evidence import mark_open
from dicom_listener.command import (
    C_CANCEL_RQ,
    C_ECHO_RQ,
    C_STORE_RQ,
    MAX_COMMAND_BYTES,
    N_ACTION_RQ,
    N_EVENT_REPORT_RQ,
    RESPONSE,
    Command,
    encode_response,
)
from dicom_listener.commitments import MAX_DATA_SET_BYTES, CommitmentDesk, CommitmentFolders
from dicom_listener.errors import PeerGone, ProtocolError
from dicom_listener.inbox import Inbox, Origin
from dicom_listener.settings import ListenerSettings

log = structlog.get_logger(__name__)


class Node(Protocol):
    """What an association needs of the listener it belongs to."""

    settings: ListenerSettings
    inbox: Inbox
    commitments: CommitmentFolders

    def claim_place(self) -> bool:
        """Take one of the places for associations; False if there is none left."""

    def free_place(self) -> None:
        """Give the place back."""

    def is_stopping(self) -> bool:
        """Whether associations should come to an end."""


@dataclass(slots=True)
class _Message:
    """The message being received."""

    context_id: int
    encoded_command: bytearray
    command: Command | None = None
    reception: handlers.Reception | None = None  # of C-STORE
    kept: bytearray | None = None  # of storage commitment; without either it is dropped


class AssociationAcceptor:
    """Serves one connection.

    Parameters
    ----------
    connection : socket.socket
        Just accepted, TLS done.
    address : str
        The peer's IP address.
    association_id : str
        Unique among all associations of all listeners.
    """

    def __init__(
        self, connection: socket.socket, address: str, association_id: str, node: Node
    ) -> None:
        self._connection = connection
        self._address = address
        self._node = node
        self._settings = node.settings
        self._association_id = association_id
        self._reader = pdu.PDUReader(connection, max_pdu_bytes=node.settings.max_pdu_bytes)
        self._transfer_syntax_uids: dict[int, str] = {}
        self._message: _Message | None = None
        self._store: handlers.StoreHandler | None = None
        self._commitments: CommitmentDesk | None = None
        self._max_pdu_bytes = node.settings.max_pdu_bytes  # that we send
        self._log = log.bind(association=association_id, address=address)
        self._counts = {"stored": 0, "refused": 0}

    def run(self) -> None:
        """Serve the connection until it ends; the caller closes the socket."""
        try:
            self._run()
        except ProtocolError as error:
            self._log.warning("association aborted", reason=str(error))
            self._send_last(pdu.abort_pdu(error.abort_reason))
        except PeerGone as error:
            self._log.info("connection ended", reason=str(error), **self._counts)
            self._send_last(pdu.abort_pdu(0x00))
        except OSError as error:
            self._log.info("connection failed", reason=str(error), **self._counts)
        finally:
            if self._message is not None and self._message.reception is not None:
                self._message.reception.discard()

    def _run(self) -> None:
        request = self._await_request()
        refused = negotiation.rejection(request, self._settings)
        if refused is None and not self._node.claim_place():
            refused = negotiation.TOO_MANY_ASSOCIATIONS
        if refused is not None:
            self._log.warning(
                "association rejected",
                reason=refused.reason,
                calling_ae_title=request.calling_ae_title,
                called_ae_title=request.called_ae_title,
            )
            self._send_last(refused.encode())
            return
        try:
            self._serve(request)
        finally:
            self._node.free_place()

    def _await_request(self) -> negotiation.Request:
        timeout_s = self._settings.acse_timeout_s
        received = self._reader.read(
            idle_s=timeout_s, whole_s=timeout_s, give_up=self._node.is_stopping
        )
        if received.type != pdu.A_ASSOCIATE_RQ:
            raise ProtocolError("the first PDU is no A-ASSOCIATE-RQ", abort_reason=0x02)
        header = bytes((received.type, 0)) + len(received.body).to_bytes(4, "big")
        return negotiation.Request.decode(header + bytes(received.body))

    def _serve(self, request: negotiation.Request) -> None:
        acceptance = negotiation.accept(request, self._settings)
        self._transfer_syntax_uids = acceptance.transfer_syntax_uids
        self._max_pdu_bytes = acceptance.max_pdu_bytes
        origin = Origin(
            association_id=self._association_id,
            calling_ae_title=request.calling_ae_title,
            called_ae_title=request.called_ae_title,
            address=self._address,
        )
        self._store = handlers.StoreHandler(
            inbox=self._node.inbox, settings=self._settings, origin=origin
        )
        self._commitments = CommitmentDesk(
            self._node.commitments, origin, disk_reserve_bytes=self._settings.disk_reserve_bytes
        )
        self._log = self._log.bind(calling_ae_title=request.calling_ae_title)
        marker = mark_open(self._node.inbox, origin, now=datetime.now(UTC))
        try:
            self._send(acceptance.answer)
            self._log.info("association accepted", contexts=len(self._transfer_syntax_uids))
            self._serve_messages()
        finally:
            marker.unlink(missing_ok=True)

    def _serve_messages(self) -> None:
        settings = self._settings
        while True:
            inside = self._message is not None
            received = self._reader.read(
                idle_s=settings.dimse_timeout_s if inside else settings.network_timeout_s,
                whole_s=settings.dimse_timeout_s,
                give_up=None if inside else self._node.is_stopping,
                idle=None if inside else self._send_answers,
            )
            if received.type == pdu.P_DATA_TF:
                for fragment in pdu.fragments(received.body):
                    self._take(fragment)
            elif received.type == pdu.A_RELEASE_RQ:
                self._log.info("association released", **self._counts)
                self._send_last(pdu.release_response_pdu())
                return
            elif received.type == pdu.A_ABORT:
                self._log.warning("association aborted by the peer", **self._counts)
                return
            else:
                raise ProtocolError("an unexpected PDU", abort_reason=0x02)

    def _take(self, fragment: pdu.Fragment) -> None:
        """Take one fragment of a message (PS3.7 section 8)."""
        message = self._message
        if message is None:
            if not fragment.is_command:
                raise ProtocolError("a data set without a command")
            message = self._message = _Message(fragment.context_id, bytearray())
        if fragment.context_id != message.context_id:
            raise ProtocolError("a message that changes its presentation context")
        if message.command is None:
            self._take_command(message, fragment)
        else:
            self._take_data(message, message.command, fragment)

    def _take_command(self, message: _Message, fragment: pdu.Fragment) -> None:
        if not fragment.is_command:
            raise ProtocolError("a data set before its command ended")
        message.encoded_command += fragment.data
        if len(message.encoded_command) > MAX_COMMAND_BYTES:
            raise ProtocolError("a command set without end")
        if not fragment.is_last:
            return
        command = message.command = Command.decode(bytes(message.encoded_command))
        transfer_syntax_uid = self._transfer_syntax_uids.get(message.context_id)
        if transfer_syntax_uid is None:
            raise ProtocolError("a message in a presentation context that was not accepted")
        if not command.has_data_set:
            self._answer_without_data_set(message.context_id, command)
        elif command.field == C_STORE_RQ and self._store is not None:
            message.reception = self._store.begin(command, transfer_syntax_uid)
        elif command.field in (N_ACTION_RQ, N_EVENT_REPORT_RQ):
            message.kept = bytearray()

    def _take_data(self, message: _Message, command: Command, fragment: pdu.Fragment) -> None:
        if fragment.is_command:
            raise ProtocolError("a command inside a data set")
        if message.reception is not None:
            message.reception.write(fragment.data)
        elif message.kept is not None and len(message.kept) <= MAX_DATA_SET_BYTES:
            message.kept += fragment.data
        if not fragment.is_last:
            return
        if message.reception is not None and self._store is not None:
            outcome = self._store.finish(message.reception)
            self._note(command, outcome)
        elif message.kept is not None and self._commitments is not None:
            outcome = self._commitments.take(
                command,
                message.context_id,
                bytes(message.kept),
                self._transfer_syntax_uids[message.context_id],
            )
            self._log.info("storage commitment", status=f"0x{outcome.status:04X}")
        else:
            outcome = handlers.unsupported()
        self._message = None
        self._respond(message.context_id, command, outcome)

    def _send_answers(self) -> None:
        """Say what became of the peer's requests for storage commitment, while nothing comes."""
        if self._commitments is None:
            return
        for context_id, command, data_set in self._commitments.due():
            self._send(pdu.command_pdu(context_id, command))
            for part in pdu.data_pdus(context_id, data_set, max_pdu_bytes=self._max_pdu_bytes):
                self._send(part)

    def _answer_without_data_set(self, context_id: int, command: Command) -> None:
        self._message = None
        if command.field == N_EVENT_REPORT_RQ | RESPONSE and self._commitments is not None:
            self._commitments.confirm(command)
            return
        if command.field == C_CANCEL_RQ or command.field & RESPONSE:
            return  # nothing of ours runs long enough to cancel, and nothing was asked
        if command.field == C_ECHO_RQ:
            outcome = handlers.echo()
        elif command.field == C_STORE_RQ:
            outcome = handlers.store_without_data_set()
        else:
            outcome = handlers.unsupported()
        self._respond(context_id, command, outcome)

    def _note(self, command: Command, outcome: handlers.Outcome) -> None:
        if outcome.status == 0x0000:
            self._counts["stored"] += 1
            return
        self._counts["refused"] += 1
        self._log.warning(
            "object refused",
            status=f"0x{outcome.status:04X}",
            reason=outcome.comment,
            sop_instance_uid=command.sop_instance_uid[:64].decode("ascii", "replace"),
        )

    def _respond(self, context_id: int, command: Command, outcome: handlers.Outcome) -> None:
        encoded = encode_response(command, outcome.status, outcome.comment)
        self._send(pdu.command_pdu(context_id, encoded))

    def _send(self, encoded: bytes) -> None:
        if self._connection.gettimeout() is not None:  # the reader sets a short one under TLS
            self._connection.settimeout(self._settings.dimse_timeout_s)
        self._connection.sendall(encoded)

    def _send_last(self, encoded: bytes) -> None:
        """Send the last PDU, and let the peer close first, as PS3.8 asks (state 13)."""
        with contextlib.suppress(OSError):
            self._send(encoded)
            self._connection.shutdown(socket.SHUT_WR)
            deadline = time.monotonic() + min(self._settings.acse_timeout_s, 5.0)
            while (left := deadline - time.monotonic()) > 0:
                self._connection.settimeout(left)
                if not self._connection.recv(65536):
                    return


def serve_connection(
    connection: socket.socket, address: str, association_id: str, node: Node
) -> None:
    """Serve an accepted connection in the calling thread, and close it.

    Parameters
    ----------
    connection : socket.socket
        Just accepted; under TLS an `ssl.SSLSocket`, before its handshake.
    """
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        send_timeout = struct.pack("@ll", int(node.settings.dimse_timeout_s) + 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, send_timeout)
        if isinstance(connection, ssl.SSLSocket):
            try:
                _shake_hands(connection, node)
            except OSError as error:  # ssl.SSLError is one
                log.warning("no TLS with the peer", address=address, reason=str(error))
                return
        AssociationAcceptor(connection, address, association_id, node).run()


def _shake_hands(connection: ssl.SSLSocket, node: Node) -> None:
    """Do the TLS handshake, for as long as the peer may take and the listener goes on."""
    deadline = time.monotonic() + node.settings.acse_timeout_s
    connection.settimeout(pdu.POLL_S)
    while True:
        try:
            connection.do_handshake()
        except TimeoutError:  # of one try; the next goes on where it ended
            if node.is_stopping() or time.monotonic() >= deadline:
                raise
        else:
            return
