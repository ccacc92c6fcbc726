"""What DICOMweb needs from outside; `vigie` hands it in when the app is built."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from viewer.dicomweb.json_model import ToDescribe
from viewer.dicomweb.pixels import StoredFrame
from viewer.dicomweb.stow import StoreSession
from worklist.archive_search import ArchiveQuery, Found
from worklist.archived import ArchivedObject
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID


class Archive(Protocol):
    """Finds archived objects; may raise StoreUnavailable. Called from many threads."""

    def objects(
        self,
        study: StudyInstanceUID,
        series: SeriesInstanceUID | None = None,
        instance: SOPInstanceUID | None = None,
    ) -> Sequence[ArchivedObject]:
        """Those of a study, of a series of it, or one, in reading order; at least one.

        Raises
        ------
        worklist.errors.UnknownStudy
            If no study of this UID has been filed.
        worklist.views.UnknownInstance
            If it has no such series or object.
        """
        ...

    def shown_for(
        self,
        study: StudyInstanceUID,
        series: SeriesInstanceUID | None = None,
        instance: SOPInstanceUID | None = None,
    ) -> ArchivedObject:
        """One object that stands for all of them, with pixels where any has; raises as above."""
        ...

    def search(self, query: ArchiveQuery) -> Sequence[Found]:
        """What is found, the newest studies first, then in reading order."""
        ...


Describe = Callable[[Sequence[ToDescribe]], list[bytes | None]]
"""`viewer.dicomweb.json_model.describe`, in a process of its own; raises CannotDecode."""

DecodeStored = Callable[[Path, int, StoredFrame | None], bytes]
"""Decodes a frame (counts from 1) of the object at a path to Explicit VR Little Endian.

The stored frame is handed in where it is a codestream; None: the whole file has to be read. Raises
CannotDecode.
"""

Transcode = Callable[[Path, Path], None]
"""Writes the object at a path to a new file in Explicit VR Little Endian; raises CannotDecode."""


class StoreDoor(Protocol):
    """The way into the inbox."""

    def session(self, sender: str, address: str) -> AbstractContextManager[StoreSession]:
        """One request; raises OSError if the inbox cannot be used.

        Parameters
        ----------
        sender
            Stands where an association has its calling AE title.
        address
            IP address of the sender.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class DicomWeb:
    """Everything that DICOMweb needs."""

    archive: Archive
    describe: Describe
    decode_stored: DecodeStored
    transcode: Transcode
    store: StoreDoor
    cache: Path  # folder of what can be made again
    cache_limit_bytes: int
