"""The calls that make a received object durable, in the order they are made."""

import os
import stat
from typing import Any

import pytest


class DiskTrace:
    """Notes every sync and every name given while the calls go on to the system."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self._fsync, self._rename, self._link = os.fsync, os.rename, os.link
        monkeypatch.setattr(os, "fsync", self.fsync)
        monkeypatch.setattr(os, "rename", self.rename)
        monkeypatch.setattr(os, "link", self.link)

    def link(self, source: str, target: str, **how: Any) -> None:
        self._note_name(target)
        self._link(source, target, **how)

    def rename(self, source: str, target: str) -> None:
        self._note_name(target)
        self._rename(source, target)

    def fsync(self, descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        self.calls.append("sync folder" if is_folder else "sync file")
        self._fsync(descriptor)

    def _note_name(self, target: str) -> None:
        if str(target).endswith(".dcm"):  # no marker of an association, no trial
            self.calls.append("name")
