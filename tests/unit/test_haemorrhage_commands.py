"""`vigie train hemorrhage` and `vigie evaluate hemorrhage`, without their networks."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from vigie.__main__ import make_app


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_both_spellings_are_commands(command: str) -> None:
    app = make_app()
    for spelling in ("hemorrhage", "haemorrhage"):
        assert CliRunner().invoke(app, [command, spelling, "--help"]).exit_code == 0
    listed = [line.split()[:1] for line in CliRunner().invoke(app, [command]).output.splitlines()]
    assert (["hemorrhage"] in listed, ["haemorrhage"] in listed) == (True, False)


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_a_folder_without_labels_ends_with_a_reason(command: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(make_app(), [command, "hemorrhage", "--data", str(tmp_path)])
    assert done.exit_code == 1
    assert "labels.csv does not exist" in done.output.replace("\n", "")


def test_a_fold_that_is_not_there_is_a_misuse(tmp_path: Path) -> None:
    arguments = ["train", "hemorrhage", "--data", str(tmp_path), "--folds", "3", "--fold", "4"]
    done = CliRunner().invoke(make_app(), arguments)
    assert done.exit_code == 2
    assert "there are 3 folds" in done.output
