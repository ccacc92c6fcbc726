"""What objects are made from: one assessment of one study, as store and archive have it.

All are values: the same facts make the same bytes.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cached_property

from pydicom.dataelem import RawDataElement

from results.errors import UnknownImage, UnusableFacts
from results.plain_values import plain
from worklist.finding import Flagged, NotFlagged, Outcome, Provenance, Region, TurnedImage
from worklist.highlighting import Highlighting
from worklist.study import Completeness
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID

_A_TRIANGLE = 3  # points, the least that encloses something


@dataclass(frozen=True, kw_only=True, slots=True)
class PatientAndStudy:
    """The attributes of patient and study, byte for byte as one of its images has them."""

    study_instance_uid: StudyInstanceUID
    elements: tuple[RawDataElement, ...]  # explicit VR little endian, by tag


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectReference:
    """One object of the study, as others refer to it."""

    sop_class_uid: str
    sop_instance_uid: SOPInstanceUID
    series_instance_uid: SeriesInstanceUID


@dataclass(frozen=True, kw_only=True, slots=True)
class Plane:
    """Where one frame lies in the patient (PS3.3 C.7.6.2), LPS."""

    position_mm: tuple[float, float, float]  # of the middle of the first pixel
    orientation: tuple[float, float, float, float, float, float]  # along a row, down a column
    spacing_mm: tuple[float, float]  # between rows, between columns
    thickness_mm: float | None  # None: not said

    @property
    def height_mm(self) -> float:
        """Along the normal of the plane, to a tenth of a micrometre."""
        (x0, y0, z0), (x1, y1, z1) = self.orientation[:3], self.orientation[3:]
        normal = y0 * z1 - z0 * y1, z0 * x1 - x0 * z1, x0 * y1 - y0 * x1
        return round(sum(a * b for a, b in zip(normal, self.position_mm, strict=True)), 4)


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """Centre and width of the values shown, after the modality's rescale (PS3.3 C.11.2)."""

    center: float
    width: float
    function: str = "LINEAR"  # LINEAR, LINEAR_EXACT or SIGMOID


@dataclass(frozen=True, kw_only=True, slots=True)
class Grey:
    """How a grey image is to be shown: stored values to those of the modality to a window."""

    rescale: tuple[float, float] | None  # slope, intercept; None: stored values are meant
    rescale_type: str  # HU, US, ...
    window: Window | None  # the image's own; None: it has none, or a table instead
    inverted: bool  # MONOCHROME1: low values are white
    has_voi_table: bool  # a table says how values are shown; it is not copied


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceImage:
    """The header of an image on which something was seen."""

    reference: ObjectReference
    modality: str
    rows: int
    columns: int
    number_of_frames: int
    frame_of_reference_uid: str | None
    planes: tuple[Plane, ...]  # of each frame; empty: not known
    grey: Grey | None  # None: colour, or a table that is not copied

    def plane(self, frame_number: int) -> Plane | None:
        """Where a frame lies, counted from 1; None: not known."""
        return self.planes[frame_number - 1] if self.planes else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """The node that speaks."""

    uid: str  # of the installation, the same for good
    station_name: str  # its AE title, ASCII
    software_version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DetectorResult:
    """What one detector came to."""

    outcome: Outcome
    provenance: Provenance
    highlighting: Highlighting  # what the site chose for this detector (P8)
    is_revealed: bool = False  # a reader has had a first look at the study, and saw the marks

    @property
    def marks(self) -> bool:
        """Whether objects say where and how probable: an archive shows everything to everybody.

        What is for after the first look is left out until it was revealed, and the objects are
        built anew then; triage only is never revealed.
        """
        match self.highlighting:
            case Highlighting.AT_ONCE:
                return True
            case Highlighting.AFTER_FIRST_LOOK:
                return self.is_revealed
            case Highlighting.TRIAGE_ONLY:
                return False

    @property
    def regions(self) -> tuple[Region, ...]:
        """Where something was flagged; what was not flagged is not pointed at.

        Without outlines of fewer than three points, which models of others may answer: they
        enclose nothing.
        """
        if self.marks and isinstance(self.outcome, Flagged):
            return tuple(one for one in self.outcome.regions if len(one.polygon) >= _A_TRIANGLE)
        return ()

    @property
    def turned(self) -> tuple[TurnedImage, ...]:
        """Images that were turned before they were looked at; places are told as received."""
        if isinstance(self.outcome, Flagged | NotFlagged):
            return self.outcome.evidence.turned
        return ()

    @property
    def digest_of_instances(self) -> str:
        """SHA-256, hex, over UID and SHA-256 of each object seen, a line each, sorted."""
        lines = "".join(f"{uid} {digest}\n" for uid, digest in sorted(self.provenance.instances))
        return hashlib.sha256(lines.encode()).hexdigest()

    @property
    def probability(self) -> float | None:
        """Calibrated; None: not evaluated, or not to be said."""
        if self.marks and isinstance(self.outcome, Flagged | NotFlagged):
            return self.outcome.probability
        return None


@dataclass(frozen=True, kw_only=True)
class AssessmentFacts:
    """One assessment of one study, whole.

    Of the same images in another order, or in other types of lists and numbers, it is equal.

    Raises
    ------
    UnusableFacts
        If nothing was assessed, or what was seen lies on no image of the study.
    UnknownImage
        If a region lies on an image or frame that is not among the images.
    """

    study: PatientAndStudy
    number: int  # counts from 1; a later one supersedes
    completeness: Completeness
    results: tuple[DetectorResult, ...]  # one a detector, in the order they are told in
    seen: tuple[ObjectReference, ...]  # every object that a detector saw; sorted by UID
    images: tuple[SourceImage, ...]  # those that regions lie on, at least; sorted by place
    device: Device
    timezone: tzinfo  # of the site; that of the source's header, if it has one, comes first

    def __post_init__(self) -> None:
        if not self.results:
            raise UnusableFacts("an assessment without a result says nothing")
        for name in ("study", "results", "seen", "images", "device"):
            object.__setattr__(self, name, plain(getattr(self, name)))
        object.__setattr__(self, "seen", tuple(sorted(self.seen, key=_by_uid)))
        object.__setattr__(self, "images", tuple(sorted(self.images, key=_by_place)))
        known = {one.sop_instance_uid for one in self.seen}
        for result in self.results:
            missing = [uid for uid, _ in result.provenance.instances if uid not in known]
            if missing:
                raise UnusableFacts(f"what is {missing[0]}, which a detector saw?")
            for region in result.regions:
                self.image(region)

    @cached_property
    def digest(self) -> str:
        """SHA-256, hex, of all of it: what differs in anything is another object.

        Of the time zone only what it is at the time that the objects bear.
        """
        what = (self.study, self.number, self.completeness, self.results, self.seen, self.images)
        clock = self.finished_at.astimezone(self.timezone).isoformat()
        return hashlib.sha256(repr((*what, self.device, clock)).encode()).hexdigest()

    @cached_property
    def images_by_uid(self) -> Mapping[SOPInstanceUID, SourceImage]:
        """The images by their UID."""
        return {one.reference.sop_instance_uid: one for one in self.images}

    @cached_property
    def references(self) -> Mapping[SOPInstanceUID, ObjectReference]:
        """Every object that was seen or has a region, by its UID, sorted by series."""
        ordered = sorted(
            {*self.seen, *(one.reference for one in self.images)},
            key=lambda one: (one.series_instance_uid, one.sop_instance_uid),
        )
        return {one.sop_instance_uid: one for one in ordered}

    @property
    def finished_at(self) -> datetime:
        """When the last detector was done: the time that every object bears."""
        return max(one.provenance.finished_at for one in self.results)

    @property
    def flagged(self) -> tuple[DetectorResult, ...]:
        """The results that people are told of."""
        return tuple(one for one in self.results if isinstance(one.outcome, Flagged))

    def image(self, region: Region) -> SourceImage:
        """The image that a region lies on."""
        image = self.images_by_uid.get(region.sop_instance_uid)
        if image is None or not 1 <= region.frame_number <= image.number_of_frames:
            raise UnknownImage(
                f"no header of frame {region.frame_number} of {region.sop_instance_uid}"
            )
        return image


def _by_uid(one: ObjectReference) -> tuple[str, ...]:
    return one.series_instance_uid, one.sop_instance_uid, one.sop_class_uid


def _by_place(one: SourceImage) -> tuple[object, ...]:
    """Along the normal of its planes, where that is known."""
    at = one.planes[0].height_mm if one.planes else 0.0
    return one.reference.series_instance_uid, at, *_by_uid(one.reference)
