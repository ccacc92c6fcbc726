"""Destinations as they are set, and mistakes that are named without their secrets."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from results.sending.destination import DimseDestination, StowDestination
from vigie.__main__ import make_app
from vigie.node import prepare_node
from vigie.settings import SettingsError, load_settings
from worklist.outbound import ObjectKind, Worth

PACS = {"name": "PACS", "host": "10.0.0.2", "port": 104, "called_ae_title": "ARCHIVE"}
WEB = {"name": "Web", "kind": "stow", "url": "https://pacs.example.org/dicomweb"}


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("VIGIE_"):
            monkeypatch.delenv(name)


def test_a_table_in_the_file_is_a_destination(tmp_path: Path) -> None:
    (tmp_path / "vigie.toml").write_text(
        'ae_title = "NODE"\n[[destinations]]\nname = "PACS"\nhost = "10.0.0.2"\nport = 104\n'
        'called_ae_title = "ARCHIVE"\nobjects = ["segmentation", "report"]\nstudies = "flagged"\n'
    )
    settings = load_settings(data=tmp_path)
    [one] = settings.destinations
    assert one.wants.kinds == {ObjectKind.REPORT, ObjectKind.SEGMENTATION}
    assert one.wants.worth is Worth.FLAGGED
    sent_to = one.destination(settings.ae_title)
    assert isinstance(sent_to, DimseDestination)
    assert (sent_to.called_ae_title, sent_to.calling_ae_title) == ("ARCHIVE", "NODE")


def test_a_variable_holds_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token = tmp_path / "token"
    token.write_text("s3cret\n")
    web = {**WEB, "bearer_token_file": str(token)}
    monkeypatch.setenv("VIGIE_DESTINATIONS", json.dumps([PACS, web]))
    dimse, stow = load_settings(data=tmp_path).destinations
    assert set(dimse.objects) == {
        ObjectKind.REPORT,
        ObjectKind.PRESENTATION,
        ObjectKind.KEY_IMAGE,
    }
    sent_to = stow.destination("VIGIE")
    assert isinstance(sent_to, StowDestination)
    assert sent_to.token == "s3cret"
    token.write_text("renewed")
    assert sent_to.token == "renewed"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([{**PACS, "port": None}], "PACS: dimse needs port"),
        ([{**PACS, "port": 0}], "PACS: port"),
        ([{**PACS, "called_ae_title": "SEVENTEEN-LETTERS"}], "PACS: called_ae_title"),
        ([{**PACS, "url": "https://x"}], "PACS: url is not for dimse"),
        ([{**WEB, "url": "ftp://x"}], "Web: url"),
        ([{**WEB, "host": "x"}], "Web: host is not for stow"),
        ([{**PACS, "objects": []}], "objects"),
        ([{**PACS, "objects": ["rejection"]}], "rejections go wherever"),
        ([{**PACS, "objects": ["letter"]}], "objects"),
        ([{**PACS, "hots": "x"}], "hots"),
        ([{**PACS, "tls_ca": "/nowhere.pem"}], "no such file"),
        ([{**PACS, "name": " PACS"}], "name"),
        ([{**PACS, "connect_timeout_s": 0}], "connect_timeout_s"),
        ([PACS, PACS], "two destinations are named PACS"),
        ([{"kind": "dimse"}], "name"),
        ("{", "JSON"),
    ],
)
def test_a_mistake_is_named(
    given: Any, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = given if isinstance(given, str) else json.dumps(given)
    monkeypatch.setenv("VIGIE_DESTINATIONS", text)
    with pytest.raises(SettingsError, match="destinations") as raised:
        load_settings(data=tmp_path)
    assert words in str(raised.value)


@pytest.mark.parametrize("odd", [{"url": "ftp://x"}, {"url": None}, {"bearer_tokens": "s3cret"}])
def test_no_mistake_tells_a_token(
    odd: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = {**WEB, "bearer_token": "s3cret-one", **odd}
    monkeypatch.setenv("VIGIE_DESTINATIONS", json.dumps([both]))
    with pytest.raises(SettingsError) as raised:
        load_settings(data=tmp_path)
    assert "s3cret-one" not in str(raised.value)


def test_pauses_and_time_zones_that_cannot_be_meant_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="delivery_first_pause_s"):
        load_settings(data=tmp_path, delivery_first_pause_s=601)
    with pytest.raises(SettingsError, match="timezone"):
        load_settings(data=tmp_path, timezone="Europe/Nowhere")
    assert load_settings(data=tmp_path, timezone="Europe/Paris").timezone == "Europe/Paris"


def test_the_settings_command_lists_destinations_without_their_tokens(tmp_path: Path) -> None:
    web = {**WEB, "bearer_token": "s3cret"}
    environment = {
        "VIGIE_DATA": str(tmp_path),
        "VIGIE_DESTINATIONS": json.dumps([PACS, web]),
        "COLUMNS": "400",
    }
    told = CliRunner().invoke(make_app(), ["settings"], env=environment)
    assert told.exit_code == 0
    assert "PACS (dimse, ARCHIVE at 10.0.0.2:104)" in told.output
    assert "s3cret" not in told.output


@pytest.mark.parametrize(("given", "started"), [([], False), ([PACS], True)])
def test_the_role_is_started_only_where_destinations_are_set(
    given: list[dict[str, Any]], started: bool, tmp_path: Path, unused_port: int
) -> None:
    settings = load_settings(
        data=tmp_path, destinations=given, dicom_port=unused_port, http_port=unused_port
    )
    assert ("deliver" in {role.name for role in prepare_node(settings).roles}) == started
