"""Storage commitment, push model: asking as SCU, and answering as SCP (PS3.4 annex J)."""

import io
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset
from pynetdicom.dsutils import decode, encode

from results.sending import messages
from results.sending.association import Association, associate
from results.sending.destination import DimseDestination
from results.sending.encodings import EXPLICIT, IMPLICIT
from results.sending.errors import CommitmentNotOffered, DestinationUnavailable
from results.sending.messages import Message
from results.sending.storage import STORAGE_COMMITMENT
from worklist.commitment import (
    CommitmentAnswer,
    CommitmentMessage,
    FailureReason,
    NotCommitted,
    ObjectReference,
)
from worklist.errors import VigieError
from worklist.uid import SOPInstanceUID, TransactionUID

_WELL_KNOWN_INSTANCE = "1.2.840.10008.1.20.1.1"
_CONTEXTS = [(STORAGE_COMMITMENT, EXPLICIT), (STORAGE_COMMITMENT, IMPLICIT)]
_SUCCESS, _PROCESSING_FAILURE = 0x0000, 0x0110
_NEVER = frozenset({0x0118, 0x0122, 0x0123, 0x0211})  # no such class or action: asked in vain


def ask(
    destination: DimseDestination,
    transaction_uid: TransactionUID,
    references: Sequence[ObjectReference],
    record: Callable[[CommitmentAnswer], None],
    *,
    wait_s: float = 5.0,
) -> CommitmentAnswer | None:
    """Ask; see `results.sending.ports.Transport.ask_commitment`.

    Parameters
    ----------
    wait_s
        For an answer on this association; later ones come to our listener.
    """
    with associate(destination, _CONTEXTS) as association:
        context = _context(association)
        if context is None:
            raise CommitmentNotOffered(f"{destination.name} has no storage commitment.")
        asked = association.request(
            context,
            {
                messages.REQUESTED_SOP_CLASS_UID: STORAGE_COMMITMENT,
                messages.COMMAND_FIELD: messages.N_ACTION_RQ,
                messages.REQUESTED_SOP_INSTANCE_UID: _WELL_KNOWN_INSTANCE,
                messages.ACTION_TYPE_ID: 1,
            },
            io.BytesIO(_encoded(_references(transaction_uid, references), context[1])),
        )
        status = asked.number(messages.STATUS)
        if status in _NEVER:
            raise CommitmentNotOffered(
                f"{destination.name} has no storage commitment: status 0x{status:04X}."
            )
        if status != _SUCCESS:
            raise DestinationUnavailable(
                f"{destination.name} does not take the request for storage commitment: "
                f"status 0x{status:04X}. {asked.text(messages.ERROR_COMMENT)}".rstrip()
            )
        return _await_report(association, destination, transaction_uid, record, wait_s)


def report(destination: DimseDestination, answer: CommitmentAnswer) -> None:
    """Answer a peer that asked us, on an association of our own, as SCP (PS3.7 D.3.3.4).

    Raises
    ------
    DestinationUnavailable
        If it cannot be reached, or does not take the answer.
    """
    with associate(destination, _CONTEXTS, scp_of=[STORAGE_COMMITMENT]) as association:
        context = _context(association)
        if context is None:
            raise DestinationUnavailable(
                f"{destination.name} takes no answers of storage commitment."
            )
        event = io.BytesIO(encoded_answer(answer, context[1]))
        told = association.request(
            context,
            {
                messages.AFFECTED_SOP_CLASS_UID: STORAGE_COMMITMENT,
                messages.COMMAND_FIELD: messages.N_EVENT_REPORT_RQ,
                messages.AFFECTED_SOP_INSTANCE_UID: _WELL_KNOWN_INSTANCE,
                messages.EVENT_TYPE_ID: answer.event_type_id,
            },
            event,
        )
        status = told.number(messages.STATUS)
        if status != _SUCCESS:
            raise DestinationUnavailable(
                f"{destination.name} does not take our answer of storage commitment: "
                f"status 0x{status:04X}."
            )


def encoded_answer(answer: CommitmentAnswer, transfer_syntax_uid: str) -> bytes:
    """The data set of an N-EVENT-REPORT (PS3.4 table J.3-2)."""
    said = _references(answer.transaction_uid, answer.committed)
    if not answer.committed:
        del said.ReferencedSOPSequence
    if answer.failed:
        said.FailedSOPSequence = [_failed_item(one) for one in answer.failed]
    return _encoded(said, transfer_syntax_uid)


def decoded_request(
    message: CommitmentMessage,
) -> tuple[TransactionUID, tuple[ObjectReference, ...]]:
    """What an N-ACTION asks for (PS3.4 table J.3-1): its name, and the objects.

    Raises
    ------
    ValueError
        If it cannot be read.
    """
    try:
        said = _decoded(message.data_set, message.transfer_syntax_uid)
        references = tuple(_referenced(one) for one in said.ReferencedSOPSequence)
        return TransactionUID(str(said.TransactionUID)), references
    except Exception as error:  # pydicom raises many kinds; the caller puts the message aside
        raise ValueError(f"{type(error).__name__}: {error}") from error


def decoded_answer(message: CommitmentMessage) -> CommitmentAnswer:
    """What an N-EVENT-REPORT says.

    Raises
    ------
    ValueError
        If it cannot be read.
    """
    try:
        said = _decoded(message.data_set, message.transfer_syntax_uid)
        return CommitmentAnswer(
            transaction_uid=TransactionUID(str(said.TransactionUID)),
            committed=tuple(_referenced(one) for one in said.get("ReferencedSOPSequence") or ()),
            failed=tuple(_not_committed(one) for one in said.get("FailedSOPSequence") or ()),
            ae_title=message.calling_ae_title,
            heard_at=message.received_at,
        )
    except Exception as error:  # pydicom raises many kinds; the caller puts the message aside
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _decoded(data_set: bytes, transfer_syntax_uid: str) -> Dataset:
    with disable_value_validation():
        return decode(io.BytesIO(data_set), transfer_syntax_uid == IMPLICIT, True)


def _not_committed(item: Dataset) -> NotCommitted:
    reason = item.get("FailureReason")
    return NotCommitted(
        object=_referenced(item),
        failure_reason=FailureReason.PROCESSING_FAILURE if reason is None else int(reason),
    )


def _failed_item(one: NotCommitted) -> Dataset:
    item = _item(one.object)
    item.FailureReason = one.failure_reason
    return item


def _context(association: Association) -> tuple[str, str] | None:
    return next((one for one in _CONTEXTS if association.accepts(*one)), None)


def _await_report(
    association: Association,
    destination: DimseDestination,
    transaction_uid: TransactionUID,
    record: Callable[[CommitmentAnswer], None],
    wait_s: float,
) -> CommitmentAnswer | None:
    """The answer on this association; None if it comes another way: the request is taken."""
    deadline = time.monotonic() + wait_s
    while (left_s := deadline - time.monotonic()) > 0:
        try:
            message = association.await_message(left_s)
            if message is None:
                return None
            answer = None
            if message.field == messages.N_EVENT_REPORT_RQ:
                answer = _answer(association, destination, message)
            is_ours = answer is not None and answer.transaction_uid == transaction_uid
            is_taken = is_ours or (answer is not None and _recorded(answer, record))
            association.respond(message, _SUCCESS if is_taken else _PROCESSING_FAILURE)
        except DestinationUnavailable:
            return None
        if is_ours:
            return answer
    return None


def _recorded(answer: CommitmentAnswer, record: Callable[[CommitmentAnswer], None]) -> bool:
    """Whether an answer to an earlier request is kept: most peers tell it only once."""
    try:
        record(answer)
    except VigieError:
        return False
    return True


def _answer(
    association: Association, destination: DimseDestination, message: Message
) -> CommitmentAnswer | None:
    """What an N-EVENT-REPORT says; None if it cannot be read: the peer is told by the status."""
    heard = CommitmentMessage(
        data_set=message.data_set,
        transfer_syntax_uid=association.transfer_syntax_of(message),
        calling_ae_title=destination.called_ae_title,
        called_ae_title=destination.calling_ae_title,
        address=destination.host,
        association_id="",
        received_at=datetime.now(UTC),
    )
    try:
        return decoded_answer(heard)
    except ValueError:
        return None


def _references(transaction_uid: TransactionUID, references: Sequence[ObjectReference]) -> Dataset:
    said = Dataset()
    said.TransactionUID = transaction_uid
    said.ReferencedSOPSequence = [_item(one) for one in references]
    return said


def _item(one: ObjectReference) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = one.sop_class_uid
    item.ReferencedSOPInstanceUID = str(one.sop_instance_uid)
    return item


def _referenced(item: Dataset) -> ObjectReference:
    return ObjectReference(
        sop_class_uid=str(item.ReferencedSOPClassUID),
        sop_instance_uid=SOPInstanceUID(str(item.ReferencedSOPInstanceUID)),
    )


def _encoded(data_set: Dataset, transfer_syntax_uid: str) -> bytes:
    encoded = encode(data_set, transfer_syntax_uid == IMPLICIT, True)
    if encoded is None:
        raise ValueError("a data set of storage commitment cannot be encoded")
    return encoded
