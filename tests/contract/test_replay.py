"""P3: the list as it was at any moment, from the events alone, is the list that was shown."""

from collections.abc import Sequence

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings

from tests.builders import MINUTE, NOON
from tests.conftest import empty
from tests.contract.acts import ByItself, ByPerson, ByRis, histories, play
from tests.contract.conftest import FakeKept, Kept, PostgresKept
from worklist.due_time import DueTargets
from worklist.ports import Event
from worklist.reading import ReadingState
from worklist.replay import ListReplay, RecordedEvent, Standing, replayed, why_there
from worklist.service import Worklist
from worklist.uid import StudyInstanceUID

Acts = Sequence[ByItself | ByPerson | ByRis]


def recorded(events: Sequence[Event]) -> list[RecordedEvent]:
    return [
        RecordedEvent(
            event_id=number,
            at=one.at,
            recorded_at=None,
            kind=one.kind,
            actor=one.actor,
            study_instance_uid=one.study_instance_uid,
            details=one.details,
        )
        for number, one in enumerate(events, start=1)
    ]


def shown(kept: FakeKept) -> list[tuple[str, str]]:
    """The unread studies with their reasons, in the order that the store's rows give."""
    records = kept.store.tables.studies.values()  # type: ignore[attr-defined]
    unread = [one for one in records if one.reading_state is ReadingState.UNREAD]
    unread.sort(key=lambda one: one.position)
    return [(one.study_instance_uid, one.reason) for one in unread]


def uids(standings: Sequence[Standing]) -> list[tuple[str, str]]:
    return [(one.position.study_instance_uid, one.reason) for one in standings]


def histories_of(acts: Acts, kept: FakeKept) -> list[tuple[int, list[tuple[str, str]]]]:
    """After each act: how many events there were, and the list that was shown."""
    worklist = Worklist(kept.store, DueTargets())
    moments = []
    for minute, act in enumerate(acts):
        play(act, kept, worklist, NOON + minute * MINUTE)
        moments.append((len(kept.events()), shown(kept)))
    return moments


@settings(deadline=None)
@given(histories)
def test_p3_the_replayed_order_is_the_order_that_was_shown_at_every_moment(acts: Acts) -> None:
    kept = FakeKept()
    moments = histories_of(acts, kept)
    events = recorded(kept.events())
    for count, was_shown in moments:
        replay = replayed(events[:count])
        assert uids(replay.in_order()) == was_shown
        assert not replay.incomplete


@settings(deadline=None, max_examples=50)
@given(histories)
def test_p3_a_list_that_a_sealed_day_kept_is_as_good_as_the_events_before_it(acts: Acts) -> None:
    """Also for studies that were read then, and come back."""
    kept = FakeKept()
    moments = histories_of(acts, kept)
    events = recorded(kept.events())
    for cut, _ in moments[:: max(1, len(moments) // 4)]:
        start = replayed(events[:cut]).kept()
        for count, was_shown in moments:
            if count >= cut:
                replay = replayed(events[cut:count], ListReplay.from_kept(start))
                assert uids(replay.in_order()) == was_shown


@settings(
    deadline=None,
    max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(acts=histories)
def test_p3_the_events_of_the_database_give_the_list_that_it_shows(
    reused_engine: sa.Engine, acts: Acts
) -> None:
    empty(reused_engine)
    kept: Kept = PostgresKept(reused_engine)
    worklist = Worklist(kept.store, DueTargets())
    for minute, act in enumerate(acts):
        play(act, kept, worklist, NOON + minute * MINUTE)  # type: ignore[arg-type]
        with reused_engine.connect() as connection:
            rows = connection.execute(
                sa.text(
                    "SELECT study_instance_uid, reason FROM worklist_entry"
                    " JOIN study USING (study_instance_uid)"
                    " ORDER BY worklist_entry.unpinned, worklist_entry.due_at,"
                    " worklist_entry.received_at, study_instance_uid"
                )
            )
            was_shown = [tuple(row) for row in rows]
        assert uids(replayed(recorded(kept.events())).in_order()) == was_shown


def moved(uid: str, number: int, **details: object) -> RecordedEvent:
    return RecordedEvent(
        event_id=number,
        at=NOON,
        recorded_at=None,
        kind=str(details.pop("kind", "study_arrived")),
        actor="vigie",
        study_instance_uid=StudyInstanceUID(uid),
        details=details,
    )


def arrived(uid: str, number: int, due_in: int = 60, received: int = 0) -> RecordedEvent:
    return moved(
        uid,
        number,
        received_at=(NOON + received * MINUTE).isoformat(),
        due_at=(NOON + due_in * MINUTE).isoformat(),
        place=1,
        reason="routine 24 h",
    )


def test_a_pin_of_a_record_from_before_moves_told_it_is_followed() -> None:
    events = [arrived("1.1", 1), arrived("1.2", 2, due_in=90)]
    due = (NOON + 90 * MINUTE).isoformat()
    pinned = moved("1.2", 3, kind="pinned", due_at=due, place=1, reason="routine 24 h")
    assert [one.position.study_instance_uid for one in replayed([*events, pinned]).in_order()] == [
        "1.2",
        "1.1",
    ]
    unpinned = moved("1.2", 4, kind="unpinned", due_at=due, place=2, reason="routine 24 h")
    order = replayed([*events, pinned, unpinned]).in_order()
    assert [one.position.study_instance_uid for one in order] == ["1.1", "1.2"]


def test_a_study_whose_beginning_is_no_longer_kept_is_named_and_not_made_up() -> None:
    due = (NOON + 90 * MINUTE).isoformat()
    replay = replayed([moved("1.2", 3, kind="pinned", due_at=due, place=1, reason="x")])
    assert replay.in_order() == []
    assert replay.incomplete == {"1.2"}


def test_why_a_study_stood_there_names_each_rule_that_put_others_before_it() -> None:
    events = [
        arrived("1.1", 1, due_in=60, received=0),
        arrived("1.2", 2, due_in=60, received=1),
        arrived("1.3", 3, due_in=30),
        arrived("1.4", 4, due_in=90),
    ]
    due = (NOON + 90 * MINUTE).isoformat()
    pin = moved("1.4", 5, kind="pinned", due_at=due, place=1, reason="routine 24 h")
    order = replayed([*events, pin]).in_order()
    said = [why_there(place, one, order[: place - 1]) for place, one in enumerate(order, start=1)]
    assert said == [
        "a person has pinned it; nothing stands before it",
        "after 1 that people have pinned",
        "after 1 that people have pinned; after 1 that were due earlier",
        "after 1 that people have pinned; after 1 that were due earlier; "
        "after 1 due at the same moment that were received earlier",
    ]
