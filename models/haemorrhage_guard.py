"""Whether decoded images are a head without contrast, whatever their headers say.

Limits were set on the 58 heads of CT-ICH (tests hold each of them to it) and on what is known of
CT: brain lies between 20 and 45 HU, vessels with contrast above 110.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from models.guard import NOISE, are_noise
from models.haemorrhage_vessels import spotted_share
from models.haemorrhage_volume import Skull, Stack, shrunk

Floats = npt.NDArray[np.float32]

LEAST_SLABS = 6  # that hold brain
_LEAST_BRAIN_HU, _MOST_BRAIN_HU = 12.0, 52.0  # median; a newborn's is low
_LEAST_SPREAD_HU, _MOST_SPREAD_HU = 1.2, 32.0  # half the middle two thirds; noise is wider
_MOST_CONTRAST = 0.010  # share of the brain denser than any vessel without contrast
# Share of the planes with vessel-like spots: the 58 heads have 0.10 at most, with vessels drawn in
# 0.71 at least.
_MOST_SPOTTED = 0.4
_VESSEL_HU, _CALCIUM_HU = 110.0, 900.0
_LENGTH_MM = (85.0, 230.0)  # of the cavity, front to back; a large dog's is below
_LEAST_RING = 0.72  # share of the cavity's edge that is bone
_WIDEST = 6  # slabs in which brain is measured


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """What the guard measures of a head."""

    brain_hu: float  # median within the cavity
    spread_hu: float  # half of what the middle two thirds span
    contrast: float  # share of the inner cavity between vessel and calcium density
    spotted: float  # share of the planes with several vessel-like spots
    ring: float  # share of the cavity's edge with bone outside it
    length_mm: float | None  # of the cavity; None: the pixel spacing is not known
    slabs: int  # that hold brain


def why_no_values(stack: Stack) -> str | None:
    """Why the values cannot be Hounsfield units of a body in air, a sentence; None if they can.

    Noise counts as such: without a skull it would pass for another part, and the images be no head.
    """
    low, high = np.percentile(stack.planes[:, ::4, ::4], (1, 99.8))
    if high - low < 50:
        return "The images are empty: all values are about the same."
    if low > -200:
        return "There is no air around the body: the values are not Hounsfield units."
    edges = np.concatenate([stack.planes[:, [0, -1]].ravel(), stack.planes[:, :, [0, -1]].ravel()])
    if float(np.median(edges)) > 200 or high < 250:
        return "Bone is not what is dense: the values are not Hounsfield units, or inverted."
    if are_noise(stack.planes[:: max(1, len(stack.planes) // 16)]):
        return NOISE
    return None


def why_no_head(content: Content) -> str | None:
    """Why the images are not of a head without contrast, a sentence; None if they are."""
    if content.slabs < LEAST_SLABS:
        return f"Only about {content.slabs * 5} mm of the series show the inside of a skull."
    if content.ring < _LEAST_RING:
        return "No skull was found: bone does not enclose what should be brain."
    if not _LEAST_BRAIN_HU <= content.brain_hu <= _MOST_BRAIN_HU:
        return (
            f"What the bone encloses has {content.brain_hu:.0f} HU, which is not brain without "
            "contrast."
        )
    if not _LEAST_SPREAD_HU <= content.spread_hu <= _MOST_SPREAD_HU:
        return "What the bone encloses is too even or too noisy to be brain."
    if content.contrast > _MOST_CONTRAST or content.spotted > _MOST_SPOTTED:
        return "There seems to be contrast agent in the vessels."
    least, most = _LENGTH_MM
    if content.length_mm is not None and not least <= content.length_mm <= most:
        return f"The skull is {content.length_mm:.0f} mm long inside, which is not a person's head."
    return None


def content_of(stack: Stack, skull: Skull, pixel_mm: float | None) -> Content:
    """Measure a head.

    Parameters
    ----------
    pixel_mm
        Of the columns of the planes; None where not known.
    """
    widest = np.argsort(-skull.areas, kind="stable")[:_WIDEST]
    planes = np.stack([shrunk(stack.planes[n], skull.step) for n in widest])
    cavities = skull.cavity[widest]
    inner = np.stack([_inner(cavity) for cavity in cavities])
    values = planes[inner & cavities]
    low, middle, high = np.percentile(values, (16, 50, 84)) if len(values) else (0.0, 0.0, 0.0)
    dense = (planes[inner] > _VESSEL_HU) & (planes[inner] < _CALCIUM_HU)
    return Content(
        brain_hu=float(middle),
        spread_hu=float(high - low) / 2,
        contrast=float(dense.mean()) if len(dense) else 0.0,
        spotted=spotted_share(stack, skull),
        ring=float(np.median([_ring(c, p) for c, p in zip(cavities, planes, strict=True)])),
        length_mm=skull.length_px * pixel_mm if pixel_mm else None,
        slabs=skull.last - skull.first + 1,
    )


def _inner(cavity: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The cavity with what is dense within it, away from the bone."""
    inner: npt.NDArray[np.bool_] = ndimage.binary_erosion(
        ndimage.binary_fill_holes(cavity), iterations=4
    )
    return inner


def _ring(cavity: npt.NDArray[np.bool_], plane: Floats) -> float:
    """Share of the cavity's edge that has bone within 5 mm."""
    edge = ndimage.binary_dilation(cavity, iterations=2) & ~cavity
    bone = ndimage.binary_dilation(plane > 120, iterations=3)
    return float(bone[edge].mean()) if edge.any() else 0.0
