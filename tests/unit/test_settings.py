"""Settings: what weighs more, and mistakes that are named."""

import os
from pathlib import Path

import pytest

from vigie.settings import Settings, SettingsError, load_settings
from vigie.wiring import due_targets
from worklist.finding import TargetFinding
from worklist.highlighting import Highlighting
from worklist.people import Role
from worklist.study import RequestedPriority

_REPOSITORY = Path(__file__).parent.parent.parent


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("VIGIE_"):
            monkeypatch.delenv(name)


def test_every_setting_has_help_and_names_its_unit() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        if name.endswith("_s"):
            assert "second" in field.description.lower(), name
        if name.endswith("_min"):
            assert "minutes" in field.description.lower(), name
        if name.endswith("_bytes"):
            assert "bytes" in field.description.lower() or "Largest" in field.description, name


def test_every_setting_is_in_the_operations_page() -> None:
    page = (_REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8")
    missing = [name for name in Settings.model_fields if f"`{name}`" not in page]
    assert missing == []


def test_the_command_line_weighs_more_than_variables_than_the_file_than_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vigie.toml").write_text("dicom_port = 1\nhttp_port = 2\nae_title = 'FILE'\n")
    monkeypatch.setenv("VIGIE_HTTP_PORT", "3")
    monkeypatch.setenv("VIGIE_AE_TITLE", "VARIABLE")

    settings = load_settings(data=tmp_path, ae_title="LINE")

    assert (settings.dicom_port, settings.http_port, settings.ae_title) == (1, 3, "LINE")
    assert settings.quiet_period_s == 5


def test_the_file_is_looked_for_in_the_folder_that_the_variable_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vigie.toml").write_text("quiet_period_s = 7\n")
    monkeypatch.setenv("VIGIE_DATA", str(tmp_path))
    assert load_settings().quiet_period_s == 7


def test_names_in_a_variable_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIE_ALLOWED_CALLING_AE_TITLES", "CT1, MR2,")
    assert load_settings().allowed_calling_ae_titles == ("CT1", "MR2")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("VIGIE_DICOM_PORT", "0"),
        ("VIGIE_DICOM_PORT", "65536"),
        ("VIGIE_DICOM_PORT", "eleven"),
        ("VIGIE_QUIET_PERIOD_S", "0"),
        ("VIGIE_QUIET_PERIOD_S", "-1"),
        ("VIGIE_DATABASE_URL", "sqlite:///x"),
        ("VIGIE_FRACTURE_TARGET_MIN", "0"),
        ("VIGIE_LOG_FORMAT", "xml"),
        ("VIGIE_AE_TITLE", "SEVENTEEN-LETTERS"),
        ("VIGIE_AE_TITLE", "back\\slash"),
        ("VIGIE_ALLOWED_CALLING_AE_TITLES", "CT1,SEVENTEEN-LETTERS"),
        ("VIGIE_ALLOWED_ADDRESSES", "10.1.0.0/99"),
        ("VIGIE_HTTP_HOST", "0.0.0.0"),
        ("VIGIE_QUIET_PERIOD_S", "31"),
        ("VIGIE_TLS_CERTIFICATE", "/nowhere.pem"),
        ("VIGIE_TLS_KEY", __file__),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_by_name(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=variable.removeprefix("VIGIE_").lower()):
        load_settings()


def test_a_variable_that_is_no_setting_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIE_QUITE_PERIOD_S", "5")
    with pytest.raises(SettingsError, match="VIGIE_QUITE_PERIOD_S"):
        load_settings()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("quite_period_s = 5", "quite_period_s"),
        ("dicom_port = 'x'", "dicom_port"),
        ("dicom_port = ", "no TOML"),
        ("data = '/elsewhere'", "data"),
    ],
)
def test_a_mistake_in_the_file_is_named(content: str, named: str, tmp_path: Path) -> None:
    (tmp_path / "vigie.toml").write_text(content)
    with pytest.raises(SettingsError, match=named):
        load_settings(data=tmp_path)


def test_the_targets_of_the_site_reach_the_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGIE_STAT_TARGET_MIN", "30")
    monkeypatch.setenv("VIGIE_FRACTURE_TARGET_MIN", "90")
    targets = due_targets(load_settings())
    assert targets.requested[RequestedPriority.STAT].total_seconds() == 30 * 60
    assert targets.findings[TargetFinding.FRACTURE].total_seconds() == 90 * 60


_SSO = {"sso_issuer": "https://login.example.org", "sso_client_id": "vigie"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"http_host": "0.0.0.0"}, "http_tls_certificate"),
        ({"http_tls_key": __file__}, "http_tls_certificate"),
        ({"trusted_proxies": "proxy"}, "trusted_proxies"),
        ({"session_idle_limit_min": 0}, "session_idle_limit_min"),
        ({"sso_issuer": "http://login.example.org"}, "sso_issuer"),
        ({"sso_issuer": "https://login.example.org"}, "sso_client_id"),
        (_SSO, "sso_client_secret"),
        ({**_SSO, "sso_client_secret": "s3cret"}, "sso_roles"),
        ({**_SSO, "sso_client_secret": "s3cret", "sso_client_secret_file": __file__}, "one"),
        ({**_SSO, "sso_client_secret": "s3cret", "sso_roles": "readers=king"}, "king"),
        ({**_SSO, "sso_client_secret": "s3cret", "sso_roles": "readers"}, "sso_roles"),
        ({"sso_roles": "a=radiologist, a =administrator"}, "two roles"),
    ],
)
def test_what_would_leave_the_page_open_is_refused_without_telling_secrets(
    tmp_path: Path, given: dict[str, object], words: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings(data=tmp_path, **given)
    assert words in str(raised.value)
    assert "s3cret" not in str(raised.value)


def test_a_page_for_other_machines_needs_tls_of_its_own_or_a_proxys(tmp_path: Path) -> None:
    own = load_settings(data=tmp_path, http_host="0.0.0.0", http_tls_certificate=Path(__file__))
    assert own.http_host == "0.0.0.0"
    behind = load_settings(
        data=tmp_path, http_host="10.0.0.5", trusted_proxies="10.0.0.9, 10.1.0.0/16"
    )
    assert behind.trusted_proxies == ("10.0.0.9", "10.1.0.0/16")


def test_the_providers_groups_are_given_roles_and_its_secret_is_hidden(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("s3cret\n")
    roles = "cn=readers,ou=x=radiologist"  # a comma separates: groups with one go into TOML
    settings = load_settings(
        data=tmp_path, **_SSO, sso_client_secret_file=file, sso_roles=(roles, "quality=qa_reviewer")
    )
    assert settings.sso_role_map == {
        "cn=readers,ou=x": Role.RADIOLOGIST,
        "quality": Role.QA_REVIEWER,
    }
    assert settings.sso_secret == "s3cret"
    given = load_settings(
        data=tmp_path, **_SSO, sso_client_secret="s3cret", sso_roles="quality=qa_reviewer"
    )
    assert given.sso_secret == "s3cret"
    assert "s3cret" not in repr(given) + str(given.sso_client_secret)


@pytest.mark.parametrize("way", ["file", "table", "variable"])
def test_the_site_says_for_each_model_when_its_marks_are_shown(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if way == "variable":
        monkeypatch.setenv("VIGIE_HIGHLIGHTING", "haemorrhage=after_first_look, *=triage_only")
    else:
        said = {
            "file": '["haemorrhage = after_first_look", "*=triage_only"]',
            "table": '{haemorrhage = "after_first_look", "*" = "triage_only"}',
        }[way]
        (tmp_path / "vigie.toml").write_text(f"highlighting = {said}\n")
    modes = load_settings(data=tmp_path).highlighting_modes
    assert modes.of("haemorrhage") is Highlighting.AFTER_FIRST_LOOK
    assert modes.of("nodule") is Highlighting.TRIAGE_ONLY


@pytest.mark.parametrize(
    "said",
    ["haemorrhage", "=at_once", "haemorrhage=never", "nodule=at_once,nodule=triage_only"],
)
def test_a_mode_that_there_is_not_is_refused(said: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="highlighting"):
        load_settings(data=tmp_path, highlighting=said)


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert({accession_number})",
        "ris.hospital/{accession_number}",
        "https:///{accession_number}",
        "https://ris.hospital/",
        "https://{accession_number}/",
        "file:///{accession_number}",
    ],
)
def test_reports_are_dictated_at_a_page_that_takes_an_accession_number(
    address: str, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match="report_address"):
        load_settings(data=tmp_path, report_address=address)


def test_a_report_address_is_taken_as_it_is(tmp_path: Path) -> None:
    address = "http://ris.hospital:8080/report#{accession_number}"
    assert load_settings(data=tmp_path, report_address=address).report_address == address


@pytest.mark.parametrize(
    "said",
    [
        "OHIF",
        "=https://o.hospital/{study_instance_uid}",
        "OHIF=javascript:alert({study_instance_uid})",
        "OHIF=https:///viewer?StudyInstanceUIDs={study_instance_uid}",
        "OHIF=https://o.hospital/viewer",
        "OHIF=https://{study_instance_uid}/",
        "OHIF=file:///{study_instance_uid}",
        "A=https://a/{study_instance_uid},A=https://b/{study_instance_uid}",
    ],
)
def test_other_viewers_are_pages_that_take_a_study(said: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="viewer_links"):
        load_settings(data=tmp_path, viewer_links=said)


def test_addresses_of_other_viewers_are_taken_as_they_are(tmp_path: Path) -> None:
    weasis = "weasis://%24dicom%3Ars%20-r%20%22studyUID%3D{study_instance_uid}%22"
    said = f"OHIF=https://o/viewer?StudyInstanceUIDs={{study_instance_uid}}, Weasis={weasis}"
    assert load_settings(data=tmp_path, viewer_links=said).viewers == {
        "OHIF": "https://o/viewer?StudyInstanceUIDs={study_instance_uid}",
        "Weasis": weasis,
    }


@pytest.mark.parametrize(
    "said",
    [
        "CT01",
        "CT01=10.0.0.5",
        "CT01=:104",
        "CT01=10.0.0.5:0",
        "CT01=10.0.0.5:65536",
        "CT01=10.0.0.5:dicom",
        "=10.0.0.5:104",
        f"{'A' * 17}=10.0.0.5:104",
        "CT01=10.0.0.5:104,CT01=10.0.0.6:104",
        "CT01=10.0.0.5:104,CT01=tls://10.0.0.5:2762",
        "CT01=tls://10.0.0.5",
        "CT01=tls://:2762",
        "CT01=https://10.0.0.5:2762",
    ],
)
def test_a_peer_of_storage_commitment_listens_somewhere(said: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="commitment_peers"):
        load_settings(data=tmp_path, commitment_peers=said)


def test_the_addresses_of_peers_of_storage_commitment_are_known(tmp_path: Path) -> None:
    said = "CT01=10.0.0.5:104, MR 2 = [fd00::1]:11112,PACS=tls://pacs.hospital:2762"
    assert load_settings(data=tmp_path, commitment_peers=said).commitment_addresses == {
        "CT01": ("10.0.0.5", 104, False),
        "MR 2": ("fd00::1", 11112, False),
        "PACS": ("pacs.hospital", 2762, True),
    }
