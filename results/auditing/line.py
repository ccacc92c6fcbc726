"""Events as lines of JSON: everything that a hash is made of, and the hash."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from worklist.replay import RecordedEvent


@dataclass(frozen=True, kw_only=True, slots=True)
class ChainedEvent:
    """An event with its links in the chain."""

    event: RecordedEvent
    previous_hash: bytes
    hash: bytes
    patient_id: str | None = field(default=None)  # of its study, as it is now; None: of none


def json_line(chained: ChainedEvent) -> bytes:
    """One JSON object, UTF-8, with its newline."""
    return _encoded(_values(chained, chained.event.details)) + b"\n"


def short_json(chained: ChainedEvent, limit: int) -> bytes:
    """The same for a receiver that takes so many bytes at most, without a newline.

    Lists of thousands (instances that a detector saw, the list at a day's end) are left out and
    counted; the hash is that of the whole.
    """
    whole = _encoded(_values(chained, chained.event.details))
    if len(whole) <= limit:
        return whole
    details = {
        name: {"left_out": len(said)} if isinstance(said, dict | list) else said
        for name, said in chained.event.details.items()
    }
    short = _encoded(_values(chained, details))
    if len(short) <= limit:
        return short
    return _encoded(_values(chained, {"left_out": len(details)}))


def event_number(line: bytes) -> int:
    """The number of the event in a line; raises ValueError for what is none."""
    said = json.loads(line)
    if not isinstance(said, dict) or not isinstance(said.get("event_id"), int):
        raise ValueError("a line that is no event")
    return int(said["event_id"])


def _values(chained: ChainedEvent, details: Mapping[str, Any]) -> dict[str, Any]:
    event = chained.event
    return {
        "event_id": event.event_id,
        "at": _moment(event.at),
        "recorded_at": event.recorded_at and _moment(event.recorded_at),
        "kind": event.kind,
        "actor": event.actor,
        "study_instance_uid": event.study_instance_uid,
        "details": details,
        "previous_hash": chained.previous_hash.hex(),
        "hash": chained.hash.hex(),
    }


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _encoded(values: Mapping[str, Any]) -> bytes:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode()
