"""C-STORE as SCU, and C-ECHO (PS3.4 annexes A and B)."""

import time
from collections.abc import Sequence
from pathlib import Path

from pydicom.uid import UID
from pynetdicom.status import STORAGE_SERVICE_CLASS_STATUS

from results.sending import messages
from results.sending.association import MOST_CONTEXTS, Association, associate
from results.sending.destination import Delivered, DimseDestination
from results.sending.encodings import (
    EXPLICIT,
    IMPLICIT,
    OutgoingObject,
    batches,
    data_set_in,
    outgoing_object,
)
from results.sending.errors import DestinationUnavailable, UnsendableFile
from results.sending.messages import Message

VERIFICATION = "1.2.840.10008.1.1"
STORAGE_COMMITMENT = "1.2.840.10008.1.20.1"  # Push Model
DUPLICATE_SOP_INSTANCE = 0x0111  # the destination has it already

_RESULT_CLASSES = {
    "reports": "1.2.840.10008.5.1.4.1.1.88.34",
    "segmentations": "1.2.840.10008.5.1.4.1.1.66.4",
    "presentations": "1.2.840.10008.5.1.4.1.1.11.1",
    "key images": "1.2.840.10008.5.1.4.1.1.7",
    "selections": "1.2.840.10008.5.1.4.1.1.88.59",
}


def store(destination: DimseDestination, files: Sequence[Path]) -> Sequence[Delivered]:
    """Send files; see `results.sending.ports.Transport.send`."""
    objects = [outgoing_object(path) for path in files]
    delivered: list[Delivered] = []
    try:
        for lot in batches(objects, MOST_CONTEXTS):
            _store_lot(destination, lot, delivered)
    except DestinationUnavailable as error:
        begun = error.begun or ()  # none while there was no association, or all was answered
        raise DestinationUnavailable(str(error), delivered, begun) from error
    return delivered


def _store_lot(
    destination: DimseDestination, lot: Sequence[OutgoingObject], delivered: list[Delivered]
) -> None:
    contexts = dict.fromkeys((one.sop_class_uid, syntax) for one in lot for syntax in one.choices)
    with associate(destination, list(contexts)) as association:
        for one in lot:
            try:
                answer = _store_one(association, one)
            except DestinationUnavailable as error:
                raise DestinationUnavailable(str(error), begun=[one.sop_instance_uid]) from error
            if is_out_of_resources(answer.status):
                raise DestinationUnavailable(f"{destination.name} has no room: {answer.words}")
            delivered.append(answer)


def _store_one(association: Association, one: OutgoingObject) -> Delivered:
    syntaxes = [two for two in one.choices if association.accepts(one.sop_class_uid, two)]
    if not syntaxes:
        return _refused(one, f"It takes no {UID(one.sop_class_uid).name} that we could send.")
    try:
        data_set = data_set_in(one, syntaxes[0])
    except UnsendableFile as error:
        return _refused(one, str(error))
    with data_set:
        answer = association.request(
            (one.sop_class_uid, syntaxes[0]),
            {
                messages.AFFECTED_SOP_CLASS_UID: one.sop_class_uid,
                messages.COMMAND_FIELD: messages.C_STORE_RQ,
                messages.PRIORITY: 0x0000,
                messages.AFFECTED_SOP_INSTANCE_UID: one.sop_instance_uid,
            },
            data_set,
        )
    return _delivered(one, answer)


def _delivered(one: OutgoingObject, answer: Message) -> Delivered:
    status = answer.number(messages.STATUS)
    category = STORAGE_SERVICE_CLASS_STATUS.get(status, ("Failure", ""))[0]
    is_accepted = category in ("Success", "Warning") or status == DUPLICATE_SOP_INSTANCE
    comment = answer.text(messages.ERROR_COMMENT)
    words = status_words(status) + (f": {comment}" if comment else "")
    return Delivered(
        sop_instance_uid=one.sop_instance_uid,
        state="accepted" if is_accepted else "refused",
        status=status,
        words="" if status == 0x0000 else words,
    )


def _refused(one: OutgoingObject, words: str) -> Delivered:
    return Delivered(
        sop_instance_uid=one.sop_instance_uid, state="refused", status=None, words=words
    )


def is_out_of_resources(status: int | None) -> bool:
    """Whether the destination has no room now (PS3.4 table B.2-1)."""
    return status is not None and 0xA700 <= status <= 0xA7FF


def status_words(status: int) -> str:
    """A status for people, with the standard's words where it has some."""
    words = STORAGE_SERVICE_CLASS_STATUS.get(status, ("", ""))[1]
    return f"status 0x{status:04X}" + (f" ({words})" if words else "")


def echo(destination: DimseDestination) -> str:
    """Ask by C-ECHO, and which of our objects it takes; see `Transport.test`."""
    proposals = [(VERIFICATION, IMPLICIT), (STORAGE_COMMITMENT, IMPLICIT)]
    proposals += [(one, two) for one in _RESULT_CLASSES.values() for two in (EXPLICIT, IMPLICIT)]
    began_at = time.monotonic()
    with associate(destination, proposals) as association:
        if association.accepts(VERIFICATION, IMPLICIT):
            verify(association)
        answered_ms = 1000 * (time.monotonic() - began_at)
        takes = [
            name
            for name, sop_class_uid in _RESULT_CLASSES.items()
            if any(association.accepts(sop_class_uid, two) for two in (EXPLICIT, IMPLICIT))
        ]
        commits = association.accepts(STORAGE_COMMITMENT, IMPLICIT)
        implementation = association.implementation
    software = implementation or "it does not say what it is"
    said = [
        f"{destination.called_ae_title} ({software}) answered in {answered_ms:.0f} ms",
        f"takes {', '.join(takes)}" if takes else "takes none of our results",
        "storage commitment offered" if commits else "no storage commitment",
    ]
    return "; ".join(said)


def verify(association: Association) -> None:
    """Ask by C-ECHO; raises `DestinationUnavailable` where it is not answered with success."""
    answer = association.request(
        (VERIFICATION, IMPLICIT),
        {
            messages.AFFECTED_SOP_CLASS_UID: VERIFICATION,
            messages.COMMAND_FIELD: messages.C_ECHO_RQ,
        },
    )
    status = answer.number(messages.STATUS)
    if status != 0x0000:
        raise DestinationUnavailable(f"It answered C-ECHO with status 0x{status:04X}.")
