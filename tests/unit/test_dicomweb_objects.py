"""Whole objects, bulk data and pictures by DICOMweb."""

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.pixels import compress
from pydicom.uid import (
    MPEG4HP41,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
)

from tests.archived import image
from tests.dicomweb_parts import dicomweb_app, parts_of, written
from tests.filing import element
from tests.unit.test_dicomweb_frames import STACK, colour_jpeg, multi_frame
from tests.unit.test_dicomweb_metadata import ITEM, ITEM_END, SEQUENCE_END, raw_file, undefined
from tests.viewer_parts import INSTANCE, SERIES, STUDY, Get, getter

BASE = f"/dicomweb/studies/{STUDY}"
AT_SERIES = f"{BASE}/series/{SERIES}"
AT_INSTANCE = f"{AT_SERIES}/instances/{INSTANCE}"
ANY_SYNTAX = 'multipart/related; type="application/dicom"; transfer-syntax=*'
EXPLICIT = f"application/dicom; transfer-syntax={ExplicitVRLittleEndian}"


def compressed(transfer_syntax: str) -> Dataset:
    data_set = multi_frame()
    data_set["PixelData"].VR = "OW"
    compress(data_set, transfer_syntax, generate_instance_uid=False)
    return data_set


def serving(folder: Path, *data_sets: Dataset) -> Get:
    objects = [written(folder, one, number) for number, one in enumerate(data_sets, start=1)]
    return getter(dicomweb_app(folder, objects))


def test_p1_objects_come_as_they_are_stored_bit_for_bit(tmp_path: Path) -> None:
    get = serving(tmp_path, multi_frame(), compressed(RLELossless))
    files = [(tmp_path / f"{number}.dcm").read_bytes() for number in (1, 2)]
    kinds = [
        f"application/dicom; transfer-syntax={uid}" for uid in ("1.2.840.10008.1.2.1", RLELossless)
    ]
    for url in (BASE, AT_SERIES):
        answer = get(url, accept=ANY_SYNTAX)
        assert answer.headers["content-type"].startswith(
            'multipart/related; type="application/dicom"; boundary='
        )
        assert parts_of(answer) == list(zip(kinds, files, strict=True))
    assert parts_of(get(AT_INSTANCE, accept=ANY_SYNTAX)) == [(kinds[0], files[0])]
    single = get(AT_INSTANCE, accept="application/dicom")
    assert (single.headers["content-type"], single.content) == (kinds[0], files[0])


@pytest.mark.parametrize(
    "transfer_syntax",
    [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian,
     RLELossless, JPEGLSLossless],
)  # fmt: skip
def test_objects_come_in_explicit_little_endian_unless_asked_otherwise(
    tmp_path: Path, transfer_syntax: str
) -> None:
    if transfer_syntax in (RLELossless, JPEGLSLossless):
        data_set = compressed(transfer_syntax)
    else:
        data_set = multi_frame()
        data_set["PixelData"].VR = "OW"
        data_set.file_meta.TransferSyntaxUID = transfer_syntax
        if transfer_syntax == ExplicitVRBigEndian:
            data_set.PixelData = STACK.astype(">i2").tobytes()
    item = Dataset()
    item.CodeValue, item.CodeMeaning = "T-1", "Ärm"
    data_set.SpecificCharacterSet = "ISO_IR 100"
    data_set.AnatomicRegionSequence = [item, Dataset()]
    data_set.SmallestImagePixelValue = -5
    data_set.ImagePositionPatient = [0, 1.5, -2]
    data_set.FrameIncrementPointer = 0x00181063
    data_set.private_block(0x0029, "somebody", create=True).add_new(1, "UN", b"\1\2\3")
    ((kind, content),) = parts_of(serving(tmp_path, data_set)(AT_INSTANCE))
    assert kind == EXPLICIT
    found, original = dcmread(io.BytesIO(content)), dcmread(tmp_path / "1.dcm")
    assert found.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert np.array_equal(found.pixel_array, STACK)
    for one in (found, original):
        del one.PixelData
    if transfer_syntax == ImplicitVRLittleEndian:
        del found[0x00291001], original[0x00291001]
    assert found == original
    assert not list((tmp_path / "metadata").glob("*.dcm"))


def test_colour_that_was_decoded_is_said_to_be_rgb(tmp_path: Path) -> None:
    ((_, content),) = parts_of(serving(tmp_path, colour_jpeg(2))(AT_INSTANCE))
    found = dcmread(io.BytesIO(content))
    assert (found.PhotometricInterpretation, found.PlanarConfiguration) == ("RGB", 0)
    assert np.abs(found.pixel_array[4, 13].astype(int) - (200, 30, 30)).max() < 12


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("text/html", 406),
        (
            'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.80',
            406,
        ),
        (f'multipart/related; type="application/dicom"; transfer-syntax={RLELossless}', 200),
        ('multipart/related; type="application/dicom"', 200),
        (f"application/dicom; transfer-syntax={ExplicitVRLittleEndian}", 200),
        ("*/*", 200),
    ],
)
def test_the_accept_header_decides_which_objects_can_be_had(
    tmp_path: Path, accept: str, status: int
) -> None:
    answer = serving(tmp_path, compressed(RLELossless))(AT_INSTANCE, accept=accept)
    assert answer.status_code == status
    if status == 406:
        assert RLELossless in answer.json()["detail"]


def test_several_objects_need_parts(tmp_path: Path) -> None:
    get = serving(tmp_path, image(), image())
    assert get(AT_SERIES, accept="application/dicom").status_code == 406
    assert get(AT_SERIES + "?accept=*/*", accept="application/dicom").status_code == 200


def test_p9_what_cannot_be_decoded_comes_as_stored_or_not_at_all(tmp_path: Path) -> None:
    video = image(np.zeros((4, 4)), NumberOfFrames=30)
    video.file_meta.TransferSyntaxUID = MPEG4HP41
    broken = multi_frame()
    broken.file_meta.TransferSyntaxUID = JPEGLSLossless
    for one in (video, broken):
        one.PixelData = encapsulate([b"none", b"other", b"third"], has_bot=False)
        one["PixelData"].VR = "OB"
    for data_set, status in ((video, 406), (broken, 422)):
        get = serving(tmp_path, data_set)
        stored = (tmp_path / "1.dcm").read_bytes()
        assert parts_of(get(AT_INSTANCE))[0][1] == stored
        assert parts_of(get(AT_INSTANCE, accept=ANY_SYNTAX))[0][1] == stored
        assert get(AT_INSTANCE, accept="application/dicom").status_code == status


def test_an_object_without_pixels_is_written_again_whole(tmp_path: Path) -> None:
    report = image(PixelData=None, TextValue="x" * 70_000)
    report.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    ((_, content),) = parts_of(serving(tmp_path, report)(AT_INSTANCE))
    assert dcmread(io.BytesIO(content)).TextValue == "x" * 70_000


PDF = b"%PDF-1.7 " + b"x" * 9001


def test_bulk_data_are_at_the_addresses_that_metadata_name(tmp_path: Path) -> None:
    item = Dataset()
    item.add_new(0x54001010, "OW", bytes(range(256)) * 40)
    data_set = multi_frame(EncapsulatedDocument=PDF, WaveformSequence=[Dataset(), item])
    get = serving(tmp_path, data_set)
    (said,) = get(f"{AT_INSTANCE}/metadata").json()
    addresses = {
        said["00420011"]["BulkDataURI"]: PDF + b"\0" * (len(PDF) % 2),
        said["54000100"]["Value"][1]["54001010"]["BulkDataURI"]: bytes(range(256)) * 40,
        said["7FE00010"]["BulkDataURI"]: STACK.tobytes(),
    }
    for address, content in addresses.items():
        url = address.removeprefix("http://localhost")
        answer = get(url)
        assert answer.headers["content-disposition"] == "attachment"
        assert parts_of(answer) == [("application/octet-stream", content)]
        single = get(url, accept="application/octet-stream")
        assert (single.headers["content-type"], single.content) == (
            "application/octet-stream",
            content,
        )


def test_p9_bulk_data_are_never_a_page(tmp_path: Path) -> None:
    html = b"<script>alert(1)</script>" * 400
    data_set = image(EncapsulatedDocument=html, MIMETypeOfEncapsulatedDocument="text/html")
    get = serving(tmp_path, data_set)
    assert get(f"{AT_INSTANCE}/bulkdata/00420011", accept="text/html").status_code == 406
    answer = get(f"{AT_INSTANCE}/bulkdata/00420011", accept="text/html, */*;q=0.8")
    assert answer.headers["content-type"].startswith("multipart/related")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_bulk_data_in_undefined_lengths_are_found(tmp_path: Path) -> None:
    long = struct.pack("<HH2sxxL", 0x5400, 0x1010, b"OB", 5000) + bytes(5000)
    content = (
        undefined(0x54000100)
        + ITEM
        + element(0x00080060, b"CS", b"CT")
        + ITEM_END
        + ITEM
        + undefined(0x00081110)
        + SEQUENCE_END
        + long
        + ITEM_END
        + SEQUENCE_END
    )
    get = getter(dicomweb_app(tmp_path, [raw_file(tmp_path, content)]))
    url = f"{AT_INSTANCE}/bulkdata/54000100/1/54001010"
    assert get(url, accept="application/octet-stream").content == bytes(5000)
    for missing in (
        "54000100/0/54001010",
        "54000100/2/54001010",
        "54000100",
        "54000100/1/00081110",
    ):
        assert get(f"{AT_INSTANCE}/bulkdata/{missing}").status_code == 404


def test_bulk_data_of_compressed_pixels_come_in_a_part_for_each_frame(tmp_path: Path) -> None:
    get = serving(tmp_path, compressed(RLELossless))
    parts = parts_of(get(f"{AT_INSTANCE}/bulkdata/7FE00010"))
    assert [kind for kind, _ in parts] == [f"image/dicom-rle; transfer-syntax={RLELossless}"] * 3
    answer = get(f"{AT_INSTANCE}/bulkdata/7FE00010", accept="application/octet-stream")
    assert answer.status_code == 406


def test_big_endian_words_are_turned_round(tmp_path: Path) -> None:
    data_set = multi_frame()
    data_set["PixelData"].VR = "OW"
    data_set.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    data_set.PixelData = STACK.astype(">i2").tobytes()
    get = serving(tmp_path, data_set)
    answer = get(f"{AT_INSTANCE}/bulkdata/7FE00010", accept="application/octet-stream")
    assert answer.content == STACK.tobytes()


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("00100010", 200),
        ("00100011", 404),
        ("0010001", 422),
        ("7fe00010", 422),
        ("00082218/0", 422),
        ("00082218/x/00080100", 422),
        ("00082218/1/00080100", 404),
        ("/".join(["00082218/0"] * 65) + "/00080100", 422),
        ("../../../etc/passwd", 404),
        ("%2e%2e/passwd", 404),
    ],
)
def test_p9_an_address_nobody_gave_out_is_a_problem(
    tmp_path: Path, address: str, status: int
) -> None:
    get = serving(tmp_path, image(PatientName="Doe^Jane"))
    assert get(f"{AT_INSTANCE}/bulkdata/{address}").status_code in (status, 422)


@pytest.mark.parametrize(
    ("url", "accept", "kind", "size"),
    [
        (f"{AT_INSTANCE}/rendered", "*/*", "JPEG", (6, 4)),
        (f"{AT_INSTANCE}/rendered?viewport=3,3", "image/png", "PNG", (3, 2)),
        (f"{AT_INSTANCE}/rendered?window=12,24,linear", "image/jpeg", "JPEG", (6, 4)),
        (f"{AT_INSTANCE}/frames/1/rendered", "image/*", "JPEG", (6, 4)),
        (f"{AT_INSTANCE}/frames/1/thumbnail", "*/*", "JPEG", (6, 4)),
        (f"{AT_INSTANCE}/thumbnail", "image/png;q=1, image/jpeg;q=0.5", "PNG", (6, 4)),
        (f"{AT_SERIES}/thumbnail", "*/*", "JPEG", (6, 4)),
        (f"{BASE}/thumbnail?viewport=4,4", "*/*", "JPEG", (4, 3)),
    ],
)
def test_pictures_are_drawn_for_frames_and_for_what_they_stand_for(
    tmp_path: Path, url: str, accept: str, kind: str, size: tuple[int, int]
) -> None:
    answer = serving(tmp_path, image())(url, accept=accept)
    assert answer.status_code == 200, answer.text
    picture = Image.open(io.BytesIO(answer.content))
    assert (picture.format, picture.size) == (kind, size)


def test_several_pictures_come_in_parts(tmp_path: Path) -> None:
    get = serving(tmp_path, multi_frame())
    parts = parts_of(get(f"{AT_INSTANCE}/frames/1,1/rendered"))
    assert [kind for kind, _ in parts] == ["image/jpeg", "image/jpeg"]
    assert get(f"{AT_INSTANCE}/frames/1,1/rendered", accept="image/png").status_code == 406


@pytest.mark.parametrize(
    ("url", "status"),
    [
        (f"{AT_INSTANCE}/frames/2/rendered", 404),
        (f"{AT_INSTANCE}/frames/x/rendered", 422),
        (f"{AT_INSTANCE}/rendered?window=1", 422),
        (f"{AT_INSTANCE}/rendered?viewport=0,0", 422),
        (f"{AT_SERIES}/instances/1.9/rendered", 404),
        ("/dicomweb/studies/1.9/thumbnail", 404),
        ("/dicomweb/studies/1.9", 404),
    ],
)
def test_what_is_not_there_is_a_problem(tmp_path: Path, url: str, status: int) -> None:
    answer = serving(tmp_path, image())(url)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_no_mark_of_a_detector_is_in_what_dicomweb_says_p8(tmp_path: Path) -> None:
    """Only what the sender sent is served: what is withheld from a reader cannot leak here."""
    get = serving(tmp_path, image())
    said: list[Any] = get(f"{AT_INSTANCE}/metadata").json()
    text = str(said).lower()
    assert not [word for word in ("fracture", "flagged", "probability", "region") if word in text]
