"""Our client under TLS, and what commands show of hostile messages."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from results.hl7.client import Receiver, connected
from results.hl7.errors import NoAnswer
from results.hl7.inbound import Site
from tests.certificates import Authority, Signed
from tests.hl7_messages import order
from tests.mllp_peers import serving
from vigie.__main__ import make_app
from vigie.hl7 import Inbound
from vigie.wiring import utc_now
from worklist.due_time import DueTargets
from worklist.service import Worklist
from worklist.store.postgres import PostgresStore


def test_over_tls_both_sides_are_checked(
    emptied_engine: sa.Engine, program: Callable[[str], str], tmp_path: Path
) -> None:
    site, stranger = (Authority(program, tmp_path, name) for name in ("site", "stranger"))
    ours, theirs = site.sign(), stranger.sign()
    tls = {
        "tls_certificate": ours.certificate,
        "tls_key": ours.key,
        "tls_client_ca": site.ca,
    }
    with serving(emptied_engine, **tls) as server:

        def asked(ca: Path, shown: Signed | None) -> bytes:
            receiver = Receiver(
                host="127.0.0.1",
                port=server.port,
                answer_timeout_s=10,
                tls=True,
                ca=ca,
                certificate=shown and shown.certificate,
                key=shown and shown.key,
            )
            with connected(receiver) as link:
                return link.ask(order())

        assert b"MSA|AA|1" in asked(site.ca, ours)
        for ca, shown in ((stranger.ca, ours), (site.ca, theirs), (site.ca, None)):
            with pytest.raises(NoAnswer):
                asked(ca, shown)


def test_a_peer_without_tls_gets_no_message_in_the_clear(emptied_engine: sa.Engine) -> None:
    with serving(emptied_engine) as server:
        receiver = Receiver(host="127.0.0.1", port=server.port, answer_timeout_s=2, tls=True)
        with pytest.raises(NoAnswer, match="TLS"), connected(receiver) as link:
            link.ask(order())
    with emptied_engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM hl7_received")) == 0


def test_p9_a_terminal_obeys_no_message(
    database_url: str,
    engine: sa.Engine,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    worklist = Worklist(PostgresStore(engine), DueTargets())
    raw = order("ER", control_id="a\x1b[31mb").replace(b"Doe", b"D\x1b[2Joe")
    Inbound(worklist, Site(), utc_now).handle(raw)
    assert "a\x1b" not in capsys.readouterr().out  # the log, whose own colours it may have
    told = [
        CliRunner().invoke(
            make_app(),
            ["hl7", *command, "--data", str(tmp_path)],
            env={"VIGIE_DATABASE_URL": database_url, "COLUMNS": "200"},
        )
        for command in (["log"], ["dead-letters"], ["show", "in-1"])
    ]
    assert [one.exit_code for one in told] == [0, 0, 0]
    assert not any("\x1b" in one.output for one in told)
    assert "a[31mb" in told[0].output
    assert "D?[2Joe" in told[2].output
