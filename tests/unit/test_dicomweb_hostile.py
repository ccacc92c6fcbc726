"""Files broken at random: DICOMweb answers, or says why not, and never falls over (P9)."""

import contextlib
import io
import json
import struct
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from tests.archived import image
from tests.dicomweb_parts import archived_object, dicomweb_of, written
from tests.unit.test_dicomweb_objects import compressed
from viewer.dicomweb import pixels
from viewer.dicomweb.accept import NotAcceptable, choose_frames
from viewer.dicomweb.bulkdata import UnknownBulkData, find_bulk_data
from viewer.dicomweb.elements import MAX_ELEMENTS, ArchivedFile, Broken, TooManyElements
from viewer.dicomweb.explicit import rewrite
from viewer.dicomweb.frames_api import read_frame
from viewer.dicomweb.json_model import ToDescribe, describe
from viewer.dicomweb.multipart_reader import BrokenMultipart, MultipartReader
from viewer.dicomweb.pixels import UnknownFrame, stored_frame
from viewer.dicomweb.stow import file_meta
from viewer.ports import CannotDecode
from vigie.frames import decode_stored


def encoded(transfer_syntax: str) -> bytes:
    """A small object with something of everything."""
    data_set = compressed(RLELossless) if transfer_syntax == RLELossless else image()
    item = Dataset()
    item.CodeValue = "T-1"
    item.ReferencedImageSequence = [Dataset()]
    data_set.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    data_set.PatientName = "Yamada^Tarou=山田^太郎"
    data_set.AnatomicRegionSequence = [item, item]
    data_set.ImagePositionPatient = [0, 1.5, -2]
    data_set.FrameIncrementPointer = 0x00181063
    data_set.private_block(0x0029, "somebody", create=True).add_new(1, "UN", b"\1\2\3")
    data_set.SOPInstanceUID = "1.2.3"
    data_set.file_meta.TransferSyntaxUID = transfer_syntax
    data_set.file_meta.MediaStorageSOPClassUID = data_set.SOPClassUID
    data_set.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    data_set["PixelData"].VR = "OW"
    content = io.BytesIO()
    dcmwrite(content, data_set, enforce_file_format=True)
    return content.getvalue()


FILES = [
    encoded(one)
    for one in (
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        RLELossless,
    )
]


@st.composite
def broken_files(draw: st.DrawFn) -> bytes:
    """A file with some bytes changed, cut out, or put in."""
    content = bytearray(draw(st.sampled_from(FILES)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(132, len(content) - 1))
        match draw(st.integers(0, 3)):
            case 0:
                content[at] = draw(st.integers(0, 255))
            case 1:
                content[at : at + 4] = draw(st.sampled_from([b"\xff" * 4, bytes(4), b"SQ\0\0"]))
            case 2:
                del content[at : at + draw(st.integers(1, 64))]
            case _:
                content[at:at] = draw(st.binary(min_size=1, max_size=32))
        if len(content) < 140:
            break
    return bytes(content)


@settings(max_examples=300, deadline=None)
@given(content=broken_files(), tag=st.sampled_from([0x7FE00010, 0x00100010, 0x00082218]))
def test_p9_a_broken_file_is_described_and_served_or_refused(content: bytes, tag: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "1.dcm"
        path.write_bytes(content)
        (said,) = describe([ToDescribe(path=path, address="here")])
        assert said is None or isinstance(json.loads(said), dict)
        with contextlib.suppress(CannotDecode, UnknownFrame):
            stored_frame(path, 1)
        with contextlib.suppress(CannotDecode):
            rewrite(path, Path(folder) / "2.dcm", decode_stored)
        try:
            with ArchivedFile(path) as file:
                find_bulk_data(file, (tag,))
        except (CannotDecode, UnknownBulkData):
            pass
        with contextlib.suppress(Broken):
            file_meta(content)


@settings(max_examples=200, deadline=None)
@given(
    pieces=st.lists(st.binary(max_size=40) | st.sampled_from([b"\r\n--m", b"--m\r\n\r\n", b"--"]))
)
def test_p9_any_bytes_are_parts_or_refused(pieces: list[bytes]) -> None:
    reader = MultipartReader("m")
    try:
        for piece in pieces:
            list(reader.feed(piece))
    except BrokenMultipart:
        pass


@settings(max_examples=300, deadline=None)
@given(header=st.text(max_size=80))
@example('multipart/related; type="application/octet-stream')
@example("a/b;q=1e999")
@example("a/b;q=nan")
def test_p9_any_accept_header_is_understood_or_refused(header: str) -> None:
    with contextlib.suppress(NotAcceptable):
        choose_frames(header, RLELossless, 1, decodable=True)


def stuffed(folder: Path, content: bytes, elements: int, *, nested: bool) -> Path:
    """An object with so many empty elements before its pixels, in a sequence or beside them."""
    at = content.index(b"\xe0\x7f\x10\x00OW")
    head = struct.pack("<HH2sH", 0x0009, 0x1000, b"LO", 0)
    more = head * elements
    if nested:
        open_item = struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
        ends = struct.pack("<HHLHHL", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
        head = struct.pack("<HH2sxxL", 0x0009, 0x1001, b"SQ", 0xFFFFFFFF)
        more = head + open_item + more + ends
    path = folder / f"{elements}.dcm"
    path.write_bytes(content[:at] + more + content[at:])
    return path


@pytest.mark.parametrize("nested", [False, True])
def test_p9_so_many_elements_are_stepped_over_in_the_web_process_and_no_more(
    tmp_path: Path, nested: bool
) -> None:
    few = stuffed(tmp_path, FILES[0], MAX_ELEMENTS // 2, nested=nested)
    assert stored_frame(few, 1).content == stored_frame(few, 1).content != b""
    many = stuffed(tmp_path, FILES[0], MAX_ELEMENTS, nested=nested)
    with pytest.raises(TooManyElements, match=f"more than {MAX_ELEMENTS} elements"):
        stored_frame(many, 1)
    for address in ((0x7FE00010,), (0x00091001, 1, 0x00100010)):
        with ArchivedFile(few) as file, contextlib.suppress(UnknownBulkData):
            find_bulk_data(file, address)
        with ArchivedFile(many) as file, pytest.raises((TooManyElements, UnknownBulkData)):
            find_bulk_data(file, address)


def test_p9_a_frame_behind_too_many_elements_is_decoded_by_another_process(tmp_path: Path) -> None:
    asked: list[object] = []

    def decode(path: Path, number: int, stored: object) -> bytes:
        asked.append((path, number, stored))
        return b"frame"

    path = stuffed(tmp_path, FILES[0], MAX_ELEMENTS, nested=True)
    dicomweb = replace(dicomweb_of(tmp_path, []), decode_stored=decode)
    part = read_frame(dicomweb, archived_object(path), 1, as_stored=True)
    assert (part.content, asked) == (b"frame", [(path, 1, None)])
    compressed_one = replace(archived_object(path), transfer_syntax_uid=RLELossless)
    with pytest.raises(TooManyElements):
        read_frame(dicomweb, compressed_one, 1, as_stored=True)


@pytest.mark.parametrize("table", [False, True])
def test_p9_so_many_fragments_are_stepped_over_for_a_frame_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: bool
) -> None:
    monkeypatch.setattr(pixels._Counting, "_left", 100)
    data_set = compressed(RLELossless)
    for fragments, is_served in ((10, True), (200, False)):
        data_set.NumberOfFrames = 1
        data_set.PixelData = encapsulate([bytes(4 * fragments)], fragments, has_bot=table)
        path = written(tmp_path, data_set).path
        if is_served:
            assert stored_frame(path, 1).content == bytes(4 * fragments)
        else:
            with pytest.raises(TooManyElements, match="fragments"):
                stored_frame(path, 1)
