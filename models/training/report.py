"""What a training run came to: ``report.json``, ``report.svg``, ``reliability.svg``."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from models.training.reliability_plot import plot_reliability

_WIDTH, _HEIGHT, _MARGIN, _GAP = 360, 240, 48, 40  # of one plot, SVG units
_COLOURS = ("#1f77b4", "#d62728")


def write_report(
    folder: Path,
    content: Mapping[str, Any],
    curves: Mapping[str, str],
    passes: Sequence[Mapping[str, Any]] | None = None,
) -> None:
    """Write the run's report, the plot of its passes, and how reliable its probabilities are.

    Parameters
    ----------
    content
        With ``epochs``, a list of mappings, and ``performance``, the card's figures.
    curves, passes
        What is plotted, see ``plot_passes``; None takes all epochs.
    """
    text = json.dumps(content, indent=2, allow_nan=False) + "\n"
    (folder / "report.json").write_text(text, encoding="utf-8")
    plot = plot_passes(content["epochs"] if passes is None else passes, curves)
    (folder / "report.svg").write_text(plot, encoding="utf-8")
    reliability = plot_reliability(content.get("performance", {}))
    if reliability is not None:
        (folder / "reliability.svg").write_text(reliability, encoding="utf-8")


def plot_passes(epochs: Sequence[Mapping[str, Any]], curves: Mapping[str, str]) -> str:
    """Draw the loss, and beside it figures between 0 and 1, of every pass; an SVG.

    Parameters
    ----------
    epochs
        Mappings with ``number``, ``loss`` and what the curves name; None is left out.
    curves
        Words for people to the name of a figure; two at most.
    """
    width = 2 * (_WIDTH + _MARGIN) + _GAP
    height = _HEIGHT + 2 * _MARGIN
    loss = {"training loss": _points(epochs, "loss")}
    quality = {words: _points(epochs, name) for words, name in curves.items()}
    highest = max((y for _, y in loss["training loss"]), default=1.0)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
            ' font-family="sans-serif" font-size="12">',
            f'<rect width="{width}" height="{height}" fill="white"/>',
            *_plot(loss, len(epochs), highest, _MARGIN),
            *_plot(quality, len(epochs), 1.0, 2 * _MARGIN + _GAP + _WIDTH - 10),
            "</svg>\n",
        ]
    )


def _points(epochs: Sequence[Mapping[str, Any]], name: str) -> list[tuple[int, float]]:
    return [
        (int(epoch["number"]), float(epoch[name]))
        for epoch in epochs
        if epoch[name] is not None and not math.isnan(epoch[name])
    ]


def _plot(
    series: Mapping[str, list[tuple[int, float]]], last: int, highest: float, left: int
) -> list[str]:
    """One plot: passes from 1 to ``last`` across, 0 to ``highest`` up."""

    def place(x: float, y: float) -> str:
        across = left + (x - 1) / max(1, last - 1) * _WIDTH
        return f"{across:.1f},{_MARGIN + (1 - y / highest) * _HEIGHT:.1f}"

    bottom = _MARGIN + _HEIGHT
    parts = [
        f'<path d="M{left} {_MARGIN}V{bottom}H{left + _WIDTH}" fill="none" stroke="#555"/>',
        f'<text x="{left - 6}" y="{_MARGIN + 4}" text-anchor="end">{highest:.2g}</text>',
        f'<text x="{left - 6}" y="{bottom + 4}" text-anchor="end">0</text>',
        f'<text x="{left}" y="{bottom + 18}">pass 1</text>',
        f'<text x="{left + _WIDTH}" y="{bottom + 18}" text-anchor="end">{last}</text>',
    ]
    for number, (name, points) in enumerate(series.items()):
        colour = _COLOURS[number]
        line = " ".join(place(x, y) for x, y in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(
            f'<text x="{left + 10}" y="{_MARGIN - 8 - 16 * number}" fill="{colour}">{name}</text>'
        )
    return parts
