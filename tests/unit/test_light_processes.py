"""Processes import only what they need: a start takes less, and a listener little memory."""

import subprocess
import sys

import pytest

_DETECTORS = """
from importlib.metadata import entry_points
for one in entry_points(group="vigie.detectors"):
    one.load()
"""

_HELP_OF_ALL = """
from vigie.__main__ import make_app
from typer.testing import CliRunner
assert CliRunner().invoke(make_app(), ["--help"]).exit_code == 0
"""


@pytest.mark.parametrize(
    ("program", "not_needed"),
    [
        (_DETECTORS, {"torch", "scipy.stats", "scipy.optimize"}),
        ("import vigie.roles.listen", {"sqlalchemy", "alembic", "authlib", "openvino"}),
        ("import vigie.roles.file", {"authlib", "fastapi", "openvino"}),
        ("import vigie.roles.work", {"torch", "authlib", "fastapi", "openvino"}),
        (
            "import vigie.roles.notify",
            {"torch", "authlib", "fastapi", "openvino", "highdicom", "pydicom", "numpy"},
        ),
        (
            "import vigie.roles.exchange",
            {"torch", "authlib", "fastapi", "openvino", "highdicom", "pydicom"},
        ),
        (_HELP_OF_ALL, {"torch", "authlib", "fastapi", "openvino"}),
        (
            "import vigie.commands.node",
            {"torch", "authlib", "fastapi", "openvino", "pynetdicom", "pydicom", "alembic"},
        ),
        ("import vigie.__main__", {"sqlalchemy", "psycopg", "models.registry"}),
    ],
    ids=[
        "detectors",
        "listen",
        "file",
        "work",
        "notify",
        "exchange",
        "help",
        "serve",
        "front door",
    ],
)
def test_a_process_imports_nothing_heavy_that_it_does_not_need(
    program: str, not_needed: set[str]
) -> None:
    look = f"{program}\nimport sys\nprint(*sys.modules)"
    answer = subprocess.run([sys.executable, "-c", look], check=True, stdout=subprocess.PIPE)
    assert not_needed.isdisjoint(answer.stdout.decode().split())
