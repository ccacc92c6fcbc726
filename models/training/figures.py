"""What the measurements of all detectors share: what is measured on, rates, and plain JSON."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from models.card import ModelCard
from models.measures import wilson_interval
from models.training.labels import LabelsError

Bools = npt.NDArray[np.bool_]


def choose(
    splits: Sequence[str | None], split: str | None, *, one: str, several: str
) -> tuple[Bools, str]:
    """Which things to measure on, and a sentence that says which they are.

    Parameters
    ----------
    splits
        The split of each thing; None: it has none.
    split
        The one that is asked for, or ``all``. None takes all but those of split ``train``, or all
        where that leaves none.
    one, several
        What a thing and several of them are called.

    Raises
    ------
    LabelsError
        If no thing has the split that is asked for.
    """
    total = len(splits)
    everything = np.ones(total, bool)
    if split == "all":
        return everything, f"all {total} {several}, as asked"
    wanted = np.array([s != "train" if split is None else s == split for s in splits], bool)
    count = int(wanted.sum())
    if split is not None and not count:
        raise LabelsError(f"no {one} has the split {split!r}")
    if split is not None:
        return wanted, f"{count} of {total} {several}: split {split}, as asked"
    if 0 < count < total:
        return wanted, f"{count} of {total} {several}: all but those of split train"
    return everything, f"all {total} {several}: none is set apart from training"


def rates(flagged: Bools, labels: Bools) -> dict[str, Any]:
    """Sensitivity and specificity with Wilson's intervals; nan where there is nothing to count."""
    hits, positives = int((flagged & labels).sum()), int(labels.sum())
    clear, negatives = int((~flagged & ~labels).sum()), int((~labels).sum())
    return {
        "sensitivity": hits / positives if positives else math.nan,
        "sensitivity_ci95": list(wilson_interval(hits, positives)),
        "specificity": clear / negatives if negatives else math.nan,
        "specificity_ci95": list(wilson_interval(clear, negatives)),
    }


def identity(card: ModelCard) -> dict[str, Any]:
    """Which model was measured."""
    return {"name": card.name, "version": card.version, "weights_sha256": card.weights_sha256}


def without_nan(value: Any) -> Any:
    """JSON has no nan; a figure that is not there is null."""
    if isinstance(value, float):
        return None if math.isnan(value) else value
    if isinstance(value, Mapping):
        return {name: without_nan(item) for name, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [without_nan(item) for item in value]
    return value
