"""The benchmark of the list: its file has the name of a package, and must not be taken for it."""

import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def test_other_benchmarks_find_the_package_and_not_the_file_beside_them(tmp_path: Path) -> None:
    beside = tmp_path / "run.py"
    beside.write_text(
        f"import sys; sys.path.insert(0, {str(BENCHMARKS)!r})\n"
        "import worklist, worklist.order; print(worklist.order.__file__)"
    )
    found = subprocess.check_output([sys.executable, beside], text=True).strip()
    assert Path(found).parts[-2:] == ("worklist", "order.py")
