"""Metadata of series, kept beside the archive once they were made.

A series of hundreds of images is described anew in a good part of a second, and read from the
cache in some hundredths. What is kept holds no address of the node, is named by what it is made
from, and can be deleted at any time.
"""

import contextlib
import gzip
import hashlib
import os
import secrets
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from viewer.dicomweb.json_model import VERSION, ToDescribe, as_json
from viewer.dicomweb.ports import Describe
from viewer.ports import CannotDecode
from worklist.archived import ArchivedObject

_AT_ONCE = 40  # objects described in one call
_CALLS = 2  # side by side
_LOOK_EVERY = 50  # series written between two looks at what the cache holds


class Metadata:
    """Describes archived objects.

    Parameters
    ----------
    describe
        Does the work, in processes of its own.
    folder
        Where what was made is kept; made if it is missing.
    limit_bytes
        How much is kept; what was not asked for longest goes first.
    """

    def __init__(self, describe: Describe, folder: Path, limit_bytes: int) -> None:
        self._describe = describe
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._threads = ThreadPoolExecutor(_CALLS, "metadata")
        self._written = 0

    def of(self, objects: Sequence[ArchivedObject], *, keep: bool = True) -> bytes:
        """The objects as members of a JSON array, separated by commas; kept unless told not to."""
        if len(objects) == 1 or not keep:
            return self._made(objects)[0]
        kept = self._folder / _name(objects)
        with contextlib.suppress(OSError, EOFError, zlib.error):
            content = gzip.decompress(kept.read_bytes())
            os.utime(kept)
            return content
        content, is_whole = self._made(objects)
        if is_whole:
            with contextlib.suppress(OSError):  # it can be made again
                self._keep(kept, content)
        return content

    def _made(self, objects: Sequence[ArchivedObject]) -> tuple[bytes, bool]:
        """What is said of the objects, and whether all could be read."""
        groups = [objects[at : at + _AT_ONCE] for at in range(0, len(objects), _AT_ONCE)]
        side_by_side = self._threads.map if len(groups) > 1 else map
        found = [one for group in side_by_side(self._group, groups) for one in group]
        said = [
            as_json(_known(of)) if one is None else one
            for of, one in zip(objects, found, strict=True)
        ]
        return b",".join(said), None not in found

    def _group(self, group: Sequence[ArchivedObject]) -> list[bytes | None]:
        """A group; if its process does not live through it, one by one."""
        try:
            return self._describe(
                [ToDescribe(path=one.path, address=address(one)) for one in group]
            )
        except CannotDecode:
            if len(group) == 1:
                return [None]
            return [one for each in group for one in self._group([each])]

    def _keep(self, kept: Path, content: bytes) -> None:
        kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = kept.with_name(f"{secrets.token_hex(8)}.new")
        try:
            temporary.write_bytes(gzip.compress(content, 1))
            temporary.rename(kept)
        finally:
            temporary.unlink(missing_ok=True)
        if self._written % _LOOK_EVERY == 0:
            self._forget()
        self._written += 1

    def _forget(self) -> None:
        """Delete what was not asked for longest, until a tenth of the cache is free."""
        found = []
        for path in self._folder.glob("*/*"):
            with contextlib.suppress(OSError):
                state = path.stat()
                found.append((state.st_mtime, state.st_size, path))
        held = sum(size for _, size, _ in found)
        if held <= self._limit_bytes:
            return
        for _, size, path in sorted(found):
            path.unlink(missing_ok=True)
            held -= size
            if held <= 0.9 * self._limit_bytes:
                return


def address(one: ArchivedObject) -> str:
    """Of an object, relative to the base of the service."""
    return (
        f"studies/{one.study_instance_uid}/series/{one.series_instance_uid}"
        f"/instances/{one.sop_instance_uid}"
    )


def _name(objects: Sequence[ArchivedObject]) -> str:
    """Of the file that keeps what is said of these objects."""
    parts = (f"{address(one)} {one.sha256} {one.path.name}" for one in objects)
    digest = hashlib.sha256("\n".join([str(VERSION), *parts]).encode()).hexdigest()
    return f"{digest[:2]}/{digest[2:]}.json.gz"


def _known(one: ArchivedObject) -> dict[str, Any]:
    """What the list knows of an object that cannot be read."""
    known: dict[str, tuple[str, object]] = {
        "00080016": ("UI", one.sop_class_uid),
        "00080018": ("UI", one.sop_instance_uid),
        "00083002": ("UI", one.transfer_syntax_uid),
        "0020000D": ("UI", one.study_instance_uid),
        "0020000E": ("UI", one.series_instance_uid),
        "00200013": ("IS", one.instance_number),
        "00280010": ("US", one.rows),
        "00280011": ("US", one.columns),
    }
    return {
        tag: {"vr": vr, "Value": [value]} for tag, (vr, value) in known.items() if value is not None
    }
