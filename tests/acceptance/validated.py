"""What programs that are not ours say of objects as they lie at a destination."""

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_REPORT = "1.2.840.10008.5.1.4.1.1.88.34"
_SELECTION = "1.2.840.10008.5.1.4.1.1.88.59"  # of key objects, or what is rejected


def judge(program: Callable[[str], str], files: Sequence[Path]) -> None:
    """Assert that dciodvfy finds no error in any, and that DCMTK reads each and prints the reports.

    Parameters
    ----------
    program
        Finds a program of the system by its name.
    """
    assert files
    reports = 0
    for path in files:
        judged = _run([program("dciodvfy"), path], may_fail=True).splitlines()
        assert judged, "dciodvfy says at least what it takes the object for"
        assert [line for line in judged if line.startswith("Error")] == [], path
        _run([program("dcmdump"), "-q", path])
        said = as_json(program, path)
        assert said["00080070"]["Value"] == ["Vigie"]
        if said["00080016"]["Value"] == [_REPORT]:
            reports += 1
            told = _run([program("dsrdump"), path])
            assert "UNVERIFIED" in told
            assert "PARTIAL" in told
        elif said["00080016"]["Value"] == [_SELECTION]:
            assert "Key Object Selection" in _run([program("dsrdump"), path])
    assert reports


def as_json(program: Callable[[str], str], path: Path) -> dict[str, Any]:
    """What dcm2json makes of it (PS3.18 F)."""
    said: dict[str, Any] = json.loads(_run([program("dcm2json"), "-q", path]))
    return said


def _run(command: Sequence[str | Path], *, may_fail: bool = False) -> str:
    """What it writes, to either stream; dciodvfy ends with 1 where it finds an error."""
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode in ((0, 1) if may_fail else (0,)), (command, done.stderr)
    streams = done.stdout + (done.stderr if may_fail else b"")
    return streams.decode("utf-8", errors="replace")
