"""Facts to make objects from: of phantoms, of real studies, and of headers made up in a test."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset

from results.facts import AssessmentFacts, DetectorResult, Device, SourceImage
from results.key_image import Picture
from results.key_regions import key_regions
from results.patient_and_study import patient_and_study_of
from results.source import source_image_of
from worklist.finding import (
    DetectorIdentity,
    Evidence,
    Failed,
    Flagged,
    Lesion,
    NotApplicable,
    NotFlagged,
    Outcome,
    Provenance,
    Region,
    TargetFinding,
)
from worklist.highlighting import Highlighting
from worklist.study import Completeness

PHANTOMS = Path(__file__).parent.parent / "test_images"
AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DEVICE = Device(uid="2.25.4711", station_name="VIGIE", software_version="0.1.0")
HAEMORRHAGE = DetectorIdentity(
    name="haemorrhage",
    version="2.0",
    target=TargetFinding.INTRACRANIAL_HAEMORRHAGE,
    weights_sha256="a" * 64,
    operating_point=0.5,
)
FRACTURE = DetectorIdentity(
    name="fracture",
    version="1.0",
    target=TargetFinding.FRACTURE,
    weights_sha256="f" * 64,
    operating_point=0.4,
)
NODULE = DetectorIdentity(
    name="nodule",
    version="1.2",
    target=TargetFinding.PULMONARY_NODULE,
    weights_sha256="0" * 64,
    operating_point=0.3,
)
_SHAPE = ((0.2, 0.25), (0.5, 0.2), (0.55, 0.5), (0.3, 0.6))  # (column, row), shares of the image


def headers(folder: Path) -> list[Dataset]:
    """Of every image of a folder, by instance number."""
    read = [dcmread(path, stop_before_pixels=True) for path in sorted(folder.glob("*.dcm"))]
    return sorted(read, key=lambda one: int(one.InstanceNumber or 0))


def region_on(
    image: SourceImage,
    *,
    frame_number: int = 1,
    lesion: int | None = None,
    score: float = 0.75,
    kind: str = "",
    shift: float = 0.0,
) -> Region:
    """A quadrangle, in millimetres too where the image says where it lies."""
    polygon = tuple(
        (round((column + shift) * image.columns, 1), round(row * image.rows, 1))
        for column, row in _SHAPE
    )
    plane = image.plane(frame_number)
    points = None
    if plane is not None:
        along, down = np.array(plane.orientation[:3]), np.array(plane.orientation[3:])
        points = tuple(
            tuple(
                float(one)
                for one in np.array(plane.position_mm)
                + (column - 0.5) * plane.spacing_mm[1] * along
                + (row - 0.5) * plane.spacing_mm[0] * down
            )
            for column, row in polygon
        )
    return Region(
        sop_instance_uid=image.reference.sop_instance_uid,
        frame_number=frame_number,
        polygon=polygon,
        score=score,
        polygon_mm=points,  # type: ignore[arg-type]  # three numbers each
        kind=kind,
        lesion=lesion,
    )


def flagged(regions: Sequence[Region], probability: float = 0.91) -> Flagged:
    """With the lesions that the regions are cuts of."""
    numbers = sorted({one.lesion for one in regions if one.lesion is not None})
    lesions = []
    for number in numbers:
        cuts = [one for one in regions if one.lesion == number]
        lesions.append(
            Lesion(
                number=number,
                score=max(one.score for one in cuts),
                centre_mm=None,
                diameter_mm=12.5,
                first_image=cuts[0].sop_instance_uid,
                last_image=cuts[-1].sop_instance_uid,
            )
        )
    return Flagged(
        probability=probability,
        regions=tuple(regions),
        evidence=Evidence(lesions=tuple(lesions)),
    )


def result(
    detector: DetectorIdentity,
    outcome: Outcome,
    images: Sequence[SourceImage] = (),
    *,
    marks: bool = True,
    not_used: Sequence[tuple[str, str]] = (),
) -> DetectorResult:
    """What a detector came to that looked at these images."""
    return DetectorResult(
        outcome=outcome,
        provenance=Provenance(
            detector=detector,
            instances=tuple((one.reference.sop_instance_uid, "0" * 64) for one in images),
            not_eligible=not_used,
            software_version="0.1.0",
            started_at=AT,
            finished_at=AT,
        ),
        highlighting=Highlighting.AT_ONCE if marks else Highlighting.TRIAGE_ONLY,
    )


def facts_of(
    source: Sequence[Dataset],
    results: Sequence[DetectorResult],
    *,
    number: int = 1,
    completeness: Completeness = Completeness.COMPLETE,
) -> AssessmentFacts:
    """An assessment of the study that these are the headers of."""
    images = tuple(map(source_image_of, source))
    return AssessmentFacts(
        study=patient_and_study_of(source[0]),
        number=number,
        completeness=completeness,
        results=tuple(results),
        seen=tuple(one.reference for one in images),
        images=images,
        device=DEVICE,
        timezone=UTC,
    )


def usual_facts(folder: Path) -> AssessmentFacts:
    """One flagged, one not flagged, one that does not apply, one that failed.

    A CT has a lesion on three images and a place of its own on another; a radiograph two places.
    """
    source = headers(folder)
    images = [source_image_of(one) for one in source]
    if len(images) >= 4:
        middle = len(images) // 2
        regions = [region_on(one, lesion=1) for one in images[middle - 1 : middle + 2]]
        regions.append(region_on(images[0], kind="fracture of the skull", score=0.5))
        found, other = HAEMORRHAGE, FRACTURE
    else:
        regions = [region_on(images[0]), region_on(images[0], shift=0.2, score=0.6)]
        found, other = FRACTURE, HAEMORRHAGE
    return facts_of(
        source,
        [
            result(found, flagged(regions), images, not_used=[("1.2.3", "a localizer")]),
            result(NODULE, NotFlagged(probability=0.03), images),
            result(other, NotApplicable(reason="it is another part of the body")),
            result(
                DetectorIdentity(
                    name="extra",
                    version="0",
                    target=TargetFinding.FRACTURE,
                    weights_sha256="e" * 64,
                    operating_point=0.5,
                ),
                Failed(reason="one image could not be decoded"),
                images[:1],
            ),
        ],
    )


def grey_pictures(facts: AssessmentFacts) -> list[Picture]:
    """A picture of one grey for each key region, in place of what a viewer decodes."""
    pictures = []
    for key in key_regions(facts):
        image = facts.image(key.region)
        grey = np.full((image.rows, image.columns), 60, np.uint8)
        pictures.append(Picture(key=key, pixels=grey))
    return pictures
