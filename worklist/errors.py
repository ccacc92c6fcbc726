"""Every error the core raises on purpose.

::

    VigieError
    ├── InvalidUID            a DICOM UID that cannot be one
    ├── UnknownStudy          no study of that UID was filed
    ├── UnknownDetector       no detector of that name is installed
    ├── MissingReason         a person's decision without a word on why
    ├── StoreUnavailable      the database does not answer, or cannot do its work for now
    └── RefusedByStore        the database is well and refuses these data
"""


class VigieError(Exception):
    """Root of the errors that say what to do; edges translate it once."""


class InvalidUID(VigieError, ValueError):
    """A text from outside that is no DICOM UID (PS3.5 section 9.1)."""


class UnknownStudy(VigieError, LookupError):
    """No study with this Study Instance UID has been filed."""


class UnknownDetector(VigieError, LookupError):
    """No detector of this name is installed."""


class MissingReason(VigieError, ValueError):
    """A person's decision must say why; it stands in the event log."""


class StoreUnavailable(VigieError):
    """The database does not answer, or cannot do its work; what was received waits in the inbox.

    Cannot: it is read-only after a failover, a table or a privilege is missing, the disk is full.
    Nothing is wrong with the data, which can be given again later.
    """


class RefusedByStore(VigieError):
    """The database is well, and refuses these very data: given again, they are refused again."""
