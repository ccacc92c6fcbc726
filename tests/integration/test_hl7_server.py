"""The HL7 port as a RIS meets it: python-hl7's client, hostile peers, TLS, a database away."""

import contextlib
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import hl7
import pytest
import sqlalchemy as sa
from hl7.client import MLLPClient

from results.hl7.framing import framed
from results.hl7.message import Message
from tests.builders import NOON, STUDY, arrival
from tests.hl7_messages import header, message, order, patient, report
from tests.mllp_peers import answer_on, asked, serving
from vigie.hl7 import MessageDesk
from vigie.settings import load_settings
from vigie.wiring import utc_now
from worklist.due_time import DueTargets
from worklist.errors import StoreUnavailable
from worklist.exchange_views import NoDeadLetter
from worklist.orders import MessageState
from worklist.reading import ReadingState
from worklist.service import Worklist
from worklist.store.message_log import PostgresMessageLog
from worklist.store.postgres import PostgresStore
from worklist.study import RequestedPriority


def code_of(answer: bytes) -> str:
    return str(hl7.parse(answer.decode())["MSA.F1"])


def study_row(engine: sa.Engine) -> Any:
    with engine.connect() as connection:
        return connection.execute(sa.text("SELECT * FROM study")).one()


@pytest.fixture
def filed(emptied_engine: sa.Engine) -> sa.Engine:
    """A database with one study, A1 of P1."""
    worklist = Worklist(PostgresStore(emptied_engine), DueTargets())
    worklist.record_arrivals([arrival(accession_number="A1")], now=NOON)
    return emptied_engine


def test_the_client_of_python_hl7_orders_and_reports(filed: sa.Engine) -> None:
    with serving(filed) as server, MLLPClient("127.0.0.1", server.port) as client:
        answer = hl7.parse(client.send_message(order().decode()).strip(b"\x0b\x1c\r").decode())
        assert str(answer["MSA.F1"]) == "AA"
        assert str(answer["MSA.F2"]) == "1"
        assert study_row(filed).requested_priority == RequestedPriority.STAT
        client.send_message(report().decode())
    assert study_row(filed).reading_state == ReadingState.READ


def test_mllp_send_of_python_hl7_sends_a_file(filed: sa.Engine, tmp_path: Path) -> None:
    file = tmp_path / "messages.hl7"
    file.write_bytes(framed(order()) + framed(order("R", control_id="2", number="O2")))
    with serving(filed) as server:
        done = subprocess.run(
            [str(Path(sys.executable).with_name("mllp_send")), "-f", str(file), "-p",
             str(server.port), "127.0.0.1"],
            capture_output=True, timeout=60, check=True,
        )  # fmt: skip
    assert done.stdout.count(b"MSA|AA|") == 2
    assert study_row(filed).requested_priority == RequestedPriority.STAT


def test_several_messages_at_once_are_answered_in_their_order(filed: sa.Engine) -> None:
    sent = b"".join(framed(order(control_id=str(n), number=str(n))) for n in range(5))
    with (
        serving(filed) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=20) as peer,
    ):
        peer.sendall(sent)
        wire = b""
        while wire.count(b"\x1c") < 5:
            wire += peer.recv(65536)
    answered = [str(hl7.parse(one.strip(b"\x0b\r").decode())["MSA.F2"])
                for one in wire.split(b"\x1c") if one.strip()]  # fmt: skip
    assert answered == ["0", "1", "2", "3", "4"]


def test_many_senders_at_once_lose_and_double_nothing(filed: sa.Engine) -> None:
    """Each message comes twice, over two connections."""
    messages = [order(control_id=str(n), accession=f"A{n}") for n in range(20)] * 2
    with serving(filed) as server, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda one: asked(server.port, framed(one)), messages))
    assert {code_of(one) for one in answers} == {"AA"}
    with filed.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM hl7_received")) == 20
        assert connection.scalar(sa.text("SELECT count(*) FROM imaging_order")) == 20


def test_what_cannot_be_taken_is_a_dead_letter_and_the_log_holds_no_name(
    filed: sa.Engine,
) -> None:
    with serving(filed) as server:
        refused = asked(server.port, framed(order("ER", control_id="bad").replace(b"Doe", b"Roe")))
        assert code_of(asked(server.port, framed(order()))) == "AA"
    assert code_of(refused) == "AE"
    assert b"ERR||ORC^1^7|103^Table value not found^HL70357|E||||" in refused
    log = PostgresMessageLog(filed)
    [dead] = log.messages(10, dead=True)
    assert (dead.control_id, dead.state, dead.code) == ("bad", MessageState.REFUSED, "AE")
    assert (log.message(dead.message_id).raw or b"").count(b"Roe^Jane") == 1
    everything = log.messages(10)
    assert [one.control_id for one in everything] == ["1", "bad"]
    assert "Roe" not in str(everything) and "Doe" not in str(everything)
    with filed.connect() as connection:
        taken = connection.execute(
            sa.text("SELECT hl7_received::text FROM hl7_received WHERE state <> 'refused'")
        ).scalar_one()
    assert "Doe" not in taken


@pytest.mark.parametrize(
    "raw",
    [
        b"hello",
        message(header("ORM^O01", charset="KLINGON"), patient()),
        message(header("SIU^S12")),
        b"MSH|^~\\&|" + b"\xff" * 1000,
        message(header("ORM^O01", application="漢" * 5000, control_id="é" * 5000), patient()),
        b"\x00" * 100,
    ],
)
def test_p9_hostile_messages_are_refused_and_the_next_is_taken(
    filed: sa.Engine, raw: bytes
) -> None:
    with (
        serving(filed) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=20) as peer,
    ):
        peer.sendall(framed(raw))
        assert code_of(answer_on(peer)) in ("AE", "AR")
        peer.sendall(framed(order()))
        assert code_of(answer_on(peer)) == "AA"


def test_that_bytes_of_an_order_were_replaced_is_in_the_log(filed: sa.Engine) -> None:
    """It is taken, for somebody waits; whoever looks after the sender finds why names are odd."""
    with serving(filed) as server:
        odd = order(control_id="odd").replace(b"Head CT", b"Sch\xe4del")
        assert code_of(asked(server.port, framed(odd))) == "AA"
        assert code_of(asked(server.port, framed(order(control_id="plain")))) == "AA"
    told = {one.control_id: one.error for one in PostgresMessageLog(filed).messages(10)}
    assert told == {
        "odd": "bytes that are none of its character set were replaced; see hl7_character_set",
        "plain": "",
    }


def test_a_message_that_is_too_long_is_rejected_by_its_beginning(filed: sa.Engine) -> None:
    with serving(filed, longest_message=4096) as server:
        long = report(text="x" * 5000, control_id="long")
        answer = hl7.parse(asked(server.port, framed(long)).decode())
        assert (str(answer["MSA.F1"]), str(answer["MSA.F2"])) == ("AR", "long")
        assert asked(server.port, b"GET / HTTP/1.1\r\n" * 500) == b""
        assert code_of(asked(server.port, framed(report()))) == "AA"


def test_a_message_that_was_cut_is_never_read_again_from_its_beginning(
    filed: sa.Engine, tmp_path: Path
) -> None:
    """Half a report would stand for the whole, and part of a number for another patient."""
    long, torn = (
        report(text="x" * 5000, control_id="long"),
        report(text="a\x1cb", control_id="torn"),
    )
    with serving(filed, longest_message=4096) as server:
        assert code_of(asked(server.port, framed(long))) == "AR"
        assert code_of(asked(server.port, framed(torn))) == "AR"
    worklist = Worklist(PostgresStore(filed), DueTargets())
    desk = MessageDesk(filed, worklist, load_settings(data=tmp_path), utc_now)
    dead = desk.messages(10, dead=True)
    assert {one.control_id for one in dead} == {"long", "torn"}
    for one in dead:
        with pytest.raises(NoDeadLetter, match="only its beginning was kept"):
            desk.again(one.message_id, "anna")
    assert study_row(filed).reading_state == ReadingState.UNREAD


@pytest.mark.parametrize("closes", [True, False])
def test_a_sender_that_leaves_out_the_last_byte_is_answered(filed: sa.Engine, closes: bool) -> None:
    with (
        serving(filed) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=20) as peer,
    ):
        peer.sendall(framed(order())[:-1])
        if closes:
            peer.shutdown(socket.SHUT_WR)
        assert code_of(answer_on(peer)) == "AA"


def test_a_message_that_does_not_end_and_a_silent_peer_lose_their_places(
    filed: sa.Engine,
) -> None:
    with serving(filed, message_timeout_s=0.5, idle_timeout_s=0.5, most_connections=1) as server:
        assert asked(server.port, framed(order())[:-30]) == b""
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as silent:
            assert silent.recv(1) == b""
        assert study_row(filed).requested_priority == RequestedPriority.ROUTINE


def test_who_sends_what_is_of_no_message_loses_its_place(filed: sa.Engine) -> None:
    """One byte now and then would hold a connection for weeks, and all of them keep out the RIS."""
    with (
        serving(filed, idle_timeout_s=1.0) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=0.05) as peer,
    ):
        is_closed = False
        for _ in range(1000):
            with contextlib.suppress(TimeoutError):
                try:
                    peer.sendall(b"\n")
                    is_closed = peer.recv(1) == b""
                except ConnectionError:
                    is_closed = True
            if is_closed:
                break
        assert is_closed


def test_a_sender_that_is_not_let_in_is_not_heard(filed: sa.Engine) -> None:
    with (
        serving(filed, allowed_addresses=["192.0.2.0/24"]) as server,
        pytest.raises((ConnectionError, AssertionError)),
    ):
        assert asked(server.port, framed(order())) != b""
    assert study_row(filed).requested_priority == RequestedPriority.ROUTINE


def test_p1_while_the_database_is_away_nothing_is_answered(
    filed: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sender that hears nothing sends again: that is the only promise that can be kept then."""
    away = [True]
    receive = Worklist.receive

    def sometimes(self: Worklist, *args: Any, **given: Any) -> Any:
        if away[0]:
            raise StoreUnavailable("the database does not answer")
        return receive(self, *args, **given)

    monkeypatch.setattr(Worklist, "receive", sometimes)
    with serving(filed) as server:
        assert asked(server.port, framed(order())) == b""
        away[0] = False
        assert code_of(asked(server.port, framed(order()))) == "AA"
    assert study_row(filed).requested_priority == RequestedPriority.STAT


def test_a_fault_of_ours_is_a_dead_letter_and_not_tried_for_ever(
    filed: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: Message, name: str) -> None:
        raise ZeroDivisionError("Doe^Jane")

    monkeypatch.setattr(Message, "first", broken)
    with serving(filed) as server:
        answer = asked(server.port, framed(order()))
    assert b"MSA|AE|1|" in answer and b"Doe" not in answer
    assert len(PostgresMessageLog(filed).messages(10, dead=True)) == 1


@pytest.fixture(scope="module")
def certificates(
    program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Path, Path]]:
    """Two that sign for themselves: the site's and a stranger's."""
    folder = tmp_path_factory.mktemp("hl7-tls")
    made = {}
    for name in ("site", "stranger"):
        certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
        subprocess.run(
            [program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
             "-keyout", str(key), "-out", str(certificate)],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip
        made[name] = (certificate, key)
    return made


def test_over_tls_only_those_with_the_sites_certificate_are_heard(
    filed: sa.Engine, certificates: dict[str, tuple[Path, Path]]
) -> None:
    certificate, key = certificates["site"]
    tls = {"tls_certificate": certificate, "tls_key": key, "tls_client_ca": certificate}
    trust = ssl.create_default_context(cafile=str(certificate))
    with serving(filed, **tls) as server:
        for who in ("stranger", None):
            if who is not None:
                trust.load_cert_chain(*certificates[who])
            with pytest.raises((OSError, AssertionError)):
                assert asked(server.port, framed(order()), trust) != b""
        with pytest.raises((OSError, AssertionError)):
            assert asked(server.port, framed(order())) != b""
        assert study_row(filed).requested_priority == RequestedPriority.ROUTINE
        trust.load_cert_chain(certificate, key)
        assert code_of(asked(server.port, framed(order()), trust)) == "AA"
    assert study_row(filed).requested_priority == RequestedPriority.STAT
    assert study_row(filed).study_instance_uid == STUDY
