"""What lies in the archive, as DICOMweb hands it out: objects of one study, in reading order."""

from dataclasses import dataclass
from pathlib import Path

from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID


@dataclass(frozen=True, kw_only=True, slots=True)
class ArchivedObject:
    """One filed object: the first of its SOP Instance UID (conflicting ones are not served)."""

    study_instance_uid: StudyInstanceUID
    series_instance_uid: SeriesInstanceUID
    sop_instance_uid: SOPInstanceUID
    sop_class_uid: str
    transfer_syntax_uid: str
    sha256: str  # hex, of the data set as received
    path: Path  # absolute
    instance_number: int | None
    number_of_frames: int  # as its header says
    rows: int | None  # None: it has no pixels
    columns: int | None
