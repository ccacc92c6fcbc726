"""Orthanc as the sending PACS: studies go in by its REST interface and out by its C-STORE."""

import json
import os
import subprocess
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from dicom_files import digest, digests
from node_parts import listening
from pydicom import dcmread
from reference_receiver import running_storescp
from vigie_node import ENDED, Node, free_port, wait_until


class Orthanc:
    """A running Orthanc."""

    def __init__(self, url: str, dicom_port: int) -> None:
        self.url = url
        self.dicom_port = dicom_port

    def ask(self, path: str, body: bytes | dict[str, object] | None = None) -> Any:
        """GET, or POST where there is a body; the answer's JSON."""
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        request = urllib.request.Request(self.url + path, data=data)
        with urllib.request.urlopen(request, timeout=120) as response:
            return json.load(response)

    def file(self, instance: str) -> bytes:
        """The file of an instance, by Orthanc's own name of it."""
        with urllib.request.urlopen(f"{self.url}/instances/{instance}/file", timeout=60) as answer:
            content: bytes = answer.read()
        return content

    def studies(self) -> dict[str, str]:
        """Its own name of every study, by Study Instance UID."""
        return {
            self.ask(f"/studies/{one}")["MainDicomTags"]["StudyInstanceUID"]: one
            for one in self.ask("/studies")
        }

    def send(self, modality: str, resources: Sequence[str]) -> int:
        """Send these by C-STORE; the number of instances, all taken."""
        told = self.ask(
            f"/modalities/{modality}/store", {"Resources": resources, "Synchronous": True}
        )
        assert told["FailedInstancesCount"] == 0, told
        return int(told["InstancesCount"])

    def answers(self) -> bool:
        """Whether it is up."""
        try:
            self.ask("/system")
        except urllib.error.URLError:
            return False
        return True


def over_tls(certificate: Path, key: Path, trusted: Path) -> dict[str, object]:
    """How Orthanc speaks TLS alone, with a certificate, to those whose authority it trusts."""
    return {
        "DicomTlsEnabled": True,
        "DicomTlsCertificate": str(certificate),
        "DicomTlsPrivateKey": str(key),
        "DicomTlsTrustedCertificates": str(trusted),
        "DicomTlsRemoteCertificateRequired": True,
    }


@contextmanager
def running_orthanc(
    program: Callable[[str], str],
    folder: Path,
    *,
    more: Mapping[str, object] | None = None,
    **modalities: int,
) -> Iterator[Orthanc]:
    """Orthanc without plugins, on the loopback alone, its storage in a folder of the test.

    `modalities` are the ports of the nodes it may send to, by the names it knows them by; `more` is
    of its configuration.
    """
    folder.mkdir()
    http_port, dicom_port = free_port(), free_port()
    configuration = folder / "orthanc.json"
    configuration.write_text(
        json.dumps(
            {
                "Name": "Sending PACS",
                "StorageDirectory": str(folder / "storage"),
                "IndexDirectory": str(folder / "storage"),
                "Plugins": [],
                "HttpPort": http_port,
                "RemoteAccessAllowed": False,
                "AuthenticationEnabled": False,
                "DicomAet": "ORTHANC",
                "DicomPort": dicom_port,
                "DicomModalities": {
                    name: {
                        "AET": name.upper(),
                        "Host": "127.0.0.1",
                        "Port": port,
                        "UseDicomTls": "DicomTlsEnabled" in (more or {}),
                    }
                    for name, port in modalities.items()
                },
                **(more or {}),
            }
        )
    )
    with (folder / "orthanc.log").open("wb") as log:
        process = subprocess.Popen(
            [program("Orthanc"), str(configuration)],
            stdout=log,
            stderr=log,
            env={**os.environ, "TCP_NODELAY": "1"},
            cwd=folder,
        )
    orthanc = Orthanc(f"http://127.0.0.1:{http_port}", dicom_port)
    try:
        wait_until(orthanc.answers, "Orthanc answers")
        yield orthanc
    finally:
        process.terminate()
        try:
            process.wait(timeout=30)
        finally:
            process.kill()


def test_p1_what_orthanc_sends_is_filed_byte_for_byte_and_assessed(
    make_node: Callable[..., Node],
    program: Callable[[str], str],
    shared_dicom: Path,
    tmp_path: Path,
) -> None:
    node, reference_port = make_node(allowed_calling_ae_titles="ORTHANC"), free_port()
    files = sorted((shared_dicom / "studies").glob("*/*.dcm"))
    at_the_sender = {path: digest(path) for path in files}
    with running_orthanc(
        program, tmp_path / "orthanc", vigie=node.dicom_port, reference=reference_port
    ) as orthanc:
        for path in files:
            assert orthanc.ask("/instances", path.read_bytes())["Status"] == "Success"
        studies = orthanc.studies()
        assert orthanc.send("vigie", list(studies.values())) == len(files)
        rows = node.all_assessed(len(studies))
        # Orthanc sends implicit VR as explicit VR: what its bytes then are, storescp tells.
        rewritten = {
            path for path in files if dcmread(path).file_meta.TransferSyntaxUID.is_implicit_VR
        }
        with running_storescp(program, tmp_path / "reference", reference_port):
            uids = {str(dcmread(path).StudyInstanceUID) for path in rewritten}
            assert orthanc.send("reference", [studies[uid] for uid in uids]) == len(rewritten)

    assert {row["study_instance_uid"] for row in rows} == set(studies)
    assert sum(row["instance_count"] for row in rows) == len(files)
    for row in rows:
        assert row["conflicts"] == 0
        assert {one["state"] for one in row["detectors"]} <= ENDED, row["detectors"]
    as_they_lie = Counter(sha256 for path, sha256 in at_the_sender.items() if path not in rewritten)
    assert digests(node.data / "archive") == as_they_lie + digests(tmp_path / "reference")


def test_orthanc_is_told_when_the_node_does_not_know_it(
    program: Callable[[str], str], tmp_path: Path
) -> None:
    with (
        listening(tmp_path / "other", allowed_calling_ae_titles="SOMEONE") as other,
        running_orthanc(program, tmp_path / "orthanc", vigie=other.dicom_port) as orthanc,
        pytest.raises(urllib.error.HTTPError),
    ):
        orthanc.ask("/modalities/vigie/echo", {})
