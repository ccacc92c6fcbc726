"""When a region counts as lying on a true box."""

import numpy as np
import pytest

from models.training.haemorrhage_evaluation import _overlap

BOX = (10.0, 20.0, 8.0, 6.0)  # left, top, width, height


@pytest.mark.parametrize(
    ("corners", "overlaps"),
    [
        ([(12, 22), (16, 22), (14, 25)], True),
        ([(0, 0), (40, 0), (40, 40), (0, 40)], True),  # all around it
        ([(0, 0), (9, 0), (9, 30)], False),  # beside
        # an L whose bounding box holds the box, and whose arms do not meet it
        ([(0, 0), (5, 0), (5, 30), (40, 30), (40, 35), (0, 35)], False),
        ([(17.2, 25.2), (30, 25), (30, 40)], True),  # a corner
        ([(0, 20), (9.6, 20), (9.6, 26), (0, 26)], False),  # short of each side by 0.4
        ([(18.4, 20), (30, 20), (30, 26), (18.4, 26)], False),
        ([(10, 10), (18, 10), (18, 19.6), (10, 19.6)], False),
        ([(10, 26.4), (18, 26.4), (18, 40), (10, 40)], False),
        ([(0, 20), (10.5, 20), (10.5, 26), (0, 26)], True),  # over each side by 0.5
        ([(17.5, 20), (30, 20), (30, 26), (17.5, 26)], True),
    ],
)
def test_a_region_hits_a_box_where_it_covers_some_of_it(
    corners: list[tuple[float, float]], overlaps: bool
) -> None:
    assert _overlap(BOX, np.array(corners)) is overlaps
