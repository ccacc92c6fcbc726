"""Notification channels in the settings: mistakes are named, secrets are not told."""

import json
import socket
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from vigie.__main__ import make_app
from vigie.node import prepare_node
from vigie.notification_settings import EmailSettings, WebhookSettings
from vigie.settings import SettingsError, load_settings
from worklist.finding import TargetFinding
from worklist.hours import Hours
from worklist.notifying import Channel, PatientDatum

_REPOSITORY = Path(__file__).parent.parent.parent
SECRET = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
WEBHOOK: dict[str, Any] = {
    "kind": "webhook",
    "name": "pager",
    "url": "https://pager.hospital/flags?token=s3cret",
    "proxy": "http://me:s3cret@proxy.hospital:3128",
    "secret": SECRET,
}
EMAIL: dict[str, Any] = {
    "kind": "email",
    "name": "on-call",
    "host": "mail.hospital",
    "user": "vigie",
    "password": "s3cret",
    "sender": "vigie@hospital.example",
    "recipients": ["a@hospital.example"],
}
TOML = f"""
[[notifications]]
kind = "webhook"
name = "pager"
url = "https://pager.hospital/flags"
secret = "whsec_{SECRET}"
findings = ["intracranial_haemorrhage"]
least_probability = 0.5
begins = "07:30"
ends = 18:00:00
weekdays = ["mon", "fri"]
time_zone = "Europe/Paris"
outside_hours = "drop"
tells = ["accession_number", "patient_id"]
language = "fr"

[[notifications]]
kind = "email"
name = "on-call"
host = "mail.hospital"
sender = "vigie@hospital.example"
recipients = ["a@hospital.example", "b@hospital.example"]
"""


def test_channels_of_the_file_reach_the_rules(tmp_path: Path) -> None:
    (tmp_path / "vigie.toml").write_text(TOML)
    webhook, email = load_settings(data=tmp_path).notifications
    assert webhook.channel == Channel(
        name="pager",
        findings=frozenset({TargetFinding.INTRACRANIAL_HAEMORRHAGE}),
        least_probability=0.5,
        hours=Hours(
            zone=ZoneInfo("Europe/Paris"),
            begins=time(7, 30),
            ends=time(18),
            weekdays=frozenset({0, 4}),
        ),
        waits=False,
        tells=frozenset({PatientDatum.ACCESSION_NUMBER, PatientDatum.PATIENT_ID}),
    )
    assert isinstance(webhook, WebhookSettings)
    assert webhook.key == bytes(range(32))
    assert email.channel == Channel(name="on-call", findings=frozenset(TargetFinding))
    assert isinstance(email, EmailSettings)
    assert (email.security, email.tcp_port) == ("starttls", 587)


def test_channels_of_a_variable_are_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIE_NOTIFICATIONS", json.dumps([WEBHOOK, EMAIL]))
    names = [one.name for one in load_settings(data=tmp_path).notifications]
    assert names == ["pager", "on-call"]


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_each_way_to_a_mail_server_has_its_port(security: str, port: int, tmp_path: Path) -> None:
    without = {name: one for name, one in EMAIL.items() if name not in {"user", "password"}}
    [channel] = load_settings(
        data=tmp_path, notifications=[without | {"security": security}]
    ).notifications
    assert isinstance(channel, EmailSettings)
    assert channel.tcp_port == port


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("{", "notifications: "),
        ([WEBHOOK, WEBHOOK], "one name"),
        ([WEBHOOK | {"kind": "pigeon"}], "kind"),
        ([WEBHOOK | {"extra": 1}], "extra"),
        ([WEBHOOK | {"name": "two words"}], "name"),
        ([WEBHOOK | {"name": ""}], "name"),
        ([WEBHOOK | {"findings": ["blood"]}], "findings"),
        ([WEBHOOK | {"findings": []}], "findings"),
        ([WEBHOOK | {"least_probability": 0}], "least_probability"),
        ([WEBHOOK | {"least_probability": 1.1}], "least_probability"),
        ([WEBHOOK | {"begins": "07:30"}], "time_zone"),
        ([WEBHOOK | {"weekdays": ["mon"]}], "time_zone"),
        ([WEBHOOK | {"time_zone": "Europe/Paris"}], "begins"),
        ([WEBHOOK | {"begins": "07:00", "time_zone": "Europe/Pari"}], "time_zone"),
        ([WEBHOOK | {"begins": "07:00", "time_zone": "../../etc/passwd"}], "time_zone"),
        ([WEBHOOK | {"begins": "7", "time_zone": "Europe/Paris"}], "begins"),
        ([WEBHOOK | {"begins": 7, "time_zone": "Europe/Paris"}], "begins"),
        ([WEBHOOK | {"ends": "24:00", "time_zone": "Europe/Paris"}], "ends"),
        ([WEBHOOK | {"begins": "07:30+01:00", "time_zone": "Europe/Paris"}], "begins"),
        ([WEBHOOK | {"weekdays": [], "time_zone": "Europe/Paris"}], "weekdays"),
        ([WEBHOOK | {"outside_hours": "sleep"}], "outside_hours"),
        ([WEBHOOK | {"tells": ["diagnosis"]}], "tells"),
        ([WEBHOOK | {"language": "de"}], "language"),
        ([WEBHOOK | {"ca": "/nowhere.pem"}], "ca"),
        ([WEBHOOK | {"url": "http://pager.hospital/"}], "url"),
        ([WEBHOOK | {"url": "https://me:pw@pager.hospital/"}], "url"),
        ([WEBHOOK | {"url": "https://pager.hospital:port/"}], "url"),
        ([WEBHOOK | {"url": "ftp://pager.hospital/"}], "url"),
        ([WEBHOOK | {"proxy": "socks5://proxy:1080"}], "proxy"),
        ([WEBHOOK | {"proxy": "http://proxy"}], "proxy"),
        ([WEBHOOK | {"proxy": "http://proxy:port"}], "proxy"),
        ([WEBHOOK | {"proxy": "http://me:s3cret@proxy:3128/there"}], "proxy"),
        ([WEBHOOK | {"url": "http://localhost/", "proxy": "http://proxy:3128"}], "proxy"),
        ([EMAIL | {"proxy": "http://proxy:3128"}], "proxy"),
        ([WEBHOOK | {"secret": "s3cret"}], "24 bytes"),
        ([WEBHOOK | {"secret": ""}], "24 bytes"),
        ([EMAIL | {"password": None}], "user and password"),
        ([EMAIL | {"security": "none"}], "security"),
        ([EMAIL | {"recipients": []}], "recipients"),
        ([EMAIL | {"recipients": ["a..b@c.org"]}], "recipients"),
        ([EMAIL | {"password": "café"}], "ASCII"),
        (
            [EMAIL | {"user": None, "password": None, "security": "none", "tells": ["patient_id"]}],
            "tells",
        ),
        ([EMAIL | {"recipients": ["a@b\nBcc: c@d"]}], "recipients"),
        ([EMAIL | {"sender": "Vigie <a@b>"}], "sender"),
        ([EMAIL | {"host": "mail hospital"}], "host"),
        ([EMAIL | {"port": 0}], "port"),
    ],
)
def test_a_channel_that_cannot_be_meant_is_refused_by_name_without_its_secrets(
    given: Any, words: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings(data=tmp_path, notifications=given)
    assert words in str(raised.value)
    assert str(raised.value).startswith("notifications")
    for secret in ("s3cret", SECRET, "me:pw"):
        assert secret not in str(raised.value)


@pytest.mark.parametrize(
    "address", ["vigie.hospital", "ftp://x/", "https://x/?a", "https://x/#/", "https://a:b@x/"]
)
def test_links_lead_to_an_address_of_the_page(address: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="public_address"):
        load_settings(data=tmp_path, public_address=address)


def test_what_is_in_force_is_shown_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIGIE_NOTIFICATIONS", json.dumps([WEBHOOK, EMAIL]))
    shown = CliRunner().invoke(make_app(), ["settings", "--data", str(tmp_path)])
    assert shown.exit_code == 0
    assert "pager (webhook)" in shown.output.replace("\n", " ")
    settings = load_settings(data=tmp_path)
    for text in (shown.output, str(settings), repr(settings.notifications)):
        assert "s3cret" not in text
        assert SECRET not in text
    assert "s3cret" not in shown.output


def test_every_setting_of_a_channel_has_help_and_is_in_the_documentation() -> None:
    page = (_REPOSITORY / "docs" / "notifications.md").read_text(encoding="utf-8")
    for kind in (WebhookSettings, EmailSettings):
        for name, field in kind.model_fields.items():
            assert field.description, name
            assert f"| `{name}` |" in page, name


def test_a_node_tells_only_where_channels_are_set(tmp_path: Path) -> None:
    ports = {"dicom_port": _free_port(), "http_port": _free_port()}
    silent = prepare_node(load_settings(data=tmp_path, **ports))
    assert "notify" not in [one.name for one in silent.roles]
    telling = prepare_node(load_settings(data=tmp_path, notifications=[WEBHOOK], **ports))
    assert [one.name for one in telling.roles].count("notify") == 1


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_channel_with_hours_knows_them_in_its_own_zone(tmp_path: Path) -> None:
    given = WEBHOOK | {"begins": "07:30", "ends": "18:00", "time_zone": "Europe/Paris"}
    [channel] = load_settings(data=tmp_path, notifications=[given]).notifications
    before = datetime(2026, 7, 1, 5, 29, tzinfo=UTC)
    assert channel.channel.opens(before) == datetime(2026, 7, 1, 5, 30, tzinfo=UTC)
