"""Outlines as objects can hold them."""

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]

# Graphic Data has a length of 16 bits (PS3.5 7.1.2): 5461 points of three numbers of 4 bytes.
MOST_POINTS = 5000


def outline(points: npt.ArrayLike) -> Points:
    """Closed, of at most `MOST_POINTS` and one points; of more those are kept that lie evenly.

    Parameters
    ----------
    points
        (point, (column, row)) or (point, xyz), not closed; at least one.
    """
    all_points = np.asarray(points, np.float64)
    if len(all_points) > MOST_POINTS:
        kept = np.linspace(0, len(all_points) - 1, MOST_POINTS).round().astype(int)
        all_points = all_points[kept]
    return np.concatenate([all_points, all_points[:1]])
