"""The record's day heads: what a sealed day of the event log consists of (P10).

At the end of each day (UTC) the hash of its last event is put into a head, which names the head
before it and is signed. Whoever knows the public key can tell that no event of the day, and no
earlier day, was changed since; whoever keeps a head elsewhere can tell that none was cut off.
"""

import hashlib
import json
from calendar import monthrange
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

DAYS_REMOVED = "days_removed"  # the kind of the event that tells of a retention's end


@dataclass(frozen=True, kw_only=True, slots=True)
class DayHead:
    """What stands for one day of events. A day without events has none."""

    day: date  # UTC, by the database's clock
    first_event_id: int
    last_event_id: int
    hash: bytes  # of its last event, SHA-256
    previous: bytes  # `digest` of the head before; empty: it is the first
    sealed_at: datetime
    key_id: str  # names the key of the signature

    @property
    def text(self) -> bytes:
        """What is signed: JSON, in one way only."""
        said = {
            "day": self.day.isoformat(),
            "first_event_id": self.first_event_id,
            "last_event_id": self.last_event_id,
            "hash": self.hash.hex(),
            "previous": self.previous.hex(),
            "sealed_at": self.sealed_at.astimezone(UTC).isoformat(timespec="microseconds"),
            "key_id": self.key_id,
        }
        return json.dumps(said, sort_keys=True, separators=(",", ":")).encode()

    @property
    def digest(self) -> bytes:
        """How the next head names this one, SHA-256."""
        return hashlib.sha256(self.text).digest()


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedHead:
    """A head and its signature."""

    head: DayHead
    signature: bytes

    def as_json(self) -> dict[str, Any]:
        """For a file that is kept elsewhere; `from_json` reads it."""
        return {**json.loads(self.head.text), "signature": self.signature.hex()}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> "SignedHead":
        """Raises KeyError, TypeError or ValueError for what is no head."""
        head = DayHead(
            day=date.fromisoformat(said["day"]),
            first_event_id=int(said["first_event_id"]),
            last_event_id=int(said["last_event_id"]),
            hash=bytes.fromhex(said["hash"]),
            previous=bytes.fromhex(said["previous"]),
            sealed_at=datetime.fromisoformat(said["sealed_at"]),
            key_id=str(said["key_id"]),
        )
        return cls(head=head, signature=bytes.fromhex(said["signature"]))


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs heads by one key."""

    key_id: str
    sign: Callable[[bytes], bytes]


FaultOf = Callable[[SignedHead], str | None]
"""What is wrong with the signature of a head, in words; None: it is good."""


def months_before(day: date, months: int) -> date:
    """The same day of the month so many months earlier, or the month's last one."""
    years, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(years, month + 1, min(day.day, monthrange(years, month + 1)[1]))
