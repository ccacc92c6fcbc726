"""Outlines that people draw: whether one lies in the image it names."""

import math

from worklist.errors import VigieError
from worklist.readings import ImageSize, Outline
from worklist.views import UnknownInstance


class InvalidOutline(VigieError, ValueError):
    """An outline that cannot lie in its image."""


class UnknownDrawing(VigieError, LookupError):
    """This person has drawn no such finding."""


class UnknownMark(VigieError, ValueError):
    """A result has no such mark."""


MOST_POINTS = 500


def check_outline(outline: Outline, size: ImageSize | None) -> None:
    """Refuse what cannot lie in the image.

    Parameters
    ----------
    size
        Of the image that it names; None: the study has none of this UID.

    Raises
    ------
    UnknownInstance
        If there is no such image.
    InvalidOutline
        If it leaves the image, encloses nothing, or is too long.
    """
    if size is None:
        raise UnknownInstance("the study has no such image")
    if size.rows is None or size.columns is None:
        raise InvalidOutline("the object has no pixels")
    if not 1 <= outline.frame_number <= size.number_of_frames:
        raise InvalidOutline(f"the image has {size.number_of_frames} frames")
    if not 3 <= len(outline.polygon) <= MOST_POINTS:
        raise InvalidOutline(f"an outline has 3 to {MOST_POINTS} points")
    for column, row in outline.polygon:
        if not (0 <= column <= size.columns and 0 <= row <= size.rows):
            raise InvalidOutline(f"({column:g}, {row:g}) lies outside the image")
    if _area(outline.polygon) == 0 or not math.isfinite(_area(outline.polygon)):
        raise InvalidOutline("the outline encloses nothing")


def _area(polygon: tuple[tuple[float, float], ...]) -> float:
    """Enclosed area, square pixels (the shoelace formula)."""
    pairs = zip(polygon, (*polygon[1:], polygon[0]), strict=True)
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in pairs)) / 2
