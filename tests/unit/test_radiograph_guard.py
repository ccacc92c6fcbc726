"""The radiograph guard around a network that is made up, and the drawings it learns from."""

from pathlib import Path

import numpy as np
import pytest

from models.card import CardError
from models.radiograph_guard import (
    INVERTED,
    NO_RADIOGRAPH,
    SIDE,
    WEIGHTS,
    RadiographGuard,
    load_radiograph_guard,
)
from models.training.radiograph_guard import changed
from models.training.radiograph_guard_drawings import NO_RADIOGRAPHS, limb
from models.training.radiograph_guard_drawings import SIDE as DRAWN_SIDE


def _middle_is_bright(batch: np.ndarray) -> dict[str, np.ndarray]:
    """Log odds: how much brighter the middle of the content is than its left edge."""
    middle, edge = batch[0, 0, 40:56, 20:28], batch[0, 0, 40:56, :4]
    return {"logit": np.array([middle.mean() - edge.mean()], np.float32)}


def _limb(shape: tuple[int, int] = (200, 100)) -> np.ndarray:
    row, column = np.mgrid[0 : shape[0], 0 : shape[1]]
    return np.asarray(np.exp(-(((column - 50) / 20.0) ** 2)) * 900 + row * 0.1, np.float32)


def _guard(least_logit: float = 1.0) -> RadiographGuard:
    return RadiographGuard(network=_middle_is_bright, least_logit=least_logit)


def test_what_looks_like_a_radiograph_passes_whatever_its_range() -> None:
    assert _guard()(_limb()) is None
    assert _guard()(_limb() * 1e-3 - 7) is None


def test_an_image_whose_mirrored_greys_pass_is_said_to_be_inverted() -> None:
    assert _guard()(900 - _limb()) == INVERTED


def test_what_passes_neither_way_is_said_to_be_no_radiograph() -> None:
    ramp = np.mgrid[0:200, 0:100][0].astype(np.float32)
    assert _guard()(ramp) == NO_RADIOGRAPH


def test_log_odds_of_just_the_limit_pass() -> None:
    logits = iter([1.0, 0.999, 1.0])
    guard = RadiographGuard(
        network=lambda _batch: {"logit": np.array([next(logits)], np.float64)}, least_logit=1.0
    )
    assert guard(_limb()) is None
    assert guard(_limb()) == INVERTED


def test_the_padding_stays_dark_when_greys_are_mirrored() -> None:
    seen = []

    def network(batch: np.ndarray) -> dict[str, np.ndarray]:
        seen.append(batch.copy())
        return {"logit": np.array([-9.0], np.float32)}

    RadiographGuard(network=network, least_logit=0.0)(_limb((192, 96)))
    plain, mirrored = seen
    assert plain.shape == (1, 1, SIDE, SIDE)
    assert (mirrored[..., 48:] == -1).all()
    np.testing.assert_array_equal(mirrored[..., :48], -plain[..., :48])


def test_weights_that_are_not_the_ones_named_are_not_loaded(tmp_path: Path) -> None:
    weights = tmp_path / WEIGHTS.name
    weights.write_bytes(WEIGHTS.read_bytes()[:-1] + b"x")
    weights.with_suffix(".toml").write_text(WEIGHTS.with_suffix(".toml").read_text())
    with pytest.raises(CardError, match="SHA-256"):
        load_radiograph_guard(weights=weights)


@pytest.mark.parametrize("kind", [*NO_RADIOGRAPHS, "limb"])
def test_drawings_are_random_and_the_same_again_from_the_same_seed(kind: str) -> None:
    draw = NO_RADIOGRAPHS.get(kind, limb)
    first, again, other = (draw(np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.shape == (DRAWN_SIDE, DRAWN_SIDE)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_changed_copy_keeps_which_greys_are_bright() -> None:
    for seed in range(20):
        random = np.random.default_rng(seed)
        grey = np.zeros((120, 90), np.uint8)
        grey[30:90, 20:70] = np.arange(50, dtype=np.uint8) + 150
        copy = changed(grey, random)
        middle = copy[copy.shape[0] // 2, copy.shape[1] // 2]
        assert middle > np.percentile(copy, 5), seed
