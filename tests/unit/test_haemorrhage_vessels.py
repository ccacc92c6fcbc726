"""Contrast agent told by the vessels that it shows."""

import numpy as np
import pytest

from models.haemorrhage_guard import content_of, why_no_head
from models.haemorrhage_vessels import spotted_share
from models.haemorrhage_volume import find_skull, stack_of
from tests.haemorrhage_heads import PIXEL_MM, head, images_of

FIRST, LAST = 3, 22  # planes of the head in which the cavity is wide enough for vessels
PLACES = ((80, 96), (110, 82), (104, 110))  # row and column, far from bone


def _with_spots(
    hu: float,
    *,
    places: tuple[tuple[int, int], ...] = PLACES,
    planes: range = range(FIRST, LAST + 1),
    radius_mm: float = 2.2,
) -> np.ndarray:
    volume = head()
    _, y, x = np.indices(volume.shape)
    within = np.isin(np.arange(len(volume)), planes)[:, None, None]
    for row, column in places:
        volume[within & (np.hypot(y - row, x - column) * PIXEL_MM < radius_mm)] = hu
    return volume


def _share(volume: np.ndarray) -> float:
    stack = stack_of(images_of(volume))
    return spotted_share(stack, find_skull(stack))


def _why(volume: np.ndarray) -> str | None:
    stack = stack_of(images_of(volume))
    return why_no_head(content_of(stack, find_skull(stack), PIXEL_MM))


def test_a_plain_head_and_one_that_bleeds_show_no_vessels() -> None:
    assert _share(head()) == 0
    assert _share(head(bleed=(30.0, 20.0, 10.0))) == 0


@pytest.mark.parametrize("hu", [140.0, 300.0])
def test_thin_vessels_of_few_pixels_are_contrast_agent(hu: float) -> None:
    vessels = _with_spots(hu)
    stack = stack_of(images_of(vessels))
    assert content_of(stack, find_skull(stack), PIXEL_MM).contrast < 0.01
    assert _share(vessels) > 0.6
    assert "contrast agent" in str(_why(vessels))


def test_calcium_in_a_few_planes_is_no_contrast_agent() -> None:
    assert 0 < _share(_with_spots(300.0, planes=range(10, 16))) < 0.4
    assert _why(_with_spots(300.0, planes=range(10, 16))) is None


def test_one_spot_a_plane_is_no_contrast_agent() -> None:
    drain = _with_spots(300.0, places=PLACES[:1])
    assert _share(drain) == 0
    assert _why(drain) is None


@pytest.mark.parametrize(
    "spots",
    [
        _with_spots(90.0),  # blood
        _with_spots(2000.0),  # metal
        _with_spots(200.0, radius_mm=8.0),  # a dense mass
        _with_spots(200.0, radius_mm=0.5),  # noise
        _with_spots(200.0, places=((96, 46), (96, 145))),  # beside the bone
    ],
    ids=["soft", "metal", "large", "tiny", "at the bone"],
)
def test_what_is_no_vessel_does_not_count(spots: np.ndarray) -> None:
    assert _share(spots) == 0
