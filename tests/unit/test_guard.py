"""Images unlike those a detector learnt from."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy.ndimage import gaussian_filter

from models.guard import plain_fault, why_cut_off

Floats = npt.NDArray[np.float32]


def smooth(seed: int = 1, shape: tuple[int, int] = (200, 160)) -> Floats:
    """Soft structure as of tissue, with a little noise."""
    random = np.random.default_rng(seed)
    field = gaussian_filter(random.standard_normal(shape), 6) * 600 + 500
    return np.asarray(field + random.standard_normal(shape), np.float32)


def test_an_image_with_structure_has_no_fault() -> None:
    assert plain_fault(smooth()) is None


def test_an_image_with_a_collimators_border_has_no_fault() -> None:
    image = smooth()
    image[:110] = image.min()
    image[:, 120:] = image.min()
    assert plain_fault(image) is None


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((64, 64), np.float32), "empty"),
        (np.where(np.indices((64, 64))[0] > 30, 255, 0).astype(np.float32), "empty"),
        (np.random.default_rng(1).normal(0, 1, (200, 200)).astype(np.float32), "noise"),
        (np.full((64, 64), np.nan, np.float32), "no numbers"),
    ],
)
def test_empty_images_drawings_and_noise_have_one(image: Floats, words: str) -> None:
    fault = plain_fault(image)
    assert fault is not None
    assert words in fault


@pytest.mark.parametrize(("share", "faulty"), [(0.23, False), (0.28, True), (0.6, True)])
@pytest.mark.parametrize("filling", ["grey", "last line"])
def test_an_image_cut_off_is_known_by_what_fills_it(
    share: float, faulty: bool, filling: str
) -> None:
    image = smooth()
    kept = round((1 - share) * len(image))
    image[kept:] = np.median(image) if filling == "grey" else image[kept - 1]
    assert (plain_fault(image) is not None) is faulty


def body(hu: float = 40.0) -> Floats:
    """A round body in air of one value, as some scanners store it, with noise inside."""
    row, column = np.mgrid[-1:1:200j, -1:1:200j]
    inside = np.hypot(row / 0.7, column / 0.9) < 1
    noise = np.random.default_rng(0).normal(0, 5, inside.shape)
    return np.where(inside, hu + noise, -1024).astype(np.float32)


def test_whole_ct_images_are_not_cut_off_though_the_air_around_has_one_value() -> None:
    assert why_cut_off([body(), body(-1024), np.zeros((200, 200), np.float32)]) is None


def test_a_body_that_reaches_the_last_row_is_not_cut_off() -> None:
    assert why_cut_off([body()[:120]]) is None


@pytest.mark.parametrize(("filling", "enough"), [("water", 11), ("last line", 10)])
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_ct_images_whose_last_rows_repeat_one_another_are_counted(
    filling: str, enough: int, more: int
) -> None:
    image = np.vstack([body()[:100], body()[99::-1]])  # a body that is wide at the last row too
    image = np.roll(image, 100, axis=0)
    lost = enough + more
    image[-lost:] = {"water": 0.0, "last line": image[-lost - 1]}[filling]
    wanted = "1 of 2 images look cut off: their lower part holds nothing."
    assert why_cut_off([body(), image]) == (wanted if more >= 0 else None)
