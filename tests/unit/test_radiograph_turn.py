"""What turns radiographs back around a network that is made up, and what its training sets."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from models.boxes import turned_back
from models.card import CardError
from models.guard_weights import settings_of
from models.radiograph_turn import (
    SIDE,
    WEIGHTS,
    RadiographTurn,
    canvases_of,
    load_radiograph_turn,
    margin,
)
from models.training import radiograph_turn as training
from models.training.labels import LabelledRadiograph
from models.training.radiograph_turn import Margins, cut_to, limit_of, split, train, varied


def _top_is_bright(batch: np.ndarray) -> dict[str, np.ndarray]:
    """Log odds: how much brighter the top of the content is than what lies below."""
    top, rest = batch[:, 0, :16], batch[:, 0, 32:64]
    return {"logit": (top.mean(axis=(1, 2)) - rest.mean(axis=(1, 2))) * 4}


def _radiograph(shape: tuple[int, int] = (640, 640)) -> np.ndarray:
    grey = np.tile(np.linspace(0, 60, shape[1], dtype=np.float32), (shape[0], 1))
    grey[: shape[0] // 6] += 900
    return grey


def _turn(least_margin: float = 1.0) -> RadiographTurn:
    return RadiographTurn(network=_top_is_bright, least_margin=least_margin)


@pytest.mark.parametrize(("quarters", "back"), [(0, 0), (1, 3), (3, 1)])
def test_an_image_that_lies_on_its_side_is_turned_back(quarters: int, back: int) -> None:
    assert _turn()(np.rot90(_radiograph(), quarters)) == back


def test_a_margin_of_just_the_limit_is_not_turned() -> None:
    def network(batch: np.ndarray) -> dict[str, np.ndarray]:
        assert batch.shape == (4, 1, SIDE, SIDE)
        return {"logit": np.array([0.0, 1.0, 0.0, 3.0], np.float32)}

    limit = margin(np.array([0.0, 1.0, 0.0, 3.0]))
    assert limit > 0
    assert RadiographTurn(network=network, least_margin=limit)(_radiograph()) == 0
    assert RadiographTurn(network=network, least_margin=limit - 1e-6)(_radiograph()) == 3


def test_heads_up_or_down_does_not_count_for_the_margin() -> None:
    said = np.array([2.0, -1.0, 0.5, 3.0])
    assert margin(said) == pytest.approx(margin(said[[2, 3, 0, 1]]))
    assert margin(said) == pytest.approx(-margin(np.roll(said, 1)))


@pytest.mark.parametrize("shape", [(640, 640), (640, 320), (100, 1200), (60, 50)])
def test_canvases_are_the_four_ways_with_their_padding_right_or_below(
    shape: tuple[int, int],
) -> None:
    canvases = canvases_of(_radiograph(shape))
    assert canvases.shape == (4, SIDE, SIDE)
    rows, columns = (max(1, round(SIDE * side / max(shape))) for side in shape)
    content = canvases[0][:rows, :columns]
    assert content.max() == 1
    for quarters, canvas in enumerate(canvases):
        turned = np.rot90(content, quarters)
        np.testing.assert_array_equal(canvas[: turned.shape[0], : turned.shape[1]], turned)
        assert (canvas[turned.shape[0] :] == -1).all()
        assert (canvas[:, turned.shape[1] :] == -1).all()


@given(
    rows=st.integers(2, 60),
    columns=st.integers(2, 60),
    quarters=st.integers(-4, 4),
    data=st.data(),
)
def test_a_box_in_a_turned_image_is_told_where_it_lies_in_the_image_as_it_was(
    rows: int, columns: int, quarters: int, data: st.DataObject
) -> None:
    top, left = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))
    bottom = data.draw(st.integers(top + 1, rows))
    right = data.draw(st.integers(left + 1, columns))
    image = np.zeros((rows, columns))
    image[top:bottom, left:right] = 1
    down, across = np.nonzero(np.rot90(image, quarters))
    box = np.array([[across.min(), down.min(), across.max() + 1, down.max() + 1]], np.float32)
    back = turned_back(box, quarters, (rows, columns))
    np.testing.assert_array_equal(back, [[left, top, right, bottom]])
    assert turned_back(box[:0], quarters, (rows, columns)).shape == (0, 4)


def test_weights_that_are_not_the_ones_named_are_not_loaded(tmp_path: Path) -> None:
    weights = tmp_path / WEIGHTS.name
    weights.write_bytes(WEIGHTS.read_bytes()[:-1] + b"x")
    weights.with_suffix(".toml").write_text(WEIGHTS.with_suffix(".toml").read_text())
    with pytest.raises(CardError, match="SHA-256"):
        load_radiograph_turn(weights=weights)


def test_the_limit_lies_above_every_valid_radiograph_and_nearly_all_of_those_set_apart() -> None:
    def said(*as_is: float) -> Margins:
        return Margins(as_is=np.array(as_is))

    assert limit_of(said(-5.0, -4.0), said(-6.0, -3.0)) == 0
    assert limit_of(said(-5.0, -4.0), said(-6.0, 1.0)) == 1.5
    assert limit_of(said(-5.0, 2.0), said(-6.0, 1.0)) == 2
    apart = said(9.0, 8.0, *[4.0] * 98, *[-6.0] * 300)
    assert limit_of(apart, said(-6.0, -3.0)) == 4  # of 400 two lie beyond
    assert apart.beyond(4.0) == (400, 2, 300)


def test_every_fifth_radiograph_is_set_apart_and_none_of_another_split_is_learnt() -> None:
    rows = [
        LabelledRadiograph(
            image=str(number),
            path=Path(),
            fractured=False,
            boxes=(),
            split="valid" if number > 9 else "train",
        )
        for number in range(12)
    ]
    learnt, apart = split(rows)
    assert [row.image for row in apart] == ["0", "5"]
    assert {row.image for row in learnt} == set("12346789")


@pytest.mark.parametrize("shape", [(224, 80), (80, 224), (224, 200)])
def test_cuts_are_as_often_high_as_broad_whatever_the_shape_of_the_radiograph(
    shape: tuple[int, int],
) -> None:
    random = np.random.default_rng(0)
    cuts = np.array([cut_to(shape, random) for _ in range(400)])
    assert (cuts <= shape).all() and (cuts > 0).all()
    assert 0.4 < (cuts[:, 0] > cuts[:, 1]).mean() < 0.6


def test_a_changed_copy_is_never_upside_down_nor_on_its_side() -> None:
    falling = np.linspace(250, 20, 200)[:, None].astype(np.uint8)
    grey = np.repeat(falling, 160, axis=1)
    for seed in range(30):
        copy = varied(grey, np.random.default_rng(seed)).astype(float)
        rows, columns = (side // 3 for side in copy.shape)
        middle = copy[:, columns:-columns]
        assert middle[:rows].mean() > middle[-rows:].mean(), seed


def test_a_few_steps_learn_which_side_is_up_and_a_training_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "fracture"
    folder.mkdir()
    lines = ["image,fractured,split"]
    for number in range(12):
        grey = np.random.default_rng(number).integers(20, 60, (96, 96)).astype(np.uint8)
        grey[:30] += 150
        Image.fromarray(grey).save(folder / f"{number}.png")
        lines.append(f"{number}.png,0,{'train' if number < 10 else 'valid'}")
    (folder / "labels.csv").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.setattr(training, "_SAVED_EVERY", 2)
    monkeypatch.setattr(training, "_BATCH", 2)
    done: list[float] = []

    def stop_halfway(_what: str, share: float) -> None:
        done.append(share)
        if len(done) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, tmp_path / "out", steps=4, progress=stop_halfway)
    train(tmp_path, tmp_path / "out", steps=4, resume=True, progress=lambda _, s: done.append(s))
    assert done == [0.25, 0.5, 0.75, 0.75, 1.0]
    train(tmp_path, tmp_path / "whole", steps=4)
    one, other = (
        torch.load(tmp_path / name / "last.pt", weights_only=True)["averaged"]
        for name in ("out", "whole")
    )
    for name, weight in one.items():
        torch.testing.assert_close(weight, other[name], rtol=0, atol=1e-6)
    said = settings_of(tmp_path / "out" / WEIGHTS.name)  # checks the digest
    assert said["turned"]["valid"][:2] == [2, 0]
    assert tuple(said["training_data"]) == training.TRAINING_DATA
