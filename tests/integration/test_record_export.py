"""The record, exported: each event once and none left out, whatever breaks in between."""

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from results.auditing.message import AuditSource, event_number
from results.auditing.syslog import ReceiverUnavailable, SyslogReceiver
from tests.acceptance.vigie_node import wait_until
from tests.builders import NOON, STUDY, arrival
from tests.certificates import Authority
from tests.syslog_peers import TinyReceiver, rsyslog
from vigie import record_export
from vigie.record_export import NotExportable, export_name, to_file, to_syslog
from worklist.due_time import DueTargets
from worklist.ports import Event
from worklist.service import Worklist
from worklist.store.audit import event_digest
from worklist.store.events import exported_to
from worklist.store.postgres import PostgresStore

SOURCE = AuditSource(source_id="VIGIE@node1", ae_title="VIGIE")


@pytest.fixture
def write(emptied_engine: sa.Engine) -> Callable[[int], None]:
    """Writes so many more events."""
    store = PostgresStore(emptied_engine)

    def writer(count: int) -> None:
        one = Event(
            kind="ai_stopped",
            at=NOON,
            actor="person anna",
            study_instance_uid=None,
            details={"detectors": "all", "why": "é\n<x>"},
        )
        with store.transaction() as transaction:
            transaction.append_events([one] * count)

    return writer


@pytest.fixture
def small_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_export, "_AT_A_TIME", 3)


def numbers_in(path: Path) -> list[int]:
    lines = path.read_bytes().splitlines()
    if path.suffix == ".jsonl":
        return [json.loads(one)["event_id"] for one in lines]
    return [event_number(one) for one in lines]


FORMS = [("json", "export.jsonl"), ("dicom", "export.xml")]


@pytest.mark.parametrize(("form", "name"), FORMS)
@pytest.mark.usefixtures("small_portions")
def test_a_file_is_continued_where_it_ends(
    emptied_engine: sa.Engine, write: Callable[[int], None], tmp_path: Path, form: str, name: str
) -> None:
    path = tmp_path / "deep" / name
    write(7)
    assert to_file(emptied_engine, path, form, SOURCE) == 7  # type: ignore[arg-type]
    assert to_file(emptied_engine, path, form, SOURCE) == 0  # type: ignore[arg-type]
    write(2)
    assert to_file(emptied_engine, path, form, SOURCE) == 2  # type: ignore[arg-type]
    assert numbers_in(path) == list(range(1, 10))
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("form", "name"), FORMS)
@pytest.mark.usefixtures("small_portions")
def test_a_file_cut_off_anywhere_holds_each_event_once_after_the_next_export(
    emptied_engine: sa.Engine, write: Callable[[int], None], tmp_path: Path, form: str, name: str
) -> None:
    path = tmp_path / name
    write(5)
    to_file(emptied_engine, path, form, SOURCE)  # type: ignore[arg-type]
    whole = path.read_bytes()
    for cut in (*range(0, len(whole), 97), len(whole) - 1):
        path.write_bytes(whole[:cut])
        to_file(emptied_engine, path, form, SOURCE)  # type: ignore[arg-type]
        assert path.read_bytes() == whole


def test_lines_longer_than_what_is_read_of_the_end_are_found_again(
    emptied_engine: sa.Engine, tmp_path: Path
) -> None:
    path = tmp_path / "export.jsonl"
    long = Event(
        kind="day_sealed", at=NOON, actor="vigie", study_instance_uid=None,
        details={"list": ["x" * 100_000]},
    )  # fmt: skip
    with PostgresStore(emptied_engine).transaction() as transaction:
        transaction.append_events([long] * 3)
    assert to_file(emptied_engine, path, "json", SOURCE) == 3
    whole = path.read_bytes()
    for cut in (len(whole) - 1, len(whole) - 70_000, 150_000):
        path.write_bytes(whole[:cut])
        to_file(emptied_engine, path, "json", SOURCE)
        assert path.read_bytes() == whole


def test_a_file_that_holds_something_else_is_not_continued(
    emptied_engine: sa.Engine, write: Callable[[int], None], tmp_path: Path
) -> None:
    path = tmp_path / "export.jsonl"
    path.write_text("somebody's diary\n")
    write(1)
    with pytest.raises(NotExportable, match=re.escape(str(path))):
        to_file(emptied_engine, path, "json", SOURCE)
    assert path.read_text() == "somebody's diary\n"


def test_lines_hold_what_the_chain_is_computed_from(
    emptied_engine: sa.Engine, write: Callable[[int], None], tmp_path: Path
) -> None:
    """Whoever has the lines can verify the chain without the database, but for the details."""
    path = tmp_path / "export.jsonl"
    write(3)
    to_file(emptied_engine, path, "json", SOURCE)
    lines = [json.loads(one) for one in path.read_text().splitlines()]
    assert [one["previous_hash"] for one in lines] == ["", lines[0]["hash"], lines[1]["hash"]]
    with emptied_engine.connect() as connection:
        row = connection.execute(
            sa.text("SELECT *, details::text AS written FROM event WHERE event_id = 2")
        ).one()
    digest = event_digest(
        bytes.fromhex(lines[1]["previous_hash"]), 2, row.at, lines[1]["kind"], lines[1]["actor"],
        lines[1]["study_instance_uid"], row.written, row.recorded_at,
    )  # fmt: skip
    assert digest.hex() == lines[1]["hash"]


def test_messages_name_the_patient_of_their_study(
    emptied_engine: sa.Engine, tmp_path: Path
) -> None:
    path = tmp_path / "export.xml"
    worklist = Worklist(PostgresStore(emptied_engine), DueTargets())
    worklist.record_arrivals([arrival(patient_id="P1", patient_name="Doe^Jane")], now=NOON)
    to_file(emptied_engine, path, "dicom", SOURCE)
    found = ET.fromstring(path.read_bytes())
    objects = found.findall("ParticipantObjectIdentification")
    assert [one.get("ParticipantObjectID") for one in objects] == [STUDY, "P1"]
    assert b"Doe" not in path.read_bytes()


# Syslog over TLS


@pytest.fixture(scope="module")
def authority(program: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(program, tmp_path_factory.mktemp("tls"), "site")


@pytest.fixture
def tiny(authority: Authority) -> Iterator[TinyReceiver]:
    receiver = TinyReceiver(authority.sign())
    yield receiver
    receiver.close()


def to(port: int, authority: Authority, **others: Path) -> SyslogReceiver:
    return SyslogReceiver(host="localhost", port=port, ca=authority.ca, **others)


_SEQUENCE = re.compile(rb'\[meta sequenceId="(\d+)"\]')


def numbers_of(messages: list[bytes]) -> list[int]:
    return [int(found[1]) for one in messages if (found := _SEQUENCE.search(one))]


@pytest.mark.usefixtures("small_portions")
def test_every_event_is_sent_once_and_the_next_time_only_what_is_new(
    emptied_engine: sa.Engine,
    write: Callable[[int], None],
    tiny: TinyReceiver,
    authority: Authority,
) -> None:
    receiver = to(tiny.port, authority)
    write(7)
    assert to_syslog(emptied_engine, receiver, "dicom", SOURCE) == 7
    assert to_syslog(emptied_engine, receiver, "dicom", SOURCE) == 0
    write(1)
    assert to_syslog(emptied_engine, receiver, "dicom", SOURCE) == 1
    by_connection = [numbers_of(tiny.messages(one)) for one in range(len(tiny.received))]
    assert by_connection == [[1, 2, 3], [4, 5, 6], [7], [8]]
    first = tiny.messages(0)[0]
    header, _, body = first.partition(b"\xef\xbb\xbf")
    assert re.fullmatch(
        rb"<85>1 2026-03-02T12:00:00\.000000Z \S+ vigie \d+ DICOM\+RFC3881 "
        rb'\[meta sequenceId="1"\] ',
        header,
    )
    assert ET.fromstring(body).tag == "AuditMessage"


@pytest.mark.usefixtures("small_portions")
def test_where_the_connection_breaks_nothing_is_left_out(
    emptied_engine: sa.Engine,
    write: Callable[[int], None],
    tiny: TinyReceiver,
    authority: Authority,
) -> None:
    receiver = to(tiny.port, authority)
    write(3)
    to_syslog(emptied_engine, receiver, "dicom", SOURCE)
    write(3)
    tiny.breaks_after = 1
    with pytest.raises(ReceiverUnavailable, match=f"localhost:{tiny.port}"):
        to_syslog(emptied_engine, receiver, "dicom", SOURCE)
    with emptied_engine.connect() as connection:
        assert exported_to(connection, export_name(receiver)) == 3
    assert to_syslog(emptied_engine, receiver, "dicom", SOURCE) == 3
    assert numbers_of(tiny.messages(2)) == [4, 5, 6]


def test_a_receiver_that_nobody_vouches_for_is_told_nothing(
    emptied_engine: sa.Engine,
    write: Callable[[int], None],
    tiny: TinyReceiver,
    program: Callable[[str], str],
    tmp_path: Path,
) -> None:
    write(1)
    stranger = Authority(program, tmp_path, "stranger")
    with pytest.raises(ReceiverUnavailable, match="certificate verify failed"):
        to_syslog(emptied_engine, to(tiny.port, stranger), "dicom", SOURCE)
    assert b"".join(tiny.received) == b""


def test_a_receiver_that_is_not_there_is_named(
    emptied_engine: sa.Engine,
    write: Callable[[int], None],
    authority: Authority,
    unused_port: int,
) -> None:
    write(1)
    with pytest.raises(ReceiverUnavailable, match=f"localhost:{unused_port}"):
        to_syslog(emptied_engine, to(unused_port, authority), "dicom", SOURCE)


@pytest.mark.parametrize("form", ["dicom", "json"])
def test_rsyslog_receives_every_event_once(
    emptied_engine: sa.Engine,
    write: Callable[[int], None],
    authority: Authority,
    program: Callable[[str], str],
    tmp_path: Path,
    form: str,
) -> None:
    """A receiver that is not ours, with a certificate shown to it."""
    signed, mine = authority.sign(), authority.sign("node1")
    write(600)  # more than one portion
    with rsyslog(program, tmp_path / "rsyslog", signed, authority.ca, auth="x509/certvalid") as (
        port,
        received,
    ):
        receiver = to(port, authority, certificate=mine.certificate, key=mine.key)
        assert to_syslog(emptied_engine, receiver, form, SOURCE) == 600  # type: ignore[arg-type]
        write(5)
        assert to_syslog(emptied_engine, receiver, form, SOURCE) == 5  # type: ignore[arg-type]
        wait_until(lambda: _lines(received) >= 605, "rsyslog has written what it received")
        lines = received.read_bytes().splitlines()
        with pytest.raises(ReceiverUnavailable):  # who shows no certificate is not let in
            to_syslog(
                emptied_engine,
                SyslogReceiver(host="127.0.0.1", port=port, ca=authority.ca),
                form,  # type: ignore[arg-type]
                SOURCE,
            )
    assert numbers_of(lines) == list(range(1, 606))
    kind = b"DICOM+RFC3881" if form == "dicom" else b"vigie-event"
    assert all(one.startswith(b"85 2026-03-02T12:00:00") and kind in one for one in lines)
    last = lines[-1].partition(b'"] ')[2].lstrip(b"\xef\xbb\xbf ")
    if form == "json":
        assert json.loads(last)["event_id"] == 605
    else:
        assert ET.fromstring(last).tag == "AuditMessage"


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0
