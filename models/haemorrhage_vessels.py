"""How much of a head shows vessel-like spots: dense, small, and away from the bone.

Contrast agent shows as such spots in most planes; calcium, clips and streaks of heads without it
in few.
"""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from models.haemorrhage_volume import Skull, Stack, shrunk

Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

_VESSEL_HU, _METAL_HU = 110.0, 600.0
_LEAST_AREA, _MOST_AREA = 6e-5, 3e-3  # of the cavity's length squared: 1.5 to 80 mm² in a man
_LEAST_PIXELS = 2  # one alone is noise
_AWAY = 4  # coarse pixels from the bone, about 7 mm
_SEVERAL = 2  # spots of one plane


def spotted_share(stack: Stack, skull: Skull) -> float:
    """The share of the planes with brain that show two vessel-like spots or more, 0 to 1."""
    planes = range(skull.first, skull.last + 1)
    counts = [_spots(stack.planes[n], skull.cavity[n], skull) for n in planes]
    return float(np.mean([count >= _SEVERAL for count in counts]))


def _spots(plane: Floats, cavity: Mask, skull: Skull) -> int:
    """The vessel-like spots of one plane, in pixels half as coarse as those of the cavity."""
    inner = ndimage.binary_erosion(ndimage.binary_fill_holes(cavity), iterations=_AWAY)
    around = ndimage.find_objects(inner.astype(np.uint8))
    if not around:
        return 0
    rows, columns = around[0]
    step = skull.step
    plane = plane[rows.start * step : rows.stop * step, columns.start * step : columns.stop * step]
    fine = step // 2 if step % 2 == 0 else 1
    inside = inner[around[0]].repeat(step // fine, axis=0).repeat(step // fine, axis=1)
    values = shrunk(plane, fine)
    dense = (values > _VESSEL_HU) & (values < _METAL_HU) & inside
    if not dense.any():
        return 0
    labels, _ = ndimage.label(dense, np.ones((3, 3)))
    pixels = np.bincount(labels.ravel())[1:]
    areas = pixels * (fine / skull.length_px) ** 2
    alike = (pixels >= _LEAST_PIXELS) & (areas >= _LEAST_AREA) & (areas <= _MOST_AREA)
    return int(alike.sum())
