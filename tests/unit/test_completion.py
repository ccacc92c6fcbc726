"""When a study is complete, just below, at and above each threshold."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_listener.completion import (
    Complete,
    CompletionSettings,
    Incomplete,
    Waiting,
    decide,
)
from worklist.study import StudyArrival
from worklist.uid import StudyInstanceUID

T0 = datetime(2026, 1, 5, 2, 31, tzinfo=UTC)
CT = ("CT01", "10.0.0.7")
SETTINGS = CompletionSettings()


def seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


def arrival(
    *,
    last_after_s: float = 0.0,
    reopened_after_s: float | None = None,
    count: int = 3,
    expected: int | None = None,
) -> StudyArrival:
    return StudyArrival(
        study_instance_uid=StudyInstanceUID("1.2.3"),
        first_received_at=T0,
        last_received_at=T0 + seconds(last_after_s),
        reopened_at=None if reopened_after_s is None else T0 + seconds(reopened_after_s),
        instance_count=count,
        expected_instance_count=expected,
        senders=frozenset({CT}),
        association_ids=frozenset({"a-000001"}),
    )


@pytest.mark.parametrize(("after_s", "expected"), [(4.999, Waiting), (5, Complete), (6, Complete)])
def test_a_short_quiet_ends_a_study_whose_sender_is_gone(after_s: float, expected: type) -> None:
    assert isinstance(decide(arrival(), [], SETTINGS, T0 + seconds(after_s)), expected)


@pytest.mark.parametrize(
    ("after_s", "expected"), [(5, Waiting), (29.999, Waiting), (30, Complete), (31, Complete)]
)
def test_an_open_association_of_the_sender_is_waited_for_longer(
    after_s: float, expected: type
) -> None:
    assert isinstance(decide(arrival(), [CT], SETTINGS, T0 + seconds(after_s)), expected)


def test_an_association_of_somebody_else_does_not_matter() -> None:
    others = [("CT01", "10.0.0.8"), ("MR", "10.0.0.7")]
    assert isinstance(decide(arrival(), others, SETTINGS, T0 + seconds(5)), Complete)


@pytest.mark.parametrize(("count", "expected"), [(2, Waiting), (3, Complete), (4, Complete)])
def test_the_announced_number_ends_a_study_at_once(count: int, expected: type) -> None:
    study = arrival(count=count, expected=3)
    assert isinstance(decide(study, [CT], SETTINGS, T0), expected)


def test_a_study_short_of_its_announced_number_is_handed_on_as_incomplete() -> None:
    study = arrival(count=2, expected=3)
    assert isinstance(decide(study, [], SETTINGS, T0 + seconds(29.9)), Waiting)
    decision = decide(study, [], SETTINGS, T0 + seconds(30))
    assert isinstance(decision, Incomplete)
    assert "2 of 3" in decision.reason


@pytest.mark.parametrize(
    ("after_s", "expected"), [(599.999, Waiting), (600, Incomplete), (601, Incomplete)]
)
def test_a_study_that_never_rests_is_handed_on_at_the_limit(after_s: float, expected: type) -> None:
    study = arrival(last_after_s=after_s)
    assert isinstance(decide(study, [CT], SETTINGS, T0 + seconds(after_s)), expected)


def test_the_limit_of_a_reopened_study_counts_from_its_reopening() -> None:
    study = arrival(last_after_s=900, reopened_after_s=900)
    assert isinstance(decide(study, [CT], SETTINGS, T0 + seconds(901)), Waiting)
    study = arrival(last_after_s=1500, reopened_after_s=900)
    assert isinstance(decide(study, [CT], SETTINGS, T0 + seconds(1500)), Incomplete)


studies = st.builds(
    arrival,
    last_after_s=st.floats(0, 2000),
    reopened_after_s=st.none() | st.floats(0, 2000),
    count=st.integers(1, 50),
    expected=st.none() | st.integers(1, 50),
)
senders = st.lists(st.sampled_from([CT, ("MR", "10.0.0.9")]), max_size=2)


@given(studies, senders, st.floats(0, 4000))
def test_waiting_ends_when_it_says_and_not_before(
    study: StudyArrival, open_senders: list[tuple[str, str]], after_s: float
) -> None:
    now = T0 + seconds(after_s)
    decision = decide(study, open_senders, SETTINGS, now)
    if not isinstance(decision, Waiting):
        return
    assert decision.until > now
    just_before = decision.until - timedelta(microseconds=1)
    assert isinstance(decide(study, open_senders, SETTINGS, just_before), Waiting)
    assert not isinstance(decide(study, open_senders, SETTINGS, decision.until), Waiting)


@given(studies, senders, st.floats(0, 4000), st.floats(0, 4000))
def test_a_study_once_complete_stays_so_unless_something_comes(
    study: StudyArrival, open_senders: list[tuple[str, str]], one_s: float, other_s: float
) -> None:
    earlier, later = sorted((one_s, other_s))
    if not isinstance(decide(study, open_senders, SETTINGS, T0 + seconds(earlier)), Waiting):
        later_decision = decide(study, open_senders, SETTINGS, T0 + seconds(later))
        assert not isinstance(later_decision, Waiting)


@given(studies, st.floats(0, 4000))
def test_an_open_association_never_makes_a_study_complete_earlier(
    study: StudyArrival, after_s: float
) -> None:
    now = T0 + seconds(after_s)
    if isinstance(decide(study, [], SETTINGS, now), Waiting):
        assert not isinstance(decide(study, [CT], SETTINGS, now), Complete)


@pytest.mark.parametrize(
    "wrong",
    [
        {"quiet_period_s": 0},
        {"quiet_period_s": 31},
        {"completion_limit_s": 0},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        CompletionSettings(**wrong)
