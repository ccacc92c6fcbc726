"""File systems whose sync of a file is known to make its new name durable too.

fsync(2) does not promise it: the folder is to be synced too. These do it all the same:

- XFS, and ext4 with a journal: one transaction changes the folder and the file's count of links,
  and fsync has to commit the newest transaction of the file;
- ext4 without a journal: fsync writes the folder of a file with a new name (``ext4_sync_parent``).

Not ext4 with fast commits: its replay loses the links of files that were made without a name.
Not Btrfs: before Linux 6.16 its sync of a file without a name wrote nothing.
``tests/integration/test_power_failure.py`` tries them.
"""

import os
import re
import secrets
from pathlib import Path

from dicom_listener.incoming_file import is_unsynced, link_unnamed, open_unnamed

_MOUNTS = Path("/proc/self/mountinfo")
_EXT4 = Path("/proc/fs/ext4")
_DEVICES = Path("/sys/dev/block")


def syncs_names(folder: Path) -> bool:
    """Whether one sync makes a file in this folder durable with its name; tried."""
    file_system = _file_system(folder)
    if file_system not in {"ext4", "xfs"}:
        return False
    trial = folder / f"{secrets.token_hex(8)}.try"
    try:
        descriptor = open_unnamed(str(folder))
    except OSError:  # there are no files without a name
        return False
    try:
        link_unnamed(descriptor, str(trial))
        os.fsync(descriptor)
        marked = is_unsynced(trial.stat())
    except OSError:  # there is no /proc, or it has no links
        return False
    finally:
        os.close(descriptor)
        trial.unlink(missing_ok=True)
    return marked and not (file_system == "ext4" and _has_fast_commits(folder))


def _has_fast_commits(folder: Path) -> bool:
    """Whether an ext4 writes fast commits, after a file of it was synced; True if it is not told.

    No option tells, but from Linux 5.10, which brought them, there are statistics. Without fast
    commits all of them stay 0; with them each sync is a commit or was not eligible for one.
    """
    try:
        told = _EXT4 / (_DEVICES / _device(folder)).resolve().name
        if not (told / "fc_info").exists():  # an older Linux, or nothing is told at all
            return not (told / "options").exists()
        statistics = (told / "fc_info").read_text(encoding="utf-8")
    except OSError:
        return True
    counts = re.findall(r"^(\d+) (?:commits|ineligible)$", statistics, re.MULTILINE)
    return counts != ["0", "0"]


def _file_system(folder: Path) -> str:
    """The type of the file system a folder lies on, as ``ext4``; empty where it is not told.

    proc(5): the third field is the device, the type follows the field that is a single hyphen.
    """
    device = _device(folder)
    try:
        lines = _MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    for line in lines:
        fields = line.split()
        if fields[2] == device:
            return fields[fields.index("-") + 1]
    return ""


def _device(folder: Path) -> str:
    """The device of a folder, as ``8:1``."""
    number = folder.stat().st_dev
    return f"{os.major(number)}:{os.minor(number)}"
