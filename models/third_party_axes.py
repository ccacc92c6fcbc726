"""How the axes of a third-party network lie over a series: along what, and in which direction."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from models.detector import Image
from models.third_party_card import STORED_AXES, InputRules

Floats = npt.NDArray[np.float32]
_Value = TypeVar("_Value")

_ENDS = ("LR", "PA", "SI")  # of the patient's axes, LPS: where they run to, and against them
_PARALLEL = 1e-3  # by which direction cosines of one series may differ


class DoesNotFit(Exception):
    """These images cannot become the network's input; says why, a sentence for people."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """From ([slices,] rows, columns) as stored to the network's axes, and back."""

    order: tuple[int, ...]  # the stored axis along which each of the network's runs
    flipped: tuple[bool, ...]  # whether each of the network's runs against it

    def to_network(self, stored: Floats) -> Floats:
        """Voxels in the order of the network."""
        return np.flip(stored.transpose(self.order), self._against)

    def to_stored(self, said: Floats) -> Floats:
        """What the network says of voxels, of any resolution, in the order of the images."""
        return np.flip(said, self._against).transpose(np.argsort(self.order))

    def rules_as_stored(self, rules: InputRules) -> InputRules:
        """The rules with sizes and spacings in the order of the images."""
        spacing = rules.spacing_mm
        return replace(
            rules,
            size=self._as_stored(rules.size),
            spacing_mm=None if spacing is None else self._as_stored(spacing),
        )

    @property
    def _against(self) -> tuple[int, ...]:
        return tuple(axis for axis, flipped in enumerate(self.flipped) if flipped)

    def _as_stored(self, values: Sequence[_Value]) -> tuple[_Value, ...]:
        return tuple(values[axis] for axis in np.argsort(self.order))


def turn_of(images: Sequence[Image], rules: InputRules) -> Turn:
    """How these images, in order of position, are turned for the network.

    Raises
    ------
    DoesNotFit
        If the card names an orientation, and the images do not say how they lie.
    """
    if rules.orientation is not None:
        return _towards(rules.orientation, _directions(images))
    stored = STORED_AXES[-len(rules.axes) :]
    return Turn(
        order=tuple(stored.index(one) for one in rules.axes), flipped=(False,) * len(stored)
    )


def _directions(images: Sequence[Image]) -> npt.NDArray[np.float64]:
    """Unit vectors (3, LPS) along slices, rows (downwards) and columns (to the right)."""
    orientations = {image.image_orientation for image in images}
    first, last = images[0].image_position_mm, images[-1].image_position_mm
    if None in orientations or first is None or last is None or first == last:
        raise DoesNotFit("the images do not say how they lie in the patient")
    cosines = np.array([one for one in orientations if one is not None], np.float64)
    if np.ptp(cosines, axis=0).max() > _PARALLEL:
        raise DoesNotFit("the images of the series do not lie in parallel")
    along = np.subtract(last, first)
    return np.stack([along / np.linalg.norm(along), cosines[0, 3:], cosines[0, :3]])


def _towards(orientation: str, directions: npt.NDArray[np.float64]) -> Turn:
    """Each of the network's axes along the stored one nearest to it, towards its letter."""
    near = np.abs(directions)  # of stored axes (rows) to the patient's (columns)
    stored = max(permutations(range(3)), key=lambda axes: sum(near[axes, range(3)]))
    order, flipped = [], []
    for letter in orientation:
        patient = next(axis for axis, ends in enumerate(_ENDS) if letter in ends)
        order.append(stored[patient])
        runs_back = directions[stored[patient], patient] < 0
        flipped.append(bool(runs_back) != (letter == _ENDS[patient][1]))
    return Turn(order=tuple(order), flipped=tuple(flipped))
