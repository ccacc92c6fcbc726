"""The ways out, by the kind of destination; satisfies `results.sending.ports.Transport`."""

from collections.abc import Callable, Sequence
from pathlib import Path

from results.sending import commitment, storage, stow
from results.sending.destination import Delivered, Destination, DimseDestination
from results.sending.errors import CommitmentNotOffered
from worklist.commitment import CommitmentAnswer, ObjectReference
from worklist.uid import TransactionUID


def send(destination: Destination, files: Sequence[Path]) -> Sequence[Delivered]:
    """Send DICOM files in their order, and say what was answered to each.

    Raises
    ------
    DestinationUnavailable
        If it cannot be reached, stops to answer or has no room; holds what was answered.
    UnsendableFile
        If one of the files cannot be sent at all; nothing was sent.
    """
    if not files:
        return ()
    if isinstance(destination, DimseDestination):
        return storage.store(destination, files)
    return stow.store(destination, files)


def test(destination: Destination) -> str:
    """Say in one line what answers there; nothing is stored.

    Raises
    ------
    DestinationUnavailable
        With a plain sentence of what to do.
    """
    if isinstance(destination, DimseDestination):
        return storage.echo(destination)
    return stow.look(destination)


def ask_commitment(
    destination: Destination,
    transaction_uid: TransactionUID,
    references: Sequence[ObjectReference],
    record: Callable[[CommitmentAnswer], None],
) -> CommitmentAnswer | None:
    """Ask the destination to answer for objects that it accepted (PS3.4 annex J).

    Parameters
    ----------
    record
        Keeps an answer to an earlier request that comes on this association; raises where it
        cannot, and the peer then hears that we did not take it.

    Returns
    -------
    CommitmentAnswer or None
        None: it will answer on an association of its own, to our listener.

    Raises
    ------
    DestinationUnavailable
        If it cannot be reached, or does not take the request.
    CommitmentNotOffered
        If it never will: STOW-RS, or a node without the service.
    """
    if isinstance(destination, DimseDestination):
        return commitment.ask(destination, transaction_uid, references, record)
    raise CommitmentNotOffered(f"{destination.name} has no storage commitment.")
