"""Frames on their way from the archive to the page."""

from pathlib import Path

import pytest

from viewer.ports import CannotDecode
from vigie import frames

_PHANTOMS = Path(__file__).parent.parent.parent / "test_images"


def test_a_radiograph_arrives_with_its_window() -> None:
    frame = frames.decode_frame(next((_PHANTOMS / "leg_intact").rglob("*.dcm")), 1)
    assert frame.pixels.ndim == 2
    assert frame.window is not None
    assert frame.window[1] > 1


def test_p9_a_frame_too_large_to_show_never_reaches_the_web_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = next((_PHANTOMS / "leg_intact").rglob("*.dcm"))
    pixels = frames.decode_frame(path, 1).pixels
    count = pixels.shape[0] * pixels.shape[1]
    monkeypatch.setattr(frames, "LARGEST_FRAME_PIXELS", count)
    frames.decode_frame(path, 1)
    monkeypatch.setattr(frames, "LARGEST_FRAME_PIXELS", count - 1)
    with pytest.raises(CannotDecode, match="too many to show"):
        frames.decode_frame(path, 1)


def test_a_frame_that_is_not_there_says_so() -> None:
    with pytest.raises(CannotDecode):
        frames.decode_frame(next((_PHANTOMS / "leg_intact").rglob("*.dcm")), 2)
