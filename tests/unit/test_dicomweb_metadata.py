"""Archived objects in the DICOM JSON model: whatever they hold is data (P9)."""

import asyncio
import json
import struct
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio.to_thread
import httpx
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
)
from starlette.requests import Request

from tests.archived import image
from tests.dicomweb_parts import archived_object, dicomweb_app, dicomweb_of, written
from tests.filing import element
from tests.viewer_parts import INSTANCE, SERIES, STUDY, getter
from viewer.dicomweb.addresses import base_of
from viewer.dicomweb.json_model import MAX_DEPTH, ToDescribe, describe, with_base
from viewer.dicomweb.metadata import Metadata, address
from viewer.ports import CannotDecode
from worklist.archived import ArchivedObject

BASE = f"/dicomweb/studies/{STUDY}"
AT_SERIES = f"{BASE}/series/{SERIES}"
AT_INSTANCE = f"{AT_SERIES}/instances/{INSTANCE}"


def said_of(one: ArchivedObject) -> dict[str, Any]:
    (content,) = describe([ToDescribe(path=one.path, address="here")])
    assert content is not None
    found: dict[str, Any] = json.loads(content)
    return found


def raw_file(folder: Path, content: bytes, number: int = 1) -> ArchivedObject:
    """A file of these bytes as Explicit VR Little Endian."""
    one = archived_object(folder / f"raw{number}.dcm", number)
    meta = element(0x00020010, b"UI", b"1.2.840.10008.1.2.1")
    length = element(0x00020000, b"UL", struct.pack("<L", len(meta)))
    one.path.write_bytes(bytes(128) + b"DICM" + length + meta + content)
    return one


def undefined(tag: int) -> bytes:
    """The head of a sequence that says no length."""
    return struct.pack("<HH2sHL", tag >> 16, tag & 0xFFFF, b"SQ", 0, 0xFFFFFFFF)


ITEM = struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
ITEM_END = struct.pack("<HHL", 0xFFFE, 0xE00D, 0)
SEQUENCE_END = struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)


@pytest.mark.parametrize(
    "transfer_syntax",
    [None, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian],
)
def test_an_image_is_described_in_every_native_transfer_syntax(
    tmp_path: Path, transfer_syntax: str | None
) -> None:
    item = Dataset()
    item.CodeValue = "T-D1100"
    data_set = image(
        SpecificCharacterSet="ISO_IR 100",
        PatientName="Müller^Anna",
        ImageType=["ORIGINAL", "", "AXIAL"],
        ImagePositionPatient=[0, -1.5, 2],
        InstanceNumber=7,
        FrameIncrementPointer=0x00181063,
        RedPaletteColorLookupTableDescriptor=[256, 0, 16],
        AnatomicRegionSequence=[item],
        SmallestImagePixelValue=-5,
    )
    if transfer_syntax:
        data_set.file_meta.TransferSyntaxUID = transfer_syntax
    said = said_of(written(tmp_path, data_set))
    assert said["00100010"] == {"vr": "PN", "Value": [{"Alphabetic": "Müller^Anna"}]}
    assert said["00080008"] == {"vr": "CS", "Value": ["ORIGINAL", None, "AXIAL"]}
    assert said["00200032"] == {"vr": "DS", "Value": [0, -1.5, 2]}
    assert said["00200013"] == {"vr": "IS", "Value": [7]}
    assert said["00280009"] == {"vr": "AT", "Value": ["00181063"]}
    assert said["00082218"]["Value"][0]["00080100"]["Value"] == ["T-D1100"]
    assert said["00280106"] == {"vr": "SS", "Value": [-5]}  # signed, as its pixels are
    assert said["00080005"]["Value"] == ["ISO_IR 192"]
    assert said["00083002"]["Value"] == [data_set.file_meta.TransferSyntaxUID]
    assert said["7FE00010"] == {"vr": "OW", "BulkDataURI": "here/bulkdata/7FE00010"}
    assert "00020010" not in said
    assert list(said) == sorted(said)


@pytest.mark.parametrize(
    ("sets", "raw", "groups"),
    [
        (
            b"\\ISO 2022 IR 87",
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
            {"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎", "Phonetic": "やまだ^たろう"},
        ),
        (
            b"GB18030",
            "王^小东=王^小东".encode("gb18030"),
            {"Alphabetic": "王^小东", "Ideographic": "王^小东"},
        ),
        (b"ISO_IR 192", "שלום^דני".encode(), {"Alphabetic": "שלום^דני"}),
        (b"", b"<script>alert(1)</script>^<b>", {"Alphabetic": "<script>alert(1)</script>^<b>"}),
        (b"ISO_IR 999", "Müller".encode(), {"Alphabetic": "MÃ¼ller"}),
        (b"", b"==", None),
    ],
)
def test_a_name_is_data_in_its_groups_and_its_characters_p9(
    tmp_path: Path, sets: bytes, raw: bytes, groups: dict[str, str] | None
) -> None:
    content = element(0x00080005, b"CS", sets) + element(0x00100010, b"PN", raw)
    said = said_of(raw_file(tmp_path, content))
    assert said["00100010"] == ({"vr": "PN"} if groups is None else {"vr": "PN", "Value": [groups]})


@pytest.mark.parametrize(
    ("vr", "raw", "values"),
    [
        (b"DS", b"1.50\\abc\\1e5\\", [1.5, None, 100000, None]),
        (b"DS", b"nan\\inf\\1_000", []),
        (b"DS", b"9" * 400, []),
        (b"IS", b" 12 \\1.5\\-3\\12.0", [12, None, -3, 12]),
        (b"FD", struct.pack("<3d", 1.5, float("nan"), float("-inf")), [1.5, "NaN", "-inf"]),
        (b"UL", b"\1\0\0\0\2\0", [1]),
        (b"LO", b"a\\b \0", ["a", "b"]),
        (b"LT", b"one\\line ", ["one\\line"]),
        (b"UI", b"1.2.3\0", ["1.2.3"]),
        (b"CS", b"", []),
        (b"LO", b"tab\there\x07", ["tab\there\x07"]),
    ],
)
def test_a_value_that_cannot_be_meant_is_null_and_the_others_stay(
    tmp_path: Path, vr: bytes, raw: bytes, values: list[object]
) -> None:
    said = said_of(raw_file(tmp_path, element(0x00210020, vr, raw)))
    expected = {"vr": vr.decode(), **({"Value": values} if values else {})}
    assert said["00210020"] == expected


def test_large_integers_are_strings_where_javascript_would_round_them(tmp_path: Path) -> None:
    value = struct.pack("<2Q", 5, 2**63)
    content = struct.pack("<HH2sxxL", 0x0021, 0x0020, b"UV", 16) + value
    assert said_of(raw_file(tmp_path, content))["00210020"]["Value"] == [5, str(2**63)]


def test_bytes_are_inline_while_short_and_bulk_data_when_long(tmp_path: Path) -> None:
    data_set = image(EncapsulatedDocument=b"x" * 9000)
    block = data_set.private_block(0x0029, "somebody", create=True)
    block.add_new(1, "UN", b"\1\2\3\4")
    block.add_new(2, "UN", bytes(9000))
    block.add_new(3, "LO", "text")
    said = said_of(written(tmp_path, data_set))
    assert said["00291001"] == {"vr": "UN", "InlineBinary": "AQIDBA=="}
    assert said["00291002"] == {"vr": "UN", "BulkDataURI": "here/bulkdata/00291002"}
    assert said["00291003"] == {"vr": "LO", "Value": ["text"]}
    assert said["00420011"] == {"vr": "OB", "BulkDataURI": "here/bulkdata/00420011"}


def test_bulk_data_in_a_sequence_has_an_address_of_its_own(tmp_path: Path) -> None:
    first, second = Dataset(), Dataset()
    first.WaveformData = b"short!"
    second.WaveformData = bytes(9000)
    for one in (first, second):
        one["WaveformData"].VR = "OB"
    said = said_of(written(tmp_path, image(WaveformSequence=[first, second])))
    items = said["54000100"]["Value"]
    assert "InlineBinary" in items[0]["54001010"]
    assert items[1]["54001010"]["BulkDataURI"] == "here/bulkdata/54000100/1/54001010"


def test_a_character_set_of_an_item_ends_with_it(tmp_path: Path) -> None:
    item = element(0x00080005, b"CS", b"ISO_IR 192") + element(0x00080104, b"LO", "ü".encode())
    content = (
        element(0x00080005, b"CS", b"ISO_IR 100")
        + undefined(0x00081110)
        + ITEM
        + item
        + ITEM_END
        + SEQUENCE_END
        + element(0x00081030, b"LO", "ü".encode("latin-1"))
    )
    said = said_of(raw_file(tmp_path, content))
    assert said["00081110"]["Value"][0]["00080104"]["Value"] == ["ü"]
    assert said["00081030"]["Value"] == ["ü"]


@pytest.mark.parametrize("depth", [MAX_DEPTH, MAX_DEPTH + 1, 100_000])
def test_p9_sequences_without_a_bottom_are_cut_and_what_follows_is_there(
    tmp_path: Path, depth: int
) -> None:
    content = (
        (undefined(0x00081110) + ITEM) * depth
        + (ITEM_END + SEQUENCE_END) * depth
        + element(0x0020000D, b"UI", b"1.2.3")
    )
    said = said_of(raw_file(tmp_path, content))
    assert said["0020000D"]["Value"] == ["1.2.3"]
    levels = 0
    here = said
    while "00081110" in here and "Value" in here["00081110"]:
        here, levels = here["00081110"]["Value"][0], levels + 1
    assert levels == min(depth, MAX_DEPTH)


@pytest.mark.parametrize(
    "tail",
    [
        b"\x08\0",
        undefined(0x00081110),
        undefined(0x00081110) + ITEM,
        undefined(0x00081110) + element(0x00081030, b"LO", b"no item"),
        struct.pack("<HH2sHL", 0x0008, 0x1110, b"SQ", 0, 10**9),
        struct.pack("<HH2sHL", 0x0021, 0x0020, b"OB", 0, 10**9),
        ITEM_END,
        SEQUENCE_END * 3,
        b"\xff" * 64,
    ],
)
def test_p9_where_the_structure_breaks_what_came_before_counts(tmp_path: Path, tail: bytes) -> None:
    content = element(0x00080018, b"UI", b"1.2.3.1.1") + tail
    assert said_of(raw_file(tmp_path, content))["00080018"]["Value"] == ["1.2.3.1.1"]


def test_the_first_of_two_elements_of_one_tag_counts_as_it_does_for_the_list(
    tmp_path: Path,
) -> None:
    content = element(0x00080060, b"CS", b"CT") + element(0x00080060, b"CS", b"MR")
    assert said_of(raw_file(tmp_path, content))["00080060"]["Value"] == ["CT"]


def test_what_a_value_says_of_bulk_data_stays_a_value() -> None:
    text = '"BulkDataURI":"'
    content = json.dumps({"a": text, "BulkDataURI": "x"}, separators=(",", ":")).encode()
    found = json.loads(with_base(content, "http://node/dicomweb"))
    assert found == {"a": text, "BulkDataURI": "http://node/dicomweb/x"}


def test_metadata_are_served_for_a_study_a_series_and_an_object(tmp_path: Path) -> None:
    objects = [written(tmp_path, image(InstanceNumber=n), n) for n in (1, 2, 3)]
    get = getter(dicomweb_app(tmp_path, objects))
    for url, count in ((f"{BASE}/metadata", 3), (f"{AT_SERIES}/metadata", 3)):
        answer = get(url)
        assert answer.headers["content-type"] == "application/dicom+json"
        assert [one["00200013"]["Value"] for one in answer.json()] == [[1], [2], [3]][:count]
    (one,) = get(f"{AT_INSTANCE}/metadata").json()
    address_ = f"http://localhost{AT_INSTANCE}/bulkdata/7FE00010"
    assert one["7FE00010"]["BulkDataURI"] == address_
    packed = get(f"{AT_SERIES}/metadata", accept_encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert len(packed.json()) == 3


@pytest.mark.parametrize(
    ("url", "accept", "status"),
    [
        (f"{AT_SERIES}/metadata", "application/dicom+json", 200),
        (f"{AT_SERIES}/metadata", "application/json;q=0.5", 200),
        (f"{AT_SERIES}/metadata?accept=application/json", "text/html", 200),
        (f"{AT_SERIES}/metadata", 'multipart/related; type="application/dicom+xml"', 406),
        ("/dicomweb/studies/1.2.4/metadata", "*/*", 404),
        (f"{BASE}/series/1.9/metadata", "*/*", 404),
        ("/dicomweb/studies/passwd/metadata", "*/*", 422),
    ],
)
def test_metadata_that_cannot_be_had_are_a_problem(
    tmp_path: Path, url: str, accept: str, status: int
) -> None:
    get = getter(dicomweb_app(tmp_path, [written(tmp_path, image())]))
    answer = get(url, accept=accept)
    assert answer.status_code == status
    kind = "application/dicom+json" if status == 200 else "application/problem+json"
    assert answer.headers["content-type"] == kind


def test_what_was_said_of_a_series_is_kept_and_not_made_again(tmp_path: Path) -> None:
    objects = [written(tmp_path, image(InstanceNumber=n), n) for n in range(1, 101)]
    asked: list[int] = []

    def counting(some: Any) -> list[bytes | None]:
        asked.append(len(some))
        return describe(some)

    metadata = Metadata(counting, tmp_path / "cache", 10**6)
    made = metadata.of(objects)
    assert sorted(asked) == [20, 40, 40]
    assert metadata.of(objects) == made
    assert sum(asked) == 100
    metadata.of(objects[:50])  # as the series was while it came
    assert sum(asked) == 150
    (tmp_path / "cache").rename(tmp_path / "gone")
    assert metadata.of(objects) == made


def test_a_cache_that_is_broken_or_full_costs_time_only(tmp_path: Path) -> None:
    objects = [written(tmp_path, image(InstanceNumber=n), n) for n in (1, 2)]
    metadata = Metadata(describe, tmp_path / "cache", 1)
    made = metadata.of(objects)
    for path in (tmp_path / "cache").rglob("*.gz"):
        path.write_bytes(b"\x1f\x8bnonsense")
    assert metadata.of(objects) == made
    (tmp_path / "other").write_bytes(b"a file where a folder should be")
    assert Metadata(describe, tmp_path / "other", 1).of(objects) == made


def test_p9_an_object_that_kills_its_reader_costs_the_others_nothing(tmp_path: Path) -> None:
    objects = [written(tmp_path, image(InstanceNumber=n), n) for n in (1, 2, 3)]

    def dying(some: Any) -> list[bytes | None]:
        if any(one.address == address(objects[1]) for one in some):
            raise CannotDecode("the frame's decoder crashed")
        return describe(some)

    metadata = Metadata(dying, tmp_path / "cache", 10**6)
    said = json.loads(b"[" + metadata.of(objects) + b"]")
    assert [one["00080018"]["Value"][0] for one in said] == [o.sop_instance_uid for o in objects]
    assert ["7FE00010" in one for one in said] == [True, False, True]
    assert list((tmp_path / "cache").rglob("*.gz")) == []  # it may have been an accident
    objects[0].path.unlink()
    assert json.loads(b"[" + metadata.of(objects[:1]) + b"]")[0]["00200013"]["Value"] == [1]


def test_an_empty_sequence_and_one_of_empty_items_are_told_apart(tmp_path: Path) -> None:
    data_set = image(ReferencedImageSequence=Sequence([]), SourceImageSequence=[Dataset()])
    said = said_of(written(tmp_path, data_set))
    assert said["00081140"] == {"vr": "SQ"}
    assert said["00082112"] == {"vr": "SQ", "Value": [{}]}


@pytest.mark.parametrize(
    ("host", "server", "more", "base"),
    [
        ("127.0.0.1", ("127.0.0.1", 8008), {}, "http://127.0.0.1:8008/dicomweb"),
        ("127.0.0.1:9000", ("127.0.0.1", 8008), {}, "http://127.0.0.1:9000/dicomweb"),
        ("localhost", ("127.0.0.1", 80), {}, "http://localhost/dicomweb"),
        ("vigie.hospital", ("10.0.0.1", 8008), {}, "http://vigie.hospital/dicomweb"),
        (
            "localhost",
            ("127.0.0.1", 8008),
            {"x-forwarded-proto": "http"},
            "http://localhost/dicomweb",
        ),
    ],
)
def test_addresses_name_the_port_that_some_clients_leave_out(
    host: str, server: tuple[str, int], more: dict[str, str], base: str
) -> None:
    headers = [(name.encode(), value.encode()) for name, value in {"host": host, **more}.items()]
    scope = {"type": "http", "scheme": "http", "path": "/", "headers": headers, "server": server}
    assert base_of(Request(scope)) == base


def test_whoever_waits_for_metadata_holds_no_thread_of_anybody_else(tmp_path: Path) -> None:
    waiting, go_on = threading.Semaphore(0), threading.Event()

    def slow(objects: Any) -> list[bytes | None]:
        waiting.release()
        assert go_on.wait(60)
        return describe(objects)

    one = written(tmp_path, image())
    app = dicomweb_app(tmp_path, [one], replace(dicomweb_of(tmp_path, [one]), describe=slow))
    url = f"/dicomweb/studies/{STUDY}/metadata"

    async def ask() -> None:
        transport = httpx.ASGITransport(app=app)
        cookie = {"cookie": "vigie_session=open"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://localhost", headers=cookie
        ) as client:
            asked = [asyncio.create_task(client.get(url)) for _ in range(50)]
            await asyncio.to_thread(waiting.acquire, timeout=60)
            try:
                limiter = anyio.to_thread.current_default_thread_limiter()
                assert limiter.borrowed_tokens == 0
                assert (await client.get("/api/session")).status_code == 200
            finally:
                go_on.set()
            assert {(await one).status_code for one in asked} == {200}

    asyncio.run(ask())


@pytest.mark.parametrize("url", [f"/dicomweb/studies/{STUDY}/metadata", "/dicomweb/studies"])
def test_the_gate_and_dicomweb_answer_when_every_thread_of_the_others_is_taken(
    tmp_path: Path, url: str
) -> None:
    app = dicomweb_app(tmp_path, [written(tmp_path, image())])

    async def ask() -> httpx.Response:
        limiter = anyio.to_thread.current_default_thread_limiter()
        limiter.total_tokens = 1
        transport = httpx.ASGITransport(app=app)
        cookie = {"cookie": "vigie_session=open"}
        async with (
            limiter,
            asyncio.timeout(60),
            httpx.AsyncClient(
                transport=transport, base_url="http://localhost", headers=cookie
            ) as client,
        ):
            return await client.get(url)

    assert asyncio.run(ask()).status_code == 200
