"""Files that others made, odd ones among them: each is kept bit for bit, or refused with a reason.

`shared/dicom/corpus` is sent whole by ``vigie send``, which changes nothing; what no sender takes
(texts, a file with broken meta information) is put into the inbox as a listener would.
"""

import hashlib
import json
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from dicom_files import data_set, digest, digests, wait_until_filed
from node_parts import listening
from pydicom import Dataset
from pydicom.config import disable_value_validation
from pydicom.misc import is_dicom
from pydicom.uid import CTImageStorage, ImplicitVRLittleEndian
from pynetdicom.dsutils import split_dataset
from reference_receiver import running_storescp
from test_dcmtk import run
from vigie_node import ENDED, Node, free_port

from dicom_listener.inbox import Inbox, Origin, ReceivedName, file_header
from vigie.sending import OutgoingFile, Refusal, dicom_files, send

_ROLES = ("listen", "file", "work", "web")
_ENDS = {*ENDED, "failed"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Corpus:
    """Everything that was given to the node, and what the node was before and after."""

    node: Node
    sent: dict[Path, str]  # by C-STORE: SHA-256 of the data set
    put: dict[Path, str]  # into the inbox: the same
    refused: dict[Path, str]  # by sender or node: the reason; put into the inbox, too
    pids_before: list[list[int]]
    rows: list[dict[str, Any]]  # the reading worklist, all assessed

    @property
    def archived(self) -> dict[str, list[Path]]:
        """Files in the archive by the SHA-256 of their data set."""
        found: dict[str, list[Path]] = {}
        for path in sorted((self.node.data / "archive").rglob("*.dcm")):
            found.setdefault(digest(path), []).append(path)
        return found

    @property
    def quarantined(self) -> dict[str, str]:
        """Reasons by the SHA-256 of what lies in quarantine."""
        notes = (self.node.data / "quarantine").glob("*.reason.json")
        contents = [json.loads(path.read_text(encoding="utf-8")) for path in notes]
        return {one["sha256"]: one["reason"] for one in contents}


@pytest.fixture(scope="module")
def corpus(shared_dicom: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    """The corpus, delivered to a node and assessed."""
    files = [path for path in sorted((shared_dicom / "corpus").rglob("*")) if path.is_file()]
    assert len(files) >= 140
    outgoing, _ = dicom_files(files)
    node = Node(tmp_path_factory.mktemp("corpus") / "node")
    try:
        node.start()
        pids_before = [node.role_pids(role) for role in _ROLES]
        refusals = send_as_it_lies(node, outgoing)
        sent = {one.path: digest(one.path) for one in outgoing}
        refused = {one.path: one.reason for one in refusals}
        # Nothing is spared the indexer for want of a sender.
        put = put_into_inbox(node, [one for one in files if one not in sent or one in refused])
        wait_until_filed(node)
        yield Corpus(
            node=node,
            sent=sent,
            put=put,
            refused=refused,
            pids_before=pids_before,
            rows=node.all_assessed(len(list((node.data / "archive").iterdir()))),
        )
    finally:
        node.stop()


def send_as_it_lies(node: Node, outgoing: Sequence[OutgoingFile]) -> list[Refusal]:
    """What ``vigie send`` does, in this process."""
    return send(
        outgoing,
        host="127.0.0.1",
        port=node.dicom_port,
        called_ae_title="VIGIE",
        calling_ae_title="CORPUS",
        sent=lambda: None,
    )


def put_into_inbox(node: Node, files: Sequence[Path]) -> dict[Path, str]:
    """As if a peer without scruples had sent them; of a text, the whole is the data set."""
    origin = Origin(
        association_id="corpus-000001",
        calling_ae_title="CORPUS",
        called_ae_title="VIGIE",
        address="127.0.0.1",
    )
    inbox = Inbox(node.data / "inbox")
    put = {}
    for number, path in enumerate(files, start=1):
        content = data_set(path) if is_dicom(path) else path.read_bytes()
        with disable_value_validation():
            meta = split_dataset(path)[0] if is_dicom(path) else Dataset()
            header = file_header(
                sop_class_uid=str(meta.get("MediaStorageSOPClassUID", CTImageStorage)).encode(),
                sop_instance_uid=str(meta.get("MediaStorageSOPInstanceUID", "2.25.815")).encode(),
                transfer_syntax_uid=str(meta.get("TransferSyntaxUID", ImplicitVRLittleEndian)),
                origin=origin,
                implementation_version_name="VIGIE",
            )
        incoming = inbox.create(header, f"corpus_{number}")
        incoming.write(memoryview(content))
        name = ReceivedName(
            received_at_ns=time.time_ns(), association_id=origin.association_id, number=number
        )
        incoming.finish(str(name))
        put[path] = hashlib.sha256(content).hexdigest()
    return put


def test_p1_every_file_of_the_corpus_is_kept_bit_for_bit_or_refused_with_a_reason(
    corpus: Corpus,
) -> None:
    archived, quarantined = corpus.archived, corpus.quarantined
    fate: dict[Path, str] = {}
    for path, sha256 in {**corpus.sent, **corpus.put}.items():
        if sha256 in archived:
            is_first = any("~" not in one.name for one in archived[sha256])
            fate[path] = "filed" if is_first else "kept as a conflict"
        elif sha256 in quarantined:
            fate[path] = f"quarantined: {quarantined[sha256]}"
        else:
            fate[path] = "LOST"
    table = "\n".join(f"{count:4} {what}" for what, count in Counter(fate.values()).most_common())
    print(table)  # noqa: T201 - shown when the test fails
    assert "LOST" not in fate.values(), table
    # And nothing is there that nobody sent.
    known = {*corpus.sent.values(), *corpus.put.values()}
    assert set(archived) | set(quarantined) <= known, table
    assert list((corpus.node.data / "inbox").glob("*.dcm")) == []


def test_what_cannot_be_sent_is_refused_with_a_reason(corpus: Corpus) -> None:
    assert len(corpus.refused) <= 2, corpus.refused  # one UID is too long, one has no patient
    assert all(corpus.refused.values())


def test_files_that_are_no_dicom_are_quarantined(corpus: Corpus) -> None:
    texts = {path: sha256 for path, sha256 in corpus.put.items() if not is_dicom(path)}
    assert len(texts) >= 10
    for path, sha256 in texts.items():
        assert corpus.quarantined.get(sha256), path


def test_objects_that_share_a_sop_instance_uid_are_all_kept_and_the_conflict_is_visible(
    corpus: Corpus,
) -> None:
    first = [path for paths in corpus.archived.values() for path in paths if "~" not in path.name]
    others = [path for paths in corpus.archived.values() for path in paths if "~" in path.name]
    by_uid = Counter(path.name.split("~")[0] for path in others)
    # One chest CT slice in many transfer syntaxes, all under one SOP Instance UID.
    assert max(by_uid.values()) >= 8
    assert {f"{uid}.dcm" for uid in by_uid} <= {path.name for path in first}
    assert sum(row["instance_count"] for row in corpus.rows) == len(first)
    assert sum(row["conflicts"] for row in corpus.rows) == len(others)


def test_every_study_of_the_corpus_is_assessed_and_no_process_dies(corpus: Corpus) -> None:
    told = Counter((one["state"], one["reason"]) for row in corpus.rows for one in row["detectors"])
    assert {state for state, _ in told} <= _ENDS, told
    for state, reason in told:
        if state in ("failed", "not_applicable"):
            assert reason
            assert "died" not in reason, told
    assert [corpus.node.role_pids(role) for role in _ROLES] == corpus.pids_before
    log = corpus.node.log.read_text(errors="replace")
    for trouble in ("role_died", "database_died", "Traceback", "detectors died"):
        assert trouble not in log, log[log.index(trouble) - 2000 :][:4000]


def test_p9_every_image_of_the_corpus_is_shown_or_refused_with_a_reason(corpus: Corpus) -> None:
    told: Counter[tuple[int, str]] = Counter()
    for row in corpus.rows:
        uid = row["study_instance_uid"]
        for series in corpus.node.api(f"/api/studies/{uid}")["series"]:
            for instance in series["instances"]:
                address = (
                    f"/api/studies/{uid}/series/{series['series_instance_uid']}"
                    f"/instances/{instance['sop_instance_uid']}/frames/1/rendered?viewport=256,256"
                )
                told[rendered(corpus.node, address)] += 1
    print(told)  # noqa: T201
    assert told[200, ""] >= 60, told
    assert {status for status, _ in told} <= {200, 404, 422}, told
    assert [corpus.node.role_pids(role) for role in _ROLES] == corpus.pids_before


def rendered(node: Node, address: str) -> tuple[int, str]:
    """The status of an answer, and why there is no picture where there is none."""
    try:
        with node.ask(address, timeout_s=60) as response:
            assert response.headers["Content-Type"] in ("image/png", "image/jpeg")
            assert response.read(8).startswith((b"\x89PNG", b"\xff\xd8\xff"))
            return int(response.status), ""
    except urllib.error.HTTPError as error:
        problem = json.load(error)
        assert problem["detail"]
        return error.code, str(problem["detail"])


def test_what_dcmsend_makes_of_the_corpus_is_received_as_storescp_receives_it(
    shared_dicom: Path, program: Callable[[str], str], tmp_path: Path
) -> None:
    reference, port = tmp_path / "storescp", free_port()
    folder = shared_dicom / "corpus"
    with (
        listening(tmp_path / "node") as node,
        running_storescp(program, reference, port),
    ):
        for one in (port, node.dicom_port):
            run(
                [
                    program("dcmsend"),
                    *("--scan-directories", "--recurse", "--no-halt", "--no-uid-checks"),
                    *("127.0.0.1", str(one), str(folder)),
                ]
            )
    received = digests(node.data / "inbox")
    assert received.total() >= 80
    # storescp names files by SOP Instance UID, so that one of each remains.
    assert set(digests(reference)) <= set(received)
