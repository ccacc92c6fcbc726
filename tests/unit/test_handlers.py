"""What a C-STORE is answered, without a socket (P1)."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_listener import handlers
from dicom_listener.command import C_ECHO_RQ, C_STORE_RQ, Command, encode_response
from dicom_listener.errors import ProtocolError
from dicom_listener.handlers import StoreHandler
from dicom_listener.inbox import Inbox, IncomingObject, Origin
from dicom_listener.received_object import open_received
from dicom_listener.settings import ListenerSettings

COMMAND = Command(
    field=C_STORE_RQ,
    message_id=7,
    has_data_set=True,
    sop_class_uid=b"1.2.840.10008.5.1.4.1.1.2\0",
    sop_instance_uid=b"1.2.3\0",
)
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"


def handler(data: Path, **settings: Any) -> StoreHandler:
    node = ListenerSettings(data=data, **{"disk_reserve_bytes": 0, **settings})
    origin = Origin(
        association_id="0123456789abcdef-000001",
        calling_ae_title="CT01",
        called_ae_title="VIGIE",
        address="10.0.0.7",
    )
    return StoreHandler(inbox=Inbox(node.inbox), settings=node, origin=origin, clock_ns=lambda: 1)


def send(store: StoreHandler, *pieces: bytes, command: Command = COMMAND) -> handlers.Outcome:
    reception = store.begin(command, EXPLICIT_LITTLE)
    for piece in pieces:
        reception.write(memoryview(piece))
    return store.finish(reception)


def files(data: Path) -> list[str]:
    return [path.name for path in (data / "inbox").rglob("*") if path.is_file()]


def test_p1_success_means_the_bytes_are_in_the_inbox_as_they_came(tmp_path: Path) -> None:
    assert send(handler(tmp_path), b"any", b" bytes").status == 0x0000
    (path,) = (tmp_path / "inbox").glob("*.dcm")
    assert path.read_bytes().endswith(b"any bytes")
    received = open_received(path, frozenset())
    assert received.command_sop_instance_uid.rstrip(b"\0") == b"1.2.3"
    assert received.calling_ae_title == "CT01"
    assert received.sender_address == "10.0.0.7"


@pytest.mark.parametrize(
    ("number", "status"),
    [(errno.ENOSPC, 0xA700), (errno.EDQUOT, 0xA700), (errno.EIO, 0x0110)],
)
def test_p1_a_failing_sync_is_never_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, status: int
) -> None:
    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    store = handler(tmp_path)
    monkeypatch.setattr(os, "fsync", fail)
    assert send(store, b"data").status == status
    assert files(tmp_path) == []


def test_p1_a_failing_write_is_never_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: IncomingObject, __: memoryview) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(IncomingObject, "write", fail)
    assert send(handler(tmp_path), b"data", b"more").status == 0xA700
    assert files(tmp_path) == []


def test_a_disk_that_is_nearly_full_refuses_before_it_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = handler(tmp_path, disk_reserve_bytes=1000)
    for free, status in ((999, 0xA700), (1000, 0x0000), (1001, 0x0000)):
        monkeypatch.setattr(Inbox, "free_bytes", lambda _, free=free: free)
        assert send(store, b"x").status == status


@pytest.mark.parametrize(("size", "status"), [(99, 0), (100, 0), (101, 0xA700)])
def test_an_object_over_the_limit_is_refused_without_being_kept(
    tmp_path: Path, size: int, status: int
) -> None:
    half = size // 2
    assert (
        send(handler(tmp_path, max_object_bytes=100), b"x" * half, b"x" * (size - half)).status
        == status
    )
    assert len(files(tmp_path)) == (status == 0)


def test_p9_invalid_uids_are_received_and_never_part_of_a_name(tmp_path: Path) -> None:
    command = Command(
        field=C_STORE_RQ, message_id=1, has_data_set=True, sop_instance_uid=b"../../etc/passwd"
    )
    assert send(handler(tmp_path), b"data", command=command).status == 0x0000
    (name,) = files(tmp_path)
    assert name == "00000000000000000001_0123456789abcdef-000001_000001.dcm"


def test_a_response_repeats_what_was_asked() -> None:
    encoded = encode_response(COMMAND, 0xA700, "no space " * 20)
    decoded = Command.decode(encoded)
    assert decoded.field == 0x8001
    assert decoded.sop_instance_uid == COMMAND.sop_instance_uid
    assert not decoded.has_data_set
    assert len(encoded) < 250


def test_an_echo_succeeds() -> None:
    assert handlers.echo().status == 0x0000
    assert (
        Command.decode(
            encode_response(Command(field=C_ECHO_RQ, message_id=1, has_data_set=False), 0)
        ).field
        == 0x8030
    )


@given(st.binary(max_size=200))
def test_p9_hostile_command_sets_are_protocol_errors(encoded: bytes) -> None:
    try:
        Command.decode(encoded)
    except ProtocolError:
        return
