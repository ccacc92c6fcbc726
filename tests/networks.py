"""One folder of compiled networks for a run: compiling them takes longer than most tests."""

import atexit
import fcntl
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

_VARIABLE = "TEST_NETWORKS"  # set before the processes that share the tests are started
_COMPILE = """
import os, sys
from importlib.metadata import entry_points
from pathlib import Path
os.umask(0o077)
for one in entry_points(group="vigie.detectors"):
    one.load()(threads=2, cache=Path(sys.argv[1]))
"""


def make_networks_folder() -> None:
    """For this process and those it starts."""
    os.environ[_VARIABLE] = tempfile.mkdtemp(prefix="vigie-networks-")


def remove_networks_folder() -> None:
    """With all that was compiled."""
    shutil.rmtree(os.environ.pop(_VARIABLE), ignore_errors=True)


def networks_folder() -> Path:
    """Whoever loads a detector with it finds there what others have compiled."""
    if _VARIABLE not in os.environ:  # not run by pytest
        make_networks_folder()
        atexit.register(remove_networks_folder)
    return Path(os.environ[_VARIABLE]) / "compiled"


@functools.cache
def compiled_networks() -> Path:
    """That folder, with all networks; one process compiles them, the others wait."""
    folder = networks_folder()
    done = folder.with_name("done")
    with folder.with_name("lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            subprocess.run([sys.executable, "-c", _COMPILE, str(folder)], check=True)
            done.touch()
    return folder
