"""Does the score rest on what should not matter? File history, size, brightness, how it lies.

A collection gathers its fractured and its other images in ways that leave traces; a network that
reads those traces scores well on the collection alone. Each radiograph is looked at again after
a change that alters such a trace and leaves every fracture visible.
"""

from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.fracture import FractureDetector
from models.letterbox import to_grey
from models.measures import auc
from models.training.evaluation import Judged, read_pixels
from models.training.progress import Progress

Grey = npt.NDArray[np.uint8]
Change = Callable[[Grey], Grey]


def recompressed(grey: Grey) -> Grey:
    """As JPEG of quality 40."""
    file = BytesIO()
    Image.fromarray(grey).save(file, "JPEG", quality=40)
    return np.asarray(Image.open(file))


def three_quarters(grey: Grey) -> Grey:
    """At three quarters of its size."""
    rows, columns = (max(32, round(0.75 * side)) for side in grey.shape)
    return np.asarray(Image.fromarray(grey).resize((columns, rows), Image.Resampling.BILINEAR))


def darker(grey: Grey) -> Grey:
    """As if exposed less: gamma 1.4."""
    return np.asarray(255.0 * (grey / 255.0) ** 1.4, np.uint8)


def bordered(grey: Grey) -> Grey:
    """With a black border of a tenth on every side."""
    return np.pad(grey, max(1, round(0.1 * max(grey.shape))))


def on_its_side(grey: Grey) -> Grey:
    """Turned a quarter to the left."""
    return np.ascontiguousarray(np.rot90(grey))


CHANGES: Mapping[str, Change] = {
    "jpeg_quality_40": recompressed,
    "size_75_percent": three_quarters,
    "darker": darker,
    "black_border": bordered,
    "turned_a_quarter": on_its_side,
}


def robustness(
    detector: FractureDetector,
    judged: Sequence[Judged],
    progress: Progress = lambda _what, _share: None,
) -> dict[str, Any]:
    """Figures after each change, and what file size and shape alone would reach.

    Returns
    -------
    dict
        For each change, and for none, ``auc`` and ``mean_difference`` (mean absolute change of the
        probability); ``image_size_alone``: the AUC of an image's number of pixels, the better
        of both directions: far from 0.5 means that a network could cheat with it.
    """
    seen = [(one.row, one.sight) for one in judged if one.sight is not None]
    labels = np.array([row.fractured for row, _ in seen], bool)
    plain = np.array([sight.probability for _, sight in seen])
    pixels = [read_pixels(row.path) for row, _ in seen]
    size = auc(np.array([image.size for image in pixels], float), labels)
    figures: dict[str, Any] = {
        "images": len(seen),
        "image_size_alone": max(size, 1.0 - size),
        "unchanged": {"auc": auc(plain, labels), "mean_difference": 0.0},
    }
    for name, change in CHANGES.items():
        again = np.empty(len(seen))
        for number, image in enumerate(pixels):
            changed = change(to_grey(image)).astype(np.float32)
            again[number] = detector.look(changed).probability
            progress(f"looking again, {name}", (number + 1) / len(seen))
        figures[name] = {
            "auc": auc(again, labels),
            "mean_difference": float(np.mean(np.abs(again - plain))),
        }
    return figures
