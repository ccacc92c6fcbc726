"""What `vigie doctor` says of settings that name models."""

from pathlib import Path

import pytest

from vigie.doctor import check_highlighting, check_prevalence
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


def test_shares_of_findings_that_are_not_set_are_a_warning_and_no_fault(tmp_path: Path) -> None:
    check = check_prevalence(load_settings(data=tmp_path, fracture_prevalence=0.1))
    assert check.ok and check.warns
    assert "intracranial_haemorrhage_prevalence, pulmonary_nodule_prevalence" in check.detail
    assert "fracture" not in check.detail


def test_shares_of_findings_that_are_set_are_told(tmp_path: Path) -> None:
    check = check_prevalence(
        load_settings(
            data=tmp_path,
            fracture_prevalence=0.1,
            intracranial_haemorrhage_prevalence=0.05,
            pulmonary_nodule_prevalence=0.2,
        )
    )
    assert check.ok and not check.warns
    assert "fracture 0.1" in check.detail and "haemorrhage 0.05" in check.detail
