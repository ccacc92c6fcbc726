"""When a study is complete: evidence before timers.

DICOM has no message that says "this study is whole". What is known, best evidence first: the
number of instances the sender announced; whether the sender still holds an association open;
how long nothing has come. Pure: no clock, no files, no database.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from worklist.study import StudyArrival


@dataclass(frozen=True, kw_only=True, slots=True)
class CompletionSettings:
    """How long to wait, seconds."""

    quiet_period_s: float = 5.0  # since the last object, all associations of the senders closed
    open_association_quiet_period_s: float = 30.0  # the same with one open: some never close it
    completion_limit_s: float = 600.0  # since the first object: then with what is there

    def __post_init__(self) -> None:
        if not 0 < self.quiet_period_s <= self.open_association_quiet_period_s:
            raise ValueError(
                "quiet_period_s: must be above 0 and at most open_association_quiet_period_s"
            )
        if self.completion_limit_s <= 0:
            raise ValueError("completion_limit_s: must be above 0")


@dataclass(frozen=True, slots=True)
class Complete:
    """The study is whole, as far as anybody can know."""

    reason: str


@dataclass(frozen=True, slots=True)
class Incomplete:
    """The study is handed on with what is there."""

    reason: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """More may come."""

    until: datetime  # when the answer changes if nothing else happens
    reason: str


Completion = Complete | Incomplete | Waiting


def decide(
    arrival: StudyArrival,
    open_senders: Iterable[tuple[str, str]],
    settings: CompletionSettings,
    now: datetime,
) -> Completion:
    """Say whether a study is complete.

    Parameters
    ----------
    open_senders : iterable of (str, str)
        (calling AE title, address) of every open association.
    now : datetime
        A time up to which everything received is counted in `arrival`.
    """
    expected = arrival.expected_instance_count
    if expected is not None and arrival.instance_count >= expected:
        return Complete(f"all {expected} announced instances came")
    quiet = _Quiet.of(arrival, open_senders, settings)
    quiet_until = arrival.last_received_at + timedelta(seconds=quiet.period_s)
    started_at = arrival.reopened_at or arrival.first_received_at
    limit_at = started_at + timedelta(seconds=settings.completion_limit_s)
    if now >= quiet_until:
        if quiet.is_short_of is None:
            return Complete(f"nothing came for {quiet.period_s:g} s, {quiet.reason}")
        return Incomplete(
            f"{arrival.instance_count} of {quiet.is_short_of} announced instances came, "
            f"and nothing for {quiet.period_s:g} s"
        )
    if now >= limit_at:
        return Incomplete(f"not complete {settings.completion_limit_s:g} s after its first image")
    return Waiting(min(quiet_until, limit_at), quiet.reason)


@dataclass(frozen=True, slots=True)
class _Quiet:
    """How long nothing must come, and why so long."""

    period_s: float
    reason: str
    is_short_of: int | None  # the announced number of instances that is not reached

    @classmethod
    def of(
        cls,
        arrival: StudyArrival,
        open_senders: Iterable[tuple[str, str]],
        settings: CompletionSettings,
    ) -> "_Quiet":
        short_of = arrival.expected_instance_count
        if not arrival.senders.isdisjoint(open_senders):
            period_s, reason = (
                settings.open_association_quiet_period_s,
                "an association of the sender open",
            )
        elif short_of is not None:
            period_s, reason = (
                settings.open_association_quiet_period_s,
                f"{arrival.instance_count} of {short_of} announced instances here",
            )
        else:
            period_s, reason = settings.quiet_period_s, "all associations of the sender closed"
        return cls(period_s, reason, short_of)
