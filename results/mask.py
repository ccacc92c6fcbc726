"""From an outline to the pixels whose middle it encloses."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]


def mask_of(polygon: Sequence[tuple[float, float]], rows: int, columns: int) -> Mask:
    """The pixels inside, by the even-odd rule; at least the one that its middle lies in.

    Parameters
    ----------
    polygon
        (column, row); (0, 0) is the top-left corner of the top-left pixel, so that its middle
        is (0.5, 0.5). Closed by itself.

    Returns
    -------
    (row, column)
    """
    points = np.asarray(polygon, np.float64)
    mask = np.zeros((rows, columns), np.bool_)
    ends = np.roll(points, -1, axis=0)
    first = max(int(np.floor(points[:, 1].min())), 0)
    last = min(int(np.ceil(points[:, 1].max())), rows)
    for row in range(first, last):
        middle = row + 0.5
        crossed = (points[:, 1] <= middle) != (ends[:, 1] <= middle)
        start, end = points[crossed], ends[crossed]
        share = (middle - start[:, 1]) / (end[:, 1] - start[:, 1])
        at = np.sort(start[:, 0] + share * (end[:, 0] - start[:, 0]))
        # A pixel is inside where an odd number of edges lies left of its middle.
        mask[row] = np.searchsorted(at, np.arange(columns) + 0.5, side="right") % 2 == 1
    if not mask.any():
        column, row = np.floor(points.mean(axis=0)).astype(int)
        mask[min(max(row, 0), rows - 1), min(max(column, 0), columns - 1)] = True
    return mask
