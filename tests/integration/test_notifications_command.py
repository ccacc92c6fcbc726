"""`vigie notifications` on a database."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner, Result

from tests.builders import FRACTURE, STUDY, arrival, provenance
from tests.receivers import Reply, receiving
from vigie.__main__ import make_app
from vigie.notifying import make_notifications
from vigie.settings import load_settings
from vigie.wiring import utc_now
from worklist.due_time import DueTargets
from worklist.finding import Flagged
from worklist.service import Worklist
from worklist.store.postgres import PostgresStore
from worklist.study import Completeness

Command = Callable[..., Result]
SECRET = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


def channels(url: str) -> str:
    return json.dumps([{"kind": "webhook", "name": "pager", "url": url, "secret": SECRET}])


@pytest.fixture
def command(database_url: str, tmp_path: Path) -> Command:
    def run(*arguments: str, url: str = "https://pager.hospital/") -> Result:
        settings = {
            "VIGIE_DATABASE_URL": database_url,
            "VIGIE_DATA": str(tmp_path),
            "VIGIE_NOTIFICATIONS": channels(url),
            "COLUMNS": "240",
        }
        return CliRunner().invoke(make_app(), ["notifications", *arguments], env=settings)

    return run


def test_what_waits_is_listed_and_sent_again(
    command: Command, engine: sa.Engine, tmp_path: Path
) -> None:
    assert "nothing was told" in command().output
    now = utc_now()
    worklist = Worklist(PostgresStore(engine), DueTargets())
    worklist.record_arrivals([arrival(received_at=now)], now=now)
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=now)
    flagged = Flagged(probability=0.9)
    worklist.record_outcome(STUDY, 1, flagged, provenance(FRACTURE, at=now), now=now)
    settings = load_settings(data=tmp_path, notifications=channels("https://pager.hospital/"))
    [found] = make_notifications(settings, engine).find("pager", now)

    table = command().output
    assert "pager" in table
    assert "waiting" in table
    [shown] = json.loads(command("--json", "--state", "waiting").stdout)
    assert shown["notification_id"] == str(found.notification_id)
    assert (shown["channel"], shown["target"], shown["attempts"]) == ("pager", "fracture", 0)
    assert json.loads(command("--json", "--state", "parked").stdout) == []

    assert command("send-again", str(found.notification_id)).exit_code == 0
    with engine.connect() as connection:
        by_hand = connection.scalar(sa.text("SELECT by_hand FROM notification"))
    assert by_hand is True
    for number in ("not-an-id", "5b2c0a0e-6f37-5e0e-9d0c-3d1b3a5c9f11"):
        failed = command("send-again", number)
        assert failed.exit_code == 1
        assert number in failed.output.replace("\n", "")


def test_a_test_says_what_the_receiver_answered(command: Command) -> None:
    with receiving() as receiver:
        tried = command("test", "pager", url=receiver.url)
        assert (tried.exit_code, tried.stdout.strip()) == (0, "answered 204 No Content")
        receiver.reply = Reply(401)
        tried = command("test", "pager", url=receiver.url)
        assert tried.exit_code == 1
        assert "answered 401 Unauthorized" in tried.output
    unknown = command("test", "fax")
    assert unknown.exit_code == 1
    assert "there is no notification channel fax" in unknown.output
