"""Objects sent by STOW-RS: in the inbox, durable and bit for bit, before anybody says so (P1)."""

import asyncio
import contextlib
import io
import json
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from fastapi import FastAPI
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import DeflatedExplicitVRLittleEndian

from dicom_listener.association_evidence import open_associations
from dicom_listener.inbox import Inbox
from dicom_listener.received_object import data_set_digest
from dicom_listener.settings import ListenerSettings
from dicom_listener.stow import StowDoor
from tests.archived import image
from tests.dicomweb_parts import dicomweb_app, dicomweb_of
from tests.filing import Node
from tests.viewer_parts import ANNA, FakePeople
from viewer.dicomweb import store_api
from viewer.dicomweb.elements import MAX_ELEMENTS
from viewer.dicomweb.multipart_reader import (
    BrokenMultipart,
    MultipartReader,
    PartBegins,
    PartData,
    PartEnds,
)
from viewer.dicomweb.store_api import Pace
from viewer.dicomweb.stow import TooSlow
from viewer.dicomweb.uids_in import SERIES_INSTANCE_UID, STUDY_INSTANCE_UID, UidsIn
from worklist.people import Role

URL = "/dicomweb/studies"
RELATED = 'multipart/related; type="application/dicom"; boundary=mark'


def part10(number: int = 1, **attributes: Any) -> bytes:
    """A file as a sender has it."""
    data_set: Dataset = image(StudyInstanceUID="1.2.1", SeriesInstanceUID="1.2.1.1", **attributes)
    data_set.SOPInstanceUID = f"1.2.1.1.{number}"
    data_set.file_meta.MediaStorageSOPClassUID = data_set.SOPClassUID
    data_set.file_meta.MediaStorageSOPInstanceUID = data_set.SOPInstanceUID
    encoded = io.BytesIO()
    dcmwrite(encoded, data_set, enforce_file_format=True)
    return encoded.getvalue()


def multipart(*parts: bytes, kind: str = "application/dicom") -> bytes:
    head = f"--mark\r\nContent-Type: {kind}\r\n\r\n".encode()
    return b"".join(head + part + b"\r\n" for part in parts) + b"--mark--\r\n"


def app_of(folder: Path, **settings: Any) -> FastAPI:
    """An app whose inbox lies in ``data``; who is signed in administers it."""
    given = {"data": folder / "data", "disk_reserve_bytes": 0, **settings}
    door = StowDoor(ListenerSettings(**given))
    dicomweb = replace(dicomweb_of(folder, []), store=door)
    return dicomweb_app(folder, [], dicomweb, people=Administrator())


class Administrator(FakePeople):
    """Anna, with another role."""

    def who(self, secret: str, now: Any, *, attended: bool) -> Any:
        found = super().who(secret, now, attended=attended)
        account = replace(ANNA, roles=frozenset({Role.ADMINISTRATOR}))
        return None if found is None else replace(found, account=account)


def post(
    app: FastAPI, body: bytes | Sequence[bytes], kind: str = RELATED, url: str = URL, **headers: str
) -> httpx.Response:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in body:
            yield piece if isinstance(piece, bytes) else bytes([piece])

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            sent = {
                "cookie": "vigie_session=open",
                "content-type": kind,
                "x-csrf-token": "token",
                "origin": "http://localhost",
                **headers,
            }
            content = body if isinstance(body, bytes) else pieces()
            return await client.post(url, content=content, headers=sent)

    return asyncio.run(ask())


def received(folder: Path) -> list[Path]:
    return sorted((folder / "data" / "inbox").glob("*.dcm"))


def data_set_of(content: bytes) -> bytes:
    length = int.from_bytes(content[140:144], "little")
    return content[144 + length :]


def test_p1_objects_lie_in_the_inbox_bit_for_bit_when_success_is_answered(tmp_path: Path) -> None:
    files = [part10(1), part10(2, PatientName="<script>^x")]
    answer = post(app_of(tmp_path), multipart(*files))
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/dicom+json"
    stored = answer.json()["00081199"]["Value"]
    assert [one["00081155"]["Value"] for one in stored] == [["1.2.1.1.1"], ["1.2.1.1.2"]]
    assert stored[0]["00081150"]["Value"] == ["1.2.840.10008.5.1.4.1.1.2"]
    assert "00081198" not in answer.json()
    kept = [path.read_bytes() for path in received(tmp_path)]
    assert [data_set_of(one) for one in kept] == [data_set_of(one) for one in files]
    meta = dcmread(received(tmp_path)[0]).file_meta
    assert meta.SendingApplicationEntityTitle == "anna"
    assert meta.MediaStorageSOPInstanceUID == "1.2.1.1.1"


def test_p1_success_comes_after_the_file_and_its_name_are_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    really_sync, really_publish = os.fsync, Inbox.publish

    def sync(descriptor: int) -> None:
        really_sync(descriptor)
        order.append("sync")

    def publish(self: Inbox, file: Any, name: str) -> None:
        order.append("publish")
        really_publish(self, file, name)
        order.append("published")

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Inbox, "publish", publish)
    assert post(app_of(tmp_path), multipart(part10())).status_code == 200
    at = order.index("publish")
    assert order[at:] == ["publish", "sync", "sync", "published"]


def test_p1_what_cannot_be_synced_is_not_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    app = app_of(tmp_path)
    monkeypatch.setattr(Inbox, "publish", fail)
    answer = post(app, multipart(part10()))
    assert answer.status_code == 409
    (failed,) = answer.json()["00081198"]["Value"]
    assert failed["00081197"]["Value"] == [0x0110]
    assert failed["00081155"]["Value"] == ["1.2.1.1.1"]
    assert received(tmp_path) == []


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_request_may_come_in_pieces_of_any_size(tmp_path: Path, size: int) -> None:
    files = [part10(n) for n in (1, 2, 3)]
    body = multipart(*files)
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    answer = post(app_of(tmp_path), pieces)
    assert answer.status_code == 200, answer.text
    kept = [data_set_of(path.read_bytes()) for path in received(tmp_path)]
    assert kept == [data_set_of(one) for one in files]


def test_a_single_object_may_come_without_parts(tmp_path: Path) -> None:
    assert post(app_of(tmp_path), part10(), "application/dicom").status_code == 200
    assert len(received(tmp_path)) == 1


def test_the_indexer_files_what_came_by_http(tmp_path: Path) -> None:
    node = Node(tmp_path / "data")
    assert post(app_of(tmp_path), multipart(part10(1), part10(2))).status_code == 200
    node.wait(0)
    assert node.archived() == ["1.2.1/1.2.1.1/1.2.1.1.1.dcm", "1.2.1/1.2.1.1/1.2.1.1.2.dcm"]
    (one, _) = node.store.instances.values()
    assert (one.calling_ae_title, one.sha256) == (
        "anna",
        data_set_digest(tmp_path / "data" / "archive" / one.archive_path).sha256,
    )


@pytest.mark.parametrize("uid", ["1.2.x", "../../passwd", "1" * 65, ""])
def test_p9_an_object_with_a_bad_uid_is_kept_with_a_warning_and_quarantined(
    tmp_path: Path, uid: str
) -> None:
    content = part10()
    meta = dcmread(io.BytesIO(content))
    body = data_set_of(content).replace(b"1.2.1.1.1\0", b"1.2.1.1.1\0")
    head = bytes(128) + b"DICM"
    value = uid.encode() + b"\0" * (len(uid) % 2)
    elements = [
        (0x0002, b"UI", b"1.2.840.10008.5.1.4.1.1.2\0"),
        (0x0003, b"UI", value),
        (0x0010, b"UI", str(meta.file_meta.TransferSyntaxUID).encode() + b"\0"),
    ]
    for number, vr, one in elements:
        head += b"\2\0" + number.to_bytes(2, "little") + vr + len(one).to_bytes(2, "little") + one
    node = Node(tmp_path / "data")
    answer = post(app_of(tmp_path), multipart(head + body))
    assert answer.status_code == 202
    (stored,) = answer.json()["00081199"]["Value"]
    assert stored["00081196"]["Value"] == [0xB007]
    node.wait(0)
    (quarantined,) = node.store.quarantined
    assert "SOP Instance UID" in quarantined.reason
    assert (node.data / "quarantine" / quarantined.quarantine_path).exists()


def test_what_is_no_dicom_file_fails_and_the_others_do_not(tmp_path: Path) -> None:
    answer = post(app_of(tmp_path), multipart(part10(1), b"no DICOM", b"", part10(2)))
    assert answer.status_code == 202
    assert len(answer.json()["00081199"]["Value"]) == 2
    others = answer.json()["0008119A"]["Value"]
    assert [one["00081197"]["Value"] for one in others] == [[0xC000], [0xC000]]
    assert len(received(tmp_path)) == 2
    only = post(app_of(tmp_path), multipart(b"no DICOM"))
    assert only.status_code == 409


def test_parts_of_another_kind_are_refused_one_by_one(tmp_path: Path) -> None:
    answer = post(app_of(tmp_path), multipart(part10(), kind="application/dicom+json"))
    assert (answer.status_code, received(tmp_path)) == (409, [])


def test_an_object_that_is_too_large_is_refused_and_the_others_are_not(tmp_path: Path) -> None:
    small = part10(2)
    large = part10(1, EncapsulatedDocument=bytes(5000))
    app = app_of(tmp_path, max_object_bytes=len(data_set_of(small)) + 10)
    answer = post(app, multipart(large, small))
    assert answer.status_code == 202
    (failed,) = answer.json()["00081198"]["Value"]
    assert failed["00081197"]["Value"] == [0xA700]
    assert len(received(tmp_path)) == 1


def test_a_disk_that_is_nearly_full_is_said_as_c_store_says_it(tmp_path: Path) -> None:
    answer = post(app_of(tmp_path, disk_reserve_bytes=2**62), multipart(part10()))
    assert answer.status_code == 507
    assert answer.headers["content-type"] == "application/problem+json"
    assert received(tmp_path) == []


def test_a_disk_that_fills_up_while_objects_come_fails_those_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = iter([10] * 4 + [0] * 99)
    monkeypatch.setattr(Inbox, "free_bytes", lambda _: next(free))
    answer = post(app_of(tmp_path, disk_reserve_bytes=1), multipart(part10(1), part10(2)))
    assert answer.status_code == 202
    assert len(answer.json()["00081199"]["Value"]) == 1
    assert answer.json()["00081198"]["Value"][0]["00081197"]["Value"] == [0xA700]


@pytest.mark.parametrize("transfer_syntax", [None, DeflatedExplicitVRLittleEndian])
def test_objects_of_another_study_are_refused_where_one_is_named(
    tmp_path: Path, transfer_syntax: str | None
) -> None:
    data_set = image(StudyInstanceUID="1.2.1", SeriesInstanceUID="1.2.1.1", SOPInstanceUID="1.9")
    if transfer_syntax:
        data_set.file_meta.TransferSyntaxUID = transfer_syntax
    data_set.file_meta.MediaStorageSOPClassUID = data_set.SOPClassUID
    data_set.file_meta.MediaStorageSOPInstanceUID = data_set.SOPInstanceUID
    encoded = io.BytesIO()
    dcmwrite(encoded, data_set, enforce_file_format=True)
    body = multipart(encoded.getvalue())
    right = post(app_of(tmp_path), body, url=f"{URL}/1.2.1")
    assert right.status_code == 200
    assert right.json()["00081190"]["Value"] == ["http://localhost/dicomweb/studies/1.2.1"]
    wrong = post(app_of(tmp_path), body, url=f"{URL}/1.2.9")
    assert wrong.status_code == 409
    assert wrong.json()["00081198"]["Value"][0]["00081155"]["Value"] == ["1.9"]
    assert len(received(tmp_path)) == 1
    assert post(app_of(tmp_path), body, url=f"{URL}/passwd").status_code == 422


def test_a_request_that_ends_too_early_keeps_what_was_whole(tmp_path: Path) -> None:
    whole = multipart(part10(1), part10(2))
    answer = post(app_of(tmp_path), whole[:-200])
    assert answer.status_code == 202
    assert len(answer.json()["00081199"]["Value"]) == 1
    assert answer.json()["0008119A"]["Value"][0]["00081197"]["Value"] == [0xC000]
    assert len(received(tmp_path)) == 1
    assert list((tmp_path / "data" / "inbox" / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "body", "headers", "status"),
    [
        ("text/plain", b"x", {}, 415),
        ("", b"x", {}, 415),
        ('multipart/related; type="application/dicom+json"; boundary=mark', b"x", {}, 415),
        ("multipart/form-data; boundary=mark", b"x", {}, 415),
        ('multipart/related; type="application/dicom"', b"x", {}, 400),
        ('multipart/related; type="application/dicom"; boundary="a\tb"', b"x", {}, 400),
        (RELATED, b"", {}, 400),
        (RELATED, b"x" * 100_000, {}, 400),
        (RELATED, b"--mark\r\n" + b"x" * 100_000, {}, 400),
        (RELATED, b"--markings\r\n\r\n", {}, 400),
        (RELATED, b"--mark--", {}, 409),
        (RELATED, b"--mark--", {"accept": "text/html"}, 406),
        (RELATED, b"--mark--", {"x-csrf-token": "forged"}, 403),
        (RELATED, b"--mark--", {"origin": "http://evil.example"}, 403),
    ],
)
def test_a_request_that_holds_no_objects_is_a_problem(
    tmp_path: Path, kind: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = post(app_of(tmp_path), body, kind, **headers)
    assert answer.status_code == status, answer.text
    assert received(tmp_path) == []


def test_a_request_counts_as_an_open_association_while_it_runs(tmp_path: Path) -> None:
    door = StowDoor(ListenerSettings(data=tmp_path, disk_reserve_bytes=0))
    inbox = Inbox(tmp_path / "inbox")
    with door.session("scanner", "10.0.0.7"):
        (one,) = open_associations(inbox)
        assert one.sender == ("scanner", "10.0.0.7")
    assert open_associations(inbox) == []
    door.close()
    assert list(inbox.listeners.iterdir()) == []


def test_an_inbox_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    answer = post(app_of(tmp_path), multipart(part10()))
    assert answer.status_code == 503
    assert str(tmp_path) not in json.dumps(answer.json())


def test_parts_are_read_whatever_stands_around_them() -> None:
    body = b"to whom\r\n--m \t\r\nA: b\r\nC:d\r\n\r\none\r\n--n\r\n--m\r\n\r\n--m-\r\n--m--\r\nbye"
    for size in (1, 2, 5, len(body)):
        reader = MultipartReader("m")
        found: list[tuple[dict[str, str], bytes]] = []
        for at in range(0, len(body), size):
            for event in reader.feed(body[at : at + size]):
                match event:
                    case PartBegins(headers):
                        found.append((headers, b""))
                    case PartData(content):
                        found[-1] = (found[-1][0], found[-1][1] + bytes(content))
                    case PartEnds():
                        found.append(({}, b"end"))
        assert found[0] == ({"a": "b", "c": "d"}, b"one\r\n--n")
        assert found[1] == ({}, b"end")
        assert reader.is_over


def test_a_boundary_that_cannot_be_is_refused() -> None:
    for boundary in ("", "x" * 71, "a\r\nb", "é", "trailing "):
        with pytest.raises(BrokenMultipart):
            MultipartReader(boundary)


def referring(images: int) -> bytes:
    """An object that refers to so many images before it says its study."""
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = "1.2.3", "1." + "2" * 62
    series = Dataset()
    series.ReferencedInstanceSequence = [item] * images
    series.SeriesInstanceUID = "1.2.1.8"
    return part10(1, ReferencedSeriesSequence=[series])


@pytest.mark.parametrize("images", [800, 20_000])
def test_an_object_that_refers_to_many_images_before_its_study_is_taken(
    tmp_path: Path, images: int
) -> None:
    body = multipart(referring(images))
    assert len(body) > 64 * 1024
    answer = post(app_of(tmp_path), body, url=f"{URL}/1.2.1")
    assert (answer.status_code, len(received(tmp_path))) == (200, 1)
    assert post(app_of(tmp_path), body, url=f"{URL}/1.2.9").status_code == 409


@pytest.mark.parametrize("size", [1, 3, 4096])
def test_the_study_is_found_wherever_the_pieces_end(size: int) -> None:
    content = data_set_of(referring(100))
    uids = UidsIn("1.2.840.10008.1.2.1")
    for at in range(0, len(content), size):
        uids.write(memoryview(content)[at : at + size])
    assert uids.found() == {STUDY_INSTANCE_UID: "1.2.1", SERIES_INSTANCE_UID: "1.2.1.1"}


@pytest.mark.parametrize(("elements", "found"), [(MAX_ELEMENTS // 2, True), (MAX_ELEMENTS, False)])
def test_p9_so_many_elements_are_stepped_over_for_the_study_and_no_more(
    elements: int, found: bool
) -> None:
    content = data_set_of(part10())
    at = content.index(b"\x20\x00\x0d\x00UI")
    empty = b"\x09\x00\x00\x10LO\0\0"
    uids = UidsIn("1.2.840.10008.1.2.1")
    uids.write(memoryview(content[:at] + empty * elements + content[at:]))
    assert bool(uids.found()) is found


def test_where_each_object_can_be_had_is_said(tmp_path: Path) -> None:
    files = [part10(1), part10(2, PatientComments="x" * 10_000)]
    answer = post(app_of(tmp_path), multipart(*files), accept="multipart/*, application/dicom+json")
    at = "http://localhost/dicomweb/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1"
    stored = answer.json()["00081199"]["Value"]
    assert [one["00081190"] for one in stored] == [
        {"vr": "UR", "Value": [f"{at}.{number}"]} for number in (1, 2)
    ]
    nowhere = part10().replace(b"UI\x06\x001.2.1\0", b"UI\x06\x00x.2.1\0")
    (one,) = post(app_of(tmp_path), multipart(nowhere)).json()["00081199"]["Value"]
    assert one["00081190"] == {"vr": "UR"}


def test_p9_a_request_has_so_many_parts_and_those_before_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("viewer.dicomweb.stow.MOST_PARTS", 3)
    files = [part10(number) for number in (1, 2, 3)]
    assert post(app_of(tmp_path), multipart(*files)).status_code == 200
    answer = post(app_of(tmp_path), multipart(*files, part10(4)))
    assert answer.status_code == 202
    assert len(answer.json()["00081199"]["Value"]) == 3
    assert answer.json()["0008119A"]["Value"][0]["00081197"]["Value"] == [0xC000]
    none = post(app_of(tmp_path), multipart(*[b""] * 4))
    assert (none.status_code, none.json()["code"]) == (413, "too_many_parts")


class Sliced(bytes):
    """Bytes that tell how many of them were copied."""

    copied: list[int]

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        if not isinstance(found, bytes):
            return found
        self.copied.append(len(found))
        return self._like(found)

    def __radd__(self, other: bytes) -> "Sliced":
        return self._like(bytes(other) + bytes(self))

    def _like(self, content: bytes) -> "Sliced":
        made = Sliced(content)
        made.copied = self.copied
        return made


def test_p9_what_comes_at_once_is_cut_once_however_many_parts_it_has() -> None:
    body = Sliced(multipart(*[b"x"] * 1000))
    body.copied = []
    reader = MultipartReader("mark")
    events = list(reader.feed(body))
    assert sum(isinstance(event, PartEnds) for event in events) == 1000
    assert sum(body.copied) < 2 * len(body)


@pytest.mark.parametrize(
    ("pieces", "is_slow"),
    [
        ([(1, 59.0), (1, 0.9)], False),
        ([(1, 59.0), (1, 1.0)], True),
        ([(8192 * 59, 59.0), (8192, 1.0)], False),
        ([(8192 * 59, 59.0), (8191, 1.0)], True),
        ([(10**9, 60.0), (1, 59.9)], False),
        ([(10**9, 60.0), (1, 60.0)], True),
    ],
)
def test_a_sender_that_trickles_loses_its_place(
    pieces: list[tuple[int, float]], is_slow: bool
) -> None:
    pace = Pace()
    *before, (size, waited) = pieces
    for earlier, time in before:
        pace.came(earlier, time)
    if is_slow:
        with pytest.raises(TooSlow):
            pace.came(size, waited)
    else:
        pace.came(size, waited)


def test_a_request_that_is_too_slow_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = app_of(tmp_path)
    monkeypatch.setattr(store_api, "_LEAST_BYTES_S", 1e12)
    assert post(app, multipart(part10())).status_code == 200  # of the first minute
    monkeypatch.setattr(store_api, "_SILENCE_S", 0.0)
    monkeypatch.setattr(anyio, "fail_after", lambda _: contextlib.nullcontext())
    answer = post(app, multipart(part10()))
    assert (answer.status_code, answer.json()["code"]) == (408, "too_slow")


def test_when_every_place_is_taken_a_sender_is_told_when_to_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_api, "_AT_ONCE", 2)
    monkeypatch.setattr(store_api, "_PATIENCE_S", 0.0)
    app, body = app_of(tmp_path), multipart(part10())
    headers = {
        "cookie": "vigie_session=open",
        "content-type": RELATED,
        "x-csrf-token": "token",
        "origin": "http://localhost",
    }

    async def ask() -> list[httpx.Response]:
        go_on, under_way = asyncio.Event(), asyncio.Semaphore(0)

        async def pieces() -> AsyncIterator[bytes]:
            under_way.release()
            await go_on.wait()
            yield body

        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://localhost", headers=headers
        ) as client:
            held = [asyncio.create_task(client.post(URL, content=pieces())) for _ in range(2)]
            async with asyncio.timeout(60):
                for _ in held:
                    await under_way.acquire()
            refused = await client.post(URL, content=body)
            go_on.set()
            return [refused, *[await one for one in held], await client.post(URL, content=body)]

    refused, *others = asyncio.run(ask())
    assert (refused.status_code, refused.json()["code"]) == (503, "too_busy")
    assert refused.headers["retry-after"] == "10"
    assert [one.status_code for one in others] == [200] * 3
