"""The reliability figure of reports and model cards."""

import re
import xml.etree.ElementTree as ET

import pytest

from models.training.reliability_plot import plot_reliability

_SVG = "{http://www.w3.org/2000/svg}"


def _circles(svg: str) -> list[dict[str, str]]:
    return [dict(circle.attrib) for circle in ET.fromstring(svg).iter(f"{_SVG}circle")]


def test_right_probabilities_lie_on_the_diagonal_and_others_do_not() -> None:
    svg = plot_reliability({"reliability": [[0.25, 0.25, 8], [0.75, 0.75, 4], [0.9, 0.5, 4]]})
    assert svg is not None
    line = re.search(r'd="M(\d+) (\d+)L(\d+) (\d+)" stroke="#999"', svg)
    assert line is not None
    left, bottom, right, top = map(float, line.groups())
    away = []
    for circle in _circles(svg):
        along = (float(circle["cx"]) - left) / (right - left)
        up = (bottom - float(circle["cy"])) / (bottom - top)
        away.append(up - along)
    assert away == pytest.approx([0, 0, -0.4], abs=0.01)


def test_what_more_things_share_is_drawn_larger() -> None:
    svg = plot_reliability({"reliability": [[0.1, 0.0, 90], [0.9, 1.0, 10]]})
    assert svg is not None
    large, small = (float(circle["r"]) for circle in _circles(svg))
    assert large > 2 * small


def test_each_table_has_its_own_plot_with_its_title() -> None:
    tables = {"patient_reliability": [[0.5, 0.5, 2]], "slice_reliability": [[0.5, 0.5, 2]]}
    svg = plot_reliability({"auc": 0.9, **tables})
    assert svg is not None
    assert ">patient<" in svg and ">slice<" in svg
    first, second = (float(circle["cx"]) for circle in _circles(svg))
    assert second - first > 200


def test_without_a_table_there_is_no_figure() -> None:
    assert plot_reliability({"auc": 0.9}) is None
