"""Where a third-party network saw something: its boxes and heat maps, on the images themselves."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from models.detector import Image
from models.third_party_axes import Floats
from models.third_party_card import OutputRules
from models.third_party_images import Axis, Prepared
from worklist.finding import ImageScore, Lesion, Region

_MOST_PLACES = 20  # of one image or volume, the surest ones


@dataclass(frozen=True, kw_only=True, slots=True)
class Places:
    """What came of one series."""

    scores: tuple[float, ...]  # of each image, or of the volume; 0 to 1
    regions: tuple[Region, ...] = ()
    image_scores: tuple[ImageScore, ...] = ()
    lesions: tuple[Lesion, ...] = ()


def joined(found: Sequence[Places]) -> Places:
    """Of several series together; lesions are numbered anew, most suspect first."""
    ranked = sorted(
        ((at, lesion) for at, one in enumerate(found) for lesion in one.lesions),
        key=lambda pair: -pair[1].score,
    )
    numbers = {(at, lesion.number): new for new, (at, lesion) in enumerate(ranked, start=1)}
    regions = [
        region if region.lesion is None else replace(region, lesion=numbers[at, region.lesion])
        for at, one in enumerate(found)
        for region in one.regions
    ]
    return Places(
        scores=tuple(score for one in found for score in one.scores),
        regions=tuple(sorted(regions, key=lambda region: -region.score)),
        image_scores=tuple(score for one in found for score in one.image_scores),
        lesions=tuple(
            replace(lesion, number=new) for new, (_, lesion) in enumerate(ranked, start=1)
        ),
    )


def boxes_on_image(
    boxes: Floats, image: Image, prepared: Prepared, rules: OutputRules
) -> list[Region]:
    """Boxes (n, 5): left, top, right, bottom in pixels of the input, and a score 0 to 1."""
    rows, columns = prepared.axes
    surest = boxes[np.argsort(-boxes[:, 4], kind="stable")][:_MOST_PLACES]
    return [
        _region(
            image,
            rules,
            columns=(columns.back(left), columns.back(right)),
            rows=(rows.back(top), rows.back(bottom)),
            score=min(float(score), 1.0),
        )
        for left, top, right, bottom, score in surest
        if score >= rules.region_score and right > left and bottom > top
    ]


def map_on_image(
    heat: Floats, image: Image, prepared: Prepared, rules: OutputRules
) -> list[Region]:
    """A box around each part of a heat map (rows, columns) that is hot enough."""
    rows, columns = prepared.axes
    found = []
    for (along_rows, along_columns), score, _ in _hot(heat, rules.region_score):
        box = _region(
            image,
            rules,
            columns=_span(columns, along_columns, heat.shape[1]),
            rows=_span(rows, along_rows, heat.shape[0]),
            score=score,
        )
        found.append(box)
    return found


def map_on_volume(
    score: float, heat: Floats, images: Sequence[Image], prepared: Prepared, rules: OutputRules
) -> Places:
    """A lesion for each hot part of a heat map (slices, rows, columns), a box on each image."""
    slices, rows, columns = prepared.axes
    planes = [_plane(slices, index, heat.shape[0]) for index in range(len(images))]
    seen = [
        (image, plane) for image, plane in zip(images, planes, strict=True) if plane is not None
    ]
    regions: list[Region] = []
    lesions: list[Lesion] = []
    for number, (where, hottest, voxels) in enumerate(_hot(heat, rules.region_score), start=1):
        cuts = [
            _region(
                image,
                rules,
                columns=_span(columns, where[2], heat.shape[2]),
                rows=_span(rows, where[1], heat.shape[1]),
                score=float(heat[plane, where[1], where[2]].max()),
            )
            for image, plane in seen
            if where[0].start <= plane < where[0].stop
        ]
        if not cuts:
            continue
        regions += [replace(cut, lesion=number) for cut in cuts]
        lesions.append(
            Lesion(
                number=number,
                score=hottest,
                centre_mm=None,
                diameter_mm=_diameter_mm(voxels, heat.shape, prepared.axes, images),
                first_image=cuts[0].sop_instance_uid,
                last_image=cuts[-1].sop_instance_uid,
            )
        )
    return Places(
        scores=(score,),
        regions=tuple(regions),
        image_scores=tuple(_image_score(image, float(heat[plane].max())) for image, plane in seen),
        lesions=tuple(lesions),
    )


def _image_score(image: Image, score: float) -> ImageScore:
    return ImageScore(
        sop_instance_uid=image.sop_instance_uid, frame_number=image.frame_number, score=score
    )


def _hot(heat: Floats, least: float) -> list[tuple[tuple[slice, ...], float, int]]:
    """Connected parts at or above a score: where, the highest score, how many pixels."""
    labels, count = ndimage.label(heat >= least)
    found = [
        (
            where,
            float(heat[where][labels[where] == label].max()),
            int((labels[where] == label).sum()),
        )
        for label, where in enumerate(ndimage.find_objects(labels, count), start=1)
    ]
    return sorted(found, key=lambda one: -one[1])[:_MOST_PLACES]


def _span(axis: Axis, along: slice, count: int) -> tuple[float, float]:
    """From where to where a stretch of the map (`count` long) reaches on the image."""
    scale = axis.size / count
    return axis.back(along.start * scale), axis.back(along.stop * scale)


def _plane(slices: Axis, index: int, count: int) -> int | None:
    place = slices.place(index)
    return None if place is None else int(place * count / slices.size)


def _diameter_mm(
    voxels: int, shape: Sequence[int], axes: Sequence[Axis], images: Sequence[Image]
) -> float | None:
    """Of a sphere of the same volume; None where the images do not say where they lie."""
    first, last = images[0], images[-1]
    if first.pixel_spacing_mm is None or not first.image_position_mm or not last.image_position_mm:
        return None
    length = np.linalg.norm(np.subtract(last.image_position_mm, first.image_position_mm))
    spacings = (float(length) / max(len(images) - 1, 1), *first.pixel_spacing_mm)
    voxel_mm3 = 1.0
    for spacing, axis, count in zip(spacings, axes, shape, strict=True):
        voxel_mm3 *= spacing * axis.count / axis.resampled * axis.size / count
    return float((6.0 * voxels * voxel_mm3 / np.pi) ** (1 / 3)) if voxel_mm3 > 0 else None


def _region(
    image: Image,
    rules: OutputRules,
    *,
    columns: tuple[float, float],
    rows: tuple[float, float],
    score: float,
) -> Region:
    (left, right), (top, bottom) = columns, rows
    return Region(
        sop_instance_uid=image.sop_instance_uid,
        frame_number=image.frame_number,
        polygon=((left, top), (right, top), (right, bottom), (left, bottom)),
        score=score,
        kind=rules.kind,
    )
