"""What a training of the haemorrhage ensemble came to: ``report.json`` and ``report.svg``."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from models.training.report import plot_passes


def write_report(folder: Path, content: Mapping[str, Any]) -> None:
    """Write the run's report, and a plot of its passes averaged over the folds."""
    text = json.dumps(content, indent=2, allow_nan=False) + "\n"
    (folder / "report.json").write_text(text, encoding="utf-8")
    curves = {"slice AUC, patients apart": "slice_auc", "patient AUC": "patient_auc"}
    plot = plot_passes(_mean_passes(content), curves)
    (folder / "report.svg").write_text(plot, encoding="utf-8")


def _mean_passes(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """For each pass the means over the folds; a figure that no fold has is None."""
    numbers = sorted({epoch["number"] for epoch in content["epochs"]})
    return [
        {
            "number": number,
            **{
                name: _mean([e[name] for e in content["epochs"] if e["number"] == number])
                for name in ("loss", "slice_auc", "patient_auc")
            },
        }
        for number in numbers
    ]


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
