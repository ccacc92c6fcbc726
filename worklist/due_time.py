"""When a study should be read by, and why: the one rule behind the order of the list.

::

    rate = 1 / T_requested  +  Σ over target findings f of  p_f / T_f
    due  = received_at + 1 / rate

``T_requested`` is the site's target for the requested priority, ``T_f`` its target for finding
*f* were it certain, ``p_f`` the calibrated probability that *f* is present. No term is ever
negative, so a probability can only bring the due time forward (promises P2 and P4).
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from worklist.finding import TargetFinding
from worklist.study import RequestedPriority

NOT_SHOWN = "not shown"  # in place of a probability that a person may not see yet
_NOTHING: Mapping[TargetFinding, float] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True, slots=True)
class DueTargets:
    """The site's targets: how soon each kind of study should be read.

    Raises
    ------
    ValueError
        If a target is missing, zero or negative.
    """

    requested: Mapping[RequestedPriority, timedelta] = field(
        default_factory=lambda: {
            RequestedPriority.STAT: timedelta(minutes=60),
            RequestedPriority.URGENT: timedelta(minutes=240),
            RequestedPriority.ROUTINE: timedelta(minutes=1440),
        }
    )
    findings: Mapping[TargetFinding, timedelta] = field(
        default_factory=lambda: {
            TargetFinding.INTRACRANIAL_HAEMORRHAGE: timedelta(minutes=10),
            TargetFinding.FRACTURE: timedelta(minutes=120),
            TargetFinding.PULMONARY_NODULE: timedelta(minutes=720),
        }
    )

    def __post_init__(self) -> None:
        for wanted, targets in (
            (set(RequestedPriority), dict(self.requested)),
            (set(TargetFinding), dict(self.findings)),
        ):
            short = {str(kind) for kind, target in targets.items() if target <= timedelta()}
            lacking = short | {str(kind) for kind in wanted - targets.keys()}
            if lacking:
                raise ValueError(f"needs a target above zero: {', '.join(sorted(lacking))}")


@dataclass(frozen=True, kw_only=True, slots=True)
class DueTerm:
    """One finding's share in a due time."""

    finding: TargetFinding
    probability: float  # calibrated, 0 to 1
    alone: timedelta  # the time to read were this the only term: T_f / p_f


@dataclass(frozen=True, kw_only=True, slots=True)
class DueTime:
    """A due time with the terms it came from."""

    due_at: datetime
    requested_priority: RequestedPriority
    requested_target: timedelta
    terms: tuple[DueTerm, ...]  # the strongest first
    by_order: bool = False  # the RIS asked for it so; else image headers, or a person

    @property
    def reason(self) -> str:
        """The sum in words, for example ``routine 24 h; haemorrhage 0.91 → 11 min``."""
        asked = f"{self.requested_priority} {in_words(self.requested_target)}"
        parts = [f"{asked} by the order" if self.by_order else asked]
        parts += [
            f"{term.finding.words} {probability_in_words(term.probability)}"
            f" → {in_words(term.alone)}"
            for term in self.terms
        ]
        return "; ".join(parts)


def due_time(
    received_at: datetime,
    requested_priority: RequestedPriority,
    targets: DueTargets,
    probabilities: Mapping[TargetFinding, float] = _NOTHING,
    *,
    by_order: bool = False,
) -> DueTime:
    """When a study should be read by.

    Parameters
    ----------
    received_at
        When its first image was acknowledged; aware.
    requested_priority
        As asked for by the referrer, or as overruled by a person.
    probabilities
        For each finding that a detector has looked for, the calibrated probability that it is
        present, 0 to 1. Findings nobody looked for, or could not, are left out.
    by_order
        Whether the requested priority is that of the RIS's order; only said in the reason.

    Returns
    -------
    DueTime
        Its ``due_at`` is at most ``received_at`` plus the requested priority's target.

    Raises
    ------
    ValueError
        If a probability is outside 0 to 1 or not a number, or ``received_at`` is naive.
    """
    if received_at.tzinfo is None:
        raise ValueError("received_at must be an aware datetime")
    target = targets.requested[requested_priority]
    shares = _shares(probabilities, targets)
    # Rounded once: a plain sum depends on the order in which the findings came. Rounding may
    # also put 1/(1/T) a step past T; P2 allows no step.
    rate = math.fsum([1.0 / target.total_seconds(), *shares.values()])
    wait = min(timedelta(seconds=1.0 / rate), target)
    return DueTime(
        # In UTC: adding to a local time would add an hour too many when the clocks change.
        due_at=received_at.astimezone(UTC) + wait,
        requested_priority=requested_priority,
        requested_target=target,
        terms=_terms(probabilities, shares),
        by_order=by_order,
    )


def probability_in_words(probability: float) -> str:
    """Two digits, and never 0 or 1 for what is neither."""
    if 0 < probability < 0.005:
        return "< 0.01"
    return "> 0.99" if 0.995 < probability < 1 else f"{probability:.2f}"


def without_terms(reason: str, findings: Collection[TargetFinding]) -> str:
    """A reason that no longer says how probable these findings are, only that it is left out.

    Parameters
    ----------
    reason
        As `DueTime.reason` gives it; other texts stay as they are.
    findings
        Those to leave out.
    """
    hidden = {finding.words for finding in findings}
    first, *terms = reason.split("; ")
    said = [
        f"{words} {NOT_SHOWN}" if (words := term.partition(" ")[0]) in hidden else term
        for term in terms
    ]
    return "; ".join([first, *said])


def in_words(span: timedelta) -> str:
    """A span as people say it: ``45 s``, ``11 min``, ``2 h 12 min``, ``24 h``, ``60 days``."""
    seconds = round(span.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    minutes = round(span.total_seconds() / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours >= 48:
        return f"{round(minutes / 1440)} days"
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def _shares(
    probabilities: Mapping[TargetFinding, float], targets: DueTargets
) -> dict[TargetFinding, float]:
    """What each finding adds to the rate, 1/s."""
    for finding, probability in probabilities.items():
        if not 0.0 <= probability <= 1.0:
            raise ValueError(f"the probability of {finding} is {probability}, not within 0 to 1")
    return {
        finding: probability / targets.findings[finding].total_seconds()
        for finding, probability in probabilities.items()
    }


def _terms(
    probabilities: Mapping[TargetFinding, float], shares: Mapping[TargetFinding, float]
) -> tuple[DueTerm, ...]:
    """The findings that add anything, the strongest first."""
    terms = [
        DueTerm(finding=finding, probability=probabilities[finding], alone=_capped(share))
        for finding, share in shares.items()
        if share > 0 and math.isfinite(1.0 / share)
    ]
    return tuple(sorted(terms, key=lambda term: (term.alone, term.finding)))


_LONGEST = timedelta(days=36500)


def _capped(share: float) -> timedelta:
    """A term alone as a span; beyond a century it is only said to be long."""
    seconds = 1.0 / share
    return timedelta(seconds=seconds) if seconds < _LONGEST.total_seconds() else _LONGEST
