"""`vigie send`: files as they lie on disk, and what the peer says to each."""

from pathlib import Path

import pytest
from pynetdicom import evt
from vigie_node import free_port

from tests.sending_peers import CAPTURE, SR, result_file, storage_peer, uid_of
from vigie.sending import NoAssociation, Refusal, dicom_files, echo, send


def sent_to(port: int, paths: list[Path], counted: list[int] | None = None) -> list[Refusal]:
    files, refusals = dicom_files(paths)
    assert refusals == []
    count = counted if counted is not None else []
    return send(
        files,
        host="127.0.0.1",
        port=port,
        called_ae_title="PACS",
        calling_ae_title="VIGIE-SEND",
        sent=lambda: count.append(1),
    )


def test_files_are_sent_in_their_order_and_counted_whatever_becomes_of_them(
    tmp_path: Path,
) -> None:
    files = [result_file(tmp_path, size=300_000) for _ in range(3)]
    files.append(result_file(tmp_path, sop_class_uid=CAPTURE))
    received: list[str] = []
    counted: list[int] = []

    def store(event: evt.Event) -> int:
        received.append(str(event.request.AffectedSOPInstanceUID))
        return 0xA700 if len(received) == 2 else 0x0000

    with storage_peer(store, classes=(SR,)) as port:
        refusals = sent_to(port, files, counted)
    assert received == [uid_of(one) for one in files[:3]]
    assert [one.path for one in refusals] == [files[1], files[3]]
    assert refusals[0].reason == "status 0xA700"
    assert refusals[1].reason.startswith(f"the peer takes no {CAPTURE}")
    assert len(counted) == 4


def test_a_peer_that_leaves_ends_the_sending_with_its_reason(tmp_path: Path) -> None:
    with (
        storage_peer(lambda event: event.assoc.abort(block=False) or 0x0000) as port,
        pytest.raises(NoAssociation, match="aborted the association"),
    ):
        sent_to(port, [result_file(tmp_path)])
    with pytest.raises(NoAssociation, match="Nothing listens"):
        sent_to(free_port(), [result_file(tmp_path)])


def test_a_file_that_vanishes_is_refused_and_the_next_one_sent(tmp_path: Path) -> None:
    files = [result_file(tmp_path) for _ in range(2)]
    outgoing, _ = dicom_files(files)
    files[0].unlink()
    with storage_peer(lambda _: 0x0000) as port:
        refusals = send(
            outgoing,
            host="127.0.0.1",
            port=port,
            called_ae_title="PACS",
            calling_ae_title="VIGIE-SEND",
            sent=lambda: None,
        )
    assert [one.path for one in refusals] == [files[0]]
    assert refusals[0].reason.startswith("cannot be sent")


def test_a_node_that_answers_or_refuses_is_one_and_silence_is_none() -> None:
    classes = ("1.2.840.10008.1.1",)
    implicit = ("1.2.840.10008.1.2",)
    with storage_peer(lambda _: 0, classes=classes, syntaxes=implicit) as port:
        assert echo("127.0.0.1", port, "PACS")
    with storage_peer(
        lambda _: 0, classes=classes, syntaxes=implicit, require_called_aet=True, ae_title="OTHER"
    ) as port:
        assert echo("127.0.0.1", port, "PACS")
    assert not echo("127.0.0.1", free_port(), "PACS")
