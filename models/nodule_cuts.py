"""Axial cuts as the network sees them: 48 x 48 pixels of 0.7 mm in the lung window."""

import numpy as np
import numpy.typing as npt

from models.nodule_outline import sample
from models.nodule_volume import Stack

Floats = npt.NDArray[np.float32]

SIDE = 48  # pixels of a cut
PIXEL_MM = 0.7
LOWEST_HU, HIGHEST_HU = -1000.0, 400.0  # what grey 0 and 1 stand for


def cuts_of(stack: Stack, at: npt.NDArray[np.float64]) -> Floats:
    """The cut through each place of the slice nearest to it, (n, 48, 48), 0 to 1.

    Parameters
    ----------
    at
        (n, 3) plane, row, column of the coarse copy; beyond the first or last plane those are cut.
    """
    offsets = (np.arange(SIDE) - (SIDE - 1) / 2) * PIXEL_MM
    cuts = np.empty((len(at), SIDE, SIDE), np.float32)
    between = stack.coarse_spacing_mm[0]
    for number, (plane, row, column) in enumerate(at):
        slice_number = stack.nearest(stack.coarse_z_mm[0] + plane * between)
        rows = (row + 0.5) * stack.factor - 0.5 + offsets / stack.spacing_mm[0]
        columns = (column + 0.5) * stack.factor - 0.5 + offsets / stack.spacing_mm[1]
        grid = np.broadcast_arrays(rows[:, None], columns[None])
        cuts[number] = sample(stack.images[slice_number].pixels, grid[0], grid[1])
    return to_grey(cuts)


def to_grey(hounsfield: Floats) -> Floats:
    """From Hounsfield units to greys, 0 to 1."""
    grey = (hounsfield - np.float32(LOWEST_HU)) / np.float32(HIGHEST_HU - LOWEST_HU)
    return np.asarray(np.clip(grey, 0.0, 1.0), np.float32)
