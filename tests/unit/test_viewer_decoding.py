"""Frames are decoded elsewhere: whatever happens there, this process goes on (P9)."""

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from viewer.decoding import Isolated
from viewer.ports import CannotDecode, DecodeFrame, Frame


def decode(path: Path, frame_number: int) -> Frame:
    """Stands for a codec: the path's name says what the file does to it."""
    match path.name:
        case "crash":
            os._exit(139)
        case "hang":
            time.sleep(60)
        case "seize":  # as a codec does that keeps the interpreter's lock
            ctypes.PyDLL(None).sleep(60)
        case "raise":
            raise ValueError("Doe^John")
        case "refuse":
            raise CannotDecode("no pixels")
        case "hoard":
            np.ones(1 << 40, dtype=np.uint8)
    return Frame(pixels=np.full((2, 3), frame_number, dtype=np.float32), window=(40, 80))


def decode_and_tell(path: Path, frame_number: int) -> Frame:
    """Writes its process id first, so that a test can watch it."""
    path.with_name("pid").write_text(str(os.getpid()))
    return decode(path, frame_number)


@pytest.fixture(scope="module")
def decoder() -> Iterator[DecodeFrame]:
    with Isolated(decode, processes=1, limit_s=1) as started:
        started.warm()
        yield started.calling(decode)


def test_a_frame_comes_back_as_it_was_decoded(decoder: DecodeFrame) -> None:
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
    decoder: DecodeFrame, file: str, words: str
) -> None:
    with pytest.raises(CannotDecode, match=words) as refusal:
        decoder(Path(file), 1)
    assert "Doe" not in str(refusal.value)
    assert decoder(Path("fine"), 2).pixels[0, 0] == 2.0


@pytest.mark.skipif(sys.platform != "linux", reason="needs signals of Linux pipes")
def test_a_codec_that_hangs_does_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "from pathlib import Path\n"
        "from tests.unit.test_viewer_decoding import decode_and_tell\n"
        "from viewer.decoding import Isolated\n"
        "if __name__ == '__main__':\n"
        "    call = Isolated(decode_and_tell).calling(decode_and_tell)\n"
        f"    call(Path({str(tmp_path / 'seize')!r}), 1)\n"
    )
    here = Path(__file__).parents[2]
    parent = subprocess.Popen(
        [sys.executable, str(script)], env=os.environ | {"PYTHONPATH": str(here)}
    )
    try:
        wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
        child = psutil.Process(int((tmp_path / "pid").read_text()))
        assert child.is_running()
        parent.kill()
        parent.wait()
        child.wait(timeout=10)
    finally:
        parent.kill()
        parent.wait()


def wait_until(is_true: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not is_true():
        assert time.monotonic() < until, "it never came true"
        time.sleep(0.05)
