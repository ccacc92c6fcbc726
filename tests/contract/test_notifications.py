"""Flags found and told on channels: the same on the fake and on the real store."""

import uuid
from dataclasses import replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.builders import FRACTURE, HAEMORRHAGE, MINUTE, NOON, STUDY, arrival, provenance
from tests.contract.conftest import FakeKept, Kept, PostgresKept
from tests.fake_notifications import FakeNotifications
from worklist.finding import DetectorIdentity, Flagged, NotFlagged, Outcome, TargetFinding
from worklist.highlighting import Modes
from worklist.hours import Hours
from worklist.notifications import (
    Notifications,
    NotificationStore,
    UnknownChannel,
    UnknownNotification,
)
from worklist.notifying import (
    IN_HAND,
    READ_BEFORE,
    UNSERVED,
    Caveat,
    Channel,
    Confirmed,
    NotificationState,
    PatientDatum,
    Refused,
    Unanswered,
    begun,
    notification_id,
)
from worklist.service import Worklist
from worklist.store.notifying import PostgresNotifications
from worklist.study import Completeness
from worklist.uid import StudyInstanceUID

PAGER = Channel(name="pager", findings=frozenset(TargetFinding), tells=frozenset(PatientDatum))
MAIL = Channel(name="mail", findings=frozenset({TargetFinding.FRACTURE}), least_probability=0.8)
LIMIT = 60 * MINUTE
SECOND_OPINION = replace(FRACTURE, name="second_opinion")


@pytest.fixture
def store(kept: Kept) -> NotificationStore:
    if isinstance(kept, PostgresKept):
        return PostgresNotifications(kept._engine)
    assert isinstance(kept, FakeKept)
    return FakeNotifications(kept._fake)


@pytest.fixture
def told(store: NotificationStore, worklist: Worklist) -> Notifications:
    for uid in (STUDY, StudyInstanceUID("1.2.4")):
        worklist.record_arrivals([arrival(f"{uid}.1", study=uid)], now=NOON)
        worklist.complete_study(uid, completeness=Completeness.COMPLETE, now=NOON)
    return Notifications(store, [PAGER, MAIL], modes=Modes(), limit=LIMIT)


def record(
    worklist: Worklist,
    outcome: Outcome,
    *,
    study: str = STUDY,
    detector: DetectorIdentity = FRACTURE,
    at: datetime = NOON,
) -> None:
    worklist.record_outcome(
        StudyInstanceUID(study), 1, outcome, provenance(detector, at=at), now=at
    )


def test_a_flag_is_told_once_with_what_the_channel_may_tell(
    worklist: Worklist, told: Notifications, kept: Kept
) -> None:
    record(worklist, Flagged(probability=0.9))
    [found] = told.find("pager", NOON)
    assert told.find("pager", NOON) == []
    one = told.next("pager", NOON)
    assert one is not None
    assert one.notification == begun(found, one.flag, NOON)
    assert one.notice.flag is not None
    assert one.notice.flag.detector == FRACTURE
    assert one.notice.probability == 0.9
    assert one.notice.study == {
        PatientDatum.PATIENT_ID: "P1",
        PatientDatum.PATIENT_NAME: "Doe^Jane",
    }
    assert told.next("pager", NOON + IN_HAND - timedelta(seconds=1)) is None  # it is in hand
    again = told.next("pager", NOON + IN_HAND)  # as after a process that died
    assert again is not None
    assert again.notice == one.notice
    after = told.record(one, Confirmed("answered 200 OK"), NOON + MINUTE)
    assert (after.state, after.attempts) == (NotificationState.DELIVERED, 2)
    late = told.record(again, Unanswered("no answer"), NOON + MINUTE)
    assert late == after
    assert told.next("pager", NOON + MINUTE) is None
    assert told.next_due_at("pager") is None
    [event] = kept.events("notification_delivered")
    assert event.study_instance_uid == STUDY
    assert event.details == {
        "channel": "pager",
        "notification_id": str(notification_id("pager", STUDY, TargetFinding.FRACTURE)),
        "finding": "fracture",
        "attempts": 2,
        "answer": "answered 200 OK",
    }


def test_a_second_flag_of_the_same_finding_tells_nothing_new(
    worklist: Worklist, told: Notifications
) -> None:
    record(worklist, Flagged(probability=0.9))
    record(worklist, Flagged(probability=0.8), detector=SECOND_OPINION)
    assert len(told.find("pager", NOON)) == 1
    one = told.next("pager", NOON)
    assert one is not None
    told.record(one, Confirmed("ok"), NOON)
    record(worklist, Flagged(probability=0.95), at=NOON + MINUTE)
    assert told.find("pager", NOON + MINUTE) == []
    assert told.next("pager", NOON + MINUTE) is None
    record(worklist, Flagged(probability=0.7), detector=HAEMORRHAGE, at=NOON + MINUTE)
    assert len(told.find("pager", NOON + MINUTE)) == 1  # another finding is news
    record(worklist, Flagged(probability=0.7), study="1.2.4", at=NOON + MINUTE)
    assert len(told.find("pager", NOON + MINUTE)) == 1  # another study too


def test_each_channel_has_what_it_is_for(worklist: Worklist, told: Notifications) -> None:
    record(worklist, Flagged(probability=0.7))
    record(worklist, Flagged(probability=0.9), detector=HAEMORRHAGE)
    record(worklist, NotFlagged(probability=0.1), study="1.2.4")
    assert len(told.find("pager", NOON)) == 2
    assert told.find("mail", NOON) == []
    record(worklist, Flagged(probability=0.8), at=NOON + MINUTE)  # with later images: surer
    [one] = told.find("mail", NOON + MINUTE)
    assert one.target is TargetFinding.FRACTURE


def test_what_was_flagged_during_a_stop_is_found_and_what_is_too_old_is_kept_as_such(
    worklist: Worklist, told: Notifications, kept: Kept
) -> None:
    told.find("pager", NOON)
    record(worklist, Flagged(probability=0.9), at=NOON + MINUTE)
    record(worklist, Flagged(probability=0.9), study="1.2.4", at=NOON + 120 * MINUTE)
    late = NOON + 150 * MINUTE
    states = {one.study_instance_uid: one.state for one in told.find("pager", late)}
    assert states == {
        STUDY: NotificationState.TOO_LATE,
        "1.2.4": NotificationState.WAITING,
    }
    assert len(kept.events("notification_not_sent")) == 1


def test_a_new_channel_is_told_what_is_still_worth_telling(
    worklist: Worklist, told: Notifications
) -> None:
    record(worklist, Flagged(probability=0.9))
    record(worklist, Flagged(probability=0.9), study="1.2.4", at=NOON + MINUTE)
    first = NOON + LIMIT + MINUTE
    [one] = told.find("pager", first)
    assert one.study_instance_uid == "1.2.4"
    assert told.find("pager", first + MINUTE) == []
    assert told.looked_at() == {"pager": first + MINUTE}


@pytest.mark.parametrize("ended", ["too late", "read before", "dropped", "withdrawn", "stopped"])
def test_a_flag_that_nobody_was_told_of_blocks_no_later_one(
    ended: str, worklist: Worklist, told: Notifications, store: NotificationStore
) -> None:
    late = NOON + LIMIT + MINUTE
    told.find("pager", NOON)
    record(worklist, Flagged(probability=0.7))
    told.find("pager", late if ended == "too late" else NOON)
    if ended == "read before":
        worklist.mark_read(STUDY, actor="anna", reason="read on paper", now=NOON)
    elif ended == "dropped":
        hours = Hours(zone=ZoneInfo("UTC"), begins=time(13), ends=time(14))
        drops = replace(PAGER, name="drops", hours=hours, waits=False)
        told = Notifications(store, [drops], modes=Modes(), limit=LIMIT)
        told.find("drops", NOON)
    elif ended == "withdrawn":
        record(worklist, NotFlagged(probability=0.1), at=NOON + MINUTE)
        assert told.next("pager", NOON + MINUTE) is None
    elif ended == "stopped":
        names = ["fracture"]
        worklist.stop_ai(names, installed=names, actor="anna", reason="odd", now=NOON)
    [channel] = told.channels[:1]
    assert told.next(channel.name, late) is None
    [first] = [
        one.notification for one in told.newest() if one.notification.channel == channel.name
    ]
    assert first.state in {NotificationState.TOO_LATE, NotificationState.NOT_TOLD}
    assert told.find(channel.name, late) == []  # the flag itself has had its turn

    if ended == "read before":
        worklist.reopen(STUDY, actor="anna", reason="another study was meant", now=late)
    elif ended == "stopped":
        worklist.start_ai(names, installed=names, actor="anna", reason="even", now=late)
    record(worklist, Flagged(probability=0.99), at=late + MINUTE)
    [found] = told.find(channel.name, late + MINUTE)
    assert (found.notification_id, found.state) == (
        first.notification_id,
        NotificationState.WAITING,
    )
    one = told.next(channel.name, late + MINUTE)
    assert one is not None
    assert one.flag.probability == 0.99
    told.record(one, Confirmed("ok"), late + MINUTE)
    record(worklist, Flagged(probability=0.999), at=late + 2 * MINUTE)
    assert told.find(channel.name, late + 2 * MINUTE) == []  # told once


def test_a_clock_that_was_ahead_hides_no_flag(worklist: Worklist, told: Notifications) -> None:
    told.find("pager", NOON + timedelta(days=400))
    record(worklist, Flagged(probability=0.9))
    assert told.looked_at() == {"pager": NOON + timedelta(days=400)}
    [found] = told.find("pager", NOON + MINUTE)
    assert found.due_at == NOON
    assert told.looked_at() == {"pager": NOON + MINUTE}
    assert told.find("pager", NOON + MINUTE) == []


def test_a_worker_whose_clock_is_wrong_is_told_at_once(
    worklist: Worklist, told: Notifications
) -> None:
    told.find("pager", NOON)
    for study, skew in ((STUDY, timedelta(days=-3)), ("1.2.4", timedelta(minutes=10))):
        made = provenance(FRACTURE, at=NOON + skew)
        worklist.record_outcome(
            StudyInstanceUID(study), 1, Flagged(probability=0.9), made, now=NOON + MINUTE
        )
    found = told.find("pager", NOON + MINUTE)
    assert [one.state for one in found] == [NotificationState.WAITING] * 2
    assert all(one.due_at <= NOON + MINUTE for one in found)


def test_of_those_that_are_due_the_newest_flag_is_told_first(
    worklist: Worklist, told: Notifications
) -> None:
    record(worklist, Flagged(probability=0.9))
    told.find("pager", NOON)
    record(worklist, Flagged(probability=0.9), study="1.2.4", at=NOON + MINUTE)
    told.find("pager", NOON + MINUTE)
    one = told.next("pager", NOON + MINUTE)
    assert one is not None
    assert one.flag.study_instance_uid == "1.2.4"


def test_a_study_that_was_read_is_not_told(
    worklist: Worklist, told: Notifications, kept: Kept
) -> None:
    record(worklist, Flagged(probability=0.9))
    told.find("pager", NOON)
    worklist.mark_read(STUDY, actor="anna", reason="read on paper", now=NOON)
    assert told.next("pager", NOON) is None
    [shown] = told.newest()
    assert shown.notification.state is NotificationState.NOT_TOLD
    assert shown.notification.words == READ_BEFORE
    record(worklist, Flagged(probability=0.9), detector=HAEMORRHAGE)  # too late: it was read
    assert told.find("pager", NOON) == []
    assert len(kept.events("notification_not_sent")) == 1


def test_nothing_is_told_while_ai_is_stopped_and_it_is_when_it_is_started(
    worklist: Worklist, told: Notifications
) -> None:
    record(worklist, Flagged(probability=0.9))
    told.find("pager", NOON)
    names = ["fracture"]
    worklist.stop_ai(names, installed=names, actor="anna", reason="odd", now=NOON)
    assert told.next("pager", NOON) is None
    assert told.next_due_at("pager") == NOON + MINUTE
    worklist.start_ai(names, installed=names, actor="anna", reason="even", now=NOON)
    assert told.next("pager", NOON + MINUTE) is not None


def test_a_flag_that_was_withdrawn_is_not_told(worklist: Worklist, told: Notifications) -> None:
    record(worklist, Flagged(probability=0.9))
    told.find("pager", NOON)
    record(worklist, NotFlagged(probability=0.1), at=NOON + MINUTE)
    assert told.next("pager", NOON + MINUTE) is None
    assert told.next("pager", NOON + 61 * MINUTE) is None
    [shown] = told.newest(state=NotificationState.TOO_LATE)
    assert shown.notification.words == "a later assessment no longer flags it"


def test_tries_are_counted_until_it_is_parked_and_a_person_lets_it_go_again(
    worklist: Worklist, told: Notifications, kept: Kept
) -> None:
    record(worklist, Flagged(probability=0.9))
    told.find("pager", NOON)
    now = NOON
    for answer in (Unanswered("late"), Refused("no"), Refused("no"), Refused("no")):
        now = told.next_due_at("pager") or now
        one = told.next("pager", now)
        assert one is not None
        told.record(one, answer, now)
    [shown] = told.newest(state=NotificationState.PARKED)
    assert (shown.notification.attempts, shown.notification.refusals) == (4, 3)
    assert len(kept.events("notification_parked")) == 1
    number = shown.notification.notification_id
    told.send_again(number, actor="person anna", now=now)
    assert [one.actor for one in kept.events("notification_sent_again")] == ["person anna"]
    again = told.next("pager", now)
    assert again is not None
    assert again.notice.notification_id == number
    told.record(again, Confirmed("ok"), now)
    [shown] = told.newest()
    assert (shown.notification.state, shown.notification.attempts) == (
        NotificationState.DELIVERED,
        5,
    )


def test_who_has_it_is_kept_with_it_and_told_no_more(
    worklist: Worklist, told: Notifications, kept: Kept
) -> None:
    record(worklist, Flagged(probability=0.9))
    told.find("pager", NOON)
    now = NOON
    for reached in (("b@c.org",), ()):
        one = told.next("pager", now)
        assert one is not None
        after = told.record(one, Unanswered("not for all", reached=reached), now)
        now = after.due_at
    one = told.next("pager", now)
    assert one is not None
    assert one.notice.reached == ("b@c.org",)
    told.record(one, Unanswered("late", pause=LIMIT), now)
    [shown] = told.newest(state=NotificationState.PARKED)
    assert shown.notification.reached == ("b@c.org",)
    assert [one.details["reached"] for one in kept.events("notification_parked")] == [["b@c.org"]]
    number = shown.notification.notification_id
    told.send_again(number, actor="person anna", now=now)
    again = told.next("pager", now)
    assert again is not None
    assert again.notice.reached == ("b@c.org",)
    told.record(again, Confirmed("ok"), now)
    [shown] = told.newest()
    assert shown.notification.reached == ()


@pytest.mark.parametrize("tried", [False, True])
def test_what_waits_for_a_channel_that_is_set_no_longer_is_ended_when_its_time_is_over(
    tried: bool, worklist: Worklist, told: Notifications, store: NotificationStore, kept: Kept
) -> None:
    record(worklist, Flagged(probability=0.9))
    for name in ("pager", "mail"):
        told.find(name, NOON)
    if tried:
        one = told.next("pager", NOON)
        assert one is not None
        told.record(one, Unanswered("late"), NOON)
    hour = timedelta(hours=1)
    over = NOON + LIMIT + hour
    without = Notifications(store, [MAIL], modes=Modes(), limit=LIMIT)
    without.find("mail", over)  # this one is served
    assert without.end_unserved(over) == []
    [ended] = without.end_unserved(over + timedelta(seconds=1))
    expected = NotificationState.PARKED if tried else NotificationState.TOO_LATE
    assert (ended.channel, ended.state, ended.words) == ("pager", expected, UNSERVED)
    assert without.end_unserved(over + hour - MINUTE) == []
    states = {one.notification.channel: one.notification.state for one in told.newest()}
    assert states == {"pager": expected, "mail": NotificationState.WAITING}
    kind = "notification_parked" if tried else "notification_not_sent"
    assert [one.details["channel"] for one in kept.events(kind)] == ["pager"]
    assert len(without.end_unserved(over + hour + MINUTE)) == 1  # nobody serves that one either


def test_what_a_person_sends_late_or_read_says_so(worklist: Worklist, told: Notifications) -> None:
    told.find("pager", NOON)
    record(worklist, Flagged(probability=0.9))
    late = NOON + 2 * LIMIT
    told.find("pager", NOON)
    worklist.mark_read(STUDY, actor="anna", reason="read on paper", now=NOON)
    assert told.next("pager", late) is None
    [shown] = told.newest()
    told.send_again(shown.notification.notification_id, actor="person anna", now=late)
    one = told.next("pager", late)
    assert one is not None
    assert one.notice.caveats == (Caveat.LATE, Caveat.READ)


def test_what_is_kept_names_the_model_whose_flag_was_told(
    worklist: Worklist, told: Notifications
) -> None:
    record(worklist, Flagged(probability=0.9))
    told.find("pager", NOON)
    record(worklist, NotFlagged(probability=0.1), at=NOON + MINUTE)
    record(worklist, Flagged(probability=0.8), detector=SECOND_OPINION, at=NOON + MINUTE)
    one = told.next("pager", NOON + MINUTE)
    assert one is not None
    assert one.flag.detector == SECOND_OPINION
    told.record(one, Confirmed("ok"), NOON + MINUTE)
    assert [shown.detector for shown in told.newest()] == ["second_opinion"]


def test_notifications_are_shown_the_newest_first_page_by_page(
    worklist: Worklist, told: Notifications
) -> None:
    record(worklist, Flagged(probability=0.9))
    told.find("pager", NOON)
    told.find("mail", NOON)
    record(worklist, Flagged(probability=0.9), study="1.2.4")
    told.find("pager", NOON)
    everything = told.newest()
    shown = [(one.notification.channel, one.notification.study_instance_uid) for one in everything]
    assert shown == [("pager", "1.2.4"), ("mail", STUDY), ("pager", STUDY)]
    assert (everything[0].detector, everything[0].detector_version) == ("fracture", "1.0")
    first = told.newest(limit=2)
    assert [*first, *told.newest(before=first[-1].number, limit=2)] == everything
    assert told.newest(state=NotificationState.DELIVERED) == []


def test_a_test_is_an_event_and_no_notification(told: Notifications, kept: Kept) -> None:
    made = told.test_notice("pager")
    assert (made.flag, made.study) == (None, {})
    told.note_test(made, Refused("answered 404 Not Found"), actor="person anna", now=NOON)
    [event] = kept.events("notification_tested")
    assert event.study_instance_uid is None
    assert (event.details["confirmed"], event.details["channel"]) == (False, "pager")
    assert told.newest() == []


def test_what_there_is_not_is_named(
    worklist: Worklist, told: Notifications, store: NotificationStore
) -> None:
    with pytest.raises(UnknownChannel, match="fax"):
        told.test_notice("fax")
    with pytest.raises(UnknownNotification):
        told.send_again(uuid.uuid4(), actor="person anna", now=NOON)
    record(worklist, Flagged(probability=0.9))
    [one] = told.find("pager", NOON)
    without = Notifications(store, [MAIL], modes=Modes(), limit=LIMIT)
    with pytest.raises(UnknownChannel, match="pager"):
        without.send_again(one.notification_id, actor="person anna", now=NOON)
