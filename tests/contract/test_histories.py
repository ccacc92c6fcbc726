"""P2, P3 and P7 over any history: whatever happens to three studies, in whatever order."""

from collections.abc import Sequence

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders import MINUTE, NOON, STUDY, arrival, provenance, targets
from tests.conftest import empty
from tests.contract.acts import (
    STUDIES,
    Arrives,
    ByItself,
    ByPerson,
    ByRis,
    IsAssessed,
    IsComplete,
    detectors,
    histories,
    outcomes,
    play,
)
from tests.contract.conftest import FakeKept, Kept, PostgresKept
from worklist.due_time import DueTargets
from worklist.finding import DetectorIdentity, Outcome
from worklist.ports import StudyRecord
from worklist.reading import ReadingState
from worklist.service import Worklist
from worklist.study import Completeness

Acts = Sequence[ByItself | ByPerson | ByRis]


def records(kept: Kept) -> dict[str, StudyRecord]:
    return {uid: kept.record(uid) for uid in STUDIES}


def told_by_the_log(kept: Kept) -> dict[str, str]:
    """Each study's due time as the events alone say it."""
    due: dict[str, str] = {}
    for event in kept.events():
        if event.study_instance_uid and "due_at" in event.details:
            due[event.study_instance_uid] = event.details["due_at"]
    return due


# What the site's targets are while each act happens; they change at any time.
factors = st.sampled_from([1.0, 1.0, 0.1, 0.5, 2.0, 100.0])
changing_targets = st.lists(
    st.builds(targets, requested=factors, findings=factors), min_size=1, max_size=5
)


@settings(deadline=None)
@given(histories, changing_targets)
def test_p2_only_a_person_ever_makes_a_study_wait_longer(
    acts: Acts, site: Sequence[DueTargets]
) -> None:
    kept = FakeKept()
    for minute, act in enumerate(acts):
        before = records(kept) if minute >= len(STUDIES) else {}
        worklist = Worklist(kept.store, site[minute % len(site)])
        play(act, kept, worklist, NOON + minute * MINUTE)
        if isinstance(act, Arrives | IsComplete | IsAssessed):
            for uid, earlier in before.items():
                # A study that comes back after it was read is placed by what counts then.
                if earlier.reading_state is ReadingState.UNREAD:
                    assert kept.record(uid).due_at <= earlier.due_at
                assert kept.record(uid).due_without_ai_at <= earlier.due_without_ai_at
        for uid in before:
            assert kept.record(uid).due_at <= kept.record(uid).due_without_ai_at


@settings(deadline=None)
@given(histories)
def test_every_due_time_can_be_replayed_from_the_log(acts: Acts) -> None:
    kept = FakeKept()
    worklist = Worklist(kept.store, DueTargets())
    for minute, act in enumerate(acts):
        play(act, kept, worklist, NOON + minute * MINUTE)
    assert told_by_the_log(kept) == {
        uid: record.due_at.isoformat() for uid, record in records(kept).items()
    }


@settings(deadline=None)
@given(histories, changing_targets)
def test_with_ai_stopped_every_unread_study_stands_where_it_stands_without_ai(
    acts: Acts, site: Sequence[DueTargets]
) -> None:
    kept = FakeKept()
    for minute, act in enumerate(acts):
        worklist = Worklist(kept.store, site[minute % len(site)])
        play(act, kept, worklist, NOON + minute * MINUTE)
    before = records(kept)
    worklist.stop_ai(None, installed=[], actor="anna", reason="because", now=NOON)
    for uid, record in records(kept).items():
        if record.reading_state is ReadingState.UNREAD:
            assert record.due_at == record.due_without_ai_at == before[uid].due_without_ai_at


some_outcomes = st.lists(
    st.tuples(st.integers(1, 2), detectors, outcomes), min_size=2, max_size=6
).flatmap(lambda given_first: st.tuples(st.just(given_first), st.permutations(given_first)))


@settings(deadline=None)
@given(some_outcomes)
def test_the_final_due_time_does_not_depend_on_the_order_of_outcomes(
    orders: tuple[
        list[tuple[int, DetectorIdentity, Outcome]], list[tuple[int, DetectorIdentity, Outcome]]
    ],
) -> None:
    ends = []
    for order in orders:
        kept = FakeKept()
        worklist = Worklist(kept.store, DueTargets())
        for image in ("1", "2"):
            worklist.record_arrivals([arrival(image)], now=NOON)
            worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)
        for number, detector, outcome in order:
            worklist.record_outcome(STUDY, number, outcome, provenance(detector), now=NOON)
        ends.append((kept.record(STUDY).due_at, kept.record(STUDY).reason))
    assert ends[0] == ends[1]


@settings(
    deadline=None,
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(histories, changing_targets)
def test_postgres_and_the_fake_agree_on_any_history(
    emptied_engine: sa.Engine, acts: Acts, site: Sequence[DueTargets]
) -> None:
    empty(emptied_engine)
    both: list[Kept] = [FakeKept(), PostgresKept(emptied_engine)]
    for kept in both:
        for minute, act in enumerate(acts):
            worklist = Worklist(kept.store, site[minute % len(site)])
            play(act, kept, worklist, NOON + minute * MINUTE)
    fake, real = both
    assert records(real) == records(fake)
    assert real.events() == fake.events()
    assert sorted(real.jobs()) == sorted(fake.jobs())
    for uid in STUDIES:
        assert real.outcomes(uid) == fake.outcomes(uid)
