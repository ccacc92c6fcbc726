"""Stretches of a scan that lie on none of its planes, between planes that do show it.

A plane that was lost on the way, or taken out, leaves no trace but its place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from models.detector import Image, InstanceHeader
from models.headers import position_along_normal_mm
from worklist.uid import SOPInstanceUID

_SAME_MM = 0.1  # planes nearer than this lie at one place
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
    planes as far apart as most, or of no stated thickness and as far apart as those beside them,
    were meant to be so.

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
    missing = []
    for number, (below, above) in enumerate(pairwise(planes)):
        meant = max((below[1] + above[1]) / 2, usual)
        if not (below[1] and above[1]):
            meant = max(meant, *np.delete(gaps[max(0, number - 1) : number + 2], min(number, 1)))
        missing.append(float(gaps[number]) - meant)
    found = [one for one in missing if one > _LEAST_SHARE * usual]
    if not found:
        return None
    return Missing(widest_mm=max(found), total_mm=sum(found), places=len(found))


def _placed(
    images: Sequence[Image], thickness_mm: Mapping[SOPInstanceUID, float]
) -> list[tuple[float, float]]:
    """Place along the normal and thickness of each plane, in order; of two at one place one."""
    if any(i.image_position_mm is None or i.image_orientation is None for i in images):
        return []
    every = sorted(
        (
            position_along_normal_mm(i.image_position_mm, i.image_orientation),
            thickness_mm.get(i.sop_instance_uid, 0.0),
        )
        for i in images
        if i.image_position_mm is not None and i.image_orientation is not None
    )
    placed: list[tuple[float, float]] = []
    for height, thick in every:
        if placed and height - placed[-1][0] <= _SAME_MM:
            placed[-1] = (placed[-1][0], max(placed[-1][1], thick))
        else:
            placed.append((height, thick))
    return placed
