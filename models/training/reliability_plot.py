"""How often a finding is there, by the probability told: a small SVG for reports and cards."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from models.measures import wilson_interval

_SIDE, _LEFT, _TOP, _BOTTOM = 220, 56, 28, 44  # of one plot, SVG units
_WIDTH = _LEFT + _SIDE + 16
_LARGEST = 9.0  # radius of the dot of all things together
_SMALLEST = 2.0
_SUFFIX = "reliability"


def plot_reliability(performance: Mapping[str, Any]) -> str | None:
    """Draw the reliability tables of a card's figures, side by side; an SVG.

    A dot for each tenth of the scale, the larger the more lie in it, with Wilson's 95 % interval
    of the share that has the finding. Right probabilities lie on the diagonal.

    Parameters
    ----------
    performance
        Its entries ``reliability`` or ``..._reliability``, of which the first part is the title:
        lists of mean probability, share with the finding and count.

    Returns
    -------
    str or None
        None where there is no such table.
    """
    tables = {
        name.removesuffix(_SUFFIX).rstrip("_").replace("_", " "): table
        for name, table in performance.items()
        if name.endswith(_SUFFIX)
    }
    if not tables:
        return None
    width, height = _WIDTH * len(tables), _TOP + _SIDE + _BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        ' font-family="sans-serif" font-size="11">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for number, (title, table) in enumerate(tables.items()):
        parts += _plot(title, table, number * _WIDTH + _LEFT)
    return "\n".join([*parts, "</svg>\n"])


def _plot(title: str, table: Sequence[Sequence[float]], left: int) -> list[str]:
    bottom, right, middle = _TOP + _SIDE, left + _SIDE, left + _SIDE // 2
    parts = [
        f'<path d="M{left} {_TOP}V{bottom}H{right}" fill="none" stroke="#555"/>',
        f'<path d="M{left} {bottom}L{right} {_TOP}" stroke="#999" stroke-dasharray="4 4"/>',
        f'<text x="{middle}" y="{_TOP - 10}" text-anchor="middle" font-weight="bold">'
        f"{title}</text>",
        f'<text x="{middle}" y="{bottom + 34}" text-anchor="middle">probability told</text>',
        f'<text transform="translate({left - 38} {_TOP + _SIDE // 2}) rotate(-90)"'
        ' text-anchor="middle">share with the finding</text>',
    ]
    for tick in (0, 0.5, 1):
        along, up = left + tick * _SIDE, bottom - tick * _SIDE
        parts.append(f'<text x="{along:g}" y="{bottom + 16}" text-anchor="middle">{tick:g}</text>')
        parts.append(f'<text x="{left - 8}" y="{up + 4:g}" text-anchor="end">{tick:g}</text>')
    total = sum(count for _, _, count in table)
    for told, share, count in table:
        low, high = wilson_interval(round(share * count), int(count))
        x = left + told * _SIDE
        y, y_low, y_high = (bottom - value * _SIDE for value in (share, low, high))
        radius = max(_SMALLEST, _LARGEST * math.sqrt(count / total))
        parts.append(f'<path d="M{x:.1f} {y_low:.1f}V{y_high:.1f}" stroke="#1f77b4"/>')
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="#1f77b4">'
            f"<title>{count:g}: told {told:.2f}, seen {share:.2f}</title></circle>"
        )
    return parts
