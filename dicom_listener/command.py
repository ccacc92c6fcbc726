"""DIMSE command sets, as bytes (PS3.7 section 6.3 and annex E).

A command set is always Implicit VR Little Endian, so a few lines read it. Values are kept as
the peer sent them: a malformed UID must reach the quarantine unchanged, and must not stop the
reception.
"""

import struct
from dataclasses import dataclass
from typing import Self

from dicom_listener.errors import ProtocolError

C_STORE_RQ = 0x0001
C_ECHO_RQ = 0x0030
C_CANCEL_RQ = 0x0FFF
N_EVENT_REPORT_RQ = 0x0100
N_ACTION_RQ = 0x0130
RESPONSE = 0x8000  # set in the command field of every response

SUCCESS = 0x0000
PROCESSING_FAILURE = 0x0110
NO_SUCH_SOP_CLASS = 0x0118
NO_SUCH_ACTION = 0x0123
UNRECOGNIZED_OPERATION = 0x0211
RESOURCE_LIMITATION = 0x0213
OUT_OF_RESOURCES = 0xA700  # PS3.4 table B.2-1
CANNOT_UNDERSTAND = 0xC000

MAX_COMMAND_BYTES = 65536  # real ones stay under 400

_GROUP_LENGTH = 0x0000
_AFFECTED_SOP_CLASS_UID = 0x0002
_REQUESTED_SOP_CLASS_UID = 0x0003
_COMMAND_FIELD = 0x0100
_MESSAGE_ID = 0x0110
_MESSAGE_ID_BEING_RESPONDED_TO = 0x0120
_DATA_SET_TYPE = 0x0800
_STATUS = 0x0900
_ERROR_COMMENT = 0x0902
_AFFECTED_SOP_INSTANCE_UID = 0x1000
_REQUESTED_SOP_INSTANCE_UID = 0x1001
_EVENT_TYPE_ID = 0x1002
_ACTION_TYPE_ID = 0x1008
_NO_DATA_SET = 0x0101


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """A request, as far as the listener cares."""

    field: int  # (0000,0100)
    message_id: int  # (0000,0110)
    has_data_set: bool
    sop_class_uid: bytes = b""  # affected or requested; as sent, padding and all
    sop_instance_uid: bytes = b""
    type_id: int = 0  # Event or Action Type ID
    responded_to: int = 0  # of a response: Message ID Being Responded To
    status: int = 0  # of a response

    @classmethod
    def decode(cls, encoded: bytes) -> Self:
        """Read a command set.

        Raises
        ------
        ProtocolError
            If it is no command set or lacks Command Field.
        """
        elements = _elements(encoded)
        if _COMMAND_FIELD not in elements:
            raise ProtocolError("a command set without Command Field (0000,0100)")
        return cls(
            field=_unsigned(elements[_COMMAND_FIELD]),
            message_id=_unsigned(elements.get(_MESSAGE_ID, b"\0\0")),
            has_data_set=_unsigned(elements.get(_DATA_SET_TYPE, b"\1\1")) != _NO_DATA_SET,
            sop_class_uid=elements.get(_AFFECTED_SOP_CLASS_UID)
            or elements.get(_REQUESTED_SOP_CLASS_UID, b""),
            sop_instance_uid=elements.get(_AFFECTED_SOP_INSTANCE_UID)
            or elements.get(_REQUESTED_SOP_INSTANCE_UID, b""),
            type_id=_unsigned(
                elements.get(_EVENT_TYPE_ID) or elements.get(_ACTION_TYPE_ID) or b"\0\0"
            ),
            responded_to=_unsigned(elements.get(_MESSAGE_ID_BEING_RESPONDED_TO) or b"\0\0"),
            status=_unsigned(elements.get(_STATUS) or b"\0\0"),
        )


def encode_response(request: Command, status: int, comment: str = "") -> bytes:
    """Encode the response to a request.

    Parameters
    ----------
    comment : str
        Error Comment (0000,0902), cut to the 64 characters its VR (LO) allows.
    """
    elements = [
        (_AFFECTED_SOP_CLASS_UID, request.sop_class_uid),
        (_COMMAND_FIELD, struct.pack("<H", (request.field | RESPONSE) & 0xFFFF)),
        (_MESSAGE_ID_BEING_RESPONDED_TO, struct.pack("<H", request.message_id)),
        (_DATA_SET_TYPE, struct.pack("<H", _NO_DATA_SET)),
        (_STATUS, struct.pack("<H", status)),
        (_ERROR_COMMENT, comment.encode("ascii", "replace")[:64]),
        (_AFFECTED_SOP_INSTANCE_UID, request.sop_instance_uid),
    ]
    type_element = {N_EVENT_REPORT_RQ: _EVENT_TYPE_ID, N_ACTION_RQ: _ACTION_TYPE_ID}
    if request.field in type_element:
        elements.append((type_element[request.field], struct.pack("<H", request.type_id)))
    return _command_set(elements)


def encode_event_report(
    *, sop_class_uid: str, sop_instance_uid: str, event_type_id: int, message_id: int
) -> bytes:
    """Encode an N-EVENT-REPORT-RQ that a data set follows (PS3.7 section 10.3.1)."""
    return _command_set(
        [
            (_AFFECTED_SOP_CLASS_UID, sop_class_uid.encode()),
            (_COMMAND_FIELD, struct.pack("<H", N_EVENT_REPORT_RQ)),
            (_MESSAGE_ID, struct.pack("<H", message_id)),
            (_DATA_SET_TYPE, struct.pack("<H", 0x0001)),
            (_AFFECTED_SOP_INSTANCE_UID, sop_instance_uid.encode()),
            (_EVENT_TYPE_ID, struct.pack("<H", event_type_id)),
        ]
    )


def _command_set(elements: list[tuple[int, bytes]]) -> bytes:
    body = b"".join(_element(number, value) for number, value in elements if value)
    return _element(_GROUP_LENGTH, struct.pack("<L", len(body))) + body


def _element(number: int, value: bytes) -> bytes:
    padded = value + b"\0" * (len(value) % 2)
    return struct.pack("<HHL", 0x0000, number, len(padded)) + padded


def _elements(encoded: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    position = 0
    while position < len(encoded):
        if position + 8 > len(encoded):
            raise ProtocolError("a command set that ends inside an element")
        group, number, length = struct.unpack_from("<HHL", encoded, position)
        position += 8
        if group != 0x0000 or position + length > len(encoded):
            raise ProtocolError(f"a command set with a bad element ({group:04X},{number:04X})")
        found[number] = encoded[position : position + length]
        position += length
    return found


def _unsigned(value: bytes) -> int:
    if len(value) != 2:
        raise ProtocolError(f"a command set with a {len(value)} byte number where US has 2")
    return int.from_bytes(value, "little")
