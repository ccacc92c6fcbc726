"""Groups of the report that say where: in the patient (SCOORD3D) where that is known, else in
the pixels of an image (SCOORD)."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from highdicom.spatial import are_points_coplanar
from highdicom.sr import (
    AlgorithmIdentification,
    ImageRegion,
    ImageRegion3D,
    Measurement,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    QualitativeEvaluation,
    RelationshipTypeValues,
    SourceImageForMeasurement,
    SourceImageForRegion,
    SourceImageForSegmentation,
    TextContentItem,
    TrackingIdentifier,
    VolumeSurface,
    VolumetricROIMeasurementsAndQualitativeEvaluations,
)

from results import codes as c
from results.facts import AssessmentFacts, DetectorResult
from results.outlines import outline
from results.places import Place
from results.uids import lesion_uid
from results.words import UNREVIEWED, ascii_text
from worklist.finding import Region

RegionGroup = (
    PlanarROIMeasurementsAndQualitativeEvaluations
    | VolumetricROIMeasurementsAndQualitativeEvaluations
)


def region_group(
    facts: AssessmentFacts,
    result: DetectorResult,
    place: Place,
    algorithm: AlgorithmIdentification,
) -> RegionGroup:
    """One place that was flagged: TID 1410 if it is on one image, else TID 1411."""
    name = f"{result.provenance.detector.name}, {place.name}"
    finding = c.finding_of(result.provenance.detector.target, place.regions[0])
    shared: dict[str, Any] = {
        "tracking_identifier": TrackingIdentifier(
            uid=lesion_uid(facts, result, place.name), identifier=ascii_text(name)
        ),
        "finding_type": finding,
        "algorithm_id": algorithm,
        "measurements": _measurements(facts, place),
        "qualitative_evaluations": [QualitativeEvaluation(name=finding, value=c.SUSPECTED)],
    }
    frame_of_reference_uid = _common_frame_of_reference(facts, place.regions)
    group: RegionGroup
    if len(place.regions) == 1:
        region = place.regions[0]
        group = PlanarROIMeasurementsAndQualitativeEvaluations(
            referenced_region=_in_space(region, frame_of_reference_uid)
            if frame_of_reference_uid
            else _in_pixels(facts, region),
            **shared,
        )
    elif frame_of_reference_uid:
        group = VolumetricROIMeasurementsAndQualitativeEvaluations(
            referenced_volume_surface=_surface(facts, place.regions, frame_of_reference_uid),
            **shared,
        )
    else:
        group = VolumetricROIMeasurementsAndQualitativeEvaluations(
            referenced_regions=[_in_pixels(facts, one) for one in place.regions], **shared
        )
    group[0].ContentSequence.append(_comment(place))
    return group


def _comment(place: Place) -> TextContentItem:
    kind = place.regions[0].kind
    likened = f"Kind suggested by the model: {kind}. " if kind else ""
    return TextContentItem(
        name=c.COMMENT,
        value=ascii_text(f"{likened}{UNREVIEWED}"),
        relationship_type=RelationshipTypeValues.CONTAINS,
    )


def _measurements(facts: AssessmentFacts, place: Place) -> list[Measurement]:
    """How sure the detector is of this place, seen on these images, and how large it is."""
    certainty = Measurement(
        name=c.CERTAINTY,
        value=round(100 * place.score, 4),
        unit=c.PERCENT,
        referenced_images=[
            SourceImageForMeasurement(*_source(facts, region)) for region in _images(place.regions)
        ],
    )
    if place.lesion is None or place.lesion.diameter_mm is None:
        return [certainty]
    diameter = Measurement(
        name=c.DIAMETER, value=round(place.lesion.diameter_mm, 2), unit=c.MILLIMETRE
    )
    return [certainty, diameter]


def _images(regions: Sequence[Region]) -> list[Region]:
    """One region of each image and frame, in their order."""
    return list({(one.sop_instance_uid, one.frame_number): one for one in regions}.values())


def _source(facts: AssessmentFacts, region: Region) -> tuple[str, str, list[int] | None]:
    """SOP class, SOP instance, and the frame where there are several."""
    image = facts.image(region)
    frames = [region.frame_number] if image.number_of_frames > 1 else None
    return image.reference.sop_class_uid, image.reference.sop_instance_uid, frames


def _common_frame_of_reference(facts: AssessmentFacts, regions: Sequence[Region]) -> str | None:
    """The one that all regions can be told in; None: there is none."""
    known = {facts.image(one).frame_of_reference_uid for one in regions}
    if len(known) != 1 or not all(map(_is_flat, regions)):
        return None
    return known.pop()


def _is_flat(region: Region) -> bool:
    """Whether it is known in space, in one plane, as the graphic type POLYGON wants it.

    A model of others may give other points there than in pixels: they are as many or not meant.
    """
    points = region.polygon_mm
    if points is None or len(points) != len(region.polygon):
        return False
    return bool(are_points_coplanar(np.array(points)))


def _in_space(region: Region, frame_of_reference_uid: str) -> ImageRegion3D:
    return ImageRegion3D("POLYGON", outline(region.polygon_mm or ()), frame_of_reference_uid)


def _surface(
    facts: AssessmentFacts, regions: Sequence[Region], frame_of_reference_uid: str
) -> VolumeSurface:
    return VolumeSurface(
        "POLYGON",
        [outline(one.polygon_mm or ()) for one in regions],
        frame_of_reference_uid,
        source_images=[
            SourceImageForSegmentation(*_source(facts, one)) for one in _images(regions)
        ],
    )


def _in_pixels(facts: AssessmentFacts, region: Region) -> ImageRegion:
    return ImageRegion(
        "POLYLINE",
        outline(region.polygon),
        SourceImageForRegion(*_source(facts, region)),
    )
