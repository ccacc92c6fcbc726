"""Frames are decoded elsewhere: whatever happens there, this process goes on (P9)."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from viewer.decoding import IsolatedDecoder
from viewer.ports import CannotDecode, Frame


def decode(path: Path, frame_number: int) -> Frame:
    """Stands for a codec: the path's name says what the file does to it."""
    match path.name:
        case "crash":
            os._exit(139)
        case "hang":
            time.sleep(60)
        case "raise":
            raise ValueError("Doe^John")
        case "refuse":
            raise CannotDecode("no pixels")
        case "hoard":
            np.ones(1 << 40, dtype=np.uint8)
    return Frame(pixels=np.full((2, 3), frame_number, dtype=np.float32), window=(40, 80))


@pytest.fixture(scope="module")
def decoder() -> Iterator[IsolatedDecoder]:
    with IsolatedDecoder(decode, processes=1, limit_s=1) as started:
        yield started


def test_a_frame_comes_back_as_it_was_decoded(decoder: IsolatedDecoder) -> None:
    frame = decoder(Path("fine"), 4)
    assert frame.pixels.tolist() == [[4.0] * 3] * 2
    assert frame.window == (40, 80)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("crash", "crashed"),
        ("hang", "longer than 1 s"),
        ("raise", r"cannot be decoded \(ValueError\)"),
        ("refuse", "no pixels"),
        ("hoard", "cannot be decoded"),
    ],
)
def test_a_hostile_file_costs_one_frame_and_the_next_is_served(
    decoder: IsolatedDecoder, file: str, words: str
) -> None:
    with pytest.raises(CannotDecode, match=words) as refusal:
        decoder(Path(file), 1)
    assert "Doe" not in str(refusal.value)
    assert decoder(Path("fine"), 2).pixels[0, 0] == 2.0
