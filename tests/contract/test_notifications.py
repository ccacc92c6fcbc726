"""Flags found and told on channels: the same on the fake and on the real store."""

import uuid
from dataclasses import replace
from datetime import datetime

import pytest

from tests.builders import FRACTURE, HAEMORRHAGE, MINUTE, NOON, STUDY, arrival, provenance
from tests.contract.conftest import FakeKept, Kept, PostgresKept
from tests.fake_notifications import FakeNotifications
from worklist.finding import DetectorIdentity, Flagged, NotFlagged, Outcome, TargetFinding
from worklist.highlighting import Modes
from worklist.notifications import (
    Notifications,
    NotificationStore,
    UnknownChannel,
    UnknownNotification,
)
from worklist.notifying import (
    READ_BEFORE,
    Channel,
    Confirmed,
    NotificationState,
    PatientDatum,
    Refused,
    Unanswered,
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
    assert one.notification == found
    assert one.notice.flag is not None
    assert one.notice.flag.detector == FRACTURE
    assert one.notice.probability == 0.9
    assert one.notice.study == {
        PatientDatum.PATIENT_ID: "P1",
        PatientDatum.PATIENT_NAME: "Doe^Jane",
    }
    assert told.next("pager", NOON) == one  # as after a process that died: the same, with its ID
    after = told.record(one, Confirmed("answered 200 OK"), NOON + MINUTE)
    assert (after.state, after.attempts) == (NotificationState.DELIVERED, 1)
    assert told.next("pager", NOON + MINUTE) is None
    assert told.next_due_at("pager") is None
    [event] = kept.events("notification_delivered")
    assert event.study_instance_uid == STUDY
    assert event.details == {
        "channel": "pager",
        "notification_id": str(notification_id("pager", STUDY, TargetFinding.FRACTURE)),
        "finding": "fracture",
        "attempts": 1,
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
