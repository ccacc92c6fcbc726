"""Images unlike those a detector learnt from."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy.ndimage import gaussian_filter

from models.guard import plain_fault

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
