"""Flags told as they come: one thread a channel, each with a connection of its own."""

import json
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from typing import Protocol

import psycopg
import sqlalchemy as sa
import structlog

from results.notifying.mail import Mail
from results.notifying.message import Node
from results.notifying.webhook import Webhook
from vigie import __version__
from vigie.claim import claiming
from vigie.notification_settings import EmailSettings, WebhookSettings
from vigie.settings import Settings
from vigie.wiring import utc_now
from worklist.errors import RefusedByStore, VigieError
from worklist.notifications import Notifications, ToTell
from worklist.notifying import Answer, Channel, Confirmed, Notice, Refused, Unanswered
from worklist.store.notifying import PostgresNotifications

log = structlog.get_logger(__name__)

_EVENTS = "vigie_event"  # the trigger on the event log notifies here
_NEWS = frozenset({"outcome_recorded", "notification_sent_again", "ai_started"})
_LOOK_S = 15.0  # without any news
_STOP_S = 0.5  # until a stop is noticed
_RECONNECT_S = 1.0
LONGEST_TRY_S = 25.0  # of one try from its first byte to its answer; below `IN_HAND`
_LAST_TRY_S = 30.0  # for a try in hand when asked to stop


class Sender(Protocol):
    """Tries once."""

    def send(self, notice: Notice, now: datetime) -> Answer:
        """What came of it; never raises for what a receiver or the network does."""
        ...


def make_notifications(settings: Settings, engine: sa.Engine) -> Notifications:
    """What is told, as the settings say."""
    return Notifications(
        PostgresNotifications(engine),
        [one.channel for one in settings.notifications],
        modes=settings.highlighting_modes,
        limit=timedelta(minutes=settings.notification_limit_min),
    )


def make_sender(settings: Settings, name: str) -> Sender:
    """What sends on the channel of this name."""
    [channel] = [one for one in settings.notifications if one.name == name]
    node = Node(
        ae_title=settings.ae_title,
        software_version=__version__,
        public_address=settings.public_address,
    )
    return _sender(channel, node)


def _sender(channel: WebhookSettings | EmailSettings, node: Node) -> Sender:
    if isinstance(channel, WebhookSettings):
        return Webhook(
            url=channel.url,
            key=channel.key,
            node=node,
            language=channel.language,
            ca=channel.ca,
            proxy=channel.proxy,
        )
    return Mail(
        host=channel.host,
        port=channel.tcp_port,
        security=channel.security,
        user=channel.user,
        password=channel.password.get_secret_value() if channel.password else None,
        sender=channel.sender,
        recipients=channel.recipients,
        node=node,
        language=channel.language,
        ca=channel.ca,
    )


def tried(sender: Sender, notice: Notice, limit_s: float) -> Answer:
    """What came of one try; never later than the limit, and never an error.

    Senders wait so long for each word of a receiver, and the system for the address of a name as
    long as it likes: one that says a letter now and then would hold up its channel for ever. A try
    that is left alone may still arrive; the next one bears the same ID.
    """
    answers: SimpleQueue[Answer] = SimpleQueue()

    def send() -> None:
        try:
            answers.put(sender.send(notice, utc_now()))
        except Exception as error:
            # The boundary of a try: what cannot be said of one study holds up no other.
            log.exception("notification_failed", channel=notice.channel)
            answers.put(Refused(f"it cannot be sent: {type(error).__name__}"))

    threading.Thread(target=send, name="try", daemon=True).start()
    try:
        return answers.get(timeout=limit_s)
    except Empty:
        return Unanswered(f"no answer within {limit_s:g} s")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Heard:
    """What came of a try."""

    told: ToTell
    answer: Answer
    at: datetime

    @property
    def reached(self) -> tuple[str, ...]:
        """Of several receivers those who have it."""
        new = () if isinstance(self.answer, Confirmed) else self.answer.reached
        return (*self.told.notice.reached, *new)


class NotificationDesk:
    """What administrators see of channels and do to them; satisfies `viewer.ports.Notifying`."""

    def __init__(
        self,
        settings: Settings,
        engine: sa.Engine,
        make: Callable[[Settings, str], Sender] = make_sender,
    ) -> None:
        self._settings = settings
        self._notifications = make_notifications(settings, engine)
        self._make = make
        self.newest = self._notifications.newest
        self.looked_at = self._notifications.looked_at
        self.send_again = self._notifications.send_again

    @property
    def channels(self) -> Sequence[Channel]:
        """Those that are set."""
        return self._notifications.channels

    def test(self, name: str, *, actor: str, now: datetime) -> Answer:
        """Tell a channel that it is tested, at once and whatever its hours."""
        told = self._notifications.test_notice(name)
        answer = tried(self._make(self._settings, name), told, LONGEST_TRY_S)
        self._notifications.note_test(told, answer, actor=actor, now=now)
        return answer


class ChannelNotifier:
    """Tells one channel what is flagged.

    Of several processes the one that holds the channel's lock does so: it goes with the connection,
    so that a process that was killed is followed at once.

    An answer that cannot be kept is held until it can: nobody is told again because the database
    was away.

    Parameters
    ----------
    url
        The database, to listen on.
    stop
        Ends it.
    look_s
        Seconds after which it looks although it heard nothing.
    longest_try_s
        Seconds after which a try counts as unanswered, whatever the receiver is doing.
    """

    def __init__(
        self,
        url: str,
        notifications: Notifications,
        name: str,
        sender: Sender,
        stop: threading.Event,
        *,
        look_s: float = _LOOK_S,
        longest_try_s: float = LONGEST_TRY_S,
    ) -> None:
        self._url = url
        self._notifications = notifications
        self._name = name
        self._sender = sender
        self._stop = stop
        self._look_s = look_s
        self._longest_try_s = longest_try_s
        self._heard: dict[uuid.UUID, _Heard] = {}  # answers that are not kept yet

    def run(self) -> None:
        """Tell until asked to stop; wait and go on when the database goes away."""
        while not self._stop.is_set():
            try:
                with claiming(self._url) as connection:
                    self._serve(connection)
            except (psycopg.Error, VigieError) as error:
                log.warning("notifying_waits", channel=self._name, error=type(error).__name__)
                self._stop.wait(_RECONNECT_S)

    def _serve(self, connection: psycopg.Connection) -> None:
        while not self._holds_lock(connection):
            if self._stop.wait(_RECONNECT_S):
                return
        connection.execute(f"LISTEN {_EVENTS}")
        while not self._stop.is_set():
            self._tell_all(connection)
            self._wait(connection)

    def _holds_lock(self, connection: psycopg.Connection) -> bool:
        found = connection.execute(
            "SELECT pg_try_advisory_lock(hashtext('vigie notify'), hashtext(%s))", [self._name]
        ).fetchone()
        return found is not None and bool(found[0])

    def _tell_all(self, connection: psycopg.Connection) -> None:
        while not self._stop.is_set():
            self._keep()
            connection.execute("SELECT 1")  # raises where the lock went with the connection
            self._notifications.find(self._name, utc_now())
            told = self._notifications.next(self._name, utc_now())
            if told is None:
                return
            number = told.notification.notification_id
            if number in self._heard and isinstance(self._heard[number].answer, Confirmed):
                continue  # who was told has it: only the database does not know yet
            if number in self._heard:  # nor does it know who has it already
                told = replace(
                    told, notice=replace(told.notice, reached=self._heard[number].reached)
                )
            answer = tried(self._sender, told.notice, self._longest_try_s)
            heard = _Heard(told=told, answer=answer, at=utc_now())
            if not isinstance(answer, Confirmed):
                heard = replace(heard, answer=replace(answer, reached=heard.reached))
            self._heard[number] = heard
        self._keep()

    def _keep(self) -> None:
        for number, heard in list(self._heard.items()):
            try:
                after = self._notifications.record(heard.told, heard.answer, heard.at)
            except RefusedByStore as error:  # the others are not held up by it
                log.error("answer_not_kept", notification_id=str(number), error=str(error))
                continue
            del self._heard[number]
            log.info(
                "notification",
                channel=self._name,
                notification_id=str(number),
                study_instance_uid=after.study_instance_uid,
                state=after.state,
                attempts=after.attempts,
                answer=after.words,
            )

    def _wait(self, connection: psycopg.Connection) -> None:
        """Until something is due, news come, or it is time to look again."""
        until = time.monotonic() + self._look_s
        due_at = self._notifications.next_due_at(self._name)
        if due_at is not None:
            until = min(until, time.monotonic() + (due_at - utc_now()).total_seconds())
        while not self._stop.is_set() and (left := until - time.monotonic()) > 0:
            for notice in connection.notifies(timeout=min(left, _STOP_S), stop_after=1):
                if json.loads(notice.payload)["kind"] in _NEWS:
                    return


def run_channels(
    url: str,
    settings: Settings,
    notifications: Notifications,
    stop: threading.Event,
    make: Callable[[Settings, str], Sender] = make_sender,
) -> None:
    """Tell all channels until asked to stop; a slow one holds up no other.

    Raises
    ------
    Exception
        What ended a channel's thread: the supervisor starts the process anew, and its log says why.
    """
    failures: list[Exception] = []
    threads = [
        _started(
            ChannelNotifier(url, notifications, one.name, make(settings, one.name), stop),
            stop,
            failures,
        )
        for one in notifications.channels
    ]
    stop.wait()
    _joined(threads, min(settings.stop_limit_s, _LAST_TRY_S))
    for failure in failures:
        raise failure


def _started(
    notifier: ChannelNotifier, stop: threading.Event, failures: list[Exception]
) -> threading.Thread:
    def run() -> None:
        try:
            notifier.run()
        except Exception as error:  # noqa: BLE001  (the boundary of the thread: raised by the role)
            failures.append(error)
            stop.set()

    # Not waited for at the end beyond a limit: a try cut short is made again, with the same ID.
    thread = threading.Thread(target=run, name="channel", daemon=True)
    thread.start()
    return thread


def _joined(threads: Sequence[threading.Thread], limit_s: float) -> None:
    deadline = time.monotonic() + limit_s
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
