"""Every error this room raises on purpose.

::

    VigieError
    ├── BadMessage      a message that cannot be taken; says how to answer it
    ├── BadFraming      bytes that are no MLLP
    └── NoAnswer        the receiver did not acknowledge
"""

from worklist.errors import VigieError

ERROR = "AE"  # what the message says cannot be taken
REJECT = "AR"  # the message is none for this receiver


class BadMessage(VigieError, ValueError):
    """A message that cannot be taken.

    Parameters
    ----------
    words
        A sentence for whoever looks after the sender, without any value of the message that
        could be a name.
    error_code
        HL7 table 0357: 100 segment missing, 101 field missing, 102 data type, 103 table value,
        200 message type, 202 processing ID, 203 version, 204 unknown key, 207 internal.
    location
        Segment, its number and the field, as in ERR-2: ``PID^1^3``.
    code
        AE or AR.
    """

    def __init__(
        self, words: str, *, error_code: int, location: str = "", code: str = ERROR
    ) -> None:
        self.error_code = error_code
        self.location = location
        self.code = code
        super().__init__(words)


class BadFraming(VigieError, ValueError):
    """Bytes that are no MLLP, or a message of which only a part is known.

    Parameters
    ----------
    beginning
        Of the message that is too long or cut in two; empty where none begins.
    """

    def __init__(self, words: str, *, beginning: bytes = b"") -> None:
        self.beginning = beginning
        super().__init__(words)


class NoAnswer(VigieError):
    """The receiver cannot be reached, or did not acknowledge in time."""
