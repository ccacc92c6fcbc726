"""Dates and times as HL7 writes them."""

import re
from datetime import UTC, date, datetime, timedelta, timezone

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


def parse_time(text: str) -> datetime | None:
    """A time stamp (HL7 v2.5.1 section 2.A.22); None where it cannot be read."""
    found = _WHEN.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    try:
        offset = timedelta()
        if zone:
            offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:]))
            offset = -offset if zone[0] == "-" else offset
        return datetime(
            int(year), int(month or 1), int(day or 1),
            int(hour or 0), int(minute or 0), int(second or 0),
            int((fraction or "0").ljust(6, "0")), tzinfo=timezone(offset),
        ).astimezone(UTC)  # fmt: skip
    except (ValueError, OverflowError):
        return None
