"""From a radiograph to the canvas and back, and boxes read out of the network's maps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.boxes import decode, overlaps, suppress
from models.letterbox import CANVAS_MULTIPLE, STRIDE, plan, to_canvas, to_grey

SIDES = st.integers(100, 5000)


@given(SIDES, SIDES)
def test_the_canvas_is_no_larger_than_it_must_be(rows: int, columns: int) -> None:
    box = plan((rows, columns), 448, CANVAS_MULTIPLE)
    assert max(box.content_shape) == 448
    for content, canvas in zip(box.content_shape, box.canvas_shape, strict=True):
        assert canvas % CANVAS_MULTIPLE == 0
        assert 0 <= canvas - content < CANVAS_MULTIPLE


@given(SIDES, SIDES, st.tuples(*[st.floats(0, 1)] * 4))
def test_boxes_map_to_the_canvas_and_back(
    rows: int, columns: int, shares: tuple[float, float, float, float]
) -> None:
    x, y = sorted(shares[:2]), sorted(shares[2:])
    source = np.array([[x[0] * columns, y[0] * rows, x[1] * columns, y[1] * rows]], np.float32)
    box = plan((rows, columns), 448, CANVAS_MULTIPLE)
    assert box.to_source(box.to_canvas(source)) == pytest.approx(source, rel=1e-4, abs=1e-2)


def test_the_whole_image_is_the_whole_content() -> None:
    box = plan((2140, 1760), 448, CANVAS_MULTIPLE)
    whole = np.array([[0, 0, 1760, 2140]], np.float32)
    assert box.to_canvas(whole)[0].tolist() == pytest.approx([0, 0, 368, 448])


def test_boxes_that_reach_into_the_padding_are_clipped() -> None:
    box = plan((1000, 800), 448, CANVAS_MULTIPLE)
    assert box.to_source(np.array([[-9, -9, 600, 600]], np.float32))[0].tolist() == [
        0,
        0,
        800,
        1000,
    ]


def _radiograph() -> np.ndarray:
    random = np.random.default_rng(0)
    image = np.full((400, 300), 20.0, np.float32) + random.random((400, 300), dtype=np.float32)
    image[50:350, 100:200] += 100
    image[:, :30] = 0  # a collimator's border
    return image


@given(st.floats(0.01, 100), st.floats(-5000, 5000))
def test_grey_does_not_depend_on_the_range_of_the_detector(gain: float, offset: float) -> None:
    plain = to_grey(_radiograph()).astype(int)
    other = to_grey((_radiograph() * gain + offset).astype(np.float32)).astype(int)
    assert np.abs(plain - other).max() <= 4 + 0.002 * abs(offset) / gain


def test_a_few_wild_pixels_do_not_darken_the_rest() -> None:
    image = _radiograph()
    image[0, :5] = 65535
    assert to_grey(image)[200, 150] > 200


@pytest.mark.parametrize("value", [0.0, 4095.0, -1.0])
def test_a_constant_image_becomes_black(value: float) -> None:
    assert not to_grey(np.full((64, 64), value, np.float32)).any()


def test_an_image_of_two_values_becomes_black_and_does_not_fail() -> None:
    image = np.zeros((64, 64), np.float32)
    image[20:, :] = 1
    canvas, _ = to_canvas(image, 64, 32)
    assert np.isfinite(canvas).all()


def test_a_bright_spot_lands_where_the_box_says() -> None:
    image = np.random.default_rng(0).random((1000, 700), dtype=np.float32)
    image[600:700, 300:400] = 50
    image[0, 0] = 51
    canvas, box = to_canvas(image, 448, CANVAS_MULTIPLE)
    rows, columns = np.nonzero(canvas > 0.5)
    bright = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float32)
    assert box.to_source(bright)[0].tolist() == pytest.approx([300, 600, 400, 700], abs=3)


def test_overlap_of_boxes_worked_out_by_hand() -> None:
    a = np.array([[0, 0, 4, 4]], np.float32)
    b = np.array([[2, 0, 6, 4], [10, 10, 12, 12], [0, 0, 0, 0]], np.float32)
    assert overlaps(a, b)[0].tolist() == pytest.approx([8 / 24, 0, 0])


def test_suppression_keeps_the_best_of_each_place() -> None:
    boxes = np.array([[0, 0, 4, 4], [0, 0, 4, 5], [9, 9, 12, 12]], np.float32)
    assert suppress(boxes, np.array([0.5, 0.9, 0.1], np.float32), 0.3) == [1, 2]


def test_suppression_keeps_boxes_that_overlap_by_just_the_limit() -> None:
    boxes = np.array([[0, 0, 2, 1], [1, 0, 3, 1]], np.float32)  # IoU 1/3
    scores = np.array([0.9, 0.8], np.float32)
    assert suppress(boxes, scores, 1 / 3) == [0, 1]
    assert suppress(boxes, scores, 0.333) == [0]


def test_a_peak_of_the_heat_map_becomes_a_box_around_its_cell() -> None:
    heat = np.full((10, 12), -6.0, np.float32)
    heat[3, 5], heat[3, 6] = 2.0, 1.0  # the neighbour is the same peak
    distances = np.zeros((4, 10, 12), np.float32)
    distances[:, 3, 5] = 10, 20, 30, 40
    boxes, scores = decode(heat, distances, stride=STRIDE, count=5, overlap_limit=0.3)
    assert boxes[0].tolist() == [44 - 10, 28 - 20, 44 + 30, 28 + 40]
    assert scores[0] == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-6)
    assert len(scores) == 1 or scores[1] < 0.01
