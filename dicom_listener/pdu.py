"""Upper Layer PDUs on a socket (PS3.8 section 9.3): bounded, with deadlines, without copies.

pynetdicom reads a PDU 4096 bytes at a time, believes any announced length, and copies a
data PDU about five times before its bytes reach a file. `PDUReader` receives straight into one
buffer an association and hands out views of it, which the inbox writes as they are. The
rarer PDUs of the association's life are encoded and decoded by pynetdicom.
"""

import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dicom_listener.errors import PeerGone, ProtocolError

A_ASSOCIATE_RQ = 0x01
P_DATA_TF = 0x04
A_RELEASE_RQ = 0x05
A_RELEASE_RP = 0x06
A_ABORT = 0x07

MAX_ASSOCIATE_BYTES = 1024 * 1024  # 128 contexts with every transfer syntax stay under 200 kB
POLL_S = 0.25  # how soon an idle connection sees that the listener is stopping
_LENGTH_SLACK_BYTES = 1024  # some senders do not count the headers into the maximum length
_HEADER = struct.Struct(">BxL")
_PDV_HEADER = struct.Struct(">LBB")
_WORTH_WAITING_BYTES = 4096


@dataclass(slots=True)
class PDU:
    """One received PDU; `body` is a view that the next read overwrites."""

    type: int
    body: memoryview


@dataclass(slots=True)
class Fragment:
    """One presentation data value (PS3.8 section 9.3.5.1 and annex E.2)."""

    context_id: int
    is_command: bool
    is_last: bool
    data: memoryview


class PDUReader:
    """Reads whole PDUs from a connected socket.

    Parameters
    ----------
    max_pdu_bytes : int
        The maximum length announced in negotiation; a data PDU longer than that is refused
        before any of it is stored.
    """

    def __init__(self, connection: socket.socket, *, max_pdu_bytes: int) -> None:
        self._connection = connection
        # A receive timeout of the kernel costs nothing a call; Python's own costs two more
        # system calls each, but is the only one that TLS understands.
        self._is_plain = not isinstance(connection, ssl.SSLSocket)
        if self._is_plain:
            connection.setblocking(True)
            timeval = struct.pack("@ll", 0, int(POLL_S * 1e6))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
        self._max_data_bytes = max_pdu_bytes + _LENGTH_SLACK_BYTES
        self._memory = memoryview(bytearray(2 * (self._max_data_bytes + _HEADER.size)))
        self._start = 0
        self._end = 0

    def read(
        self,
        *,
        idle_s: float,
        whole_s: float,
        give_up: Callable[[], bool] | None = None,
        idle: Callable[[], object] | None = None,
    ) -> PDU:
        """Wait for the next PDU.

        Parameters
        ----------
        idle_s : float
            Longest wait for its first byte, seconds.
        whole_s : float
            Longest wait from its first to its last byte, seconds.
        give_up : callable, optional
            Asked while nothing has come; True ends the wait.
        idle : callable, optional
            Called while nothing has come.

        Raises
        ------
        PeerGone
            If the peer closed, kept silent, or the wait was given up.
        ProtocolError
            If the PDU's type is unknown or its length beyond what was negotiated.
        """
        if self._start == self._end:
            self._start = self._end = 0
            self._wait_for_first_byte(idle_s, give_up, idle)
        deadline = time.monotonic() + whole_s
        self._fill(_HEADER.size, deadline)
        kind, length = _HEADER.unpack_from(self._memory, self._start)
        self._check(kind, length)
        self._fill(_HEADER.size + length, deadline)
        body_start = self._start + _HEADER.size
        self._start = body_start + length
        return PDU(kind, self._memory[body_start : self._start])

    def _check(self, kind: int, length: int) -> None:
        if not A_ASSOCIATE_RQ <= kind <= A_ABORT:
            raise ProtocolError(f"a PDU of unknown type 0x{kind:02X}", abort_reason=0x01)
        limit = {P_DATA_TF: self._max_data_bytes, A_ASSOCIATE_RQ: MAX_ASSOCIATE_BYTES}
        if length > limit.get(kind, 64):
            raise ProtocolError(
                f"a PDU of type 0x{kind:02X} with {length} bytes", abort_reason=0x06
            )

    def _wait_for_first_byte(
        self,
        idle_s: float,
        give_up: Callable[[], bool] | None,
        idle: Callable[[], object] | None,
    ) -> None:
        deadline = time.monotonic() + idle_s
        while True:
            if self._receive(0):
                return
            if give_up is not None and give_up():
                raise PeerGone("the listener is stopping")
            if time.monotonic() >= deadline:
                raise PeerGone(f"the peer said nothing for {idle_s:g} s")
            if idle is not None:
                idle()

    def _fill(self, needed: int, deadline: float) -> None:
        """Have `needed` bytes from `_start` on."""
        if self._start + needed > len(self._memory):
            self._make_room(needed)
        while (missing := needed - (self._end - self._start)) > 0:
            self._receive(missing)
            if time.monotonic() > deadline:
                raise PeerGone("the peer stopped inside a PDU")

    def _make_room(self, needed: int) -> None:
        have = self._end - self._start
        memory = self._memory
        if needed > len(memory):
            memory = memoryview(bytearray(needed))
        # bytes() because the two places may overlap
        memory[:have] = bytes(self._memory[self._start : self._end])
        self._memory, self._start, self._end = memory, 0, have

    def _receive(self, missing: int) -> int:
        """Receive once, and return how many bytes came: 0 after `POLL_S` without any.

        `missing` bytes are known to come: a large rest of a PDU is left to the kernel to
        collect, which saves a wake-up for every piece of it.
        """
        end = self._end
        try:
            if not self._is_plain:
                self._connection.settimeout(POLL_S)
                received = self._connection.recv_into(self._memory[end:])
            elif missing > _WORTH_WAITING_BYTES:
                received = self._connection.recv_into(
                    self._memory[end:], missing, socket.MSG_WAITALL
                )
            else:
                received = self._connection.recv_into(self._memory[end:])
        except (BlockingIOError, TimeoutError):
            return 0
        if received == 0:
            raise PeerGone("the peer closed the connection")
        self._end += received
        return received


def fragments(body: memoryview) -> Iterator[Fragment]:
    """Split a P-DATA-TF's body into its presentation data values.

    Raises
    ------
    ProtocolError
        If their lengths do not add up.
    """
    position = 0
    while position < len(body):
        if position + _PDV_HEADER.size > len(body):
            raise ProtocolError("a data PDU that ends inside an item", abort_reason=0x06)
        length, context_id, control = _PDV_HEADER.unpack_from(body, position)
        end = position + 4 + length
        if length < 2 or end > len(body):
            raise ProtocolError("a data PDU whose lengths do not add up", abort_reason=0x06)
        yield Fragment(context_id, bool(control & 1), bool(control & 2), body[position + 6 : end])
        position = end


def command_pdu(context_id: int, encoded: bytes) -> bytes:
    """A P-DATA-TF that holds one whole command set."""
    length = len(encoded) + 2
    return (
        _HEADER.pack(P_DATA_TF, length + 4) + _PDV_HEADER.pack(length, context_id, 0x03) + encoded
    )


def data_pdus(context_id: int, data_set: bytes, *, max_pdu_bytes: int) -> Iterator[bytes]:
    """P-DATA-TFs that hold one data set, none longer than the peer takes."""
    most = max_pdu_bytes - 6
    for start in range(0, len(data_set), most):
        part = data_set[start : start + most]
        control = 0x02 if start + most >= len(data_set) else 0x00
        item = _PDV_HEADER.pack(len(part) + 2, context_id, control) + part
        yield _HEADER.pack(P_DATA_TF, len(item)) + item


def release_response_pdu() -> bytes:
    """An A-RELEASE-RP (PS3.8 section 9.3.7)."""
    return _HEADER.pack(A_RELEASE_RP, 4) + bytes(4)


def abort_pdu(reason: int) -> bytes:
    """An A-ABORT by the service provider (PS3.8 section 9.3.8)."""
    return _HEADER.pack(A_ABORT, 4) + bytes((0, 0, 2, reason))
