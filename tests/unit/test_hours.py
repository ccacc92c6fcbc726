"""Site hours: over midnight, over weekends, and on the days on which clocks are changed."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worklist.hours import EVERY_DAY, Hours

PARIS = ZoneInfo("Europe/Paris")
ZONES = [
    PARIS,
    ZoneInfo("America/New_York"),
    ZoneInfo("Australia/Lord_Howe"),  # half an hour of daylight saving
    ZoneInfo("Asia/Kathmandu"),
    ZoneInfo("Pacific/Apia"),  # left out a whole day
    UTC,
]
hours = st.builds(
    Hours,
    zone=st.sampled_from(ZONES),
    begins=st.times().map(lambda one: one.replace(second=0, microsecond=0)),
    ends=st.times().map(lambda one: one.replace(second=0, microsecond=0)),
    weekdays=st.frozensets(st.integers(0, 6), min_size=1),
)


def moments_from(year: int, month: int, day: int, *, days: int) -> st.SearchStrategy[datetime]:
    """Moments of some days."""
    first = datetime(year, month, day, tzinfo=UTC)
    return st.integers(0, days * 86_400).map(lambda one: first + timedelta(seconds=one))


# Around the days on which clocks are changed in these zones, and any other.
moments = st.one_of(
    *(
        moments_from(2026, month, day, days=3)
        for month, day in ((3, 7), (3, 28), (4, 4), (10, 3), (10, 24), (10, 31))
    ),
    moments_from(2011, 12, 25, days=9),
    moments_from(2000, 1, 1, days=10_000),
)


def at(text: str) -> datetime:
    """A moment on a clock in Paris."""
    return datetime.fromisoformat(text).replace(tzinfo=PARIS)


@given(hours, moments)
def test_from_then_on_gives_the_first_moment_that_lies_within(
    asked: Hours, moment: datetime
) -> None:
    found = asked.from_then_on(moment)
    assert moment <= found <= moment + timedelta(days=9)
    assert asked.are_on(found)
    assert asked.are_on(moment) == (found == moment)
    if found > moment:
        assert not asked.are_on(found - timedelta(microseconds=1))
        assert not asked.are_on(moment + (found - moment) / 2)


@given(hours, moments)
@example(
    Hours(zone=PARIS, begins=time(2, 30), ends=time(4)), datetime(2026, 3, 29, 1, 15, tzinfo=UTC)
)
def test_hours_are_never_shorter_than_clocks_on_the_wall_say(
    asked: Hours, moment: datetime
) -> None:
    wall = moment.astimezone(asked.zone)
    clock, today = wall.time(), wall.weekday()
    yesterday = (today - 1) % 7
    if asked.begins < asked.ends:
        says = today in asked.weekdays and asked.begins <= clock < asked.ends
    else:
        says = (today in asked.weekdays and clock >= asked.begins) or (
            yesterday in asked.weekdays and clock < asked.ends
        )
    left_out_day = asked.zone == ZONES[4] and wall.year in (2011, 2012)
    if says and not left_out_day:
        assert asked.are_on(moment)


@pytest.mark.parametrize(
    ("moment", "opens"),
    [
        ("2026-11-23T07:29:59", "2026-11-23T07:30:00"),  # a Monday
        ("2026-11-23T07:30:00", "2026-11-23T07:30:00"),
        ("2026-11-23T17:59:59", "2026-11-23T17:59:59"),
        ("2026-11-23T18:00:00", "2026-11-24T07:30:00"),
        ("2026-11-27T18:00:00", "2026-11-30T07:30:00"),  # over a weekend
        ("2026-03-27T20:00:00", "2026-03-30T07:30:00"),  # in which clocks are put forward
    ],
)
def test_on_working_days(moment: str, opens: str) -> None:
    asked = Hours(zone=PARIS, begins=time(7, 30), ends=time(18), weekdays=frozenset(range(5)))
    assert asked.from_then_on(at(moment)) == at(opens)


@pytest.mark.parametrize(
    ("moment", "opens"),
    [
        ("2026-11-27T21:59:59", "2026-11-27T22:00:00"),  # a Friday
        ("2026-11-28T05:59:59", "2026-11-28T05:59:59"),  # its night, although it is Saturday
        ("2026-11-28T06:00:00", "2026-12-04T22:00:00"),
        ("2026-11-28T23:00:00", "2026-12-04T22:00:00"),  # Saturday's night is not meant
    ],
)
def test_a_night_belongs_to_the_day_on_which_it_begins(moment: str, opens: str) -> None:
    asked = Hours(zone=PARIS, begins=time(22), ends=time(6), weekdays=frozenset({4}))
    assert asked.from_then_on(at(moment)) == at(opens)


def test_the_hour_that_comes_twice_belongs_twice() -> None:
    asked = Hours(zone=PARIS, begins=time(1), ends=time(2, 30))
    twice = datetime(2026, 10, 25, 2, 15, tzinfo=PARIS)
    assert asked.are_on(twice)
    assert asked.are_on(twice.replace(fold=1))
    assert not asked.are_on(datetime(2026, 10, 25, 2, 30, tzinfo=PARIS, fold=1))


def test_hours_need_a_day_of_the_week() -> None:
    for days in (frozenset[int](), frozenset({7}), EVERY_DAY | {-1}):
        with pytest.raises(ValueError, match="days of the week"):
            Hours(zone=UTC, weekdays=days)
