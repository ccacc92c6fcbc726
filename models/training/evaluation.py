"""How good the fracture detector is on a folder of labelled radiographs."""

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from models.calibration import (
    auc,
    auc_interval,
    average_precision,
    brier_score,
    expected_calibration_error,
    wilson_interval,
)
from models.card import ModelCard
from models.fracture import FractureDetector, Sight, load
from models.training.labels import LabelledRadiograph, LabelsError, read_labels

Progress = Callable[[str, float], None]
"""Called with what is being done and how far it is, 0 to 1."""

_PART_GROUPS = ("hand", "leg", "hip", "shoulder")


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """One labelled radiograph and what the detector made of it."""

    row: LabelledRadiograph
    sight: Sight | None  # None: it could not be read
    reason: str = ""  # why not


def evaluate(
    data: Path,
    *,
    split: str | None = None,
    detector: FractureDetector | None = None,
    progress: Progress = lambda _what, _share: None,
) -> dict[str, Any]:
    """Measure the detector, run as in production, on a folder with ``labels.csv``.

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
        rest on the images that could be read; the others are counted and listed.

    Raises
    ------
    models.training.labels.LabelsError
        If the folder has no usable ``labels.csv``, or no row of the split.
    """
    started = time.perf_counter()
    rows, used = choose_rows(read_labels(data), split)
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


def choose_rows(
    rows: Sequence[LabelledRadiograph], split: str | None
) -> tuple[Sequence[LabelledRadiograph], str]:
    """The rows to measure on, and a sentence that says which they are."""
    if split is None:
        chosen = [row for row in rows if row.split != "train"]
        if chosen and len(chosen) < len(rows):
            return chosen, f"{len(chosen)} of {len(rows)} rows: all but those of split train"
        return rows, f"all {len(rows)} rows: the folder does not set any apart from training"
    if split == "all":
        return rows, f"all {len(rows)} rows, as asked"
    chosen = [row for row in rows if row.split == split]
    if not chosen:
        raise LabelsError(f"no row of labels.csv has the split {split!r}")
    return chosen, f"{len(chosen)} of {len(rows)} rows: split {split}, as asked"


def look_at_all(
    detector: FractureDetector, rows: Sequence[LabelledRadiograph], progress: Progress
) -> list[Judged]:
    """Run the detector on every row; what cannot be read is kept with its reason."""
    judged = []
    for number, row in enumerate(rows, start=1):
        try:
            judged.append(Judged(row=row, sight=detector.look(read_pixels(row.path))))
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
        **_rates(flagged, labels),
        "brier": brier_score(probabilities, labels) if len(seen) else math.nan,
        "ece": expected_calibration_error(probabilities, labels) if len(seen) else math.nan,
        "failures": len(failed),
        "failed": [{"image": one.row.image, "reason": one.reason} for one in failed],
        "subgroups": {name: _subgroup(part) for name, part in _parts(seen).items() if part},
    }
    plain: dict[str, Any] = without_nan(figures)
    return plain


def corners(row: LabelledRadiograph) -> npt.NDArray[np.float32]:
    """The true boxes as (n, 4), left top right bottom, pixels."""
    boxes = [(left, top, left + width, top + height) for left, top, width, height in row.boxes]
    return np.array(boxes, np.float32).reshape(-1, 4)


def identity(card: ModelCard) -> dict[str, Any]:
    """Which model was measured."""
    return {"name": card.name, "version": card.version, "weights_sha256": card.weights_sha256}


def _rates(flagged: npt.NDArray[np.bool_], labels: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Sensitivity and specificity with Wilson's intervals."""
    hits, positives = int((flagged & labels).sum()), int(labels.sum())
    clear, negatives = int((~flagged & ~labels).sum()), int((~labels).sum())
    return {
        "sensitivity": hits / positives if positives else math.nan,
        "sensitivity_ci95": list(wilson_interval(hits, positives)),
        "specificity": clear / negatives if negatives else math.nan,
        "specificity_ci95": list(wilson_interval(clear, negatives)),
    }


_Seen = Sequence[tuple[LabelledRadiograph, Sight]]


def _parts(seen: _Seen) -> Mapping[str, _Seen]:
    """The radiographs of each body part, and those without metal (a known shortcut)."""
    parts = {name: [one for one in seen if one[0].groups.get(name)] for name in _PART_GROUPS}
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


def without_nan(value: Any) -> Any:
    """JSON has no nan; a figure that is not there is null."""
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, Mapping):
        return {name: without_nan(item) for name, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [without_nan(item) for item in value]
    return value
