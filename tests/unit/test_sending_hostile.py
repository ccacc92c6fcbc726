"""Whatever a peer answers, the sender ends with a sentence and takes nothing for an answer."""

import io
import socket
import struct

from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import UID
from pynetdicom.pdu import A_ASSOCIATE_AC
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    MaximumLengthNotification,
)
from pynetdicom.presentation import PresentationContext

from results.sending import messages
from results.sending.association import Association
from results.sending.encodings import EXPLICIT
from results.sending.errors import DestinationUnavailable
from tests.sending_peers import SR, at

KIND = (SR, EXPLICIT)
STORE = {
    messages.AFFECTED_SOP_CLASS_UID: SR,
    messages.COMMAND_FIELD: messages.C_STORE_RQ,
    messages.AFFECTED_SOP_INSTANCE_UID: "1.2.3",
}


def acceptance() -> bytes:
    """What a node answers that takes our one presentation context."""
    answer = A_ASSOCIATE()
    answer.application_context_name = UID("1.2.840.10008.3.1.1.1")
    answer.calling_ae_title, answer.called_ae_title = "VIGIE", "PACS"
    answer.result, answer.result_source = 0, 1
    context = PresentationContext()
    context.context_id, context.abstract_syntax = 1, UID(SR)
    context.transfer_syntax, context.result = [UID(EXPLICIT)], 0
    answer.presentation_context_definition_results_list = [context]
    length, implementation = MaximumLengthNotification(), ImplementationClassUIDNotification()
    length.maximum_length_received = 16384
    implementation.implementation_class_uid = UID("1.2.3")
    answer.user_information = [length, implementation]
    return bytes(A_ASSOCIATE_AC(answer).encode())


def response(status: int = 0x0000, message_id: int = 1) -> bytes:
    """A C-STORE-RSP in one PDU."""
    encoded = messages.encode_command(
        {
            messages.COMMAND_FIELD: messages.C_STORE_RQ | messages.RESPONSE,
            messages.MESSAGE_ID_BEING_RESPONDED_TO: message_id,
            messages.STATUS: status,
        },
        has_data_set=False,
    )
    return messages.data_pdu(1, encoded, is_command=True, is_last=True)


ACCEPTANCE, RESPONSE = acceptance(), response()
RELEASE = b"\x05\0\0\0\0\x04" + bytes(4)
EVENT = messages.data_pdu(
    1,
    messages.encode_command(
        {messages.COMMAND_FIELD: messages.N_EVENT_REPORT_RQ, messages.MESSAGE_ID: 1},
        has_data_set=False,
    ),
    is_command=True,
    is_last=True,
)


def answered(said: bytes) -> int:
    """The status that a sender gets of a peer that says this and no more."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(said)
        theirs.shutdown(socket.SHUT_WR)
        association = Association(ours, at(104, connect_timeout_s=2, answer_timeout_s=2))
        association.negotiate([KIND], [])
        if not association.accepts(*KIND):
            raise DestinationUnavailable("the context is not accepted")
        answer = association.request(KIND, STORE, io.BytesIO(bytes(40_000)))
        return answer.number(messages.STATUS)


def sentence(said: bytes) -> str:
    try:
        return f"status {answered(said)}"
    except DestinationUnavailable as error:
        return str(error)


def test_an_answer_is_heard() -> None:
    assert answered(ACCEPTANCE + RESPONSE) == 0x0000
    assert answered(ACCEPTANCE + response(0xC000)) == 0xC000
    assert answered(ACCEPTANCE + EVENT + RESPONSE) == 0x0000  # a request that overtook it


def test_what_was_not_asked_is_no_answer() -> None:
    assert "was not asked" in sentence(ACCEPTANCE + response(message_id=2))
    assert "was not asked" in sentence(ACCEPTANCE + 200 * EVENT + RESPONSE)
    assert "ended the association" in sentence(ACCEPTANCE + RELEASE + RESPONSE)
    assert "closed the connection" in sentence(ACCEPTANCE)
    assert "closed the connection" in sentence(ACCEPTANCE + RESPONSE[:-1])
    assert "too long" in sentence(ACCEPTANCE + struct.pack(">BxL", 4, 2**31))


@given(st.data())
def test_p9_damaged_answers_end_in_a_sentence_and_never_in_success(data: st.DataObject) -> None:
    whole = bytearray(ACCEPTANCE + RESPONSE)
    position = data.draw(st.integers(0, len(whole) - 1))
    whole[position] ^= data.draw(st.integers(1, 255))
    said = sentence(bytes(whole))
    status_at = len(whole) - 2  # Status is the last element
    if position >= status_at:
        assert said != "status 0"


@given(st.binary(max_size=300))
def test_p9_nonsense_ends_in_a_sentence(nonsense: bytes) -> None:
    for before in (b"", ACCEPTANCE):
        assert not sentence(before + nonsense).startswith("status")
