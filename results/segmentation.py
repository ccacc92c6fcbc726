"""Segmentations: the pixels of each lesion that was flagged, in the space of the patient.

Only what a detector follows through a volume is segmented: a box on a radiograph is no segment.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from highdicom import AlgorithmIdentificationSequence
from highdicom.seg import Segmentation, SegmentDescription
from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage

from results import codes as c
from results.document import (
    MANUFACTURER,
    ResultObject,
    equipment,
    finished,
    image_stand_in,
    placement,
    referenced_object,
    referenced_series,
)
from results.facts import AssessmentFacts, DetectorResult, Plane
from results.mask import Mask, mask_of
from results.places import Place, places_of
from results.uids import derived_uid, lesion_uid, object_uid
from results.words import UNREVIEWED, long_string
from worklist.finding import Region
from worklist.uid import SOPInstanceUID

_ABNORMAL = CodedConcept(
    value="49755003", scheme_designator="SCT", meaning="Morphologically Abnormal Structure"
)
Labels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Block:
    """What one segmentation can hold: frames of one series, size and direction."""

    series_instance_uid: str
    rows: int
    columns: int
    frame_of_reference_uid: str
    orientation: tuple[float, ...]
    spacing_mm: tuple[float, float]
    layer: int  # counts from 0: of frames at one height each is in a block of its own


@dataclass(frozen=True, kw_only=True, slots=True)
class _Segment:
    """One lesion of one detector, as far as it lies in a block."""

    result: DetectorResult
    place: Place
    cuts: tuple[Region, ...]


_Frame = tuple[SOPInstanceUID, int]  # image and frame number
_Layers = dict[tuple[_Block, float], list[_Frame]]  # the frames at a height, first come first


def build_segmentations(facts: AssessmentFacts) -> list[ResultObject]:
    """One for each series, size and direction of planes in which lesions were flagged.

    Of frames at one place, as in a series of several phases, each is in another.
    """
    layers: _Layers = defaultdict(list)
    blocks: dict[_Block, list[_Segment]] = defaultdict(list)
    for result in facts.flagged:
        for place in places_of(result):
            if place.lesion is None:
                continue
            for block, cuts in _by_block(facts, place.regions, layers).items():
                blocks[block].append(_Segment(result=result, place=place, cuts=tuple(cuts)))
    return [
        _segmentation(facts, block, segments, number)
        for number, (block, segments) in enumerate(blocks.items(), start=1)
    ]


def _by_block(
    facts: AssessmentFacts, regions: Sequence[Region], layers: _Layers
) -> dict[_Block, list[Region]]:
    """The cuts whose images say where they lie."""
    found: dict[_Block, list[Region]] = defaultdict(list)
    for region in regions:
        image = facts.image(region)
        plane = image.plane(region.frame_number)
        if plane is None or image.frame_of_reference_uid is None:
            continue
        block = _Block(
            series_instance_uid=image.reference.series_instance_uid,
            rows=image.rows,
            columns=image.columns,
            frame_of_reference_uid=image.frame_of_reference_uid,
            orientation=plane.orientation,
            spacing_mm=plane.spacing_mm,
            layer=0,
        )
        found[replace(block, layer=_layer(layers, block, plane, region))].append(region)
    return found


def _layer(layers: _Layers, block: _Block, plane: Plane, region: Region) -> int:
    """The how manieth frame at its height it is: a segmentation has one frame at a place."""
    there = layers[block, plane.height_mm]
    frame = region.sop_instance_uid, region.frame_number
    if frame not in there:
        there.append(frame)
    return there.index(frame)


def _segmentation(
    facts: AssessmentFacts, block: _Block, segments: Sequence[_Segment], number: int
) -> ResultObject:
    frames = _frames(facts, segments)
    uid = object_uid(facts, "segmentation", number)
    built = Segmentation(
        source_images=[_frame_stand_in(facts, *one) for one in frames],
        pixel_array=_pixels(block, frames, segments),
        segmentation_type="BINARY",
        segment_descriptions=[
            _description(facts, one, place) for place, one in enumerate(segments, start=1)
        ],
        sop_instance_uid=uid,
        instance_number=number,
        content_label="AI_NOT_REVIEWED",
        content_description=long_string(UNREVIEWED),
        **equipment(facts),
        **placement(facts, "SEG", block.frame_of_reference_uid),
    )
    _refer_to_sources(facts, built, frames)
    organization = derived_uid("dimensions", uid)
    for item in (*built.DimensionOrganizationSequence, *built.DimensionIndexSequence):
        item.DimensionOrganizationUID = organization
    return finished(built, facts, facts.finished_at)


def _frames(facts: AssessmentFacts, segments: Sequence[_Segment]) -> list[_Frame]:
    """Those with a cut, each once, along the normal of their planes."""
    places: dict[_Frame, Plane] = {}
    for cut in (cut for segment in segments for cut in segment.cuts):
        plane = facts.image(cut).plane(cut.frame_number)
        if plane is not None:
            places[cut.sop_instance_uid, cut.frame_number] = plane
    return sorted(places, key=lambda one: (places[one].height_mm, one))


def _frame_stand_in(facts: AssessmentFacts, uid: SOPInstanceUID, frame_number: int) -> Dataset:
    """One frame as if it were an image of its own; `_refer_to_sources` says what it is."""
    image = facts.images_by_uid[uid]
    dataset = image_stand_in(facts.study, image)
    dataset.SOPClassUID = CTImageStorage  # highdicom copies by class, and there may be others
    dataset.SOPInstanceUID = derived_uid("frame", uid, frame_number)
    dataset.pop("NumberOfFrames", None)
    plane = image.plane(frame_number)
    if plane is not None:
        dataset.ImagePositionPatient = list(plane.position_mm)
        dataset.ImageOrientationPatient = list(plane.orientation)
        dataset.PixelSpacing = list(plane.spacing_mm)
        dataset.SliceThickness = plane.thickness_mm
    return dataset


def _pixels(block: _Block, frames: Sequence[_Frame], segments: Sequence[_Segment]) -> Labels:
    """(frame, row, column) of segment numbers; where segments overlap, with one more axis."""
    masks: dict[tuple[int, int], Mask] = {}
    for number, segment in enumerate(segments):
        for cut in segment.cuts:
            key = frames.index((cut.sop_instance_uid, cut.frame_number)), number
            mask = mask_of(cut.polygon, block.rows, block.columns)
            masks[key] = masks[key] | mask if key in masks else mask
    labels = np.zeros((len(frames), block.rows, block.columns), np.uint16)
    if not _overlap(masks):
        for (frame, number), mask in masks.items():
            labels[frame][mask] = number + 1
        return labels
    several = np.zeros((*labels.shape, len(segments)), np.uint8)
    for (frame, number), mask in masks.items():
        several[frame, ..., number] = mask
    return several


def _overlap(masks: Mapping[tuple[int, int], Mask]) -> bool:
    """Whether a pixel belongs to two segments."""
    covered: dict[int, Mask] = {}
    for (frame, _), mask in masks.items():
        before = covered.get(frame)
        if before is not None and bool((before & mask).any()):
            return True
        covered[frame] = mask if before is None else before | mask
    return False


def _description(facts: AssessmentFacts, segment: _Segment, number: int) -> SegmentDescription:
    detector = segment.result.provenance.detector
    name = long_string(f"{detector.name}, {segment.place.name}")
    return SegmentDescription(
        segment_number=number,
        segment_label=name,
        segmented_property_category=_ABNORMAL,
        segmented_property_type=c.finding_of(detector.target, segment.cuts[0]),
        algorithm_type="AUTOMATIC",
        algorithm_identification=AlgorithmIdentificationSequence(
            name=long_string(detector.name),
            version=long_string(detector.version),
            family=c.ARTIFICIAL_INTELLIGENCE,
            source=MANUFACTURER,
            parameters={"weights_sha256": detector.weights_sha256},
        ),
        tracking_uid=lesion_uid(facts, segment.result, segment.place.name),
        tracking_id=name,
    )


def _refer_to_sources(
    facts: AssessmentFacts, built: Segmentation, frames: Sequence[_Frame]
) -> None:
    """Put the image and frame in the place of every stand-in."""
    meant = {derived_uid("frame", *one): one for one in frames}
    items = (
        item
        for group in built.PerFrameFunctionalGroupsSequence
        for derivation in group.DerivationImageSequence
        for item in derivation.SourceImageSequence
    )
    for item in items:
        stands_for = meant.get(item.ReferencedSOPInstanceUID)
        if stands_for is None:
            continue  # done: frames of several segments share one item
        uid, frame_number = stands_for
        image = facts.images_by_uid[uid]
        item.ReferencedSOPClassUID = image.reference.sop_class_uid
        item.ReferencedSOPInstanceUID = uid
        if image.number_of_frames > 1:
            item.ReferencedFrameNumber = frame_number
    images = dict.fromkeys(facts.images_by_uid[uid].reference for uid, _ in frames)
    built.SourceImageSequence = [referenced_object(one) for one in images]
    built.ReferencedSeriesSequence = referenced_series(images, "ReferencedInstanceSequence")
