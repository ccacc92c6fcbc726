"""Which associations are open, as files that other processes can read.

A study is not complete while its sender still holds an association open. Each listener process
holds a lock on ``inbox/listeners/<listener id>.lock`` for as long as it lives, and writes one
marker an association; the marker of a listener whose lock is free is stale (it was killed), and
is removed by whoever notices.
"""

import fcntl
import json
import os
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dicom_listener.inbox import Inbox, Origin


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenAssociation:
    """An association that a living listener holds."""

    association_id: str
    calling_ae_title: str
    address: str
    opened_at: datetime

    @property
    def sender(self) -> tuple[str, str]:
        """(calling AE title, address), as in `worklist.study.StudyArrival.senders`."""
        return self.calling_ae_title, self.address


class ListenerLock:
    """Held by a listener process while it lives; the operating system frees it at its death.

    Parameters
    ----------
    inbox : Inbox
        Whose ``listeners`` folder gets the lock.
    """

    def __init__(self, inbox: Inbox) -> None:
        self.listener_id = secrets.token_hex(8)
        self._path = inbox.listeners / f"{self.listener_id}.lock"
        unlocked = inbox.listeners / f"{self.listener_id}.new"
        # Locked before it has its name, so that nobody can take it for a dead listener's.
        self._descriptor = os.open(unlocked, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        unlocked.rename(self._path)

    def release(self) -> None:
        """End this listener's life for everybody else."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def mark_open(inbox: Inbox, origin: Origin, *, now: datetime) -> Path:
    """Write the marker of an association just accepted, and return its path."""
    marker = inbox.associations / f"{origin.association_id}.json"
    content = {
        "calling_ae_title": origin.calling_ae_title,
        "address": origin.address,
        "opened_at": now.isoformat(),
        "pid": os.getpid(),
    }
    temporary = inbox.associations / f"{origin.association_id}.new"
    temporary.write_text(json.dumps(content), encoding="utf-8")
    temporary.rename(marker)
    return marker


def open_associations(inbox: Inbox) -> list[OpenAssociation]:
    """List what is open now, and remove the markers of dead listeners."""
    # Markers first: a listener that starts in between is then not taken for a dead one.
    paths = sorted(inbox.associations.iterdir())
    alive = living_listeners(inbox)
    found = []
    for path in paths:
        if not alive.get(path.name.split("-", 1)[0], False):
            path.unlink(missing_ok=True)
        elif path.suffix == ".json" and (association := _read(path)) is not None:
            found.append(association)
    return found


def remove_stale_temporaries(inbox: Inbox) -> None:
    """Remove what dead listeners left half received; nobody was told Success for it."""
    paths = list(inbox.temporary.iterdir())  # before the listeners, as in open_associations
    alive = living_listeners(inbox)
    for path in paths:
        if not alive.get(path.name.split("-", 1)[0], False):
            path.unlink(missing_ok=True)


def living_listeners(inbox: Inbox) -> dict[str, bool]:
    """For each listener id with a lock file, whether its process lives; dead locks are removed."""
    alive = {}
    for path in sorted(inbox.listeners.glob("*.lock")):
        alive[path.stem] = _is_held(path)
        if not alive[path.stem]:
            path.unlink(missing_ok=True)
    return alive


def _is_held(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _read(path: Path) -> OpenAssociation | None:
    """Read a marker; None if the association closed meanwhile."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return OpenAssociation(
        association_id=path.stem,
        calling_ae_title=content["calling_ae_title"],
        address=content["address"],
        opened_at=datetime.fromisoformat(content["opened_at"]).astimezone(UTC),
    )
