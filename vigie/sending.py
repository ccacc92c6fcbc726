"""`vigie send`: files and folders by C-STORE, bytes as they lie on disk, never transcoded."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from pydicom.config import disable_value_validation
from pydicom.errors import InvalidDicomError
from pydicom.filereader import read_file_meta_info
from pydicom.misc import is_dicom
from pynetdicom.dsutils import split_dataset
from pynetdicom.status import code_to_category

from results.sending import messages
from results.sending.association import MOST_CONTEXTS, Association, associate
from results.sending.destination import DimseDestination
from results.sending.encodings import IMPLICIT
from results.sending.errors import AssociationRefused, DestinationUnavailable
from results.sending.storage import VERIFICATION, verify


@dataclass(frozen=True, kw_only=True, slots=True)
class OutgoingFile:
    """A DICOM file to be sent."""

    path: Path
    sop_class_uid: str
    transfer_syntax_uid: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """A file that was not taken, and why."""

    path: Path
    reason: str


class NoAssociation(ConnectionError):
    """The peer cannot be reached, or does not talk to us; the message says which."""


def dicom_files(paths: Iterable[Path]) -> tuple[list[OutgoingFile], list[Refusal]]:
    """The DICOM files among these files and, through all their folders, below them.

    A file named by itself that is no DICOM file is a refusal; in folders such files are passed
    over in silence, for studies come with other files beside them.
    """
    files, refusals = [], []
    for path, named in _walk(paths):
        try:
            if is_dicom(path):
                files.append(_described(path))
            elif named:
                refusals.append(Refusal(path=path, reason="not a DICOM file"))
        except (OSError, InvalidDicomError, AttributeError, ValueError) as error:
            refusals.append(Refusal(path=path, reason=f"unreadable: {error}"))
    return files, refusals


def _described(path: Path) -> OutgoingFile:
    with disable_value_validation():
        meta = read_file_meta_info(path)
        return OutgoingFile(
            path=path,
            sop_class_uid=str(meta.MediaStorageSOPClassUID),
            transfer_syntax_uid=str(meta.TransferSyntaxUID),
        )


def _walk(paths: Iterable[Path]) -> Iterator[tuple[Path, bool]]:
    for path in paths:
        if path.is_dir():
            yield from ((one, False) for one in sorted(path.rglob("*")) if one.is_file())
        else:
            yield path, True


def send(
    files: Sequence[OutgoingFile],
    *,
    host: str,
    port: int,
    called_ae_title: str,
    calling_ae_title: str,
    sent: Callable[[], object],
) -> list[Refusal]:
    """Send files in their order, over as many associations as their kinds need.

    Parameters
    ----------
    sent
        Called after each file, whether it was taken or not.

    Returns
    -------
    list of Refusal
        The files that were not taken.

    Raises
    ------
    NoAssociation
        If no association can be opened, or the peer ends one.
    """
    destination = DimseDestination(
        name=called_ae_title,
        host=host,
        port=port,
        called_ae_title=called_ae_title,
        calling_ae_title=calling_ae_title,
        connect_timeout_s=30,
        answer_timeout_s=120,  # a node that makes sure of the bytes may take its time
    )
    refusals: list[Refusal] = []
    kinds = iter(dict.fromkeys((one.sop_class_uid, one.transfer_syntax_uid) for one in files))
    try:
        while lot := list(islice(kinds, MOST_CONTEXTS)):
            mine = [one for one in files if (one.sop_class_uid, one.transfer_syntax_uid) in lot]
            refusals += _send_lot(destination, lot, mine, sent)
    except DestinationUnavailable as error:
        raise NoAssociation(str(error)) from error
    return refusals


def _send_lot(
    destination: DimseDestination,
    kinds: Sequence[tuple[str, str]],
    files: Sequence[OutgoingFile],
    sent: Callable[[], object],
) -> list[Refusal]:
    refusals = []
    with associate(destination, kinds) as association:
        for file in files:
            reason = _store(association, file)
            if reason is not None:
                refusals.append(Refusal(path=file.path, reason=reason))
            sent()
    return refusals


def echo(host: str, port: int, called_ae_title: str) -> bool:
    """Whether a DICOM node answers C-ECHO there, or at least refuses us as one does."""
    node = DimseDestination(
        name=called_ae_title,
        host=host,
        port=port,
        called_ae_title=called_ae_title,
        calling_ae_title="VIGIE-DOCTOR",
    )
    try:
        with associate(node, [(VERIFICATION, IMPLICIT)]) as association:
            verify(association)
    except AssociationRefused:
        return True
    except DestinationUnavailable:
        return False
    return True


def _store(association: Association, file: OutgoingFile) -> str | None:
    """Why the peer did not take the file; None when it did."""
    kind = (file.sop_class_uid, file.transfer_syntax_uid)
    if not association.accepts(*kind):
        return f"the peer takes no {file.sop_class_uid} in {file.transfer_syntax_uid}"
    try:
        with disable_value_validation():  # odd values are sent as they are
            meta, offset = split_dataset(file.path)
            sop_instance_uid = str(meta.MediaStorageSOPInstanceUID)
        data_set = file.path.open("rb")
    except (OSError, ValueError, AttributeError) as error:
        return f"cannot be sent: {error}"
    with data_set:
        data_set.seek(offset)
        answer = association.request(
            kind,
            {
                messages.AFFECTED_SOP_CLASS_UID: file.sop_class_uid,
                messages.COMMAND_FIELD: messages.C_STORE_RQ,
                messages.PRIORITY: 0x0000,
                messages.AFFECTED_SOP_INSTANCE_UID: sop_instance_uid,
            },
            data_set,
        )
    status = answer.number(messages.STATUS)
    if code_to_category(status) in ("Success", "Warning"):
        return None
    comment = answer.text(messages.ERROR_COMMENT)
    return f"status 0x{status:04X}" + (f": {comment}" if comment else "")
