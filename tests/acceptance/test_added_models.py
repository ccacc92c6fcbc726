"""The worked example of docs/third_party_models.md, as somebody follows it before any node runs."""

import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from tests.onnx_files import write_brightest
from vigie.__main__ import make_app

DOCS = Path(__file__).parents[2] / "docs" / "third_party_models.md"
NAME = "fracture.brightest"


def call(line: str, data: Path) -> Result:
    """A line that begins with vigie, in this process."""
    program, *arguments = shlex.split(line)
    assert program == "vigie"
    return CliRunner().invoke(
        make_app(), arguments, env={"VIGIE_DATA": str(data), "COLUMNS": "200"}
    )


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    """What each line of the example came to; some are asked twice, before and after a stop."""
    folder = tmp_path_factory.mktemp("example")
    example = DOCS.read_text(encoding="utf-8").partition("## A worked example")[2]
    blocks = re.findall(r"```(\w*)\n(.*?)```", example, re.DOTALL)
    [card] = [text for kind, text in blocks if kind == "toml"][:1]
    [lines] = [text.splitlines() for kind, text in blocks if not kind and "models add" in text]
    (folder / f"{NAME}.toml").write_text(card)
    write_brightest(folder / f"{NAME}.onnx", (1, 1, 256, 256))
    lines = [line.replace(f"{NAME}.onnx", str(folder / f"{NAME}.onnx")) for line in lines]
    at = next(place for place, line in enumerate(lines) if " stop " in line) + 1
    after = ["vigie models --json", f"vigie models show {NAME} --json"]
    lines = ["vigie models --json", *lines[:at], *after, *lines[at:], "vigie models "]
    results: dict[str, Result] = {}
    for line in lines:
        results[line if line not in results else f"{line} again"] = call(line, folder / "data")
    results["the events"] = call("vigie audit verify", folder / "data")
    return results


def test_every_line_of_the_example_works_as_it_stands(told: dict[str, Result]) -> None:
    failed = {line: one.output for line, one in told.items() if one.exit_code != 0}
    assert failed == {}


def test_an_added_model_is_listed_and_shown_before_a_worker_has_loaded_it(
    told: dict[str, Result],
) -> None:
    assert json.loads(told["vigie models --json"].stdout) == []
    listed = " ".join(told["vigie models"].stdout.split())
    assert "no worker has registered a detector yet" in listed
    assert NAME in listed
    shown = " ".join(told[f"vigie models show {NAME}"].stdout.split())
    assert "state: added, not loaded by a worker yet" in shown
    assert "It knows nothing but brightness." in shown


def test_a_model_stopped_before_a_worker_has_loaded_it_stays_stopped(
    told: dict[str, Result],
) -> None:
    [listed] = json.loads(told["vigie models --json again"].stdout)
    assert (listed["name"], listed["state"], listed["version"]) == (NAME, "stopped", "1.0")
    shown = json.loads(told[f"vigie models show {NAME} --json"].stdout)
    assert shown["card"]["licence"] == "Apache-2.0"
    assert NAME not in told["vigie models "].stdout
