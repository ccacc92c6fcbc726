"""What the haemorrhage detector refuses to look at, by the image."""

import numpy as np
import pytest

from models.detector import Unjudgeable, Unsuitable
from models.guard import NOISE
from models.haemorrhage import HaemorrhageDetector
from tests.haemorrhage_heads import PIXEL_MM, card, head, images_of, sound_walls, upright


class Nothing:
    """A network that sees no blood anywhere."""

    def __call__(self, batch: np.ndarray) -> dict[str, np.ndarray]:
        cells = batch.shape[2] // 8
        return {
            "slice_logit": np.full(len(batch), -5, np.float32),
            "kind_logits": np.full((len(batch), 5), -5, np.float32),
            "heat_logit": np.full((len(batch), 1, cells, cells), -9, np.float32),
        }


def _why(volume: np.ndarray, **header: float | None) -> str:
    detector = HaemorrhageDetector(card=card(), planes=Nothing(), walls=sound_walls, guard=upright)
    sight = detector.look(images_of(volume, **header))  # type: ignore[arg-type]
    return sight.reason if isinstance(sight, Unsuitable) else ""


def _contrast() -> np.ndarray:
    """A head whose vessels are full of contrast agent."""
    volume = head()
    z, y, x = np.indices(volume.shape)
    for row, column in ((80, 96), (96, 75), (96, 117), (110, 96)):
        volume[(np.hypot(y - row, x - column) < 4.5) & (z > 3)] = 320
    return volume


def _abdomen() -> np.ndarray:
    """Soft tissue around a spine."""
    volume = np.full((24, 192, 192), -1000.0, np.float32)
    _, y, x = np.indices(volume.shape)
    volume[((x - 96) / 85) ** 2 + ((y - 96) / 60) ** 2 < 1] = 50
    volume[np.hypot(x - 96, y - 130) < 14] = 600
    return volume + np.random.default_rng(0).normal(0, 8, volume.shape).astype(np.float32)


def _cut_off() -> np.ndarray:
    """A head of which one image was filled with its last line from the middle on."""
    volume = head()
    volume[12, 96:] = volume[12, 95]
    return volume


def test_a_head_is_looked_at() -> None:
    assert _why(head()) == ""


def test_a_head_of_unknown_geometry_is_looked_at() -> None:
    assert _why(head(), gap_mm=None, pixel_mm=None, orientation=None) == ""


@pytest.mark.parametrize(
    ("volume", "words"),
    [
        (np.zeros((24, 128, 128), np.float32), "empty"),
        (np.full((24, 128, 128), -1024.0, np.float32), "empty"),
        (np.random.default_rng(0).normal(0, 600, (24, 128, 128)).astype(np.float32), "noise"),
        (np.clip((head() + 20) / 120 * 255, 0, 255), "not Hounsfield"),  # a captured window
        (-head(), "inverted"),
        (_abdomen(), "skull"),
        (_contrast(), "contrast"),
        (head(brain_hu=75), "not brain"),
        (head(brain_hu=-5), "not brain"),
        (head()[:5], "mm of the series"),
        (_cut_off(), "1 of 26 images look cut off"),
    ],
    ids=[
        "zero", "air", "noise", "captured", "inverted", "abdomen", "contrast", "dense",
        "thin", "few", "cut off",
    ],
)  # fmt: skip
def test_what_is_no_head_without_contrast_is_refused(volume: np.ndarray, words: str) -> None:
    assert words in _why(volume)


@pytest.mark.parametrize("slices", [24, 60])
def test_p4_noise_that_is_called_a_head_fails_and_a_noisy_head_is_looked_at(slices: int) -> None:
    random = np.random.default_rng(0)
    noise = random.uniform(-1000, 1000, (slices, 128, 128)).astype(np.float32)
    detector = HaemorrhageDetector(card=card(), planes=Nothing(), walls=sound_walls, guard=upright)
    assert detector.look(images_of(noise)) == Unjudgeable(reason=NOISE)
    noisy = head() + random.normal(0, 20, head().shape).astype(np.float32)
    assert _why(noisy) == ""


def test_a_head_as_small_as_an_animals_is_refused_if_its_size_is_known() -> None:
    small = PIXEL_MM * 0.45
    assert "not a person" in _why(head(), pixel_mm=small)
    assert _why(head(), pixel_mm=None) == ""


def test_a_head_cut_by_the_edge_of_the_image_is_refused() -> None:
    assert "skull" in _why(head()[:, :, 110:])


def test_no_images_are_no_head() -> None:
    detector = HaemorrhageDetector(card=card(), planes=Nothing(), walls=sound_walls, guard=upright)
    answer = detector.assess([])
    assert isinstance(answer, Unsuitable)


def test_a_head_that_lies_wrongly_is_refused_before_it_is_looked_at() -> None:
    def never(batch: np.ndarray) -> dict[str, np.ndarray]:
        raise AssertionError("looked at")

    detector = HaemorrhageDetector(
        card=card(), planes=never, walls=sound_walls, guard=lambda *_: "It lies wrongly."
    )
    sight = detector.look(images_of(head()))
    assert sight == Unjudgeable(reason="It lies wrongly.")
