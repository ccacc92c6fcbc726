"""How good the fracture detector is on a folder of labelled radiographs."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.fracture import FractureDetector, Sight, load
from models.measures import (
    auc,
    auc_interval,
    average_precision,
    brier_score,
    expected_calibration_error,
    reliability,
)
from models.training.figures import choose, identity, rates, without_nan
from models.training.labels import LabelledRadiograph, read_labels
from models.training.progress import Progress

_SHOWN = ("hand", "leg", "hip", "shoulder", "frontal", "lateral", "oblique")  # parts and views


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """One labelled radiograph and what the detector made of it."""

    row: LabelledRadiograph
    sight: Sight | None  # None: it could not be read
    reason: str = ""  # why not
    refused: str = ""  # why it would not be looked at in production; empty: it would


def evaluate(
    data: Path,
    *,
    split: str | None = None,
    detector: FractureDetector | None = None,
    progress: Progress = lambda _what, _share: None,
) -> dict[str, Any]:
    """Measure the detector, its networks run as in production, on a folder with ``labels.csv``.

    Parameters
    ----------
    split
        ``train``, ``valid`` or another value of the column ``split``, or ``all``. None takes all
        rows but those of split ``train``, or all rows where that leaves none.
    detector
        None loads the one that is installed.

    Returns
    -------
    dict
        Ready for JSON; a figure that cannot be computed (one class is missing) is None. Figures
        rest on the images that could be read; the others are counted and listed. Those that the
        detector refuses in production (cut off, no limb ...) count in the figures as if it did not,
        and are listed as ``refused``. ``turned`` is how many it turned to look at.

    Raises
    ------
    models.training.labels.LabelsError
        If the folder has no usable ``labels.csv``, or no row of the split.
    """
    started = time.perf_counter()
    every = read_labels(data)
    chosen, used = choose(
        [row.split for row in every], split, one="row of labels.csv", several="rows"
    )
    rows = [row for row, wanted in zip(every, chosen, strict=True) if wanted]
    detector = detector or load()
    judged = look_at_all(detector, rows, progress)
    figures = measure(judged, detector.card.operating_point)
    return {
        "data": str(data),
        "rows_used": used,
        **figures,
        "model": identity(detector.card),
        "seconds": round(time.perf_counter() - started, 3),
    }


def look_at_all(
    detector: FractureDetector, rows: Sequence[LabelledRadiograph], progress: Progress
) -> list[Judged]:
    """Run the detector on every row; what cannot be read is kept with its reason.

    Also what it refuses is looked at, so that figures are of all images.
    """
    judged = []
    for number, row in enumerate(rows, start=1):
        try:
            pixels = read_pixels(row.path)
            refused = detector.fault(pixels) or ""
            judged.append(Judged(row=row, sight=detector.look(pixels), refused=refused))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            judged.append(Judged(row=row, sight=None, reason=f"{type(error).__name__}: {error}"))
        progress("looking at radiographs", number / len(rows))
    return judged


def read_pixels(path: Path) -> npt.NDArray[np.float32]:
    """Decode an image file, 8 to 32 bits, colours as grey; float32 (row, column)."""
    with Image.open(path) as image:
        grey = image if image.mode in ("L", "I", "F", "I;16", "I;16B", "I;16L") else None
        return np.asarray(grey or image.convert("L"), np.float32)


def measure(judged: Sequence[Judged], operating_point: float) -> dict[str, Any]:
    """Every figure of one set of radiographs; None where it cannot be computed."""
    seen = [(one.row, one.sight) for one in judged if one.sight is not None]
    labels = np.array([row.fractured for row, _ in seen], bool)
    probabilities = np.array([sight.probability for _, sight in seen], np.float64)
    flagged = probabilities >= operating_point
    found = [(sight.boxes, sight.scores) for _, sight in seen]
    true_boxes = [corners(row) for row, _ in seen]
    failed = [one for one in judged if one.sight is None]
    figures: dict[str, Any] = {
        "n": len(judged),
        "positives": sum(one.row.fractured for one in judged),
        "auc": auc(probabilities, labels),
        "auc_ci95": list(auc_interval(probabilities, labels)),
        "map50": average_precision(found, true_boxes),
        "boxes": sum(len(boxes) for boxes in true_boxes),
        "operating_point": operating_point,
        **rates(flagged, labels),
        "brier": brier_score(probabilities, labels) if len(seen) else math.nan,
        "ece": expected_calibration_error(probabilities, labels) if len(seen) else math.nan,
        "reliability": reliability(probabilities, labels),
        "turned": sum(sight.quarters != 0 for _, sight in seen),
        "failures": len(failed),
        "failed": [{"image": one.row.image, "reason": one.reason} for one in failed],
        "refused": [
            {"image": one.row.image, "reason": one.refused} for one in judged if one.refused
        ],
        "subgroups": {name: _subgroup(part) for name, part in _parts(seen).items() if part},
    }
    plain: dict[str, Any] = without_nan(figures)
    return plain


def corners(row: LabelledRadiograph) -> npt.NDArray[np.float32]:
    """The true boxes as (n, 4), left top right bottom, pixels."""
    boxes = [(left, top, left + width, top + height) for left, top, width, height in row.boxes]
    return np.array(boxes, np.float32).reshape(-1, 4)


_Seen = Sequence[tuple[LabelledRadiograph, Sight]]


def _parts(seen: _Seen) -> Mapping[str, _Seen]:
    """The radiographs of each body part and view, and those without metal (a known shortcut)."""
    parts = {name: [one for one in seen if one[0].groups.get(name)] for name in _SHOWN}
    parts["without_hardware"] = [one for one in seen if one[0].groups.get("hardware") is False]
    return parts


def _subgroup(seen: _Seen) -> dict[str, Any]:
    labels = np.array([row.fractured for row, _ in seen], bool)
    probabilities = np.array([sight.probability for _, sight in seen], np.float64)
    return {
        "n": len(seen),
        "positives": int(labels.sum()),
        "auc": auc(probabilities, labels),
        "auc_ci95": list(auc_interval(probabilities, labels)),
        "map50": average_precision(
            [(sight.boxes, sight.scores) for _, sight in seen], [corners(row) for row, _ in seen]
        ),
    }
