"""Boxes in pixels: (n, 4) arrays of left, top, right, bottom; overlap, suppression, decoding."""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import maximum_filter
from scipy.special import expit

Boxes = npt.NDArray[np.float32]


def overlaps(first: Boxes, second: Boxes) -> npt.NDArray[np.float64]:
    """Intersection over union of every pair, (len(first), len(second))."""
    a, b = first[:, None].astype(np.float64), second[None].astype(np.float64)
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    inner = np.prod(np.clip(sides, 0, None), axis=-1)
    areas = np.prod(a[..., 2:] - a[..., :2], axis=-1) + np.prod(b[..., 2:] - b[..., :2], axis=-1)
    union = areas - inner
    return np.asarray(np.divide(inner, union, out=np.zeros_like(inner), where=union > 0))


def turned_back(boxes: Boxes, quarters: int, shape: tuple[int, int]) -> Boxes:
    """Boxes in an image that was turned, in the image as it was before.

    Parameters
    ----------
    quarters
        By which it was turned, counterclockwise (``numpy.rot90``); less than 0: clockwise.
    shape
        Rows and columns before.
    """
    rows, columns = shape
    left, top, right, bottom = boxes.T
    match quarters % 4:
        case 1:
            sides = (columns - bottom, left, columns - top, right)
        case 2:
            sides = (columns - right, rows - bottom, columns - left, rows - top)
        case 3:
            sides = (top, rows - right, bottom, rows - left)
        case _:
            sides = (left, top, right, bottom)
    return np.stack(sides, axis=1)


def suppress(boxes: Boxes, scores: npt.NDArray[np.float32], limit: float) -> list[int]:
    """Greedy non-maximum suppression: the places to keep, highest score first.

    Parameters
    ----------
    limit
        A box that overlaps a better one by more than this (IoU) goes.
    """
    order = [int(place) for place in np.argsort(-scores, kind="stable")]
    overlap = overlaps(boxes, boxes)
    kept: list[int] = []
    for place in order:
        if all(overlap[place, better] <= limit for better in kept):
            kept.append(place)
    return kept


def decode(
    heat_logit: npt.NDArray[np.float32],
    distances: npt.NDArray[np.float32],
    *,
    stride: int,
    count: int,
    overlap_limit: float,
) -> tuple[Boxes, npt.NDArray[np.float32]]:
    """Read the places out of one image's maps.

    Parameters
    ----------
    heat_logit
        (rows, columns), log odds of a centre in each cell.
    distances
        (4, rows, columns), canvas pixels from the cell's centre to left, top, right, bottom.
    stride
        Canvas pixels a cell.
    count
        At most so many boxes.

    Returns
    -------
    boxes
        (n, 4), canvas pixels, highest score first.
    scores
        (n,), 0 to 1.
    """
    columns = heat_logit.shape[1]
    peaks = np.flatnonzero(heat_logit == maximum_filter(heat_logit, size=3, mode="nearest"))
    flat = heat_logit.ravel()
    peaks = peaks[np.argsort(-flat[peaks], kind="stable")][: 4 * count]
    x = (peaks % columns + 0.5) * stride
    y = (peaks // columns + 0.5) * stride
    left, top, right, bottom = distances.reshape(4, -1)[:, peaks]
    boxes = np.stack([x - left, y - top, x + right, y + bottom], axis=1).astype(np.float32)
    scores = expit(flat[peaks]).astype(np.float32)
    kept = suppress(boxes, scores, overlap_limit)[:count]
    return boxes[kept], scores[kept]
