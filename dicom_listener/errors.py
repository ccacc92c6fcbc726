"""What goes wrong between a peer and the inbox.

::

    VigieError
    └── ListenerError
        ├── ProtocolError         the peer sent what no DICOM peer may send
        ├── PeerGone              the peer closed the connection, or said nothing for too long
        └── UnreadableObject      received bytes that cannot be filed; the text says why
"""

from worklist.errors import VigieError


class ListenerError(VigieError):
    """Root of the listener's errors."""


class ProtocolError(ListenerError):
    """The peer broke the Upper Layer or DIMSE protocol; the association is aborted.

    Parameters
    ----------
    message : str
        For the log.
    abort_reason : int
        Reason/Diag. field of the A-ABORT (PS3.8 table 9-26).
    """

    def __init__(self, message: str, *, abort_reason: int = 0x00) -> None:
        super().__init__(message)
        self.abort_reason = abort_reason


class PeerGone(ListenerError):
    """The connection ended without a release."""


class UnreadableObject(ListenerError):
    """An object that cannot be filed; the message is the reason the administrator reads."""
