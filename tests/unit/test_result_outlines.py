"""Outlines are closed, and fit in an object whatever a model answers."""

import numpy as np
import pytest

from results.outlines import MOST_POINTS, outline
from results.presentation import build_presentations
from results.report import build_report
from results.source import source_image_of
from tests.made_up_headers import plain_header, read_back, tilted_ct
from tests.result_facts import HAEMORRHAGE, facts_of, flagged, result
from worklist.finding import Region


@pytest.mark.parametrize("count", [3, MOST_POINTS, MOST_POINTS + 1, 3 * MOST_POINTS])
def test_an_outline_is_closed_and_of_so_many_points_at_most(count: int) -> None:
    points = np.arange(2 * count, dtype=np.float64).reshape(-1, 2)
    made = outline(points)
    assert len(made) == min(count, MOST_POINTS) + 1
    assert np.array_equal(made[0], made[-1])
    assert np.array_equal(made[[0, -2]], points[[0, -1]])
    assert np.diff(made[:-1, 0]).max() <= 2 * (1 + -(-count // MOST_POINTS))


@pytest.mark.parametrize("in_space", [True, False])
def test_p9_an_outline_longer_than_graphic_data_stays_numbers(in_space: bool) -> None:
    header = tilted_ct()[0] if in_space else read_back(plain_header())
    image = source_image_of(header)
    angles = np.linspace(0, 2 * np.pi, 9000, endpoint=False)
    circle = 80 + 40 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    region = Region(
        sop_instance_uid=image.reference.sop_instance_uid,
        frame_number=1,
        polygon=tuple((float(x), float(y)) for x, y in circle),
        polygon_mm=tuple((float(x), float(y), 5.0) for x, y in circle) if in_space else None,
        score=0.7,
    )
    facts = facts_of([header], [result(HAEMORRHAGE, flagged([region]), [image])])
    for built in (build_report(facts), *build_presentations(facts)):
        graphics = [one for one in built.dataset().iterall() if one.keyword == "GraphicData"]
        assert [one.VR for one in graphics] == ["FL"]
        assert len(graphics[0].value) == (MOST_POINTS + 1) * (
            3 if in_space and built.reference.sop_class_uid.endswith("88.34") else 2
        )
