"""The role that exchanges messages: one sends, faults stay small, and it ends between messages."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NoReturn

import psycopg
import pytest
import sqlalchemy as sa
import structlog

from results.hl7.framing import framed
from results.hl7.outbound import written
from tests.certificates import Authority
from tests.hl7_messages import order
from tests.hl7_node import Node, connected_node
from tests.mllp_peers import accepts, answer_on, asked, serving, wait_until
from vigie.roles import exchange
from worklist.exchange_views import MessageToSend
from worklist.orders import MessageState
from worklist.store import messages as messages_module
from worklist.store.messages import PostgresMessages


@pytest.fixture
def node(emptied_engine: sa.Engine, tmp_path: Path) -> Iterator[Node]:
    with connected_node(emptied_engine, tmp_path) as made:
        yield made


def parked(node: Node) -> list[tuple[str, str]]:
    """Study and message of the events that tell of a dead letter."""
    told = sa.text(
        "SELECT study_instance_uid, details ->> 'message' FROM event "
        "WHERE kind = 'message_to_ris_parked'"
    )
    with node.engine.connect() as connection:
        return [(uid, message) for uid, message in connection.execute(told)]


def test_a_message_that_cannot_be_written_is_a_dead_letter_and_holds_up_no_other(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    logged: list[MutableMapping[str, Any]] = []
    for number in range(3):
        node.assessed(study=f"1.2.{number}", accession_number=f"A{number}")

    def keep(_logger: object, _name: str, line: MutableMapping[str, Any]) -> NoReturn:
        logged.append(line)
        raise structlog.DropEvent

    def fails_for_one(message: MessageToSend, *given: Any) -> bytes:
        if message.study.accession_number == "A0":
            raise ZeroDivisionError(message.study.patient_name)
        return written(message, *given)

    monkeypatch.setattr("vigie.hl7.written", fails_for_one)
    monkeypatch.setattr("vigie.hl7.log", structlog.wrap_logger(None, processors=[keep]))
    node.flush()
    assert len(node.ris.received) == 2
    [dead] = node.log.messages(10, dead=True)
    assert (dead.accession_number, dead.error) == ("A0", "it cannot be told: ZeroDivisionError")
    assert parked(node) == [("1.2.0", dead.message_id)]
    [failed] = [line for line in logged if line["event"] == "hl7_message_failed"]
    assert "ZeroDivisionError" in str(failed)
    assert "Doe" not in str(logged)
    monkeypatch.undo()
    node.log.send_again(dead.message_id, node.now)
    node.flush()
    assert len(node.ris.received) == 3


def test_an_assessment_that_cannot_be_looked_at_is_a_dead_letter_and_holds_up_no_other(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        node.assessed(study=f"1.2.{number}", accession_number=f"A{number}")
    looked_at = messages_module.told_results

    def fails_for_one(connection: sa.Connection, study: Any, *given: Any) -> Any:
        if study.accession_number == "A0":
            connection.execute(sa.text("SELECT 1 / 0"))  # spoils the transaction, too
        return looked_at(connection, study, *given)

    monkeypatch.setattr(messages_module, "told_results", fails_for_one)
    node.flush()
    assert len(node.ris.received) == 2
    [dead] = node.log.messages(10, dead=True)
    assert (dead.accession_number, dead.error) == ("A0", "it cannot be told: DataError")
    assert parked(node) == [("1.2.0", dead.message_id)]


def test_a_sender_that_fails_is_tried_again_and_the_listener_stays(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever ends a look at what is due: orders and reports go on coming in."""
    failures = []
    queue_due = PostgresMessages.queue_due

    def fails_at_first(self: PostgresMessages, *given: Any) -> int:
        if len(failures) < 2:
            failures.append(1)
            raise ZeroDivisionError
        return queue_due(self, *given)

    monkeypatch.setattr(PostgresMessages, "queue_due", fails_at_first)
    stop = threading.Event()
    node.assessed()
    with exchange.sending(node.settings(database_url=node.url), node.engine, stop):
        wait_until(lambda: bool(node.ris.received), "the result is with the RIS", 60)
        assert not stop.is_set()
    assert len(failures) == 2


def test_of_several_roles_one_sends(node: Node) -> None:
    """Two at once would send each message twice."""
    stops = [threading.Event(), threading.Event()]
    settings = node.settings(database_url=node.url)
    slow = threading.Event()

    def slowly(raw: bytes, times: int) -> bytes:
        slow.wait(0.05)
        return accepts(raw, times)

    node.ris.behave = slowly
    with ExitStack() as stack:
        for stop in stops:
            stack.enter_context(exchange.sending(settings, node.engine, stop))
        for number in range(10):
            node.assessed(study=f"1.2.{number}", accession_number=f"A{number}")
        wait_until(lambda: len(node.ris.received) == 10, "all results are with the RIS", 60)
        stops[0].set()  # whichever it was: one is left
        node.assessed(study="1.2.99", accession_number="A99")
        wait_until(lambda: len(node.ris.received) == 11, "the other goes on", 60)
    assert len(set(node.ris.control_ids())) == 11


def test_a_peer_with_another_certificate_gets_nothing_and_it_waits(
    node: Node, program: Callable[[str], str], tmp_path: Path
) -> None:
    """What is to be told waits until the site has put its certificates right."""
    site, stranger = (Authority(program, tmp_path, name) for name in ("site", "stranger"))
    ours, theirs = site.sign(), stranger.sign()
    node.assessed()
    served = {"tls_certificate": ours.certificate, "tls_key": ours.key, "tls_client_ca": site.ca}
    with serving(node.engine, site={"application": "RIS"}, **served) as server:
        shown = {"hl7_peer": f"localhost:{server.port}", "hl7_peer_tls": True}
        right = {"hl7_peer_certificate": ours.certificate, "hl7_peer_key": ours.key}
        wrong = {"hl7_peer_certificate": theirs.certificate, "hl7_peer_key": theirs.key}
        for certificates in (
            {"hl7_peer_ca": stranger.ca, **right},
            {"hl7_peer_ca": site.ca, **wrong},
            {"hl7_peer_ca": site.ca},
        ):
            node.flush(**shown, **certificates)
            [told] = node.log.messages(5)  # nothing came in
            assert told.state is MessageState.WAITING
            assert told.error
            node.later(minutes=10)
        node.flush(**shown, hl7_peer_ca=site.ca, **right)
        [told] = [one for one in node.log.messages(10) if one.sender == ""]
        assert told.state is MessageState.ACCEPTED


@contextmanager
def role(url: str, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """`vigie exchange` in a process of its own, and its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = {
        **os.environ,
        "VIGIE_DATABASE_URL": url,
        "VIGIE_DATA": str(folder),
        "VIGIE_HL7_PORT": str(port),
    }
    process = subprocess.Popen([sys.executable, "-m", "vigie", "exchange"], env=environment)
    try:
        wait_until(lambda: _answers(port), "the port answers", 120)
        yield process, port
    finally:
        process.kill()
        process.wait(timeout=60)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _last_words(peer: socket.socket) -> bytes:
    try:
        return answer_on(peer)
    except ConnectionError:
        return b""


def _received(url: str) -> list[Any]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT control_id, state::text FROM hl7_received").fetchall()
        assert (
            len(rows) == connection.execute("SELECT count(*) FROM imaging_order").fetchall()[0][0]
        )
    return rows


@contextmanager
def filing_held(url: str) -> Iterator[Callable[[], bool]]:
    """A message waits in the middle of its transaction; whether one does."""
    with psycopg.connect(url, autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(hashtext('vigie filing'))")
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        yield lambda: bool(holder.execute(waiting).fetchall()[0][0])
        holder.execute("SELECT pg_advisory_unlock(hashtext('vigie filing'))")


def test_p1_a_message_in_hand_is_answered_before_the_role_ends_and_half_a_one_never(
    database_url: str, tmp_path: Path
) -> None:
    with (
        role(database_url, tmp_path) as (process, port),
        socket.create_connection(("127.0.0.1", port), timeout=60) as whole,
        socket.create_connection(("127.0.0.1", port), timeout=60) as half,
    ):
        with filing_held(database_url) as is_waiting:
            half.sendall(framed(order(control_id="half", accession="A2"))[:-40])
            whole.sendall(framed(order(control_id="whole")))
            wait_until(is_waiting, "the message is in hand")
            process.send_signal(signal.SIGTERM)
            wait_until(lambda: not _answers(port), "nobody is let in any more")
            assert process.poll() is None  # it does not leave a message in hand
        assert b"MSA|AA|whole" in answer_on(whole)
        assert answer_on(half) == b""
        assert process.wait(timeout=60) == 0
    assert _received(database_url) == [("whole", "accepted")]


def test_p1_a_message_whose_role_is_killed_is_not_answered_and_can_come_again(
    database_url: str, tmp_path: Path
) -> None:
    with (
        role(database_url, tmp_path) as (process, port),
        filing_held(database_url) as is_waiting,
        socket.create_connection(("127.0.0.1", port), timeout=60) as peer,
    ):
        peer.sendall(framed(order(control_id="killed")))
        wait_until(is_waiting, "the message is in hand")
        process.kill()
        process.wait(timeout=60)
        assert _last_words(peer) == b""
    assert _received(database_url) == []
    with role(database_url, tmp_path) as (_, port):
        assert b"MSA|AA|killed" in asked(port, framed(order(control_id="killed")))
        assert b"MSA|AA|killed" in asked(port, framed(order(control_id="killed")))
    assert _received(database_url) == [("killed", "accepted")]
