"""Parts of the lungs that are on no image of the scans that were judged."""

from collections.abc import Sequence

import numpy as np

from models.detector import Image, NotShown, SeriesImages
from models.missing_planes import Missing, missing_between
from models.nodule_lungs import Lungs
from models.nodule_volume import Stack
from models.reconstructions import shows_again

Judged = tuple[SeriesImages, Stack, Lungs]

# The smallest nodule that decides fits whole into so much: none of it would be on any image.
# What is missing of larger ones leaves caps, and is told.
MAY_HIDE_FROM_MM = 6.0
_ROUNDING_MM = 0.1


def lungs_not_shown(judged: Sequence[Judged]) -> tuple[NotShown, ...]:
    """What seems to be missing of each scan, unless another without a hole shows it.

    What is missing between lung and the plane below or above it counts: the lung may reach into it.
    """
    holes = [(one, _missing(*one)) for one in judged]
    whole = [series for (series, _, _), hole in holes if hole is None]
    return tuple(
        NotShown(
            series_instance_uid=series.header.series_instance_uid,
            reason=_words(hole),
            may_hide=hole.widest_mm > MAY_HIDE_FROM_MM - _ROUNDING_MM,
        )
        for (series, _, _), hole in holes
        if hole is not None and not any(shows_again(series, other) for other in whole)
    )


def _missing(series: SeriesImages, stack: Stack, lungs: Lungs) -> Missing | None:
    return missing_between(_around_lungs(series.images, stack, lungs), series.header.instances)


def _around_lungs(images: Sequence[Image], stack: Stack, lungs: Lungs) -> list[Image]:
    """The images on which lung lies, and those next to them on either side."""
    with_lung = stack.coarse_z_mm[lungs.mask.any(axis=(1, 2))]
    if not len(with_lung):
        return []
    half = stack.coarse_spacing_mm[0] / 2
    first, last = np.searchsorted(stack.z_mm, (with_lung[0] - half, with_lung[-1] + half))
    lowest = stack.z_mm[max(0, first - 1)] - _ROUNDING_MM
    highest = stack.z_mm[min(len(stack.z_mm) - 1, last)] + _ROUNDING_MM
    normal = np.cross(stack.orientation[:3], stack.orientation[3:])
    normal /= np.linalg.norm(normal)
    return [
        image
        for image in images
        if image.image_position_mm is not None
        and image.image_orientation is not None
        and lowest <= np.dot(image.image_position_mm, normal) <= highest
    ]


def _words(hole: Missing) -> str:
    where = "between two planes" if hole.places == 1 else f"at {hole.places} places"
    return (
        f"{hole.total_mm:.1f} mm of the lungs, {where}, are on no image: images seem to be missing."
    )
