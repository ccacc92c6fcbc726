"""What detectors look for, where they saw it, and the four things an assessment can come to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from worklist.uid import SOPInstanceUID


@dataclass(frozen=True, kw_only=True, slots=True)
class Code:
    """A coded concept (PS3.3 section 8)."""

    value: str
    scheme: str
    meaning: str


class TargetFinding(StrEnum):
    """The findings that may move a study forward in the list."""

    INTRACRANIAL_HAEMORRHAGE = "intracranial_haemorrhage"
    FRACTURE = "fracture"
    PULMONARY_NODULE = "pulmonary_nodule"

    @property
    def code(self) -> Code:
        """The finding in SNOMED CT."""
        return _CODES[self]

    @property
    def words(self) -> str:
        """The finding as people say it in a reason."""
        return _WORDS[self]


_CODES = {
    TargetFinding.INTRACRANIAL_HAEMORRHAGE: Code(
        value="1386000", scheme="SCT", meaning="Intracranial hemorrhage"
    ),
    TargetFinding.FRACTURE: Code(value="125605004", scheme="SCT", meaning="Fracture of bone"),
    TargetFinding.PULMONARY_NODULE: Code(
        value="427359005", scheme="SCT", meaning="Solitary nodule of lung"
    ),
}
_WORDS = {
    TargetFinding.INTRACRANIAL_HAEMORRHAGE: "haemorrhage",
    TargetFinding.FRACTURE: "fracture",
    TargetFinding.PULMONARY_NODULE: "nodule",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Region:
    """Where in one image a finding was seen, in that image's own pixel grid.

    (0, 0) is the top-left corner of the top-left pixel and (1, 1) its bottom-right
    corner, column first, as in SCOORD (PS3.3 C.18.6.1.2).
    """

    sop_instance_uid: SOPInstanceUID
    frame_number: int  # counts from 1, as in the standard
    polygon: tuple[tuple[float, float], ...]  # (column, row), pixels; closed by itself
    score: float  # 0 to 1, how sure the detector is of this place; not calibrated
    polygon_mm: tuple[tuple[float, float, float], ...] | None = None  # patient frame, LPS
    kind: str = ""  # of the finding, in words for people; empty: not said
    lesion: int | None = None  # the number of the lesion it is a cut of


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageScore:
    """How suspect one image of a series is."""

    sop_instance_uid: SOPInstanceUID
    frame_number: int  # counts from 1
    score: float  # 0 to 1; not calibrated


@dataclass(frozen=True, kw_only=True, slots=True)
class SuspectedKind:
    """One kind of the finding, for example a subdural haemorrhage."""

    name: str  # for people, lower case
    score: float  # 0 to 1; not calibrated


@dataclass(frozen=True, kw_only=True, slots=True)
class Lesion:
    """One thing in space that may show on several images, for example a nodule."""

    number: int  # counts from 1, most suspect first; its regions bear it
    score: float  # 0 to 1, that this one is real
    centre_mm: tuple[float, float, float] | None  # patient frame, LPS; None: unknown geometry
    diameter_mm: float | None  # of a sphere of its volume; None: unknown geometry
    first_image: SOPInstanceUID  # the images it shows on, in the order of the series
    last_image: SOPInstanceUID


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnedImage:
    """An image that was turned to be looked at; its regions are told as it was received."""

    sop_instance_uid: SOPInstanceUID
    frame_number: int  # counts from 1
    quarters: int  # counterclockwise, 1 to 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What a probability rests on, as far as the detector says."""

    image_scores: tuple[ImageScore, ...] = ()  # in the order of the series
    kinds: tuple[SuspectedKind, ...] = ()  # those suspected, highest score first
    lesions: tuple[Lesion, ...] = ()  # highest score first
    turned: tuple[TurnedImage, ...] = ()  # not looked at as they were received (P6)


NO_EVIDENCE = Evidence()


@dataclass(frozen=True, kw_only=True, slots=True)
class Flagged:
    """At or above the operating point: people are told."""

    probability: float  # calibrated, 0 to 1, that the finding is present in the study
    regions: tuple[Region, ...] = ()
    evidence: Evidence = NO_EVIDENCE


@dataclass(frozen=True, kw_only=True, slots=True)
class NotFlagged:
    """Below the operating point; never to be shown as normal (P4)."""

    probability: float
    regions: tuple[Region, ...] = ()
    evidence: Evidence = NO_EVIDENCE


@dataclass(frozen=True, kw_only=True, slots=True)
class NotApplicable:
    """The detector does not look at studies like this one."""

    reason: str  # a sentence for people


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    """The detector should have looked and could not."""

    reason: str  # a sentence for people


Outcome = Flagged | NotFlagged | NotApplicable | Failed


class OutcomeState(StrEnum):
    """What people see for one detector on one study; none of them means normal (P4)."""

    NOT_RUN_YET = "not_run_yet"
    RUNNING = "running"
    FLAGGED = "flagged"
    NOT_FLAGGED = "not_flagged"
    NOT_APPLICABLE = "not_applicable"
    FAILED = "failed"
    TOO_LATE = "too_late"  # came after the study was read
    STOPPED = "stopped"  # a person switched this detector off


@dataclass(frozen=True, kw_only=True, slots=True)
class DetectorIdentity:
    """Which detector, exactly: name, version and the digest of its weights."""

    name: str  # unique in the installation, for example "fracture"
    version: str
    target: TargetFinding
    weights_sha256: str
    operating_point: float  # probability at or above which people are told


@dataclass(frozen=True, kw_only=True, slots=True)
class Provenance:
    """What one result rests on (P6)."""

    detector: DetectorIdentity
    instances: Sequence[tuple[SOPInstanceUID, str]]  # what it saw: UID and SHA-256, sorted
    not_eligible: Sequence[tuple[str, str]]  # series it did not, or not wholly, use: UID, why
    software_version: str
    started_at: datetime
    finished_at: datetime
