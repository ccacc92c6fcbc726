"""Settings of the HL7 interface: what cannot be meant is refused, and nothing runs unless asked."""

from pathlib import Path

import pytest

from vigie.hl7 import receiver_of, site_of
from vigie.node import prepare_node
from vigie.roles.exchange import NothingToExchange, run
from vigie.settings import SettingsError, load_settings
from worklist.study import RequestedPriority


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"hl7_port": 0}, "hl7_port"),
        ({"hl7_peer": "ris"}, "hl7_peer"),
        ({"hl7_peer": "ris:0"}, "port"),
        ({"hl7_peer": "ris:70000"}, "port"),
        ({"hl7_accession_fields": "OBX-5"}, "OBX-5"),
        ({"hl7_accession_fields": ""}, "hl7_accession_fields"),
        ({"hl7_priorities": "ER=soon"}, "ER=soon"),
        ({"hl7_priorities": "stat"}, "hl7_priorities"),
        ({"hl7_character_set": "KLINGON"}, "table 0211"),
        ({"hl7_allowed_addresses": "ris"}, "hl7_allowed_addresses"),
        ({"hl7_tls_key": __file__}, "hl7_tls_certificate"),
        ({"hl7_port": 2575, "hl7_host": "0.0.0.0"}, "hl7_allowed_addresses"),
        ({"hl7_port": 2575, "hl7_host": "::"}, "hl7_allowed_addresses"),
        ({"hl7_peer_ca": __file__}, "hl7_peer_tls"),
        ({"hl7_peer_tls": True, "hl7_peer_key": __file__}, "hl7_peer_certificate"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(
    tmp_path: Path, given: dict[str, object], words: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings(data=tmp_path, **given)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    "given",
    [
        {"hl7_host": "::1"},
        {"hl7_host": "0.0.0.0", "hl7_allowed_addresses": "10.1.2.3"},
        {"hl7_host": "0.0.0.0", "hl7_tls_certificate": __file__, "hl7_tls_client_ca": __file__},
    ],
)
def test_a_port_that_others_can_reach_says_who_may_speak(
    tmp_path: Path, given: dict[str, object]
) -> None:
    assert load_settings(data=tmp_path, hl7_port=2575, **given).hl7_host == given["hl7_host"]


def test_what_is_set_is_what_the_interface_goes_by(tmp_path: Path) -> None:
    settings = load_settings(
        data=tmp_path,
        hl7_peer="[::1]:2575",
        hl7_priorities="er=stat, N = routine",
        hl7_patient_id_issuers="HOSPITAL",
    )
    receiver = receiver_of(settings)
    assert receiver is not None
    assert (receiver.host, receiver.port) == ("::1", 2575)
    site = site_of(settings)
    assert site.priorities == {"ER": RequestedPriority.STAT, "N": RequestedPriority.ROUTINE}
    assert site.patient_id_issuers == {"HOSPITAL"}


@pytest.mark.parametrize(
    ("given", "runs"),
    [({}, False), ({"hl7_port": 1}, True), ({"hl7_peer": "127.0.0.1:1"}, True)],
)
def test_a_process_is_started_only_where_a_port_or_a_peer_is_set(
    tmp_path: Path, unused_port: int, given: dict[str, object], runs: bool
) -> None:
    if "hl7_port" in given:
        given = {"hl7_port": unused_port}
    settings = load_settings(
        data=tmp_path, database_url="postgresql://nobody@127.0.0.1:1/x", **given
    )
    supervisor = prepare_node(settings.model_copy(update={"dicom_port": 0, "http_port": 0}))
    assert ("exchange" in [one.name for one in supervisor.roles]) == runs


def test_alone_it_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(NothingToExchange, match="hl7_port"):
        run(load_settings(data=tmp_path))
