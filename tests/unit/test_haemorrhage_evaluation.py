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
    ],
)
def test_a_region_hits_a_box_where_it_covers_some_of_it(
    corners: list[tuple[float, float]], overlaps: bool
) -> None:
    assert _overlap(BOX, np.array(corners)) is overlaps
