"""What people are shown: read models of the reading worklist, made by the store for the viewer.

They hold what a page needs and nothing that can be changed through them. Text that came from
outside (names, descriptions) is carried as it was received: whoever renders it escapes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from worklist.errors import VigieError
from worklist.finding import (
    ImageScore,
    Lesion,
    OutcomeState,
    SuspectedKind,
    TargetFinding,
    TurnedImage,
)
from worklist.people import AccountName
from worklist.preview import Preview
from worklist.reading import ReadingState
from worklist.readings import NOTHING_READ, Readings
from worklist.study import Completeness, RequestedPriority
from worklist.trouble import Trouble
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID


class UnknownInstance(VigieError, LookupError):
    """No object of these UIDs has been filed."""


class InvalidCursor(VigieError, ValueError):
    """A place in the list to go on from that this node never gave out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DetectorView:
    """One detector on one study; the state is always said, and none of them means healthy (P4)."""

    name: str
    target: TargetFinding
    state: OutcomeState
    probability: float | None = None  # calibrated, 0 to 1; None where there is no result
    reason: str | None = None  # why there is no result; what was said of earlier images
    version: str | None = None
    operating_point: float | None = None
    assessed_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimView:
    """Who has claimed a study."""

    name: AccountName
    display_name: str
    since: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class WorklistRow:
    """One study, at its place in the list or read and off it."""

    place: int | None  # counts from 1; None: the study was read
    reading_state: ReadingState
    study_instance_uid: StudyInstanceUID
    patient_id: str
    patient_name: str  # family^given^..., as received
    patient_birth_date: date | None
    patient_sex: str
    accession_number: str
    study_description: str
    modalities: tuple[str, ...]
    body_part: str
    requested_priority: RequestedPriority  # routine where no object says how urgently
    priority_in_force: RequestedPriority  # a person's instead of it, or the same
    pinned: bool  # a person put it at the top
    received_at: datetime
    due_at: datetime
    due_without_ai_at: datetime  # never earlier than due_at (P2)
    reason: str  # the terms of the due time, in words (P3)
    completeness: Completeness | None  # None: not handed to the detectors yet
    arriving: bool
    instance_count: int
    conflicts: int  # objects with other bytes under a UID known already, here or elsewhere
    detectors: tuple[DetectorView, ...]
    cursor: str  # opaque: ask for the rows after this one
    claim: ClaimView | None = None  # None: nobody has it
    preview: Preview | None = None  # None: not complete yet, or nothing to show


@dataclass(frozen=True, kw_only=True, slots=True)
class WorklistPage:
    """Consecutive rows of the list, as it stood at one moment."""

    rows: tuple[WorklistRow, ...]
    total: int  # studies on the list, not only on this page
    matching: int  # rows that the filter lets through; without one, the total
    matching_limited: bool  # there are more than were counted
    next_cursor: str | None  # None: these are the last rows
    ai_stopped: bool  # a person stopped AI as a whole (P7)
    stopped_detectors: tuple[str, ...]  # names of those a person stopped one by one
    trouble: tuple[Trouble, ...]  # detectors that do not do their work
    version: int  # number of the last event that this page knows of
    generated_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class InstanceView:
    """One object of a series."""

    sop_instance_uid: SOPInstanceUID
    instance_number: int | None
    number_of_frames: int
    rows: int | None  # pixels; None: the object has no pixels
    columns: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SeriesView:
    """One series, its objects in the order a reader scrolls through them."""

    series_instance_uid: SeriesInstanceUID
    modality: str
    description: str
    body_part: str
    instances: tuple[InstanceView, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class RegionView:
    """Where a detector saw something, in the pixels of one frame (`worklist.finding.Region`)."""

    detector: str
    sop_instance_uid: SOPInstanceUID
    frame_number: int  # counts from 1
    polygon: tuple[tuple[float, float], ...]  # (column, row), pixels; closed by itself
    score: float  # 0 to 1, not calibrated
    kind: str = ""  # of the finding, in words; empty: not said
    lesion: int | None = None  # the number of the lesion it is a cut of
    number: int = 1  # counts from 1 within the detector's result


@dataclass(frozen=True, kw_only=True, slots=True)
class EvidenceView:
    """What one detector's probability rests on (`worklist.finding.Evidence`)."""

    detector: str
    image_scores: tuple[ImageScore, ...]
    kinds: tuple[SuspectedKind, ...]
    lesions: tuple[Lesion, ...]
    turned: tuple[TurnedImage, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ProvenanceView:
    """What the result of one detector rests on (P6)."""

    detector: str
    version: str
    weights_sha256: str
    operating_point: float
    software_version: str
    instances: tuple[tuple[SOPInstanceUID, str], ...]  # what it saw: UID and SHA-256
    not_eligible: tuple[tuple[str, str], ...]  # series not, or not wholly, used: UID and why
    started_at: datetime
    finished_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class EventView:
    """One line of the study's history (P10)."""

    event_id: int
    at: datetime
    kind: str
    actor: str  # a person or a process of the node
    words: str  # what happened, as a sentence
    details: Mapping[str, object] = field(default_factory=dict)  # plain JSON values


@dataclass(frozen=True, kw_only=True, slots=True)
class StudyView:
    """One study, opened."""

    row: WorklistRow
    series: tuple[SeriesView, ...]
    regions: tuple[RegionView, ...]
    evidence: tuple[EvidenceView, ...]  # of the detectors that say any
    provenance: tuple[ProvenanceView, ...]
    events: tuple[EventView, ...]  # oldest first
    readings: Readings = NOTHING_READ


class ModelState(StrEnum):
    """Whether an installed detector looks at studies."""

    ON = "on"
    STOPPED = "stopped"  # a person switched it, or AI as a whole, off (P7)
    BROKEN = "broken"  # it cannot be loaded; every study gets a failure from it (P4)


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelView:
    """One installed detector, as the workers registered it, with its card."""

    name: str
    target: TargetFinding
    title: str  # for people; its name where there is no card
    version: str
    weights_sha256: str
    operating_point: float
    state: ModelState
    broken: str | None  # why it cannot be loaded, stopped or not; None: it can
    stopped_by: str | None
    stopped_at: datetime | None
    stopped_because: str | None
    registered_at: datetime
    card: Mapping[str, Any] | None  # plain JSON values; None: broken


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeCounts:
    """How much of everything the node holds now, for monitoring."""

    studies: Mapping[str, int]  # by state of the study
    outcomes: Mapping[tuple[str, str], int]  # by (detector, outcome state)
    inbox_objects: int  # acknowledged and not filed yet
    quarantined_objects: int
    conflicts: int  # objects kept beside the first of their UID
    jobs_waiting: int
    jobs_failed: int
    notifications: Mapping[tuple[str, str], int] = field(default_factory=dict)  # (channel, state)
    messages_waiting: int = 0  # to go to the RIS
    dead_letters: Mapping[tuple[str, str], int] = field(default_factory=dict)  # (in or out, type)


@dataclass(frozen=True, kw_only=True, slots=True)
class NewFlag:
    """A detector flagged a study that it had not flagged before."""

    detector: str
    probability: float


@dataclass(frozen=True, kw_only=True, slots=True)
class WorklistChange:
    """Something on the list changed: whoever shows it should ask again."""

    event_id: int
    study_instance_uid: StudyInstanceUID | None  # None: the list as a whole, e.g. AI stopped
    kind: str
    at: datetime
    flagged: NewFlag | None = None  # what people are told of


@dataclass(frozen=True, kw_only=True, slots=True)
class MissedFlags:
    """The new flags that somebody who did not hear for a while was not told of."""

    flags: tuple[WorklistChange, ...]  # of studies that still wait, oldest first
    latest: int  # number of the last event: whoever hears from then on misses nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class FilterChoices:
    """What the unread studies can be filtered by, each in alphabetical order."""

    modalities: tuple[str, ...]
    body_parts: tuple[str, ...]
