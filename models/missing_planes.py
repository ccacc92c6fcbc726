"""Stretches of a scan that lie on none of its planes, between planes that do show it.

A plane that was lost on the way, or taken out, leaves no trace but its place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from models.detector import Image, InstanceHeader
from models.headers import position_along_normal_mm
from worklist.uid import SOPInstanceUID

_SAME_MM = 0.1  # planes nearer than this lie at one place
_MEANT = 3  # gaps in a row that are the same are no accident
_LEAST_SHARE = 0.5  # of the usual distance of planes: less is how scanners round


@dataclass(frozen=True, kw_only=True, slots=True)
class Missing:
    """What no plane shows, between the lowest plane and the highest."""

    widest_mm: float
    total_mm: float
    places: int


def missing_between(images: Sequence[Image], headers: Sequence[InstanceHeader]) -> Missing | None:
    """What seems to be missing between planes; None: nothing, or their places are not known.

    A stretch between two planes is shown as far as half of either plane's thickness reaches;
    planes as far apart as most, as several in a row, or of no stated thickness and as far apart as
    those beside them, were meant to be so.

    Parameters
    ----------
    images
        In any order, parallel.
    headers
        Of their objects, which state the thickness.
    """
    thickness_mm = {i.sop_instance_uid: i.slice_thickness_mm or 0.0 for i in headers}
    planes = _placed(images, thickness_mm)
    gaps = np.array([above[0] - below[0] for below, above in pairwise(planes)])
    if len(gaps) < 2:
        return None
    usual = float(np.median(gaps))
    alike = _alike(gaps)
    missing = []
    for number, (below, above) in enumerate(pairwise(planes)):
        meant = max((below[1] + above[1]) / 2, usual, alike[number])
        if not (below[1] and above[1]):
            meant = max(meant, *np.delete(gaps[max(0, number - 1) : number + 2], min(number, 1)))
        missing.append(float(gaps[number]) - meant)
    found = [one for one in missing if one > _LEAST_SHARE * usual]
    if not found:
        return None
    return Missing(widest_mm=max(found), total_mm=sum(found), places=len(found))


def _alike(gaps: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The least gap of each run of at least ``_MEANT`` that are the same; 0 elsewhere."""
    ends = np.flatnonzero(np.abs(np.diff(gaps)) > _SAME_MM) + 1
    runs = np.split(gaps, ends)
    least = [run.min() if len(run) >= _MEANT else 0.0 for run in runs]
    return np.repeat(least, [len(run) for run in runs])


def _placed(
    images: Sequence[Image], thickness_mm: Mapping[SOPInstanceUID, float]
) -> list[tuple[float, float]]:
    """Place along one normal and thickness of each plane, in order; of two at one place one.

    All middles along one image's normal: where a gantry tilts anew, the corners of planes jump.
    """
    middles = [_middle(i) for i in images]
    first = min(images, key=lambda i: i.sop_instance_uid, default=None)
    if first is None or first.image_orientation is None or any(m is None for m in middles):
        return []
    every = sorted(
        (
            position_along_normal_mm(middle, first.image_orientation),
            thickness_mm.get(image.sop_instance_uid, 0.0),
        )
        for image, middle in zip(images, middles, strict=True)
        if middle is not None
    )
    placed: list[tuple[float, float]] = []
    for height, thick in every:
        if placed and height - placed[-1][0] <= _SAME_MM:
            placed[-1] = (placed[-1][0], max(placed[-1][1], thick))
        else:
            placed.append((height, thick))
    return placed


def _middle(image: Image) -> tuple[float, float, float] | None:
    """The middle of a plane, LPS mm; without a pixel spacing its corner; None: it lies nowhere."""
    if image.image_position_mm is None or image.image_orientation is None:
        return None
    rows, columns = image.pixels.shape
    down, across = image.pixel_spacing_mm or (0.0, 0.0)
    x, y, z = (
        corner + along * across * (columns - 1) / 2 + below * down * (rows - 1) / 2
        for corner, along, below in zip(
            image.image_position_mm,
            image.image_orientation[:3],
            image.image_orientation[3:],
            strict=True,
        )
    )
    return x, y, z
