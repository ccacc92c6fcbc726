"""DIMSE command sets and data PDUs as bytes (PS3.7 section 6.3, PS3.8 section 9.3.5).

A command set is always Implicit VR Little Endian, so a few lines write and read it.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

C_STORE_RQ = 0x0001
C_ECHO_RQ = 0x0030
N_EVENT_REPORT_RQ = 0x0100
N_ACTION_RQ = 0x0130
RESPONSE = 0x8000  # set in the command field of every response

AFFECTED_SOP_CLASS_UID = 0x0002
REQUESTED_SOP_CLASS_UID = 0x0003
COMMAND_FIELD = 0x0100
MESSAGE_ID = 0x0110
MESSAGE_ID_BEING_RESPONDED_TO = 0x0120
PRIORITY = 0x0700
DATA_SET_TYPE = 0x0800
STATUS = 0x0900
ERROR_COMMENT = 0x0902
AFFECTED_SOP_INSTANCE_UID = 0x1000
REQUESTED_SOP_INSTANCE_UID = 0x1001
EVENT_TYPE_ID = 0x1002
ACTION_TYPE_ID = 0x1008

_NO_DATA_SET = 0x0101
_PDV_HEADER = struct.Struct(">LBB")
_P_DATA_TF = 0x04


@dataclass(frozen=True, slots=True)
class Message:
    """One DIMSE message: the values of its command set by element number, and its data set."""

    context_id: int
    command: Mapping[int, bytes]
    data_set: bytes = b""

    @property
    def field(self) -> int:
        """Command Field; 0 if it has none."""
        return self.number(COMMAND_FIELD)

    def number(self, element: int) -> int:
        """An Unsigned Short; 0 where it is absent."""
        return int.from_bytes(self.command.get(element, b""), "little")

    def text(self, element: int) -> str:
        """A text, without padding and control characters."""
        said = self.command.get(element, b"").decode("latin-1").strip("\0 ")
        return "".join(one for one in said if one.isprintable())


def encode_command(values: Mapping[int, bytes | int | str], *, has_data_set: bool) -> bytes:
    """Encode a command set; a number is an Unsigned Short, a text is padded with NUL (UI)."""
    whole = {**values, DATA_SET_TYPE: 0x0001 if has_data_set else _NO_DATA_SET}
    body = b"".join(_element(number, _encoded(value)) for number, value in sorted(whole.items()))
    return _element(0x0000, struct.pack("<L", len(body))) + body


def decode_command(encoded: bytes) -> dict[int, bytes]:
    """The values of a command set by element number.

    Raises
    ------
    ValueError
        If it is none.
    """
    found: dict[int, bytes] = {}
    position = 0
    while position < len(encoded):
        if position + 8 > len(encoded):
            raise ValueError("a command set that ends inside an element")
        group, number, length = struct.unpack_from("<HHL", encoded, position)
        position += 8
        if group != 0x0000 or position + length > len(encoded):
            raise ValueError("a command set with a bad element")
        found[number] = encoded[position : position + length]
        position += length
    return found


def has_data_set(command: Mapping[int, bytes]) -> bool:
    """Whether a data set follows the command set."""
    said = command.get(DATA_SET_TYPE, b"\1\1")
    return int.from_bytes(said, "little") != _NO_DATA_SET


def data_pdu(context_id: int, data: bytes, *, is_command: bool, is_last: bool) -> bytes:
    """A P-DATA-TF with one presentation data value."""
    control = (1 if is_command else 0) | (2 if is_last else 0)
    item = _PDV_HEADER.pack(len(data) + 2, context_id, control) + data
    return struct.pack(">BxL", _P_DATA_TF, len(item)) + item


def presentation_data_values(body: bytes) -> Iterator[tuple[int, bool, bool, bytes]]:
    """Split a P-DATA-TF's body: context id, whether it is a command, whether the last, data.

    Raises
    ------
    ValueError
        If the lengths do not add up.
    """
    position = 0
    while position < len(body):
        if position + _PDV_HEADER.size > len(body):
            raise ValueError("a data PDU that ends inside an item")
        length, context_id, control = _PDV_HEADER.unpack_from(body, position)
        end = position + 4 + length
        if length < 2 or end > len(body):
            raise ValueError("a data PDU whose lengths do not add up")
        yield context_id, bool(control & 1), bool(control & 2), body[position + 6 : end]
        position = end


def _encoded(value: bytes | int | str) -> bytes:
    if isinstance(value, int):
        return struct.pack("<H", value)
    return value.encode("ascii", "replace") if isinstance(value, str) else value


def _element(number: int, value: bytes) -> bytes:
    padded = value + b"\0" * (len(value) % 2)
    return struct.pack("<HHL", 0x0000, number, len(padded)) + padded
