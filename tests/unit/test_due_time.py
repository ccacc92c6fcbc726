"""P2: AI never delays. P4: silence is not a negative. Properties of the one rule of the list."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from math import inf, nan
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worklist.due_time import DueTargets, due_time, in_words
from worklist.finding import TargetFinding
from worklist.study import RequestedPriority

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TARGETS = DueTargets()
BLOOD = TargetFinding.INTRACRANIAL_HAEMORRHAGE
FRACTURE = TargetFinding.FRACTURE
ROUTINE = RequestedPriority.ROUTINE

moments = st.datetimes(
    min_value=datetime(1990, 1, 1),  # noqa: DTZ001  (hypothesis adds the time zone)
    max_value=datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
spans = st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=3650))
priorities = st.sampled_from(RequestedPriority)
probabilities = st.floats(0, 1) | st.sampled_from([0.0, 5e-324, 1e-300, 0.5, 1.0])
some_probabilities = st.dictionaries(st.sampled_from(TargetFinding), probabilities)
all_targets = st.builds(
    DueTargets,
    requested=st.fixed_dictionaries(dict.fromkeys(RequestedPriority, spans)),
    findings=st.fixed_dictionaries(dict.fromkeys(TargetFinding, spans)),
)


@given(moments, priorities, all_targets, some_probabilities)
def test_a_due_time_is_never_later_with_ai_than_without(
    received_at: datetime,
    priority: RequestedPriority,
    targets: DueTargets,
    given_probabilities: dict[TargetFinding, float],
) -> None:
    with_ai = due_time(received_at, priority, targets, given_probabilities)
    without = due_time(received_at, priority, targets)
    assert received_at <= with_ai.due_at <= without.due_at


@given(moments, priorities, all_targets, st.sets(st.sampled_from(TargetFinding)))
def test_without_a_probability_above_zero_it_is_exactly_the_requested_target(
    received_at: datetime,
    priority: RequestedPriority,
    targets: DueTargets,
    looked_for: set[TargetFinding],
) -> None:
    due = due_time(received_at, priority, targets, dict.fromkeys(looked_for, 0.0))
    assert due.due_at == received_at + targets.requested[priority]
    assert due.terms == ()


@given(
    moments,
    priorities,
    all_targets,
    some_probabilities,
    st.sampled_from(TargetFinding),
    probabilities,
)
def test_a_higher_probability_never_makes_it_later(
    received_at: datetime,
    priority: RequestedPriority,
    targets: DueTargets,
    given_probabilities: dict[TargetFinding, float],
    finding: TargetFinding,
    probability: float,
) -> None:
    lower, higher = sorted([probability, given_probabilities.get(finding, 0.0)])
    # As first and as last term: the place in the mapping must not matter either.
    before = due_time(
        received_at, priority, targets, {**given_probabilities, finding: lower}
    ).due_at
    others = {one: value for one, value in given_probabilities.items() if one is not finding}
    after = due_time(received_at, priority, targets, {finding: higher, **others}).due_at
    assert after <= before


@given(moments, priorities, all_targets, some_probabilities)
def test_the_order_in_which_probabilities_are_given_changes_nothing(
    received_at: datetime,
    priority: RequestedPriority,
    targets: DueTargets,
    given_probabilities: dict[TargetFinding, float],
) -> None:
    orders = [dict(order) for order in permutations(given_probabilities.items())]
    assert len({due_time(received_at, priority, targets, one) for one in orders}) == 1


def test_a_sum_that_rounds_differently_in_another_order_gives_the_same_due_time() -> None:
    decade = timedelta(days=3650)
    targets = DueTargets(
        requested=dict.fromkeys(RequestedPriority, decade),
        findings=dict.fromkeys(TargetFinding, decade),
    )
    # Found by search: added one by one these come to two sums, a microsecond apart.
    chances = dict(zip(TargetFinding, (0.16, 0.527, 0.168), strict=True))
    orders = [dict(order) for order in permutations(chances.items())]
    assert len({due_time(NOON, ROUTINE, targets, one).due_at for one in orders}) == 1


def test_the_reason_says_the_terms_in_words() -> None:
    due = due_time(NOON, ROUTINE, TARGETS, {BLOOD: 0.91})
    assert due.reason == "routine 24 h; haemorrhage 0.91 → 11 min"
    # 1 / (1/1440 + 0.91/10) min = 10.9060 min
    assert due.due_at - NOON == pytest.approx(timedelta(minutes=10.9060), abs=timedelta(seconds=1))


def test_the_strongest_term_is_said_first() -> None:
    due = due_time(NOON, ROUTINE, TARGETS, {FRACTURE: 0.9, BLOOD: 0.2})
    assert [term.finding for term in due.terms] == [BLOOD, FRACTURE]
    assert due.reason == "routine 24 h; haemorrhage 0.20 → 50 min; fracture 0.90 → 2 h 13 min"


def test_there_is_no_step_at_a_threshold() -> None:
    """A study just below an operating point still rises, and one just above rises only more."""
    below, at, above = (
        due_time(NOON, ROUTINE, TARGETS, {BLOOD: probability}).due_at
        for probability in (0.499, 0.5, 0.501)
    )
    assert above < at < below < NOON + TARGETS.requested[ROUTINE]
    assert below - above < timedelta(seconds=10)


@pytest.mark.parametrize("probability", [nan, inf, -inf, -0.1, -5e-324, 1.0000000000000002, 1.1])
def test_what_is_no_probability_is_refused(probability: float) -> None:
    with pytest.raises(ValueError, match="not within 0 to 1"):
        due_time(NOON, ROUTINE, TARGETS, {FRACTURE: probability})


@pytest.mark.parametrize("probability", [0.0, -0.0, 1.0])
def test_both_ends_of_the_range_are_probabilities(probability: float) -> None:
    assert due_time(NOON, ROUTINE, TARGETS, {FRACTURE: probability}).due_at > NOON


@pytest.mark.parametrize("probability", [5e-324, 2.2e-308, 1e-300, 1e-12])
def test_a_tiny_probability_neither_overflows_nor_delays(probability: float) -> None:
    due = due_time(NOON, ROUTINE, TARGETS, dict.fromkeys(TargetFinding, probability))
    assert due.due_at <= NOON + TARGETS.requested[ROUTINE]
    assert due.reason.startswith("routine 24 h")


def test_a_naive_time_of_receipt_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        due_time(NOON.replace(tzinfo=None), ROUTINE, TARGETS)


def test_a_span_is_a_span_of_real_time_when_the_clocks_change() -> None:
    """On 2026-03-29 at 02:00 the clocks of Paris go to 03:00; four hours stay four hours."""
    night = datetime(2026, 3, 29, 1, 0, tzinfo=ZoneInfo("Europe/Paris"))
    due = due_time(night, RequestedPriority.URGENT, TARGETS)
    assert due.due_at.astimezone(UTC) - night.astimezone(UTC) == timedelta(hours=4)


@pytest.mark.parametrize(
    ("requested", "findings", "named"),
    [
        ({RequestedPriority.STAT: timedelta(hours=1)}, None, "routine, urgent"),
        (dict.fromkeys(RequestedPriority, timedelta()), None, "routine, stat, urgent"),
        (None, dict.fromkeys(TargetFinding, timedelta(seconds=-1)), "fracture"),
        (None, {BLOOD: timedelta(minutes=10)}, "fracture, pulmonary_nodule"),
    ],
)
def test_a_site_without_a_target_above_zero_for_everything_is_refused(
    requested: dict[RequestedPriority, timedelta] | None,
    findings: dict[TargetFinding, timedelta] | None,
    named: str,
) -> None:
    with pytest.raises(ValueError, match=named):
        DueTargets(requested=requested or TARGETS.requested, findings=findings or TARGETS.findings)


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=45), "45 s"),
        (timedelta(seconds=59.4), "59 s"),
        (timedelta(seconds=59.9), "1 min"),
        (timedelta(minutes=1), "1 min"),
        (timedelta(minutes=10.98), "11 min"),
        (timedelta(minutes=59.6), "1 h"),
        (timedelta(minutes=132), "2 h 12 min"),
        (timedelta(hours=24), "24 h"),
        (timedelta(hours=47, minutes=59), "47 h 59 min"),
        (timedelta(hours=48), "2 days"),
        (timedelta(days=60), "60 days"),
    ],
)
def test_spans_are_said_as_people_say_them(span: timedelta, words: str) -> None:
    assert in_words(span) == words


@pytest.mark.parametrize(
    ("probability", "words"),
    [
        (0.0049, "fracture < 0.01 → "),
        (0.005, "fracture 0.01 → "),
        (0.995, "fracture 0.99 → "),
        (0.9951, "fracture > 0.99 → "),
        (1.0, "fracture 1.00 → 2 h"),
    ],
)
def test_a_reason_never_rounds_a_probability_to_none_or_certain(
    probability: float, words: str
) -> None:
    due = due_time(
        NOON, RequestedPriority.ROUTINE, DueTargets(), {TargetFinding.FRACTURE: probability}
    )
    assert words in due.reason
