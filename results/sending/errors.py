"""What goes wrong on the way out.

::

    VigieError
    └── SendingError
        ├── DestinationUnavailable    nobody answers, or not any more: try again later
        │   └── AssociationRefused    a DICOM node answers, and lets us not in
        ├── UnsendableFile            a file of ours that cannot be sent to anybody
        └── CommitmentNotOffered      the destination answers for no safekeeping
"""

from collections.abc import Collection, Sequence
from pathlib import Path

from results.sending.destination import Delivered
from worklist.errors import VigieError


class SendingError(VigieError):
    """Root of the errors of sending."""


class DestinationUnavailable(SendingError):
    """The destination cannot be reached, does not answer, or has no room for now.

    Parameters
    ----------
    message
        A plain sentence of what happened, for people.
    delivered
        What was answered before. All other files must be sent again: one of them may lie at the
        destination already, unanswered; sent again with its UID and bytes it is no second one.
    begun
        The SOP Instance UIDs of which bytes left and no answer came; None: of any of the others.
    is_alive
        It answered, if not as we hoped to a request without objects: one object will tell.
    """

    def __init__(
        self,
        message: str,
        delivered: Sequence[Delivered] = (),
        begun: Collection[str] | None = None,
        *,
        is_alive: bool = False,
    ) -> None:
        super().__init__(message)
        self.delivered = tuple(delivered)
        self.begun = None if begun is None else frozenset(begun)
        self.is_alive = is_alive


class AssociationRefused(DestinationUnavailable):
    """A DICOM node answers, and lets us not in (A-ASSOCIATE-RJ)."""


class UnsendableFile(SendingError):
    """A file that cannot be read, or is no DICOM object; nothing was sent of this call.

    Parameters
    ----------
    path
        Which of the files.
    """

    def __init__(self, message: str, path: Path) -> None:
        super().__init__(message)
        self.path = path


class CommitmentNotOffered(SendingError):
    """The destination has no storage commitment: its acceptance is all one gets."""
