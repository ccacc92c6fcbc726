"""Plots of simulated waits: small SVG files without a library."""

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape

from worklist.simulation import Figures
from worklist.simulation_studies import StudyClass

POLICY_WORDS: Mapping[str, str] = {
    "without_ai": "without AI",
    "fifo": "in order of arrival",
    "requested_priority": "requested priority",
    "flagged_first": "flagged first",
    "flagged_first_preemptive": "flags interrupt",
    "score": "highest score",
    "due_time": "due times",
}
CLASS_WORDS: Mapping[str, str] = {
    StudyClass.ALL: "all",
    StudyClass.DISEASED: "diseased",
    StudyClass.NON_DISEASED: "not diseased",
    StudyClass.FLAGGED: "flagged",
    StudyClass.UNFLAGGED: "not flagged",
    StudyClass.MISSED: "missed",
    StudyClass.NOT_ASSESSED: "not assessed",
    StudyClass.NO_DETECTOR: "no detector",
    StudyClass.INTERRUPTING: "interrupting",
}
_COLOURS = ("#555555", "#d95f02", "#7570b3", "#e7298a", "#1b9e77", "#66a61e", "#a6761d")
_LEFT, _PLOT, _RIGHT, _ROW, _HEAD = 210, 460, 70, 16, 46  # SVG units
_SIDE = 420


def words(name: str) -> str:
    """A policy's name for people; one's own names stay as they are."""
    return POLICY_WORDS.get(name, name)


def plot_waits(figures: Figures, classes: Sequence[StudyClass]) -> str:
    """Mean waits with 95 % intervals and 95th percentiles, class by class, as an SVG.

    The axis is logarithmic: a dot is the mean, a thin mark the 95th percentile.
    """
    shown = [one for one in classes if all(one in found for found in figures.values())]
    rows = len(shown) * (len(figures) + 1.5)
    height, width = round(_HEAD + rows * _ROW + 40), _LEFT + _PLOT + _RIGHT
    lowest, highest = _range(figures, shown)
    parts = _frame(width, height, "Minutes from arrival to reading: mean (dot), 95th percentile")
    bottom = _HEAD + rows * _ROW
    for tick in _ticks(lowest, highest):
        x = _along(tick, lowest, highest)
        parts.append(f'<path d="M{x:.1f} {_HEAD - 6}V{bottom:.1f}" stroke="#ddd"/>')
        parts.append(
            f'<text x="{x:.1f}" y="{bottom + 16:.1f}" text-anchor="middle">{tick:g}</text>'
        )
    y = float(_HEAD)
    for one in shown:
        parts.append(f'<text x="8" y="{y + 4:.1f}" font-weight="bold">{CLASS_WORDS[one]}</text>')
        for number, (name, found) in enumerate(figures.items()):
            y += _ROW
            colour = _COLOURS[number % len(_COLOURS)]
            parts.append(f'<text x="16" y="{y + 4:.1f}">{escape(words(name))}</text>')
            mean, late = found[one].mean, found[one].percentile_95
            low, high, x, x_late = (
                _along(mean.value if value is None else value, lowest, highest)
                for value in (mean.low, mean.high, mean.value, late.value)
            )
            title = f"<title>mean {mean.value:.1f} min, 95th percentile {late.value:.1f}</title>"
            parts += [
                f'<path d="M{low:.1f} {y:.1f}H{high:.1f}" stroke="{colour}"/>',
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}">{title}</circle>',
                f'<path d="M{x_late:.1f} {y - 5:.1f}v10" stroke="{colour}" stroke-width="2"/>',
            ]
        y += 1.5 * _ROW
    return "\n".join([*parts, "</svg>\n"])


def plot_trade_off(points: Mapping[str, tuple[float, float]], along: str, up: str) -> str:
    """Two figures of each order against each other, as an SVG; lower left is better.

    Parameters
    ----------
    points
        By the order's name: the figure along and the figure up, both above zero.
    along, up
        What they are, in words, with the unit.
    """
    width, height = _SIDE + 350, _SIDE + 100
    left, top, bottom = 90, 40, 40 + _SIDE
    parts = _frame(width, height, f"{up} against {along}")
    parts.append(f'<path d="M{left} {top}V{bottom}H{left + _SIDE}" fill="none" stroke="#555"/>')
    to_x, x_ticks = _scale([x for x, _ in points.values()])
    to_y, y_ticks = _scale([y for _, y in points.values()])
    for tick in x_ticks:
        place = f'x="{left + to_x(tick):.1f}" y="{bottom + 18}" text-anchor="middle"'
        parts.append(f"<text {place}>{tick:g}</text>")
    for tick in y_ticks:
        place = f'x="{left - 8}" y="{bottom + 4 - to_y(tick):.1f}" text-anchor="end"'
        parts.append(f"<text {place}>{tick:g}</text>")
    for number, (name, (x, y)) in enumerate(points.items(), start=1):
        cx, cy = left + to_x(x), bottom - to_y(y)
        colour = _COLOURS[number % len(_COLOURS)]
        parts.append(f'<circle cx="{cx:.1f}" cy="{cy:.1f}" r="4" fill="{colour}"/>')
        parts.append(f'<text x="{cx + 6:.1f}" y="{cy + 4:.1f}" fill="{colour}">{number}</text>')
        place = f'x="{left + _SIDE + 24}" y="{top + 16 * number}" fill="{colour}"'
        parts.append(f"<text {place}>{number}  {escape(words(name))}</text>")
    place = f'x="{left + _SIDE / 2}" y="{height - 16}" text-anchor="middle"'
    parts.append(f"<text {place}>{escape(along)}</text>")
    turned = f"translate(24 {top + _SIDE / 2}) rotate(-90)"
    parts.append(f'<text transform="{turned}" text-anchor="middle">{escape(up)}</text>')
    return "\n".join([*parts, "</svg>\n"])


def _scale(values: Sequence[float]) -> tuple[Callable[[float], float], list[float]]:
    """From a value to SVG units along an axis that ends near the values, and marks on it."""
    margin = (max(values) - min(values) or max(values)) * 0.08
    low, high = min(values) - margin, max(values) + margin
    step = 10.0 ** math.floor(math.log10(high - low))
    step = next(step / part for part in (1, 2, 5, 10) if (high - low) / (step / part) >= 4)
    ticks = [step * n for n in range(math.ceil(low / step), math.floor(high / step) + 1)]
    return (lambda value: (value - low) / (high - low) * _SIDE), ticks


def _frame(width: int, height: int, title: str) -> list[str]:
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        ' font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="8" y="18" font-size="13" font-weight="bold">{escape(title)}</text>',
    ]


def _range(figures: Figures, shown: Sequence[StudyClass]) -> tuple[float, float]:
    found = [classes[one] for classes in figures.values() for one in shown]
    means = [one.mean.value for one in found if one.mean.value > 0.0]
    highest = max([0.2, *(one.percentile_95.value for one in found), *means])
    return max(0.1, min(means, default=0.1) / 1.5), highest * 1.2


def _share(value: float, low: float, high: float) -> float:
    return math.log(max(value, low) / low) / math.log(high / low)


def _along(value: float, low: float, high: float) -> float:
    return _LEFT + _share(min(value, high), low, high) * _PLOT


def _ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times the powers of ten within."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    candidates = [m * 10.0**e for e in range(first, last + 1) for m in (1, 2, 5)]
    return [one for one in candidates if low <= one <= high]
