"""What `vigie train` says while it works, and how it keeps memory."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from models.training.progress import ProgressLines, progress_bar
from vigie.__main__ import make_app
from vigie.allocator import keep_freed_memory
from vigie.commands import training
from vigie.commands.fracture import counted


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_progress_without_a_terminal_is_a_line_at_once_and_then_every_half_minute() -> None:
    clock = Clock()
    lines: list[str] = []
    tell = ProgressLines(lines.append, clock)
    for second, share in ((0, 0.0), (1, 0.1), (29.9, 0.2), (30, 0.25), (59.9, 0.4), (3600, 1.0)):
        clock.now_s = 1000.0 + second
        tell("pass 1, loss 0.500", share)
    assert lines == [
        "0:00:00 pass 1, loss 0.500: 0%",
        "0:00:30 pass 1, loss 0.500: 25%",
        "1:00:00 pass 1, loss 0.500: 100%",
    ]


def test_a_log_file_gets_lines_and_a_terminal_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar(Console(stderr=True, force_terminal=False)) as tell:
        tell("pass 1", 0.5)
    assert capsys.readouterr().err == "0:00:00 pass 1: 50%\n"
    with progress_bar(Console(stderr=True, force_terminal=True)) as tell:
        tell("pass 1", 0.5)
    assert "━" in capsys.readouterr().err


@pytest.mark.parametrize(("count", "text"), [(0, "0 passes"), (1, "1 pass"), (2, "2 passes")])
def test_one_pass_is_not_several(count: int, text: str) -> None:
    assert counted(count, "pass", "passes") == text


def test_an_evaluation_prints_what_would_be_refused_and_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = [{"image": f"{number}.png", "reason": "It is [empty]."} for number in range(22)]
    training.tell_figures(
        lambda _data, **_options: {"n": 30, "refused": refused, "failed": []},
        tmp_path,
        split=None,
        json_file=None,
    )
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[:3] == ["n 30", "refused 22", "failed 0"]
    assert lines[3] == "refused: 0.png: It is [empty]."
    assert lines[-1] == "refused: and 2 more, see --json"
    assert len(lines) == 3 + 20 + 1


@pytest.mark.parametrize("detector", ["fracture", "hemorrhage", "nodule"])
def test_every_training_command_keeps_freed_memory(
    detector: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(training, "keep_freed_memory", lambda: asked.append(True))
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    CliRunner().invoke(make_app(), ["train", detector, "--data", "/nowhere"])
    assert asked == [True]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_freed_memory_stays_with_the_process() -> None:
    code = (
        "import ctypes, resource, sys; from vigie.allocator import keep_freed_memory\n"
        "if sys.argv[1] == 'kept': assert keep_freed_memory()\n"
        "c = ctypes.CDLL(None); c.malloc.restype = ctypes.c_void_p\n"
        "def once():\n"
        "    p = c.malloc(ctypes.c_size_t(64 * 2**20)); ctypes.memset(p, 1, 64 * 2**20)\n"
        "    c.free(ctypes.c_void_p(p))\n"
        "once(); before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt; once()\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)"
    )
    faults = {
        how: int(
            subprocess.run(
                [sys.executable, "-c", code, how], capture_output=True, text=True, check=True
            ).stdout
        )
        for how in ("kept", "given back")
    }
    assert faults["kept"] < 10 <= faults["given back"]


def test_what_a_person_set_by_a_variable_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MMAP_THRESHOLD_", "TRIM_THRESHOLD_", "TOP_PAD_", "ARENA_MAX"):
        monkeypatch.setenv(f"MALLOC_{name}", "1")
    monkeypatch.setattr("vigie.allocator.platform.libc_ver", lambda: ("glibc", "2.36"))
    monkeypatch.setattr("vigie.allocator.ctypes.CDLL", lambda _: _RefusingLibrary())
    assert keep_freed_memory()
    monkeypatch.delenv("MALLOC_ARENA_MAX")
    assert not keep_freed_memory()


class _RefusingLibrary:
    def mallopt(self, _: int, __: int) -> int:
        return 0
