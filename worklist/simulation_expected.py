"""What theory says of a setting under a policy, for the classes it has a formula for."""

from collections.abc import Mapping

from worklist.simulation_ai import flagged_share
from worklist.simulation_policies import Policy
from worklist.simulation_setting import (
    ReadingTime,
    ReadingTimeShape,
    Setting,
    StudyKind,
)
from worklist.simulation_studies import StudyClass
from worklist.simulation_theory import (
    QueueClass,
    non_preemptive,
    preemptive,
    preemptive_with_interrupting,
)

_FLAGS = (Policy.FLAGGED_FIRST, Policy.FLAGGED_FIRST_PREEMPTIVE)
_IN_ORDER_OF_ARRIVAL = (Policy.WITHOUT_AI, Policy.FIFO, Policy.REQUESTED_PRIORITY)


def expected_waits(setting: Setting, policy: Policy) -> Mapping[StudyClass, float]:
    """Mean waits in minutes by formula; empty where there is none.

    There is none for due times and scores with AI; for arrivals that change with the hour, an
    outcome that comes late, several requested priorities, several kinds of studies or reading
    times that differ with the finding; for several readers unless all readings are exponential;
    and with studies that interrupt unless every class may be interrupted or there is one alone.
    """
    if not _has_formula(setting):
        return {}
    kind = setting.kinds[0]
    if policy in _IN_ORDER_OF_ARRIVAL:
        waits = _waits(setting, kind, (1.0,), preempts=True)
        return _by_class(setting, kind, [waits[0], waits[1], waits[1]]) if waits else {}
    if policy not in _FLAGS or len(kind.findings) != 1:
        return {}
    found = kind.findings[0]
    share = (1.0 - setting.ai_failure_share) * flagged_share(found.performance, found.prevalence)
    preempts = policy is Policy.FLAGGED_FIRST_PREEMPTIVE
    waits = _waits(setting, kind, (share, 1.0 - share), preempts=preempts)
    return _by_class(setting, kind, waits) if waits else {}


def _has_formula(setting: Setting) -> bool:
    kind = setting.kinds[0]
    readings = [kind.reading]
    if setting.interrupting_share:
        readings.append(setting.interrupting_reading)
    is_exponential = all(one.shape is ReadingTimeShape.EXPONENTIAL for one in readings)
    return (
        len(setting.kinds) == 1
        and max(setting.priorities.values()) == 1.0
        and len(set(setting.hourly_profile)) <= 1
        and setting.ai_delay_min == 0.0
        and kind.reading_diseased in (None, kind.reading)
        and (setting.readers == 1 or is_exponential)
    )


def _waits(
    setting: Setting, kind: StudyKind, shares: tuple[float, ...], *, preempts: bool
) -> list[float]:
    """Of those that interrupt, then of each class; empty: there is no formula."""
    interrupting = _class(setting, setting.interrupting_share, setting.interrupting_reading)
    others = 1.0 - setting.interrupting_share
    classes = [_class(setting, others * share, kind.reading) for share in shares]
    if not setting.interrupting_share:
        waits = (preemptive if preempts else non_preemptive)(classes, setting.readers)
        return [0.0, *waits]
    if not preempts:
        return []
    if setting.readers == 1:
        return preemptive([interrupting, *classes], 1)
    try:
        return preemptive_with_interrupting(interrupting, classes, setting.readers)
    except ValueError:
        return []  # those that interrupt nearly fill the readers: left to the simulation


def _class(setting: Setting, share: float, reading: ReadingTime) -> QueueClass:
    return QueueClass(
        arrivals_per_min=setting.arrivals_per_min * share,
        mean_min=reading.mean_min,
        second_moment=reading.second_moment,
    )


def _by_class(setting: Setting, kind: StudyKind, waits: list[float]) -> Mapping[StudyClass, float]:
    """From the waits of those that interrupt, the flagged and the others."""
    interrupting, flagged, rest = waits
    known = {StudyClass.INTERRUPTING: interrupting} if setting.interrupting_share else {}
    if len(kind.findings) != 1:
        return {**known, StudyClass.ALL: rest} if flagged == rest else known
    found = kind.findings[0]
    assessed = 1.0 - setting.ai_failure_share
    sensitive = assessed * found.performance.sensitivity
    false = assessed * (1.0 - found.performance.specificity)
    share = assessed * flagged_share(found.performance, found.prevalence)
    known |= {
        StudyClass.ALL: share * flagged + (1.0 - share) * rest,
        StudyClass.DISEASED: sensitive * flagged + (1.0 - sensitive) * rest,
        StudyClass.NON_DISEASED: false * flagged + (1.0 - false) * rest,
        StudyClass.FLAGGED: flagged,
        StudyClass.UNFLAGGED: rest,
        StudyClass.MISSED: rest,
    }
    return {**known, StudyClass.NOT_ASSESSED: rest} if setting.ai_failure_share else known
