"""What makes an image worthless to any detector: emptiness, noise, a part that is missing.

A network answers whatever it is shown, so images are looked at for this first.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter

Floats = npt.NDArray[np.float32]

_LEAST_LEVELS = 16  # different grey values; a scan has hundreds, a drawing or a mask has few
_LEAST_SMOOTHNESS = 0.35  # correlation of neighbours; white noise has none, radiographs 0.9
_MOST_CUT = 0.25  # share of the rows, from the last up, that may hold nothing of their own
_DARK = 0.15  # of the range: a collimator's border can be dark grey
_CUT_PLANE = (
    0.05  # share of the rows of a CT image, from the last up, that a reconstruction repeats
)
_AIR_HU = -800.0
_LEAST_LIKENESS = 0.5  # correlation of neighbours in the planes of a scan; noise has none
NOISE = "Neighbouring pixels have nothing to do with each other: the images are noise."
CUT_OFF = "It looks cut off: its lower part holds nothing."


def are_noise(planes: Floats) -> bool:
    """Whether planes (plane, row, column), not all of one value, show nothing but noise."""
    left, right = planes[:, :, :-1].ravel(), planes[:, :, 1:].ravel()
    return float(np.corrcoef(left, right)[0, 1]) < _LEAST_LIKENESS


def plain_fault(pixels: Floats) -> str | None:
    """What makes an image worthless to any detector, a sentence; None if nothing does.

    Parameters
    ----------
    pixels
        (row, column), any range.
    """
    if not np.isfinite(pixels).all():
        return "The image holds values that are no numbers."
    step = max(1, max(pixels.shape) // 512)
    sample = pixels[::step, ::step].astype(np.float32)
    if np.unique(sample).size < _LEAST_LEVELS:
        return "The image is empty or nearly so: it has hardly any different grey values."
    if _smoothness(sample) < _LEAST_SMOOTHNESS:
        return "The image looks like noise: neighbouring pixels have little in common."
    if _cut(pixels) > _MOST_CUT:
        return "The image looks cut off: its lower part holds nothing of its own."
    return None


def why_cut_off(planes: Sequence[Floats]) -> str | None:
    """Why CT images are not whole, a sentence; None if they are.

    Parameters
    ----------
    planes
        (row, column), HU; their last rows are at the bottom.
    """
    count = sum(map(_is_cut_off, planes))
    if not count:
        return None
    return f"{count} of {len(planes)} images look cut off: their lower part holds nothing."


def few_cut_off(planes: Sequence[Floats], least: int) -> list[int]:
    """The places of CT images that look cut off, where the others can be judged without them.

    None where they are most of the images, or leave fewer than ``least``: ``why_cut_off`` then says
    it of all.
    """
    cut = [place for place, plane in enumerate(planes) if _is_cut_off(plane)]
    whole = len(planes) - len(cut)
    return cut if whole >= max(least, len(cut)) else []


def _is_cut_off(plane: Floats) -> bool:
    """Whether the last rows repeat one another exactly, as no reconstruction's do.

    Rows of air that were given one value are common around a body. An image that repeats one row
    throughout is empty, which is for others to say.
    """
    last = len(plane) - 1
    own = last
    while own > 0 and np.array_equal(plane[own], plane[own - 1]):
        own -= 1
    repeated = last - own >= _CUT_PLANE * len(plane)
    return own > 0 and repeated and float(plane[own].max()) > _AIR_HU


def _smoothness(sample: Floats) -> float:
    """Correlation of each pixel with the mean around it, without the border that is flat."""
    around = (9 * uniform_filter(sample, 3, mode="nearest") - sample) / 8
    moving = np.abs(sample - around) + np.abs(around - np.median(sample)) > 0
    if moving.sum() < 16:
        return 0.0
    a, b = sample[moving], around[moving]
    if a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _cut(pixels: Floats) -> float:
    """The share of the rows, from the last one up, that hold nothing of their own.

    Decoders work downwards and fill what is missing with grey or with the last row they had.
    Rows that are nearly black or white throughout are not counted: collimators leave those.
    """
    low, high = float(pixels.min()), float(pixels.max())
    margin = _DARK * (high - low)
    repeated = np.all(pixels[1:] == pixels[:-1], axis=1)
    border = (pixels[1:].max(axis=1) <= low + margin) | (pixels[1:].min(axis=1) >= high - margin)
    own = np.flatnonzero(~(repeated & ~border))
    last = int(own[-1]) if len(own) else -1
    return (len(repeated) - 1 - last) / len(pixels)
