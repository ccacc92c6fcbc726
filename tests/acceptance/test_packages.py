"""What is imported under our names is ours: ``models`` and ``viewer`` are common names."""

import json
import subprocess
import sys
from pathlib import Path

_PACKAGES = ("vigie", "dicom_listener", "models", "results", "worklist", "viewer")
_PROGRAM = """
import importlib, json, sys
print(json.dumps({name: importlib.import_module(name).__file__ for name in sys.argv[1:]}))
"""


def test_every_package_imported_anywhere_is_ours(tmp_path: Path) -> None:
    for name in _PACKAGES:  # -I: what lies in the folder where people stand is not imported
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not ours')")
    told = subprocess.run(
        [sys.executable, "-I", "-c", _PROGRAM, *_PACKAGES],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    repository = Path(__file__).parents[2]
    for name, file in json.loads(told.stdout).items():
        assert Path(file) == repository / name / "__init__.py"
