"""Dates and times as HL7 writes them."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

_WHEN = re.compile(
    r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d{1,4}))?)?)?)?)?)?([+-]\d{4})?",
    re.ASCII,
)


def parse_date(text: str) -> date | None:
    """The date of a time stamp; None where there is none."""
    try:
        return datetime.strptime(text[:8], "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None


def parse_time(text: str, zone: Callable[[datetime], tzinfo]) -> datetime | None:
    """A time stamp (HL7 v2.5.1 section 2.A.22); None where it cannot be read.

    Parameters
    ----------
    zone
        The sender's clock at a time, for stamps without a zone of their own.
    """
    found = _WHEN.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, said = found.groups()
    try:
        face = datetime(  # noqa: DTZ001  (what the sender's clock showed; its zone follows)
            int(year), int(month or 1), int(day or 1),
            int(hour or 0), int(minute or 0), int(second or 0),
            int((fraction or "0").ljust(6, "0")),
        )  # fmt: skip
        return face.replace(tzinfo=_offset(said) if said else zone(face)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _offset(said: str) -> timezone:
    offset = timedelta(hours=int(said[1:3]), minutes=int(said[3:]))
    return timezone(-offset if said[0] == "-" else offset)
