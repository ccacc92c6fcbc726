"""Log lines carry UIDs, never names, not even where something went wrong."""

import subprocess
import sys

import pytest

_PROGRAM = """
import logging, structlog
from vigie.logs import configure_logs
from vigie.settings import load_settings
configure_logs(load_settings(), "test")

def fail(patient_name):
    raise ValueError("no such place")

for say in (structlog.get_logger("ours").exception, logging.getLogger("theirs").exception):
    try:
        fail("DOE" + "^" + "JANE")
    except ValueError:
        say("it failed")
"""


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_traceback_shows_the_error_and_no_local_variables(log_format: str) -> None:
    told = subprocess.run(
        [sys.executable, "-c", _PROGRAM],
        env={"VIGIE_LOG_FORMAT": log_format},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stderr.count("no such place") == 2
    assert told.stderr.count("it failed") == 2
    assert "DOE^JANE" not in told.stderr


_COMMAND = """
import structlog
from vigie.__main__ import make_app

def command():
    structlog.get_logger("ours").warning("odd")
    try:
        patient_name = "DOE" + "^" + "JANE"
        raise ValueError("no such place")
    except ValueError:
        structlog.get_logger("ours").exception("it failed")
    print("{}")

app = make_app()
app.command("odd")(command)
app(["odd"])
"""


def test_what_a_command_logs_does_not_mix_with_what_it_prints() -> None:
    told = subprocess.run(
        [sys.executable, "-c", _COMMAND], env={}, capture_output=True, text=True, check=True
    )
    assert told.stdout == "{}\n"
    assert "odd" in told.stderr and "no such place" in told.stderr
    assert "DOE^JANE" not in told.stderr
