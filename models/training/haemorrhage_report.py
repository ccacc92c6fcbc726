"""What the passes of a cross-validation came to, over its folds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def mean_passes(epochs: Sequence[Mapping[str, Any]], part: str) -> list[dict[str, Any]]:
    """For each pass of one part's networks the means over the folds; None where no fold has one."""
    epochs = [epoch for epoch in epochs if epoch["part"] == part]
    numbers = sorted({epoch["number"] for epoch in epochs})
    return [
        {
            "number": number,
            **{
                name: _mean([epoch[name] for epoch in epochs if epoch["number"] == number])
                for name in ("loss", "slice_auc", "patient_auc")
            },
        }
        for number in numbers
    ]


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
