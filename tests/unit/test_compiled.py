"""Compiled networks are taken from their file where it is whole, and made anew where it is not."""

import logging
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
from openvino import opset13 as ops

from models.compiled import kept_or_compiled

OPTIONS = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}


def doubling() -> ov.Model:
    """Twice what comes in."""
    given = ops.parameter([1, 4], np.float32)
    return ov.Model([ops.multiply(given, ops.constant(np.float32(2)))], [given], "doubling")


class Compiler:
    """Compiles that network, and counts how often."""

    def __init__(self) -> None:
        self.core = ov.Core()
        self.times = 0

    def __call__(self) -> ov.CompiledModel:
        self.times += 1
        return self.core.compile_model(doubling(), "CPU", OPTIONS)

    def answer(self, path: Path) -> list[float]:
        compiled = kept_or_compiled(self.core, path, OPTIONS, self)
        said = compiled.create_infer_request().infer([np.arange(4, dtype=np.float32)[None]])
        return [float(value) for value in said[0][0]]


def test_it_is_compiled_once(tmp_path: Path) -> None:
    compiler = Compiler()
    path = tmp_path / "not yet there" / "doubling.compiled"
    assert [compiler.answer(path) for _ in range(3)] == [[0.0, 2.0, 4.0, 6.0]] * 3
    assert compiler.times == 1
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("keep", "then"),
    [(0, 0), (20, 0), (-1, 0), (5000, 5000), (0, 99)],
    ids=["empty", "shorter than its digest", "a byte short", "zeros at its end", "only zeros"],
)
def test_a_damaged_file_is_made_anew(tmp_path: Path, keep: int, then: int) -> None:
    path = tmp_path / "doubling.compiled"
    Compiler().answer(path)
    path.write_bytes(path.read_bytes()[:keep] + bytes(then))
    compiler = Compiler()
    assert compiler.answer(path) == [0.0, 2.0, 4.0, 6.0]
    assert compiler.answer(path) == [0.0, 2.0, 4.0, 6.0]
    assert compiler.times == 1


def test_a_disk_that_keeps_nothing_costs_time_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "folder").write_bytes(b"a file where the folder should be")
    compiler = Compiler()
    with caplog.at_level(logging.WARNING):
        assert compiler.answer(tmp_path / "folder" / "doubling.compiled") == [0.0, 2.0, 4.0, 6.0]
    assert "cannot be kept" in caplog.text
