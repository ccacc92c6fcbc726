"""Frames by DICOMweb: decoded for whoever has no codec, as stored for whoever asks."""

import io
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.pixels import compress
from pydicom.uid import (
    MPEG4HP41,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
)

from tests.archived import RAMP, image
from tests.dicomweb_parts import dicomweb_app, parts_of, written
from tests.viewer_parts import INSTANCE, SERIES, STUDY, Get, getter
from viewer.dicomweb import frames_api
from viewer.dicomweb.accept import NotAcceptable, choose_frames, parse_accept
from viewer.dicomweb.elements import EXPLICIT_LITTLE
from viewer.dicomweb.pixels import UnknownFrame, stored_frame
from viewer.ports import CannotDecode

FRAMES = f"/dicomweb/studies/{STUDY}/series/{SERIES}/instances/{INSTANCE}/frames"
DECODED = f"application/octet-stream; transfer-syntax={EXPLICIT_LITTLE}"
AS_STORED = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
STACK = np.stack([np.arange(1024, dtype=np.int16).reshape(32, 32) + 100 * n for n in range(3)])


def serving(folder: Path, data_set: Dataset) -> Get:
    return getter(dicomweb_app(folder, [written(folder, data_set)]))


def multi_frame(**attributes: Any) -> Dataset:
    return image(STACK, NumberOfFrames=3, **attributes)


@pytest.mark.parametrize(
    "transfer_syntax",
    [None, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian],
)
def test_native_frames_come_as_little_endian_samples(
    tmp_path: Path, transfer_syntax: str | None
) -> None:
    data_set = multi_frame()
    if transfer_syntax:
        data_set.file_meta.TransferSyntaxUID = transfer_syntax
    if transfer_syntax == ExplicitVRBigEndian:
        data_set["PixelData"].VR = "OW"
        data_set.PixelData = STACK.astype(">i2").tobytes()
    get = serving(tmp_path, data_set)
    answer = get(f"{FRAMES}/3,1")
    assert answer.headers["content-type"].startswith(
        'multipart/related; type="application/octet-stream"; boundary='
    )
    assert parts_of(answer) == [(DECODED, STACK[2].tobytes()), (DECODED, STACK[0].tobytes())]
    assert parts_of(get(f"{FRAMES}/2", accept=AS_STORED)) == [(DECODED, STACK[1].tobytes())]


@pytest.mark.parametrize("transfer_syntax", [RLELossless, JPEGLSLossless])
def test_compressed_frames_are_decoded_unless_asked_for_as_stored(
    tmp_path: Path, transfer_syntax: str
) -> None:
    data_set = multi_frame()
    data_set["PixelData"].VR = "OW"
    compress(data_set, transfer_syntax, generate_instance_uid=False)
    get = serving(tmp_path, data_set)
    media_type = {RLELossless: "image/dicom-rle", JPEGLSLossless: "image/jls"}[transfer_syntax]
    for number in (1, 3):
        assert parts_of(get(f"{FRAMES}/{number}")) == [(DECODED, STACK[number - 1].tobytes())]
        answer = get(f"{FRAMES}/{number}", accept=AS_STORED)
        assert answer.headers["content-type"].startswith(f'multipart/related; type="{media_type}"')
        ((kind, content),) = parts_of(answer)
        assert kind == f"{media_type}; transfer-syntax={transfer_syntax}"
        assert content == stored_frame(tmp_path / "1.dcm", number).content
    single = get(f"{FRAMES}/2", accept="application/octet-stream")
    assert (single.headers["content-type"], single.content) == (DECODED, STACK[1].tobytes())


def test_fragments_are_put_together_to_the_frames_they_are_of(tmp_path: Path) -> None:
    codestreams = [bytes([n]) * (50 + 2 * n) for n in range(1, 4)]
    with_table = multi_frame()
    with_table.file_meta.TransferSyntaxUID = RLELossless
    with_table.PixelData = encapsulate(codestreams, fragments_per_frame=2)
    one = written(tmp_path, with_table)
    assert [stored_frame(one.path, n).content.rstrip(b"\0") for n in (1, 2, 3)] == codestreams
    extended = multi_frame()
    extended.file_meta.TransferSyntaxUID = RLELossless
    pixels, extended.ExtendedOffsetTable, lengths = encapsulate_extended(codestreams)
    extended.PixelData, extended.ExtendedOffsetTableLengths = pixels, lengths
    other = written(tmp_path, extended, 2)
    assert [stored_frame(other.path, n).content for n in (3, 1)] == [codestreams[2], codestreams[0]]


def test_frames_of_single_bits_begin_at_the_first_bit_of_a_byte(tmp_path: Path) -> None:
    bits = np.array([[[1, 0, 1], [0, 1, 1]], [[0, 1, 0], [1, 1, 1]], [[1, 1, 1], [0, 0, 1]]])
    packed = np.packbits(bits.ravel(), bitorder="little").tobytes()
    data_set = image(
        bits, NumberOfFrames=3, BitsAllocated=1, BitsStored=1, HighBit=0, PixelRepresentation=0
    )
    data_set.PixelData = packed + b"\0" * (len(packed) % 2)
    data_set["PixelData"].VR = "OB"
    one = written(tmp_path, data_set)
    for number, expected in enumerate(bits, start=1):
        content = stored_frame(one.path, number).content
        found = np.unpackbits(np.frombuffer(content, np.uint8), bitorder="little")[:6]
        assert found.tolist() == expected.ravel().tolist()


def colour_jpeg(subsampling: int) -> Dataset:
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:, 8:] = (200, 30, 30)
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "jpeg", quality=95, subsampling=subsampling)
    data_set = image(np.zeros((16, 16)), SamplesPerPixel=3, BitsAllocated=8, BitsStored=8)
    data_set.HighBit, data_set.PixelRepresentation, data_set.PlanarConfiguration = 7, 0, 0
    data_set.PhotometricInterpretation = "YBR_FULL_422"
    data_set.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    data_set.PixelData = encapsulate([encoded.getvalue()])
    data_set["PixelData"].VR = "OB"
    return data_set


@pytest.mark.parametrize("subsampling", [0, 2])
def test_decoded_colour_is_rgb_pixel_by_pixel(tmp_path: Path, subsampling: int) -> None:
    get = serving(tmp_path, colour_jpeg(subsampling))
    ((kind, content),) = parts_of(get(f"{FRAMES}/1"))
    assert kind == DECODED
    pixels = np.frombuffer(content, np.uint8).reshape(16, 16, 3).astype(int)
    assert np.abs(pixels[4, 2]).max() < 12
    assert np.abs(pixels[4, 13] - (200, 30, 30)).max() < 12


def test_native_colour_is_handed_out_as_it_is_described(tmp_path: Path) -> None:
    pixels = np.arange(2 * 4 * 4 * 2, dtype=np.uint8)
    data_set = image(np.zeros((4, 4)), SamplesPerPixel=3, BitsAllocated=8, BitsStored=8)
    data_set.PhotometricInterpretation, data_set.NumberOfFrames = "YBR_FULL_422", 2
    data_set.PixelData = pixels.tobytes()  # two bytes a pixel
    data_set["PixelData"].VR = "OB"
    one = written(tmp_path, data_set)
    assert stored_frame(one.path, 2).content == pixels[32:].tobytes()


def test_a_video_is_one_codestream_and_never_decoded(tmp_path: Path) -> None:
    data_set = image(np.zeros((4, 4)), NumberOfFrames=30)
    data_set.file_meta.TransferSyntaxUID = MPEG4HP41
    data_set.PixelData = encapsulate([b"one", b"other"], has_bot=False)
    data_set["PixelData"].VR = "OB"
    get = serving(tmp_path, data_set)
    ((kind, content),) = parts_of(get(f"{FRAMES}/1"))
    assert kind == f"video/mp4; transfer-syntax={MPEG4HP41}"
    assert content.replace(b"\0", b"") == b"oneother"
    answer = get(f"{FRAMES}/1", accept="application/octet-stream")
    assert answer.status_code == 406
    assert "video/mp4" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("frames", "accept", "status"),
    [
        ("4", "*/*", 404),
        ("1,4", "*/*", 404),
        ("0", "*/*", 422),
        ("-1", "*/*", 422),
        ("1,,2", "*/*", 422),
        ("1,x", "*/*", 422),
        ("²", "*/*", 422),
        ("99999999999", "*/*", 422),
        (",".join(["1"] * 4097), "*/*", 422),
        ("1", "image/png", 406),
        ("1,2", "application/octet-stream", 406),
        ("1", "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.4.80", 406),
        ("1", "*/*; q=0", 406),
    ],
)
def test_what_cannot_be_had_is_a_problem_in_words(
    tmp_path: Path, frames: str, accept: str, status: int
) -> None:
    answer = serving(tmp_path, multi_frame())(f"{FRAMES}/{frames}", accept=accept)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    "change",
    [
        {"PixelData": None},
        {"Rows": 0},
        {"Rows": 60000, "Columns": 60000},
        {"Columns": 0},
        {"PixelData": b"\0\0"},
    ],
)
def test_p9_pixels_that_are_not_where_the_header_says_are_a_reason(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    one = written(tmp_path, image(**change))
    with pytest.raises(CannotDecode):
        stored_frame(one.path, 1)
    answer = getter(dicomweb_app(tmp_path, [one]))(f"{FRAMES}/1")
    assert answer.status_code == 422


def test_p9_a_codestream_that_is_none_is_a_reason(tmp_path: Path) -> None:
    data_set = multi_frame()
    data_set.file_meta.TransferSyntaxUID = JPEGLSLossless
    data_set.PixelData = encapsulate([b"none", b"other"])
    get = serving(tmp_path, data_set)
    assert get(f"{FRAMES}/1").status_code == 422
    assert get(f"{FRAMES}/1", accept=AS_STORED).status_code == 200
    data_set.PixelData = b"\xfe\xff\x00\xe0\xff\xff\xff\x7f"
    assert serving(tmp_path, data_set)(f"{FRAMES}/1", accept=AS_STORED).status_code == 422


def test_a_frame_that_the_client_has_is_not_sent_again(tmp_path: Path) -> None:
    get = serving(tmp_path, multi_frame())
    first = get(f"{FRAMES}/1")
    assert first.headers["cache-control"] == "private, no-cache"
    again = get(f"{FRAMES}/1", if_none_match=first.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    assert get(f"{FRAMES}/2", if_none_match=first.headers["etag"]).status_code == 200


def test_an_icon_is_not_taken_for_the_pixels(tmp_path: Path) -> None:
    icon = image(np.ones((2, 2)))
    del icon.file_meta
    data_set = image(IconImageSequence=[icon])
    one = written(tmp_path, data_set)
    assert stored_frame(one.path, 1).content == RAMP.tobytes()
    with pytest.raises(UnknownFrame):
        stored_frame(one.path, 2)


JLS = "1.2.840.10008.1.2.4.80"
_RELATED = "multipart/related; type=application/octet-stream"


@pytest.mark.parametrize(
    ("accept", "media_type", "as_stored", "is_multipart"),
    [
        (None, "application/octet-stream", False, True),
        ("*/*", "application/octet-stream", False, True),
        ("multipart/related", "application/octet-stream", False, True),
        ('multipart/related; type="*/*"', "application/octet-stream", False, True),
        (_RELATED, "application/octet-stream", False, True),
        (f"{_RELATED}; transfer-syntax=*", "image/jls", True, True),
        ("application/octet-stream;transfer-syntax=*", "image/jls", True, False),
        (f'multipart/related; type="image/jls"; transfer-syntax={JLS}', "image/jls", True, True),
        (f'multipart/related; type="image/jls"; transfer-syntax="{JLS}"', "image/jls", True, True),
        ("multipart/related; type=image/jls", "image/jls", True, True),
        ("image/*", "image/jls", True, False),
        ("image/jpeg, application/octet-stream;q=0.1", "application/octet-stream", False, False),
        ("application/octet-stream;q=0.1, IMAGE/JLS", "image/jls", True, False),
        ('text/html;a="x,y;z", image/jls', "image/jls", True, False),
    ],
)  # fmt: skip
def test_the_accept_header_decides(
    accept: str | None, media_type: str, as_stored: bool, is_multipart: bool
) -> None:
    how = choose_frames(accept, JLS, 1, decodable=True)
    assert (how.media_type, how.as_stored, how.is_multipart) == (
        media_type,
        as_stored,
        is_multipart,
    )


@pytest.mark.parametrize(
    "accept", [";;;", '"', ",,", "a/b;q=x", '*/*;"', "text/html", "image/jls;transfer-syntax=1.2"]
)
def test_an_accept_header_that_takes_nothing_we_have_is_refused(accept: str) -> None:
    with pytest.raises(NotAcceptable):
        choose_frames(accept, JLS, 1, decodable=True)


def test_the_preferred_range_comes_first() -> None:
    ranges = parse_accept("a/b;q=0.5, c/d, e/f;q=0, g/h;q=0.7")
    assert [one.media_type for one in ranges] == ["c/d", "g/h", "a/b"]


def test_an_object_without_a_file_is_a_reason(tmp_path: Path) -> None:
    one = replace(written(tmp_path, image()), path=tmp_path / "gone.dcm")
    assert getter(dicomweb_app(tmp_path, [one]))(f"{FRAMES}/1").status_code == 422


def test_the_file_is_asked_for_its_state_in_a_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    really = frames_api._etag

    def etag(*arguments: Any) -> str:
        asked.append(threading.current_thread() is threading.main_thread())
        return really(*arguments)

    monkeypatch.setattr(frames_api, "_etag", etag)
    assert serving(tmp_path, multi_frame())(f"{FRAMES}/1").status_code == 200
    assert asked == [False]
