"""`vigie train hemorrhage` and `vigie evaluate hemorrhage`, without their networks."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from vigie.commands import haemorrhage, models


def test_both_spellings_are_commands() -> None:
    for app in (models.train, models.evaluate):
        names = {command.name: command.hidden for command in app.registered_commands}
        assert (names["hemorrhage"], names["haemorrhage"]) == (False, True)
    assert haemorrhage.__doc__


@pytest.mark.parametrize("app", [models.train, models.evaluate], ids=["train", "evaluate"])
def test_a_folder_without_labels_ends_with_a_reason(app: object, tmp_path: Path) -> None:
    arguments = ["hemorrhage", "--data", str(tmp_path)]
    done = CliRunner().invoke(app, arguments)  # type: ignore[arg-type]
    assert done.exit_code == 1
    assert "labels.csv does not exist" in done.output.replace("\n", "")


def test_a_fold_that_is_not_there_is_a_misuse(tmp_path: Path) -> None:
    arguments = ["hemorrhage", "--data", str(tmp_path), "--folds", "3", "--fold", "4"]
    done = CliRunner().invoke(models.train, arguments)
    assert done.exit_code == 2
    assert "there are 3 folds" in done.output
