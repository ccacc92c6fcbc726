"""``/api/record``: every moment of the calendar is answered."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from viewer.record_api import _within

EAST, WEST = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (datetime(1, 1, 1, tzinfo=EAST), datetime(2000, 1, 1, tzinfo=UTC)),
        (datetime(9999, 12, 31, 23, 59, tzinfo=WEST), datetime(9000, 1, 1, tzinfo=UTC)),
        (datetime(2026, 3, 2, 14, 31, tzinfo=EAST), datetime(2026, 3, 2, 0, 31, tzinfo=UTC)),
    ],
)
def test_a_moment_whose_zone_leads_out_of_the_calendar_is_the_nearest_one(
    at: datetime, expected: datetime
) -> None:
    assert _within(at) == expected
