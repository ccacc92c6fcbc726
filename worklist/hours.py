"""The hours in which somebody is there, on the clocks of a place."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

_DAY = timedelta(days=1)
EVERY_DAY = frozenset(range(7))


@dataclass(frozen=True, kw_only=True, slots=True)
class Hours:
    """From one time of day to another, on some days of the week, in one time zone.

    Hours over midnight belong to the day on which they begin. Where clocks are put forward or
    back within an hour that begins or ends, hours are longer rather than shorter than they say.
    """

    zone: tzinfo
    begins: time = time(0)  # on the wall
    ends: time = time(0)  # on the wall; not after `begins`: on the next day
    weekdays: frozenset[int] = EVERY_DAY  # 0: Monday; at least one

    def __post_init__(self) -> None:
        if not self.weekdays or not self.weekdays <= EVERY_DAY:
            raise ValueError("hours need days of the week, from 0 (Monday) to 6")

    def are_on(self, at: datetime) -> bool:
        """Whether `at` lies within them; the moment they end does not."""
        at = at.astimezone(UTC)  # a time that clocks show twice equals none of another zone
        return self.from_then_on(at) == at

    def from_then_on(self, at: datetime) -> datetime:
        """The first moment within them that is not before `at`, in UTC."""
        at = at.astimezone(UTC)
        today = at.astimezone(self.zone).date()
        return next(max(begins, at) for begins, ends in self._spans(today) if at < ends)

    def _spans(self, today: date) -> Iterator[tuple[datetime, datetime]]:
        """Those of the days around `today`, first first, in UTC."""
        over_midnight = self.ends <= self.begins
        for distance in range(-2, 9):  # whatever weekday it is, one is beyond `today`
            day = today + distance * _DAY
            if day.weekday() in self.weekdays:
                last = day + _DAY if over_midnight else day
                yield (
                    min(self._in_utc(day, self.begins)),
                    max(self._in_utc(last, self.ends)),
                )

    def _in_utc(self, day: date, wall: time) -> list[datetime]:
        """The moments that clocks on the wall may mean; two where they are put forward or back."""
        local = datetime.combine(day, wall, tzinfo=self.zone)
        return [local.replace(fold=fold).astimezone(UTC) for fold in (0, 1)]
