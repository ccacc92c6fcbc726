"""One association that we open, in the calling thread (PS3.8 section 9.2, the requestor's half).

A straight line: connect, propose, send and await messages, release. pynetdicom's own requestor
runs on two threads that poll, may wait for ever inside a PDU, and keeps the reason of a broken
connection to itself; here every wait has a limit and every end has its words. Its PDUs are used
for the negotiation.
"""

import contextlib
import socket
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from pydicom.uid import UID
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
    SCP_SCU_RoleSelectionNegotiation,
)
from pynetdicom.presentation import PresentationContext

from results.sending import messages
from results.sending.connection import connect, lost
from results.sending.destination import DimseDestination
from results.sending.errors import AssociationRefused, DestinationUnavailable
from results.sending.messages import Message
from worklist.uid import IMPLEMENTATION_CLASS_UID

MOST_CONTEXTS = 128  # of an association: odd numbers from 1 to 255 (PS3.8 section 9.3.2.2)

_MAX_PDU_BYTES = 131072  # sent, unless the peer takes less, and announced
_MAX_RECEIVED_BYTES = 64 * 1024**2  # of one message: the answer on 100,000 objects fits
_ASSOCIATE_AC, _ASSOCIATE_RJ, _P_DATA_TF, _RELEASE_RQ, _RELEASE_RP, _ABORT = range(2, 8)
_MOST_ASKED = 100  # requests of the peer's, while it owes us an answer
_HEADER = struct.Struct(">BxL")
_TRANSIENT = 0x02


class Association:
    """An association that was agreed on. Every method may raise `DestinationUnavailable`.

    Parameters
    ----------
    connection
        Open, TLS done; who opened it closes it.
    """

    def __init__(self, connection: socket.socket, destination: DimseDestination) -> None:
        self._connection = connection
        self._destination = destination
        self._where = f"{destination.host}:{destination.port}"
        self._context_ids: dict[tuple[str, str], int] = {}
        self._transfer_syntax_uids: dict[int, str] = {}
        self._most_bytes = _MAX_PDU_BYTES
        self._message_id = 0
        self._asked: list[Message] = []  # by the peer, while we waited for an answer
        self.implementation = ""  # what the peer calls its software; empty: it does not say

    def negotiate(self, contexts: Sequence[tuple[str, str]], scp_of: Sequence[str]) -> None:
        """Propose presentation contexts: (abstract syntax, transfer syntax), one each.

        Parameters
        ----------
        scp_of
            SOP classes of which we are the SCP (PS3.7 D.3.3.4).
        """
        self._send(A_ASSOCIATE_RQ(_proposal(self._destination, contexts, scp_of)).encode())
        kind, body = self._receive(self._destination.connect_timeout_s)
        whole = _HEADER.pack(kind, len(body)) + body
        if kind == _ASSOCIATE_RJ:
            raise self._rejected(whole)
        if kind != _ASSOCIATE_AC:
            raise self._broke("it answered with something else than an association")
        try:
            answer = A_ASSOCIATE_AC()
            answer.decode(whole)
            self._agree(answer.to_primitive(), contexts)
        except Exception as error:  # pynetdicom raises many kinds on what it cannot read
            raise self._broke("its answer is unreadable") from error

    def _agree(self, answer: Any, contexts: Sequence[tuple[str, str]]) -> None:
        proposed = {2 * number + 1: one for number, one in enumerate(contexts)}
        for context in answer.presentation_context_definition_results_list:
            if context.result == 0x00 and context.context_id in proposed:
                one = proposed[context.context_id]
                self._context_ids[one] = context.context_id
                self._transfer_syntax_uids[context.context_id] = one[1]
        if not answer.presentation_context_definition_results_list:
            raise ValueError("an association about nothing")
        for item in answer.user_information:
            if isinstance(item, MaximumLengthNotification) and item.maximum_length_received:
                self._most_bytes = min(max(item.maximum_length_received, 1024), _MAX_PDU_BYTES)
            elif isinstance(item, ImplementationVersionNameNotification):
                self.implementation = str(item.implementation_version_name or "").strip()

    def accepts(self, abstract_syntax: str, transfer_syntax_uid: str) -> bool:
        """Whether the peer agreed to this presentation context."""
        return (abstract_syntax, transfer_syntax_uid) in self._context_ids

    def transfer_syntax_of(self, message: Message) -> str:
        """The transfer syntax of a message's data set."""
        return self._transfer_syntax_uids.get(message.context_id, "")

    def request(
        self,
        context: tuple[str, str],
        command: Mapping[int, bytes | int | str],
        data_set: BinaryIO | None = None,
    ) -> Message:
        """Send a request, its data set from where the file stands to its end; await the answer.

        Parameters
        ----------
        context
            (abstract syntax, transfer syntax), one that the peer accepts.
        """
        context_id = self._context_ids[context]
        self._message_id = self._message_id % 65535 + 1
        self._send_command(
            context_id,
            {**command, messages.MESSAGE_ID: self._message_id},
            has_data_set=data_set is not None,
        )
        if data_set is not None:
            self._send_data_set(context_id, data_set)
        return self._await_answer()

    def _await_answer(self) -> Message:
        while True:
            answer = self._next_message(self._destination.answer_timeout_s)
            if answer is None:
                raise DestinationUnavailable(
                    f"{self._where} gave no answer for {self._destination.answer_timeout_s:g} s."
                )
            if answer.field & messages.RESPONSE:
                break
            self._asked.append(answer)  # an N-EVENT-REPORT that overtook it
            if len(self._asked) > _MOST_ASKED:
                raise self._broke("it answered something that was not asked")
        responded_to = answer.number(messages.MESSAGE_ID_BEING_RESPONDED_TO)
        if responded_to != self._message_id or messages.STATUS not in answer.command:
            raise self._broke("it answered something that was not asked")
        return answer

    def await_message(self, wait_s: float) -> Message | None:
        """The next message of the peer's own; None if none begins within so many seconds."""
        return self._asked.pop(0) if self._asked else self._next_message(wait_s)

    def _next_message(self, wait_s: float) -> Message | None:
        deadline = time.monotonic() + wait_s
        encoded, data = bytearray(), bytearray()
        command: dict[int, bytes] = {}
        is_begun = False
        while True:
            try:
                kind, body = self._receive(max(0.001, deadline - time.monotonic()))
            except _Silence:
                if is_begun:
                    raise DestinationUnavailable(f"{self._where} stopped to answer.") from None
                return None
            if kind == _RELEASE_RQ:
                self._send(_HEADER.pack(_RELEASE_RP, 4) + bytes(4))
                raise DestinationUnavailable(f"{self._where} ended the association.")
            if kind != _P_DATA_TF:
                raise self._broke("it broke the protocol")
            is_begun = True
            deadline = time.monotonic() + self._destination.answer_timeout_s
            for context_id, is_command, is_last, part in self._values(body):
                target = encoded if is_command else data
                target += part
                if len(encoded) + len(data) > _MAX_RECEIVED_BYTES:
                    raise self._broke("its answer is too long")
                if is_last and is_command:
                    command = self._decoded(bytes(encoded))
                if is_last and (not is_command or not messages.has_data_set(command)):
                    return Message(context_id, command, bytes(data))

    def respond(self, request: Message, status: int) -> None:
        """Answer a request of the peer's, an N-EVENT-REPORT."""
        answer: dict[int, bytes | int | str] = {
            messages.COMMAND_FIELD: request.field | messages.RESPONSE,
            messages.MESSAGE_ID_BEING_RESPONDED_TO: request.number(messages.MESSAGE_ID),
            messages.STATUS: status,
        }
        for element in (
            messages.AFFECTED_SOP_CLASS_UID,
            messages.AFFECTED_SOP_INSTANCE_UID,
            messages.EVENT_TYPE_ID,
        ):
            if element in request.command:
                answer[element] = request.command[element]
        self._send_command(request.context_id, answer, has_data_set=False)

    def release(self) -> None:
        """End it in order; what goes wrong now changes nothing that was answered."""
        with contextlib.suppress(DestinationUnavailable, _Silence):
            self._send(_HEADER.pack(_RELEASE_RQ, 4) + bytes(4))
            while self._receive(self._destination.connect_timeout_s)[0] == _P_DATA_TF:
                pass

    def abort(self) -> None:
        """End it at once (A-ABORT by the service user)."""
        with contextlib.suppress(DestinationUnavailable):
            self._send(_HEADER.pack(_ABORT, 4) + bytes(4))

    def _send_command(
        self, context_id: int, command: Mapping[int, bytes | int | str], *, has_data_set: bool
    ) -> None:
        encoded = messages.encode_command(command, has_data_set=has_data_set)
        self._send(messages.data_pdu(context_id, encoded, is_command=True, is_last=True))

    def _send_data_set(self, context_id: int, data_set: BinaryIO) -> None:
        most = self._most_bytes - 6
        part = data_set.read(most)
        while True:
            following = data_set.read(most)
            is_last = not following
            self._send(messages.data_pdu(context_id, part, is_command=False, is_last=is_last))
            if is_last:
                return
            part = following

    def _send(self, encoded: bytes) -> None:
        try:
            self._connection.settimeout(self._destination.answer_timeout_s)
            self._connection.sendall(encoded)
        except OSError as error:
            raise lost(self._where, self._why_closed(error)) from error

    def _why_closed(self, error: OSError) -> OSError:
        """A peer that refuses our certificate says so in what we have not read yet."""
        if isinstance(error, TimeoutError):
            return error
        try:
            self._connection.settimeout(1.0)
            self._connection.recv(1)
        except OSError as said:
            return said
        return error

    def _receive(self, wait_s: float) -> tuple[int, bytes]:
        """Type and body of the next PDU, which is never an A-ABORT."""
        header = self._read(_HEADER.size, wait_s, is_first=True)
        kind, length = _HEADER.unpack(header)
        if length > _MAX_RECEIVED_BYTES:
            raise self._broke("its answer is too long")
        body = self._read(length, self._destination.answer_timeout_s, is_first=False)
        if kind == _ABORT:
            raise DestinationUnavailable(f"{self._where} aborted the association.")
        return kind, body

    def _read(self, length: int, wait_s: float, *, is_first: bool) -> bytes:
        deadline = time.monotonic() + wait_s
        have = bytearray()
        while len(have) < length:
            self._connection.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                part = self._connection.recv(length - len(have))
            except TimeoutError as error:
                if is_first and not have:
                    raise _Silence from error
                raise lost(self._where, error) from error
            except OSError as error:
                raise lost(self._where, error) from error
            if not part:
                raise DestinationUnavailable(f"{self._where} closed the connection.")
            have += part
        return bytes(have)

    def _values(self, body: bytes) -> Iterator[tuple[int, bool, bool, bytes]]:
        try:
            yield from messages.presentation_data_values(body)
        except ValueError as error:
            raise self._broke("it broke the protocol") from error

    def _decoded(self, encoded: bytes) -> dict[int, bytes]:
        try:
            return messages.decode_command(encoded)
        except ValueError as error:
            raise self._broke("it broke the protocol") from error

    def _broke(self, how: str) -> DestinationUnavailable:
        return DestinationUnavailable(f"{self._where} does not speak DICOM as we do: {how}.")

    def _rejected(self, whole: bytes) -> AssociationRefused:
        try:
            rejection = A_ASSOCIATE_RJ()
            rejection.decode(whole)
            reason, is_transient = rejection.reason_str.lower(), rejection.result == _TRANSIENT
        except Exception:  # noqa: BLE001 - pynetdicom raises many kinds; the rejection stands
            reason, is_transient = "no reason given", False
        if is_transient:
            return AssociationRefused(f"{self._where} takes no association now: {reason}.")
        return AssociationRefused(
            f"{self._where} refused the association: {reason}. "
            "Check the called AE title, and whether ours is known there."
        )


class _Silence(Exception):
    """Nothing came in time, and no part of anything."""


@contextlib.contextmanager
def associate(
    destination: DimseDestination,
    contexts: Sequence[tuple[str, str]],
    *,
    scp_of: Sequence[str] = (),
) -> Iterator[Association]:
    """Open an association; released at the end, aborted after an error.

    Parameters
    ----------
    contexts
        (abstract syntax, transfer syntax) of each presentation context, at most `MOST_CONTEXTS`.

    Raises
    ------
    DestinationUnavailable
        If there is none to be had.
    """
    where = f"{destination.host}:{destination.port}"
    with connect(destination) as connection:
        association = Association(connection, destination)
        try:
            association.negotiate(contexts, scp_of)
            yield association
        except _Silence:
            association.abort()
            raise DestinationUnavailable(
                f"{where} gave no answer for {destination.connect_timeout_s:g} s."
            ) from None
        except BaseException:
            association.abort()
            raise
        association.release()


def _proposal(
    destination: DimseDestination, contexts: Sequence[tuple[str, str]], scp_of: Sequence[str]
) -> A_ASSOCIATE:
    primitive = A_ASSOCIATE()
    primitive.application_context_name = UID("1.2.840.10008.3.1.1.1")
    primitive.calling_ae_title = destination.calling_ae_title
    primitive.called_ae_title = destination.called_ae_title
    primitive.presentation_context_definition_list = [
        _context(2 * number + 1, *one) for number, one in enumerate(contexts)
    ]
    maximum_length = MaximumLengthNotification()
    maximum_length.maximum_length_received = _MAX_PDU_BYTES
    implementation = ImplementationClassUIDNotification()
    implementation.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
    version = ImplementationVersionNameNotification()
    version.implementation_version_name = "VIGIE"
    primitive.user_information = [
        maximum_length,
        implementation,
        version,
        *(_scp_role(one) for one in scp_of),
    ]
    return primitive


def _context(context_id: int, abstract_syntax: str, transfer_syntax_uid: str) -> Any:
    context = PresentationContext()
    context.context_id = context_id
    context.abstract_syntax = UID(abstract_syntax)
    context.transfer_syntax = [UID(transfer_syntax_uid)]
    return context


def _scp_role(sop_class_uid: str) -> SCP_SCU_RoleSelectionNegotiation:
    role = SCP_SCU_RoleSelectionNegotiation()
    role.sop_class_uid = UID(sop_class_uid)
    role.scu_role = False
    role.scp_role = True
    return role
