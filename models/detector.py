"""What every detector is: a card, a rule for which series it looks at, and an assessment.

A detector is a plain object; the runner calls it in a process of its own, so it may be slow,
leak or crash without harm. It never sees the worklist or the database.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from models.card import ModelCard
from worklist.finding import NO_EVIDENCE, Evidence, Region
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID


@dataclass(frozen=True, kw_only=True, slots=True)
class InstanceHeader:
    """The header of one image object, as far as eligibility and geometry need it."""

    sop_instance_uid: SOPInstanceUID
    sop_class_uid: str
    transfer_syntax_uid: str
    path: Path
    sha256: str
    image_type: tuple[str, ...] = ()  # (0008,0008), upper case
    instance_number: int | None = None
    number_of_frames: int = 1
    rows: int = 0  # 0: no pixels
    columns: int = 0
    photometric_interpretation: str = ""
    view_position: str = ""
    pixel_spacing_mm: tuple[float, float] | None = None  # between rows, between columns
    image_position_mm: tuple[float, float, float] | None = None  # LPS, PS3.3 C.7.6.2
    image_orientation: tuple[float, ...] | None = None  # six direction cosines
    slice_thickness_mm: float | None = None
    gantry_tilt_degrees: float | None = None
    frame_of_reference_uid: str = ""  # empty: not stated
    acquired_s: float | None = None  # seconds by the scanner's clock, to compare; None: not stated


@dataclass(frozen=True, kw_only=True, slots=True)
class SeriesHeader:
    """The header of one series: what eligibility decides on, without a pixel decoded."""

    study_instance_uid: StudyInstanceUID
    series_instance_uid: SeriesInstanceUID
    modality: str
    body_part_examined: str  # upper case, empty where absent
    study_description: str
    series_description: str
    protocol_name: str
    convolution_kernel: str
    contrast_bolus_agent: str
    manufacturer: str
    patient_sex: str
    patient_age_years: float | None
    instances: tuple[InstanceHeader, ...]  # those with pixels, in the order of the series
    animal: str = ""  # what the header calls a patient that is one; empty: nothing says so


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """One decoded frame.

    pixels: float32 (row, column). CT: Hounsfield units. Radiographs: after the modality LUT
    and inversion of MONOCHROME1, so that bone is bright; not windowed, any range.
    """

    sop_instance_uid: SOPInstanceUID
    frame_number: int  # counts from 1
    pixels: npt.NDArray[np.float32]
    pixel_spacing_mm: tuple[float, float] | None
    image_position_mm: tuple[float, float, float] | None
    image_orientation: tuple[float, ...] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SeriesImages:
    """A series with its frames decoded, in the order of the series (CT: by position).

    Those that a detector gets are decoded when it first asks for ``images``.
    """

    header: SeriesHeader
    images: tuple[Image, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Eligible:
    """The detector looks at this series, but for the images that it leaves out.

    Those are neither decoded nor shown to it, and no result names them as seen (P6).
    """

    left_out: tuple[tuple[SOPInstanceUID, str], ...] = ()  # and why, a sentence for people


@dataclass(frozen=True, kw_only=True, slots=True)
class NotEligible:
    """The detector does not look at this series."""

    reason: str  # a sentence for people


Eligibility = Eligible | NotEligible


@dataclass(frozen=True, kw_only=True, slots=True)
class PassedOver:
    """An eligible series that the probability does not rest on.

    One whose images were not asked for was not seen, whatever is said, and is not decoded. Unless
    another series that was judged shows all that it does, by its headers
    (``models.reconstructions``), the study counts as failed unless flagged. A series whose images
    were asked for counts as seen.
    """

    series_instance_uid: SeriesInstanceUID
    reason: str  # a sentence for people
    seen: bool = False  # its images were looked at nevertheless
    judged: bool = False  # by itself; it would have decided, had it been the most suspect


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """An image of an eligible series that was not looked at, for what its pixels show."""

    sop_instance_uid: SOPInstanceUID
    frame_number: int  # counts from 1
    reason: str  # a sentence for people
    place_judged: bool = False  # on another image: the study does not fail for this one


@dataclass(frozen=True, kw_only=True, slots=True)
class NotShown:
    """A part of the body that a series should show and that is on none of its images."""

    series_instance_uid: SeriesInstanceUID
    reason: str  # how much and where, a sentence for people
    may_hide: bool  # what is looked for: unless flagged, such a study counts as failed (P4)


@dataclass(frozen=True, kw_only=True, slots=True)
class Assessment:
    """What a detector thinks of the eligible series of one study."""

    probability: float  # calibrated, 0 to 1, that the finding is present in the study
    regions: tuple[
        Region, ...
    ] = ()  # the finding's, highest score first; then what is told besides
    evidence: Evidence = NO_EVIDENCE
    passed_over: tuple[PassedOver, ...] = ()  # where there are several eligible series
    refused: tuple[Refused, ...] = ()  # unless flagged, such a study counts as failed (P4)
    not_shown: tuple[NotShown, ...] = ()  # between the images of series that were judged
    seconds: dict[str, float] = field(default_factory=dict)  # stage to wall-clock seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Unsuitable:
    """The images, whatever their headers say, are none that the detector was made for."""

    reason: str  # a sentence for people


@dataclass(frozen=True, kw_only=True, slots=True)
class Unjudgeable(Unsuitable):
    """The images may be what the detector was made for, but not so that it can tell.

    An answer of this kind is a failure (P4): the detector should have looked and could not. Beside
    a series that was judged, so does one of this kind fail the study, unless flagged.
    """

    fails_alone: bool = True  # False: without such a series the study is none for the detector


class Detector(Protocol):
    """One model with its rule of use (DESIGN.md section 6).

    ``assess`` gets every eligible series of the study at once, so that a radiograph's views
    count together. It may raise: the runner turns that into ``Failed``.

    A series is decoded when ``assess`` first asks for its images, so a detector that has chosen
    by the headers costs no more than what it looks at; what it does not ask for counts as passed
    over unseen, named or not, and an answer for which it asked for nothing as failed. If one cannot
    be decoded its ``images`` raise ``UndecodableImage``. A detector may catch that and go on; if it
    lets it through, it is asked once more with those that can be decoded.
    """

    card: ModelCard

    def eligibility(self, series: SeriesHeader) -> Eligibility:
        """Whether, and without which images, the detector was made for this series.

        Reads the header only.
        """
        ...

    def assess(self, series: Sequence[SeriesImages]) -> Assessment | Unsuitable:
        """Look at the eligible series of one study, without the images left out."""
        ...
