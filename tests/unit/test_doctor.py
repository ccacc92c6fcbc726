"""What `vigie doctor` says of settings that name models."""

from pathlib import Path

import pytest

from vigie.doctor import check_highlighting
from vigie.settings import load_settings

INSTALLED = {"fracture", "haemorrhage", "nodule"}


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("", []),
        ("haemorrhage=after_first_look,*=triage_only", [True]),
        ("hemorrhage=after_first_look,nodule=at_once", [False]),
    ],
)
def test_a_misspelt_models_name_is_found(said: str, found: list[bool], tmp_path: Path) -> None:
    settings = load_settings(data=tmp_path, highlighting=said)
    checks = list(check_highlighting(settings, INSTALLED))
    assert [one.ok for one in checks] == found
    if found == [False]:
        assert checks[0].detail == "no installed model is named hemorrhage"
