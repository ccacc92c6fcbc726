"""What the queue needs of the ways out; the module `results.sending.transport` satisfies it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from results.sending.destination import Delivered, Destination
from worklist.commitment import CommitmentAnswer, ObjectReference
from worklist.uid import TransactionUID


class Transport(Protocol):
    """How objects leave."""

    def send(self, destination: Destination, files: Sequence[Path]) -> Sequence[Delivered]:
        """Send DICOM files in their order, and say what was answered to each.

        Raises
        ------
        DestinationUnavailable
            If it cannot be reached, stops to answer or has no room; holds what was answered.
        UnsendableFile
            If one of the files cannot be sent at all; nothing was sent.
        """

    def test(self, destination: Destination) -> str:
        """Say in one line what answers there; nothing is stored.

        Raises
        ------
        DestinationUnavailable
            With a plain sentence of what to do.
        """

    def ask_commitment(
        self,
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
            None: it will answer on an association of its own, to our listener, which puts what
            it hears into a folder (`results.sending.heard`). A peer may also never answer: ask
            again later, with another transaction UID.

        Raises
        ------
        DestinationUnavailable
            If it cannot be reached, or does not take the request.
        CommitmentNotOffered
            If it never will: STOW-RS, or a node without the service.
        """
