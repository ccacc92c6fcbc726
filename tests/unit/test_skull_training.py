"""What is drawn into unrolled skulls, and what training is shown."""

import numpy as np
import pytest
import torch

from models.both_halves import start_from
from models.skull_network import SkullNetwork, SkullPredictions
from models.skull_unrolled import COLUMNS, INSIDE, ROWS, WRAP
from models.training.skull_drawings import (
    draw_fracture,
    draw_surface_blood,
    draw_swelling,
    inner_table,
)
from models.training.skull_lesson import SkullLesson, total_loss
from models.training.skull_walls import MARGIN, Draw, Walls, draw_pass, make_batch

TABLE = INSIDE + MARGIN


def _strip() -> np.ndarray:
    """Brain, eight rows of bone, two of muscle, three of fat, skin, air."""
    rows = np.full(ROWS + 2 * MARGIN, -1000.0, np.float32)
    rows[:TABLE] = 34
    rows[TABLE : TABLE + 8] = 900
    rows[TABLE + 8 : TABLE + 11] = 50
    rows[TABLE + 11 : TABLE + 15] = -90
    rows[TABLE + 15 : TABLE + 17] = 30
    strip = np.repeat(np.repeat(rows[None, :, None], 3, axis=0), COLUMNS, axis=2)
    return strip + np.random.default_rng(0).normal(0, 3, strip.shape).astype(np.float32)


def _walls(patient: str = "1", *, fractured: bool = False) -> Walls:
    signs = np.array([False, fractured, fractured])
    return Walls(
        patient=patient,
        strips=np.stack([_strip()] * 3).astype(np.int16),
        blood=signs,
        surface=np.array([False, fractured, False]),
        fracture=np.array([False, fractured, False]),
        clear=not fractured,
    )


def test_the_inner_table_is_where_bone_begins() -> None:
    assert (inner_table(_strip(), MARGIN) == TABLE).all()
    assert (inner_table(_strip() * 0, MARGIN) == TABLE).all()  # no bone: where it should be


@pytest.mark.parametrize("seed", range(8))
def test_a_fracture_is_dark_bone_and_nothing_else_becomes_bone(seed: int) -> None:
    strip, before = _strip(), _strip()
    mask = draw_fracture(strip, MARGIN, np.random.default_rng(seed)) > 0
    assert 8 <= mask.sum() < 200
    assert (strip[1] - before[1])[mask].min() < -150
    assert before[1][mask].min() > -200  # in or beside the wall, a pressed piece may have moved
    assert np.isfinite(strip).all()


@pytest.mark.parametrize("seed", range(8))
def test_blood_at_the_surface_is_dense_and_lies_on_the_brains_side(seed: int) -> None:
    strip, before = _strip(), _strip()
    mask = draw_surface_blood(strip, MARGIN, np.random.default_rng(seed))
    assert (mask >= 0).all() and (mask <= 1).all()
    assert mask[TABLE:].max() == 0
    sure = mask > 0.9
    assert sure.any()
    assert (strip[1] - before[1])[sure].mean() > 4
    np.testing.assert_array_equal(strip[:, TABLE:], before[:, TABLE:])


def test_a_swollen_scalp_holds_fluid_where_fat_was() -> None:
    strip, before = _strip(), _strip()
    draw_swelling(strip, MARGIN, COLUMNS // 2, np.random.default_rng(1))
    fat = (before < -50) & (before > -160)
    assert strip[fat].mean() > before[fat].mean() + 1
    np.testing.assert_array_equal(strip[:, : TABLE + 8], before[:, : TABLE + 8])


def test_a_pass_holds_signs_strips_without_and_drawn_ones() -> None:
    walls = [_walls("1", fractured=True), _walls("2"), _walls("3")]
    draws = draw_pass(walls, np.random.default_rng(0))
    assert sum(draw.drawn for draw in draws) == 0  # 0.8 of one sign, rounded down
    assert {draw.patient for draw in draws if (draw.patient, draw.strip) == (0, 1)} == {0}
    drawn = [draw for draw in draw_pass(walls[1:], np.random.default_rng(0)) if draw.drawn]
    assert drawn and all(draw.patient in (0, 1) for draw in drawn)


def test_a_batch_says_what_is_known() -> None:
    walls = [_walls("1", fractured=True), _walls("2")]
    draws = [
        Draw(patient=0, strip=1),  # blood at the surface, and a fracture
        Draw(patient=0, strip=2),  # blood too deep for a strip
        Draw(patient=1, strip=0),  # neither
        *(Draw(patient=1, strip=0, drawn=True) for _ in range(6)),
    ]
    batch = make_batch(walls, draws, np.random.default_rng(2))
    assert batch.strips.shape == (9, 3, ROWS, COLUMNS)
    assert batch.strips.abs().max() <= 1
    assert batch.signs[:3].tolist() == [[1, 1], [1, 0], [0, 0]]
    assert batch.known[:3].tolist() == [[1, 1], [0, 1], [1, 1]]
    assert batch.heat_known[:3].tolist() == [[0, 0], [0, 1], [1, 1]]
    assert batch.heat[:3].sum() == 0
    assert (batch.heat_known[3:] == 1).all()
    has_heat = batch.heat[3:].sum(dim=(2, 3)) > 0
    assert has_heat.any()
    assert (has_heat <= (batch.signs[3:] == 1)).all()


def test_what_is_not_known_teaches_nothing() -> None:
    walls = [_walls("1", fractured=True)]
    batch = make_batch(walls, [Draw(patient=0, strip=2)], np.random.default_rng(0))
    network = SkullNetwork().eval()
    said = network(batch.strips)
    said.sign_logits.retain_grad()
    said.heat_logits.retain_grad()
    total_loss(said, batch).backward()
    assert said.sign_logits.grad is not None and said.heat_logits.grad is not None
    assert said.sign_logits.grad[0, 0] == 0 and said.sign_logits.grad[0, 1] != 0
    assert said.heat_logits.grad[0, 0].abs().sum() == 0


def test_the_patients_set_apart_are_measured_by_plane_and_by_patient() -> None:
    class Knowing(SkullNetwork):
        """Suspects what is denser."""

        def forward(self, x: torch.Tensor) -> SkullPredictions:
            signs = x[:, 1].mean(dim=(1, 2))[:, None].repeat(1, 2)
            return SkullPredictions(signs, x[:, :2])

    dense, plain = _walls("1", fractured=True), _walls("2")
    dense.strips[1:, 1] += 20
    lesson = SkullLesson(learnt=[], apart=[dense, plain])
    assert lesson.measure(Knowing()) == (1.0, 1.0)
    dense.strips[1:, 1] -= 40
    by_plane, by_patient = lesson.measure(Knowing())
    assert by_plane == 0.0 and by_patient == 0.0


def test_turning_a_strip_leaves_no_seam() -> None:
    walls = _walls()
    ramp = np.cos(2 * np.pi * (np.arange(COLUMNS) - WRAP) / (COLUMNS - 2 * WRAP))
    walls.strips[:] = np.round(34 + 40 * ramp)  # the same at both ends of the round
    for seed in range(12):
        batch = make_batch([walls], [Draw(patient=0, strip=0)], np.random.default_rng(seed))
        soft = batch.strips[0, 1].mean(dim=0)
        assert (soft[1:] - soft[:-1]).abs().max() < 0.12


def test_a_network_goes_on_from_its_own_place_in_an_ensemble() -> None:
    torch.manual_seed(0)
    members = [SkullNetwork().state_dict() for _ in range(2)]
    weights = {f"walls.members.{n}.{k}": w for n, m in enumerate(members) for k, w in m.items()}
    network = SkullNetwork()
    start_from(network, weights, "walls", 1)
    assert torch.equal(network.heat.weight, members[1]["heat.weight"])
    trunk = {k: w for k, w in members[0].items() if k.startswith(("stem", "blocks"))}
    start_from(network, trunk, "walls", 1)  # ImageNet: the rest stays
    assert torch.equal(network.stem.weight, members[0]["stem.weight"])
    assert torch.equal(network.heat.weight, members[1]["heat.weight"])
    for lacking in ({"x.weight": torch.zeros(1)}, weights):
        with pytest.raises(ValueError, match="network 3 of walls nor MobileNetV2"):
            start_from(network, lacking, "walls", 2)


def test_drawings_depend_on_the_seed_alone() -> None:
    first, second = _strip(), _strip()
    for strip in (first, second):
        draw_fracture(strip, MARGIN, np.random.default_rng(5))
        draw_surface_blood(strip, MARGIN, np.random.default_rng(6))
    np.testing.assert_array_equal(first, second)
