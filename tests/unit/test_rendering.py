"""Frames become pictures: the standard's window function, formats, and hostile shapes."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from viewer.ports import CannotDecode, Frame
from viewer.rendering import (
    InvalidRendering,
    Rendering,
    apply_window,
    choose_media_type,
    own_window,
    parse_viewport,
    parse_window,
    render,
)

PNG = Rendering(media_type="image/png")


def _decoded(picture: bytes) -> Image.Image:
    return Image.open(io.BytesIO(picture))


def test_the_window_of_the_standards_example_is_drawn_as_the_standard_says() -> None:
    # PS3.3 C.11.2.1.2.1: center 2048, width 4096 maps 0 to black and 4095 to white.
    values = np.array([[-1, 0, 2047.5, 4095, 5000]], dtype=np.float32)
    assert apply_window(values, 2048, 4096).tolist() == [[0, 0, 128, 255, 255]]


def test_a_window_one_wide_is_a_threshold() -> None:
    values = np.array([[39.4, 39.5, 39.6]], dtype=np.float32)
    assert apply_window(values, 40, 1).tolist() == [[0, 0, 255]]


def test_values_that_are_no_numbers_are_black_and_infinite_ones_white_or_black() -> None:
    values = np.array([[np.nan, np.inf, -np.inf]], dtype=np.float32)
    assert apply_window(values, 0, 100).tolist() == [[0, 255, 0]]


@given(
    values=st.lists(st.floats(-4000, 4000, width=32), min_size=2, max_size=20),
    center=st.floats(-1000, 3000),
    width=st.floats(1, 5000),
)
def test_a_brighter_value_is_never_drawn_darker(
    values: list[float], center: float, width: float
) -> None:
    shown = apply_window(np.array([sorted(values)], dtype=np.float32), center, width)
    assert (np.diff(shown.astype(int)) >= 0).all()


def test_a_frame_without_a_window_uses_its_own_range() -> None:
    ramp = np.linspace(500, 1500, 100 * 100, dtype=np.float32).reshape(100, 100)
    pixels = np.asarray(_decoded(render(Frame(pixels=ramp), PNG)))
    assert pixels.min() == 0
    assert pixels.max() == 255
    assert int(pixels[50, 50]) == pytest.approx(128, abs=2)


def test_a_flat_frame_and_one_without_any_number_still_have_a_window() -> None:
    assert own_window(np.full((4, 4), 7, dtype=np.float32))[1] >= 1
    assert own_window(np.full((4, 4), np.nan, dtype=np.float32)) == (0.0, 1.0)


def test_the_asked_window_comes_before_the_headers() -> None:
    frame = Frame(pixels=np.full((2, 2), 100, dtype=np.float32), window=(100, 1))
    asked = Rendering(media_type="image/png", window=(1000, 10))
    assert np.asarray(_decoded(render(frame, PNG))).max() == 255
    assert np.asarray(_decoded(render(frame, asked))).max() == 0


def test_a_viewport_makes_smaller_keeps_the_shape_and_never_enlarges() -> None:
    frame = Frame(pixels=np.zeros((200, 100), dtype=np.float32), window=(0, 2))
    small = Rendering(media_type="image/jpeg", viewport=(50, 50))
    large = Rendering(media_type="image/jpeg", viewport=(5000, 5000))
    assert _decoded(render(frame, small)).size == (25, 50)
    assert _decoded(render(frame, large)).size == (100, 200)


@pytest.mark.parametrize(
    ("pixel_aspect", "size"), [(1.0, (60, 30)), (2.0, (60, 60)), (0.5, (60, 15)), (8.0, (15, 60))]
)
def test_a_viewport_shows_pixels_as_high_to_wide_as_they_are(
    pixel_aspect: float, size: tuple[int, int]
) -> None:
    pixels = np.zeros((100, 200), dtype=np.float32)
    frame = Frame(pixels=pixels, window=(0, 2), pixel_aspect=pixel_aspect)
    asked = Rendering(media_type="image/png", viewport=(60, 60))
    assert _decoded(render(frame, asked)).size == size
    large = Rendering(media_type="image/png", viewport=(5000, 5000))
    shown = _decoded(render(frame, large))
    assert shown.height / shown.width == pytest.approx(pixel_aspect / 2, rel=0.05)
    assert shown.width <= 200
    assert shown.height <= 100
    assert _decoded(render(frame, PNG)).size == (200, 100)  # the pixels themselves


def test_colour_is_shown_as_it_is() -> None:
    pixels = np.zeros((3, 2, 3), dtype=np.uint8)
    pixels[..., 0] = 200
    assert _decoded(render(Frame(pixels=pixels), PNG)).getpixel((0, 0)) == (200, 0, 0)


@pytest.mark.parametrize("shape", [(0, 5), (5,), (2, 2, 2), (2, 2, 2, 2), (2, 2, 4)])
def test_what_is_no_picture_is_refused_in_words(shape: tuple[int, ...]) -> None:
    with pytest.raises(CannotDecode, match="cannot be shown"):
        render(Frame(pixels=np.zeros(shape, dtype=np.float32)), PNG)


def test_a_frame_beyond_the_limit_is_refused_before_it_is_copied() -> None:
    vast = np.broadcast_to(np.float32(0), (1 << 20, 1 << 20))
    with pytest.raises(CannotDecode, match="too large"):
        render(Frame(pixels=vast), PNG)


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, "image/png"),
        ("", "image/png"),
        ("*/*", "image/png"),
        ("image/*", "image/png"),
        ("image/jpeg", "image/jpeg"),
        ("image/png;q=0.2, image/jpeg;q=0.8", "image/jpeg"),
        ("image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8", "image/png"),
        ("image/png;q=0, image/*", "image/jpeg"),
        ("application/dicom+json", None),
        ("image/png;q=much", None),
    ],
)
def test_the_format_follows_the_accept_header(accept: str | None, chosen: str | None) -> None:
    assert choose_media_type(accept) == chosen


def test_windows_and_viewports_are_read_as_the_standard_writes_them() -> None:
    assert parse_window("40,80") == (40, 80)
    assert parse_window("-600.5,1500,linear") == (-600.5, 1500)
    assert parse_viewport("800,600") == (800, 600)
    assert parse_window(None) is None
    assert parse_viewport("") is None


@pytest.mark.parametrize(
    "text", ["40", "40,80,120", "a,b", "nan,5", "1,inf", "40,0", "40,80,sigmoid"]
)
def test_a_window_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidRendering):
        parse_window(text)


@pytest.mark.parametrize("text", ["800", "0,5", "1,2,3", "9000,1", "x,y"])
def test_a_viewport_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidRendering):
        parse_viewport(text)
