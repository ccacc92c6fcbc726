"""`vigie audit` and `vigie explain` on a database, and who keeps the record."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner, Result

from tests.builders import FRACTURE, NOON, STUDY, arrival, provenance
from vigie.__main__ import make_app
from vigie.record_keeper import _Keeper, ensure_key, look_once
from vigie.record_keys import RecordKeys
from vigie.settings import Settings, load_settings
from worklist.due_time import DueTargets
from worklist.finding import Flagged
from worklist.service import Worklist
from worklist.store.audit import event_digest, heads
from worklist.store.postgres import PostgresStore
from worklist.study import Completeness, RequestedPriority
from worklist.uid import StudyInstanceUID

Command = Callable[..., Result]
OTHER = StudyInstanceUID("1.2.4")


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return load_settings(data=tmp_path / "data", database_url=database_url)


@pytest.fixture
def command(settings: Settings) -> Command:
    environment = {
        "VIGIE_DATABASE_URL": settings.database_url or "",
        "VIGIE_DATA": str(settings.data),
        "COLUMNS": "200",
    }
    return lambda *arguments: CliRunner().invoke(make_app(), arguments, env=environment)


@pytest.fixture
def worklist(engine: sa.Engine) -> Worklist:
    return Worklist(PostgresStore(engine), DueTargets())


def two_studies(worklist: Worklist) -> None:
    worklist.record_arrivals([arrival("1.2.3.1")], now=NOON)
    urgent = arrival("1.2.4.1", study=OTHER, priority=RequestedPriority.URGENT)
    worklist.record_arrivals([urgent], now=NOON)


def yesterday(engine: sa.Engine) -> None:
    """As if everything had been written a day earlier: rows and hashes."""
    with engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        connection.execute(sa.text("UPDATE event SET recorded_at = recorded_at - interval '1 day'"))
        before = b""
        rows = connection.execute(
            sa.text("SELECT *, details::text AS written FROM event ORDER BY event_id")
        ).all()
        for row in rows:
            digest = event_digest(
                before, row.event_id, row.at, row.kind, row.actor, row.study_instance_uid,
                row.written, row.recorded_at,
            )  # fmt: skip
            connection.execute(
                sa.text("UPDATE event SET previous_hash = :p, hash = :h WHERE event_id = :n"),
                {"p": before, "h": digest, "n": row.event_id},
            )
            before = digest


def test_days_are_sealed_and_verified_by_commands(
    command: Command, settings: Settings, engine: sa.Engine, worklist: Worklist
) -> None:
    two_studies(worklist)
    assert "nothing to do" in command("audit", "seal").stdout
    yesterday(engine)
    sealed = command("audit", "seal")
    assert sealed.exit_code == 0 and "events 1 to 3" in sealed.stdout, sealed.output
    verified = command("audit", "verify")
    assert (verified.exit_code, verified.stdout) == (0, "the event log is unbroken\n")
    with engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        connection.execute(sa.text("UPDATE event SET actor = 'nobody' WHERE event_id = 2"))
    broken = command("audit", "verify")
    assert broken.exit_code == 1
    assert "the event log was changed: event 2 is not what was written" in broken.stderr


def test_the_key_is_told_in_the_record_printed_and_changed(
    command: Command, settings: Settings, engine: sa.Engine
) -> None:
    first = command("audit", "key")
    assert first.exit_code == 0 and first.stdout.startswith("-----BEGIN PUBLIC KEY-----")
    assert command("audit", "key").stdout == first.stdout
    second = command("audit", "key", "--rotate")
    assert second.exit_code == 0 and second.stdout != first.stdout
    with engine.connect() as connection:
        made, changed = connection.execute(
            sa.text("SELECT kind, actor, details FROM event ORDER BY event_id")
        ).all()
    assert (made.kind, made.details["public_key"]) == ("record_key_made", first.stdout)
    assert (changed.kind, changed.details["public_key"]) == ("record_key_changed", second.stdout)
    assert changed.actor.startswith("person ")
    old = RecordKeys(settings.record).public_keys()[made.details["key_id"]]
    old.verify(bytes.fromhex(changed.details["signature_of_key_before"]), second.stdout.encode())


def test_a_log_is_verified_by_a_key_and_heads_that_were_kept_elsewhere(
    command: Command, settings: Settings, engine: sa.Engine, worklist: Worklist, tmp_path: Path
) -> None:
    two_studies(worklist)
    yesterday(engine)
    command("audit", "seal")
    key, copy = tmp_path / "trusted.pem", tmp_path / "heads.jsonl"
    key.write_text(command("audit", "key").stdout)
    copy.write_bytes((settings.record / "day_heads.jsonl").read_bytes())
    given = ("audit", "verify", "--public-key", str(key), "--heads", str(copy))
    assert command(*given).exit_code == 0
    # Whoever has the machine has it all, and makes a log and keys anew.
    with engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        connection.execute(sa.text("DELETE FROM event_day"))
    for one in settings.record.iterdir():
        one.unlink()
    assert command("audit", "seal").exit_code == 0
    assert command("audit", "verify").exit_code == 0
    found = command(*given)
    assert found.exit_code == 1
    assert "kept elsewhere" in found.stderr or "not known here" in found.stderr


def test_an_export_goes_on_where_it_ended(
    command: Command, worklist: Worklist, tmp_path: Path
) -> None:
    two_studies(worklist)
    path = tmp_path / "export.jsonl"
    given = ("audit", "export", "--to", str(path), "--format", "json")
    assert command(*given).stdout == "2 events exported\n"
    assert command(*given).stdout == "0 events exported\n"
    assert [json.loads(one)["event_id"] for one in path.read_text().splitlines()] == [1, 2]


@pytest.mark.parametrize(
    "arguments",
    [(), ("--syslog",), ("--to", "x", "--format", "csv"), ("--syslog", "--format", "json")],
)
def test_an_export_that_cannot_be_meant_is_refused(
    command: Command, arguments: tuple[str, ...]
) -> None:
    refused = command("audit", "export", *arguments)
    assert refused.exit_code == 2, refused.output
    assert not Path("x").exists()


def test_what_a_study_was_at_a_moment_is_explained(
    command: Command, engine: sa.Engine, worklist: Worklist
) -> None:
    two_studies(worklist)
    between = _now(engine)
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)
    worklist.begin_assessment(STUDY, 1, now=NOON)
    said = Flagged(probability=0.91)
    worklist.record_outcome(STUDY, 1, said, provenance(FRACTURE), now=NOON)
    worklist.pin(STUDY, True, actor="anna", reason="the ward asks", now=NOON)
    before = command("explain", STUDY, "--at", between.isoformat())
    assert before.exit_code == 0, before.output
    assert "place 2 of 2: after 1 that were due earlier" in before.stdout
    assert "nothing yet" in before.stdout
    after = command("explain", STUDY)
    assert "place 1 of 2: a person has pinned it; nothing stands before it" in after.stdout
    assert "fracture: flagged, probability 0.91" in after.stdout
    [(uid, sha256)] = provenance(FRACTURE).instances or [("", "")]
    assert f"{uid} SHA-256 {sha256}" in after.stdout
    assert "person anna: pinned to the top, because the ward asks" in after.stdout
    told = json.loads(command("explain", STUDY, "--json").stdout)
    assert (told["place"], told["total"]) == (1, 2)
    assert [one["study_instance_uid"] for one in told["rows"]] == [STUDY, OTHER]
    early = command("explain", STUDY, "--at", (between - timedelta(days=9)).isoformat())
    assert early.exit_code == 1
    assert "nothing of it had come" in early.stdout
    assert command("explain", STUDY, "--at", "noon").exit_code == 2


def _now(engine: sa.Engine) -> datetime:
    with engine.connect() as connection:
        moment: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return moment.astimezone(UTC)


def test_the_explanation_is_from_the_record_alone(
    command: Command, engine: sa.Engine, worklist: Worklist
) -> None:
    """Whatever else the database says."""
    two_studies(worklist)
    worklist.pin(STUDY, True, actor="anna", reason="the ward asks", now=NOON)
    said = command("explain", STUDY, "--at", "2999-01-01T00:00:00+00:00").stdout
    with engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        for table in ("worklist_entry", "outcome", "assessment", "instance", "series"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
        connection.exec_driver_sql("UPDATE study SET unpinned = true, due_at = received_at")
    assert command("explain", STUDY, "--at", "2999-01-01T00:00:00+00:00").stdout == said


# Who keeps it


def test_a_look_at_the_record_seals_and_goes_by_the_retention(
    settings: Settings, engine: sa.Engine, worklist: Worklist
) -> None:
    two_studies(worklist)
    yesterday(engine)
    kept = look_once(settings, engine)
    assert len(kept.sealed) == 1 and kept.removed is None
    assert look_once(settings, engine).sealed == ()
    assert RecordKeys(settings.record).heads() == list(kept.sealed)


def test_a_copy_of_a_head_that_a_crash_prevented_is_made_at_the_next_look(
    settings: Settings, engine: sa.Engine, worklist: Worklist
) -> None:
    two_studies(worklist)
    yesterday(engine)
    [sealed] = look_once(settings, engine).sealed
    copies = settings.record / "day_heads.jsonl"
    copies.unlink()
    look_once(settings, engine)
    assert RecordKeys(settings.record).heads() == [sealed]
    assert copies.stat().st_mode & 0o777 == 0o600


def test_the_keeper_exports_where_that_is_set_and_says_why_it_cannot_once(
    settings: Settings, engine: sa.Engine, worklist: Worklist, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    two_studies(worklist)
    path = tmp_path / "audit" / "export.jsonl"
    also = {"audit_file": path, "audit_format": "json"}
    keeper = _Keeper(settings.model_copy(update=also))
    assert keeper.look(engine) < 10
    assert len(path.read_text().splitlines()) == 3  # the key is told, too
    path.write_text("something else\n")
    keeper.look(engine)
    keeper.look(engine)
    assert "".join(capsys.readouterr()).count("record_not_exported") == 1
    path.unlink()
    keeper.look(engine)
    assert len(path.read_text().splitlines()) == 3
    assert _Keeper(settings).look(engine) > 10


def test_a_broken_day_is_said_and_not_sealed(
    settings: Settings, engine: sa.Engine, worklist: Worklist, capsys: pytest.CaptureFixture[str]
) -> None:
    two_studies(worklist)
    ensure_key(settings, engine)
    yesterday(engine)
    with engine.begin() as connection:
        connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        connection.execute(sa.text("UPDATE event SET actor = 'nobody' WHERE event_id = 2"))
    _Keeper(settings).look(engine)
    assert "event 2 is not what was written" in "".join(capsys.readouterr())
    with engine.connect() as connection:
        assert heads(connection) == []


def test_the_key_is_made_once_whoever_asks(settings: Settings, engine: sa.Engine) -> None:
    ensure_key(settings, engine)
    ensure_key(settings, engine)
    with engine.connect() as connection:
        kinds = list(connection.scalars(sa.text("SELECT kind FROM event")))
    assert kinds == ["record_key_made"]
    assert (settings.record / "signing_key.pem").stat().st_mode & 0o777 == 0o600
