"""Channels in their threads, over a real database: woken by news, and none held up by another."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry, generate_latest

from tests.builders import FRACTURE, arrival, provenance
from tests.listening import eventually
from tests.receivers import Reply, receiving
from viewer.metrics import NodeCollector
from vigie.claim import claiming
from vigie.doctor import check_channels
from vigie.notifying import (
    LONGEST_TRY_S,
    ChannelNotifier,
    NotificationDesk,
    make_notifications,
    run_channels,
)
from vigie.settings import Settings, load_settings
from vigie.unserved import ending_unserved
from vigie.wiring import utc_now
from worklist.due_time import DueTargets
from worklist.errors import RefusedByStore, StoreUnavailable
from worklist.finding import Flagged, TargetFinding
from worklist.notifications import Notifications, ToTell
from worklist.notifying import (
    IN_HAND,
    Answer,
    Confirmed,
    Notice,
    Notification,
    NotificationState,
    Refused,
    Unanswered,
)
from worklist.service import Worklist
from worklist.store.notifying import PostgresNotificationTransaction
from worklist.store.postgres import PostgresStore
from worklist.store.reader import PostgresReader
from worklist.store.schema import migrate
from worklist.study import Completeness
from worklist.uid import StudyInstanceUID

SECRET = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
NEVER_S = 3600.0  # nothing is found because it was looked for by the clock
LIMIT_S = 60.0


@dataclass
class FakeSender:
    """Keeps what it is to tell; answers as a test says, perhaps only when it is let."""

    answer: Answer | Exception = field(default_factory=lambda: Confirmed("ok"))
    told: list[Notice] = field(default_factory=list)
    may_answer: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.may_answer.set()

    def send(self, notice: Notice, now: datetime) -> Answer:
        self.told.append(notice)
        assert self.may_answer.wait(LIMIT_S)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Site:
    """A worklist whose flags are told."""

    def __init__(self, engine: sa.Engine, settings: Settings) -> None:
        self.engine = engine
        self.settings = settings
        self.url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self.worklist = Worklist(PostgresStore(engine), DueTargets())
        self.notifications: Notifications = make_notifications(settings, engine)

    def flag(self, uid: str) -> None:
        """A study comes, and its fracture is flagged now."""
        study, now = StudyInstanceUID(uid), utc_now()
        self.worklist.record_arrivals([arrival(f"{uid}.1", study=uid, received_at=now)], now=now)
        self.worklist.complete_study(study, completeness=Completeness.COMPLETE, now=now)
        outcome = Flagged(probability=0.9)
        self.worklist.record_outcome(study, 1, outcome, provenance(FRACTURE, at=now), now=now)

    def states(self, channel: str = "pager") -> list[NotificationState]:
        """Of a channel, the oldest first."""
        known = self.notifications.newest()
        return [
            one.notification.state for one in reversed(known) if one.notification.channel == channel
        ]

    def looked(self) -> bool:
        """Whether flags were looked for at all."""
        return "pager" in self.notifications.looked_at()

    @contextmanager
    def notifying(
        self, sender: FakeSender, *, longest_try_s: float = LIMIT_S
    ) -> Iterator[threading.Event]:
        """A process that tells the pager; ends when its event is set."""
        stop = threading.Event()
        one = ChannelNotifier(
            self.url,
            self.notifications,
            "pager",
            sender,
            stop,
            look_s=NEVER_S,
            longest_try_s=longest_try_s,
        )
        thread = threading.Thread(target=one.run, daemon=True)
        thread.start()
        try:
            yield stop
        finally:
            stop.set()
            sender.may_answer.set()
            thread.join(LIMIT_S)
            assert not thread.is_alive()


def channel(name: str = "pager", url: str = "http://127.0.0.1:9/") -> dict[str, Any]:
    return {"kind": "webhook", "name": name, "url": url, "secret": SECRET}


@pytest.fixture
def site(engine: sa.Engine, tmp_path: Path) -> Site:
    settings = load_settings(data=tmp_path, notifications=[channel(), channel("second")])
    return Site(engine, settings)


def test_a_flag_is_told_when_it_is_recorded_not_when_it_is_looked_for(site: Site) -> None:
    sender = FakeSender()
    with site.notifying(sender):
        assert eventually(site.looked, LIMIT_S)
        site.flag("1.2.3")
        assert eventually(lambda: site.states() == [NotificationState.DELIVERED], LIMIT_S)
        site.flag("1.2.4")
        assert eventually(lambda: len(site.states()) == 2, LIMIT_S)
    assert [one.flag.study_instance_uid for one in sender.told if one.flag] == ["1.2.3", "1.2.4"]


def test_what_was_flagged_before_a_start_is_told(site: Site) -> None:
    site.flag("1.2.3")
    with site.notifying(FakeSender()):
        assert eventually(lambda: site.states() == [NotificationState.DELIVERED], LIMIT_S)


def test_a_try_that_failed_is_made_again_after_a_pause_and_by_hand_at_once(site: Site) -> None:
    sender = FakeSender(answer=Unanswered("late", pause=timedelta(minutes=50)))
    site.flag("1.2.3")
    with site.notifying(sender):
        assert eventually(lambda: len(sender.told) == 1, LIMIT_S)
        assert eventually(lambda: _words(site) == ["late"], LIMIT_S)
        sender.answer = Confirmed("ok")
        [kept] = site.notifications.newest()
        number = kept.notification.notification_id
        site.notifications.send_again(number, actor="person anna", now=utc_now())
        assert eventually(lambda: site.states() == [NotificationState.DELIVERED], LIMIT_S)
    assert [one.notification_id for one in sender.told] == [number, number]


def _words(site: Site) -> list[str]:
    return [one.notification.words for one in site.notifications.newest()]


def _attempts(site: Site) -> int:
    return sum(one.notification.attempts for one in site.notifications.newest())


def test_an_error_of_the_program_is_said_and_holds_up_no_other(site: Site) -> None:
    sender = FakeSender(answer=ValueError("a header that cannot be written"))
    site.flag("1.2.3")
    with site.notifying(sender):
        assert eventually(lambda: _words(site) == ["it cannot be sent: ValueError"], LIMIT_S)
        sender.answer = Confirmed("ok")
        site.flag("1.2.4")
        assert eventually(lambda: NotificationState.DELIVERED in site.states(), LIMIT_S)
    first = site.notifications.newest()[-1].notification
    assert first.words == "it cannot be sent: ValueError"
    assert (first.state, first.refusals) == (NotificationState.WAITING, 1)


def test_a_receiver_that_comes_to_no_end_is_left_alone(site: Site) -> None:
    endless = FakeSender()
    endless.may_answer.clear()
    site.flag("1.2.3")
    with site.notifying(endless, longest_try_s=0.2):
        assert eventually(lambda: _words(site) == ["no answer within 0.2 s"], LIMIT_S)
        endless.may_answer.set()
        assert eventually(lambda: site.states() == [NotificationState.DELIVERED], LIMIT_S)
    assert len({one.notification_id for one in endless.told}) == 1


def test_two_processes_tell_a_channel_once_and_one_follows_the_other(site: Site) -> None:
    one, two = FakeSender(), FakeSender()
    with site.notifying(one) as stop:
        assert eventually(site.looked, LIMIT_S)
        with site.notifying(two):
            site.flag("1.2.3")
            assert eventually(lambda: site.states() == [NotificationState.DELIVERED], LIMIT_S)
            assert (len(one.told), two.told) == (1, [])
            stop.set()
            site.flag("1.2.4")
            delivered = [NotificationState.DELIVERED] * 2
            assert eventually(lambda: site.states() == delivered, LIMIT_S)
    assert len(one.told) + len(two.told) == 2


def test_when_the_database_breaks_off_the_channel_goes_on(site: Site) -> None:
    sender = FakeSender()
    with site.notifying(sender):
        assert eventually(site.looked, LIMIT_S)
        _break_off(site)
        site.flag("1.2.3")
        assert eventually(lambda: site.states() == [NotificationState.DELIVERED], LIMIT_S)


def _break_off(site: Site) -> None:
    with psycopg.connect(site.url, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    site.engine.dispose()


def test_an_answer_is_kept_although_the_database_broke_off_before(site: Site) -> None:
    sender = FakeSender()
    sender.may_answer.clear()
    site.flag("1.2.3")
    with site.notifying(sender):
        assert eventually(lambda: len(sender.told) == 1, LIMIT_S)
        assert _attempts(site) == 1  # counted before anybody answered
        _break_off(site)
        sender.may_answer.set()
        assert eventually(lambda: site.states() == [NotificationState.DELIVERED], LIMIT_S)
    assert len(sender.told) == 1


class Failing:
    """Notifications whose answers cannot be kept a few times, for a reason of the test's choice."""

    def __init__(self, real: Notifications, error: Exception, times: int) -> None:
        self._real = real
        self._error = error
        self.left = times

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def record(self, told: ToTell, answer: Answer, now: datetime) -> Notification:
        if self.left > 0:
            self.left -= 1
            raise self._error
        return self._real.record(told, answer, now)


@pytest.mark.parametrize("error", [StoreUnavailable("away"), RefusedByStore("it is full")])
def test_nobody_is_told_again_because_an_answer_cannot_be_kept(
    site: Site, error: Exception
) -> None:
    failing = Failing(site.notifications, error, 1)
    site.notifications = failing  # type: ignore[assignment]
    sender = FakeSender()
    site.flag("1.2.3")
    with site.notifying(sender):
        assert eventually(lambda: failing.left == 0, LIMIT_S)
        site.flag("1.2.4")
        delivered = [NotificationState.DELIVERED] * 2
        assert eventually(lambda: site.states() == delivered, LIMIT_S)
    assert len(sender.told) == 2


def test_an_error_of_the_program_ends_the_role_which_is_started_anew(site: Site) -> None:
    failing = Failing(site.notifications, ValueError("no such thing"), 1)
    site.flag("1.2.3")
    stop = threading.Event()
    with pytest.raises(ValueError, match="no such thing"):
        run_channels(
            site.url,
            site.settings,
            failing,  # type: ignore[arg-type]
            stop,
            make=lambda *_: FakeSender(),
        )
    assert stop.is_set()


def test_who_lost_the_lock_during_a_try_tells_nothing_more(site: Site) -> None:
    one, two = FakeSender(), FakeSender()
    one.may_answer.clear()
    site.flag("1.2.3")
    with site.notifying(one):
        assert eventually(lambda: len(one.told) == 1, LIMIT_S)
        site.flag("1.2.4")
        with psycopg.connect(site.url, autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype='advisory'"
            )
        with site.notifying(two):
            assert eventually(lambda: len(two.told) == 1, LIMIT_S)  # not the one in hand
            one.may_answer.set()
            delivered = [NotificationState.DELIVERED] * 2
            assert eventually(lambda: site.states() == delivered, LIMIT_S)
    assert [told.flag.study_instance_uid for told in one.told if told.flag] == ["1.2.3"]
    assert [told.flag.study_instance_uid for told in two.told if told.flag] == ["1.2.4"]


def test_a_try_ends_before_another_process_may_make_it() -> None:
    assert timedelta(seconds=LONGEST_TRY_S) < IN_HAND


def test_a_claim_is_probed_so_that_a_machine_that_vanished_loses_it(site: Site) -> None:
    host = sa.make_url(site.url).host or ""
    with claiming(site.url) as connection:
        probes = connection.execute("SHOW tcp_keepalives_idle").fetchone()
    assert probes == (("0" if host.startswith("/") or not host else "10"),)


def test_a_channel_that_hangs_holds_up_no_other(site: Site) -> None:
    senders = {"pager": FakeSender(), "second": FakeSender()}
    senders["pager"].may_answer.clear()
    stop = threading.Event()
    thread = threading.Thread(
        target=run_channels,
        args=[site.url, site.settings, site.notifications, stop],
        kwargs={"make": lambda _, name: senders[name]},
    )
    thread.start()
    try:
        site.flag("1.2.3")
        assert eventually(lambda: len(senders["pager"].told) == 1, LIMIT_S)
        site.flag("1.2.4")
        delivered = [NotificationState.DELIVERED] * 2
        assert eventually(lambda: site.states("second") == delivered, LIMIT_S)
        assert len(senders["pager"].told) == 1
    finally:
        stop.set()
        senders["pager"].may_answer.set()
        thread.join(LIMIT_S)
    assert not thread.is_alive()


def test_the_desk_tries_a_channel_as_it_is_set(engine: sa.Engine, tmp_path: Path) -> None:
    with receiving() as receiver:
        settings = load_settings(data=tmp_path, notifications=[channel(url=receiver.url)])
        desk = NotificationDesk(settings, engine)
        assert [one.name for one in desk.channels] == ["pager"]
        answer = desk.test("pager", actor="person anna", now=utc_now())
        assert answer == Confirmed("answered 204 No Content")
        assert b'"type": "test"' in receiver.received[0].body
        receiver.reply = Reply(404)
        answer = desk.test("pager", actor="person anna", now=utc_now())
        assert answer == Refused("answered 404 Not Found")
    with engine.connect() as connection:
        events = connection.execute(sa.text("SELECT actor, details FROM event")).all()
    assert [one.actor for one in events] == ["person anna"] * 2
    assert [one.details["confirmed"] for one in events] == [True, False]


def test_the_doctor_sees_whether_anybody_looks_for_flags(site: Site) -> None:
    now = utc_now()
    for name in ("pager", "second"):
        check = check_channels(site.settings, site.engine, now)
        assert (check.ok, check.warns) == (True, True)
        assert name in check.detail
        site.notifications.find(name, now)
    check = check_channels(site.settings, site.engine, now + timedelta(minutes=2))
    assert not check.warns
    check = check_channels(site.settings, site.engine, now + timedelta(minutes=2, seconds=1))
    assert check.warns


def test_the_doctor_tells_of_what_was_given_up_and_of_a_clock_ahead(site: Site) -> None:
    site.flag("1.2.3")
    now = utc_now()
    for name in ("pager", "second"):
        site.notifications.find(name, now)
    assert not check_channels(site.settings, site.engine, now).warns
    assert check_channels(site.settings, site.engine, now - timedelta(hours=1)).warns
    told = site.notifications.next("pager", now)
    assert told is not None
    site.notifications.record(told, Unanswered("late", pause=timedelta(days=1)), now)
    check = check_channels(site.settings, site.engine, now)
    assert check.warns
    assert "parked" in check.detail


def test_monitoring_counts_notifications_by_channel_and_state(site: Site, tmp_path: Path) -> None:
    site.flag("1.2.3")
    for name in ("pager", "second"):
        site.notifications.find(name, utc_now())
    told = site.notifications.next("pager", utc_now())
    assert told is not None
    site.notifications.record(told, Confirmed("ok"), utc_now())
    reader = PostgresReader(site.engine, archive=tmp_path, inbox_objects=lambda: 0)
    assert reader.counts().notifications == {
        ("pager", "delivered"): 1,
        ("second", "waiting"): 1,
    }
    registry = CollectorRegistry()
    registry.register(NodeCollector(reader))
    shown = generate_latest(registry).decode()
    assert 'vigie_notifications{channel="pager",state="delivered"} 1.0' in shown


def test_flags_and_what_is_due_are_found_by_their_indexes(engine: sa.Engine) -> None:
    asked: list[tuple[str, Any]] = []
    with engine.begin() as connection:
        sa.event.listen(
            connection, "before_cursor_execute", lambda *given: asked.append((given[2], given[3]))
        )
        transaction = PostgresNotificationTransaction(connection)
        transaction.untold("pager", list(TargetFinding), utc_now(), 0)
        transaction.first_due("pager", utc_now())
        transaction.next_due_at("pager")
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # tables are empty here
        plans = [
            "\n".join(connection.exec_driver_sql(f"EXPLAIN {sql}", values).scalars())
            for sql, values in asked[:3]
        ]
    used = ("outcome_flagged", "notification_due", "notification_due")
    for plan, index in zip(plans, used, strict=True):
        assert index in plan


class Alive:
    """A connection of which nothing is wanted but that it answers."""

    def execute(self, statement: str) -> None:
        """It answers."""


def test_who_has_it_is_not_told_again_because_that_could_not_be_kept(site: Site) -> None:
    site.flag("1.2.3")
    now = utc_now()
    site.notifications.find("pager", now)
    first = site.notifications.next("pager", now)
    assert first is not None
    same = [first, first, None]  # as if its time in hand were over
    failing = Failing(site.notifications, RefusedByStore("it is full"), 1)
    failing.next = lambda *_: same.pop(0)  # type: ignore[attr-defined]
    sender = FakeSender(answer=Unanswered("not for a", reached=("b",)))
    one = ChannelNotifier(site.url, failing, "pager", sender, threading.Event())  # type: ignore[arg-type]
    one._tell_all(Alive())  # type: ignore[arg-type]
    assert [told.reached for told in sender.told] == [(), ("b",)]
    [kept] = site.notifications.newest()
    assert kept.notification.reached == ("b",)


def test_what_waits_for_a_channel_that_is_gone_is_ended_in_the_background(
    engine: sa.Engine, site: Site, tmp_path: Path
) -> None:
    site.flag("1.2.3")
    site.notifications.find("pager", utc_now())
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE notification SET expires_at = now() - interval '2 h'"))
        connection.execute(
            sa.text(
                "UPDATE notification_channel SET first_at = first_at - interval '1 day',"
                " last_at = last_at - interval '2 h'"
            )
        )
    without = make_notifications(load_settings(data=tmp_path / "other"), engine)
    with ending_unserved(without, look_s=NEVER_S):
        assert eventually(lambda: site.states() == [NotificationState.TOO_LATE], LIMIT_S)


def test_what_an_earlier_version_told_is_kept(
    engine_of_version: Callable[[str], sa.Engine],
) -> None:
    engine = engine_of_version("0015")
    with engine.begin() as connection:
        # Without the study and the flag that it is of: they are no part of what changes.
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        connection.execute(
            sa.text(
                "INSERT INTO notification (notification_id, channel, study_instance_uid, target,"
                " outcome_id, flagged_at, state, due_at, expires_at, changed_at, attempts,"
                " refusals, by_hand, words) VALUES"
                " ('5b2c0a0e-6f37-5e0e-9d0c-3d1b3a5c9f11', 'pager', '1.2.3', 'fracture',"
                " 1, now(), 'parked', now(), now(), now(), 3, 3, false, 'no')"
            )
        )
    migrate(engine)
    with engine.connect() as connection:
        row = connection.execute(sa.text("SELECT * FROM notification")).one()
    assert (row.channel, row.state, row.attempts, row.words) == ("pager", "parked", 3, "no")
    assert row.reached == []
