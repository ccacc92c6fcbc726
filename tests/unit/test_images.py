"""Pixels of archived files: right where they are sound, refused where they lie."""

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
)

from models import data_set as data_set_module
from models.data_set import quiet
from models.images import UndecodableImage, decode_frame, load_series, read_series_headers
from tests.archived import RAMP, Write, axial, image, writer
from worklist.study import ArchivedInstance
from worklist.uid import SeriesInstanceUID, SOPInstanceUID


@pytest.fixture
def write(tmp_path: Path) -> Write:
    return writer(tmp_path)


def pixels_of(archive: Path, *instances: ArchivedInstance) -> list[np.ndarray[Any, Any]]:
    (series,) = read_series_headers(instances, archive).series
    return [each.pixels for each in load_series(series).images]


def test_ct_is_in_hounsfield_units_even_if_its_photometric_interpretation_is_inverted(
    write: Write, tmp_path: Path
) -> None:
    for photometric in ("MONOCHROME2", "MONOCHROME1"):
        instance = write(
            image(RescaleSlope="2", RescaleIntercept="-1024", PhotometricInterpretation=photometric)
        )
        (pixels,) = pixels_of(tmp_path, instance)
        assert pixels.dtype == np.float32
        np.testing.assert_array_equal(pixels, RAMP * 2.0 - 1024)


def test_bone_is_bright_on_a_radiograph_stored_as_monochrome1(write: Write, tmp_path: Path) -> None:
    instance = write(
        image(
            Modality="DX",
            PhotometricInterpretation="MONOCHROME1",
            BitsStored=12,
            HighBit=11,
            PixelRepresentation=0,
            WindowCenter="1000",
            WindowWidth="500",
        )
    )
    (pixels,) = pixels_of(tmp_path, instance)
    np.testing.assert_array_equal(pixels, 4095.0 - RAMP)
    frame = decode_frame(tmp_path / instance.archive_path, 1)
    np.testing.assert_array_equal(frame.pixels, pixels)
    assert (frame.window_center, frame.window_width) == (3095.0, 500.0)


def test_a_modality_lut_is_applied(write: Write, tmp_path: Path) -> None:
    lut = Dataset()
    lut.add_new("LUTDescriptor", "US", [12, 0, 16])
    lut.ModalityLUTType = "US"
    lut.add_new("LUTData", "US", [100 * n for n in range(12)])
    instance = write(image(Modality="DX", PixelRepresentation=0, ModalityLUTSequence=[lut]))
    np.testing.assert_array_equal(pixels_of(tmp_path, instance)[0], RAMP * 100.0)


HIGH = np.array([[0, 1, 2, 1000], [2047, 5, 6, 7]], np.uint16)


def _of_12_bits(words: np.ndarray[Any, Any], high_bit: int, **others: Any) -> Dataset:
    """A CT image of these words whose header says 12 bits below a high bit."""
    native = words.view(np.int16)
    return image(native, **{"BitsStored": 12, "HighBit": high_bit, **others})


@pytest.mark.parametrize(("high_bit", "shift"), [(15, 4), (14, 3), (12, 1), (11, 0)])
@pytest.mark.parametrize("signed", [True, False])
def test_samples_lie_below_the_high_bit_that_the_header_names(
    write: Write, tmp_path: Path, high_bit: int, shift: int, signed: bool
) -> None:
    samples = HIGH.astype(np.int16) - 1000 if signed else HIGH.astype(np.int16) + 2048
    words = (samples & 0xFFF).astype(np.uint16) << shift
    representation = 1 if signed else 0
    instance = write(_of_12_bits(words, high_bit, PixelRepresentation=representation))
    np.testing.assert_array_equal(pixels_of(tmp_path, instance)[0], samples)


@pytest.mark.parametrize("signed", [True, False])
def test_samples_in_the_low_bits_are_read_though_the_header_names_a_higher_one(
    write: Write, tmp_path: Path, signed: bool
) -> None:
    samples = HIGH.astype(np.int16) - 1000 if signed else HIGH.astype(np.int16) + 2048
    representation = 1 if signed else 0
    data_set = _of_12_bits(samples.view(np.uint16), 15, PixelRepresentation=representation)
    np.testing.assert_array_equal(pixels_of(tmp_path, write(data_set))[0], samples)


@pytest.mark.parametrize("representation", [0, 1])
def test_p4_samples_on_both_sides_of_where_the_header_puts_them_are_refused_with_the_reason(
    write: Write, tmp_path: Path, representation: int
) -> None:
    words = np.array([[0x7FF1, 0x0020], [0x0030, 0x0040]], np.uint16)
    instance = write(_of_12_bits(words, 15, PixelRepresentation=representation))
    with pytest.raises(UndecodableImage, match=r"12 bits below High Bit 15 .* correct Bits Stored"):
        pixels_of(tmp_path, instance)


@pytest.mark.parametrize("high_bit", [0, 7, 10, 16, 40, None])
def test_a_high_bit_that_cannot_be_counts_for_nothing(
    write: Write, tmp_path: Path, high_bit: int | None
) -> None:
    data_set = _of_12_bits(HIGH, 11, HighBit=high_bit)
    np.testing.assert_array_equal(pixels_of(tmp_path, write(data_set))[0], HIGH)


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize(
    ("syntax", "encode"),
    [
        (JPEG2000Lossless, partial(imagecodecs.jpeg2k_encode, level=0, codecformat="j2k")),
        (JPEGLSLossless, imagecodecs.jpegls_encode),
        (JPEGLosslessSV1, imagecodecs.ljpeg_encode),
        (HTJ2KLossless, imagecodecs.htj2k_encode),
    ],
)
def test_compressed_words_hold_their_samples_below_the_high_bit(
    write: Write, tmp_path: Path, syntax: UID, encode: Callable[..., bytes], signed: bool
) -> None:
    samples = np.tile(HIGH.astype(np.int16) - (1000 if signed else 0), (16, 8))
    representation = 1 if signed else 0
    words = (samples & 0xFFF).astype(np.uint16) << 4
    data_set = _of_12_bits(words, 15, PixelRepresentation=representation)
    data_set.PixelData = encapsulate([bytes(encode(words))])
    data_set.file_meta.TransferSyntaxUID = syntax
    np.testing.assert_array_equal(pixels_of(tmp_path, write(data_set))[0], samples)


@pytest.mark.parametrize(
    ("syntax", "encode"),
    [
        (
            JPEG2000Lossless,
            partial(imagecodecs.jpeg2k_encode, level=0, codecformat="j2k", bitspersample=12),
        ),
        (JPEGLosslessSV1, partial(imagecodecs.ljpeg_encode, bitspersample=12)),
    ],
)
def test_a_codestream_of_no_more_bits_than_a_sample_has_none_below_it(
    write: Write, tmp_path: Path, syntax: UID, encode: Callable[..., bytes]
) -> None:
    samples = np.tile(HIGH & 0xFF0, (16, 8))
    data_set = _of_12_bits(samples, 15, PixelRepresentation=0)
    data_set.PixelData = encapsulate([bytes(encode(samples))])
    data_set.file_meta.TransferSyntaxUID = syntax
    np.testing.assert_array_equal(pixels_of(tmp_path, write(data_set))[0], samples)


def test_an_enhanced_ct_has_the_rescale_and_position_of_each_frame(
    write: Write, tmp_path: Path
) -> None:
    def frame(z_mm: float, intercept: float) -> Dataset:
        position, transformation, group = Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = [0, 0, z_mm]
        transformation.RescaleIntercept, transformation.RescaleSlope = intercept, 1
        group.PlanePositionSequence = [position]
        group.PixelValueTransformationSequence = [transformation]
        return group

    orientation, measures, shared = Dataset(), Dataset(), Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    measures.PixelSpacing = [0.5, 0.25]
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [orientation], [measures]
    enhanced = image(
        np.stack([RAMP, RAMP]),
        NumberOfFrames=2,
        SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=[frame(5, -100), frame(-5, -200)],
    )
    (series,) = read_series_headers([write(enhanced)], tmp_path).series
    first, second = load_series(series).images
    assert (first.frame_number, second.frame_number) == (2, 1)  # by position
    np.testing.assert_array_equal(first.pixels, RAMP - 200.0)
    np.testing.assert_array_equal(second.pixels, RAMP - 100.0)
    assert first.pixel_spacing_mm == (0.5, 0.25)
    assert first.image_position_mm == (0.0, 0.0, -5.0)


def test_colour_becomes_luminance_for_detectors_and_stays_colour_for_viewers(
    write: Write, tmp_path: Path
) -> None:
    red = np.zeros((3, 4, 3), np.uint8)
    red[..., 0] = 200
    instance = write(
        image(
            PixelData=red.tobytes(),
            SamplesPerPixel=3,
            PhotometricInterpretation="RGB",
            PlanarConfiguration=0,
            BitsAllocated=8,
            BitsStored=8,
            HighBit=7,
            PixelRepresentation=0,
        )
    )
    np.testing.assert_allclose(pixels_of(tmp_path, instance)[0], 0.299 * 200, rtol=1e-5)
    frame = decode_frame(tmp_path / instance.archive_path, 1)
    np.testing.assert_array_equal(frame.pixels, red)


@pytest.mark.parametrize(
    ("attributes", "window"),
    [
        ({"WindowCenter": [60, 600], "WindowWidth": [350, 1500]}, (60, 350)),
        ({"BodyPartExamined": "HEAD"}, (40, 80)),
        ({"BodyPartExamined": "HEAD", "WindowCenter": "40", "WindowWidth": "0"}, (40, 80)),
        ({}, (40, 400)),
        ({"Modality": "DX"}, (5.5, 10.89)),
    ],
)
def test_the_window_is_the_files_own_or_a_sensible_one(
    write: Write, tmp_path: Path, attributes: dict[str, Any], window: tuple[float, float]
) -> None:
    frame = decode_frame(tmp_path / write(image(**attributes)).archive_path, 1)
    assert (frame.window_center, frame.window_width) == pytest.approx(window, abs=0.01)


@pytest.mark.parametrize(
    ("attributes", "aspect"),
    [
        ({}, 1),
        ({"PixelAspectRatio": ["6", "5"]}, 1.2),
        ({"PixelSpacing": [0.5, 0.25], "PixelAspectRatio": ["6", "5"]}, 2),
        ({"Modality": "DX", "ImagerPixelSpacing": [0.1, 0.2]}, 0.5),
        ({"PixelAspectRatio": ["0", "5"]}, 1),
        ({"PixelAspectRatio": ["1000", "1"]}, 1),
        ({"PixelAspectRatio": "7"}, 1),
    ],
)
def test_a_viewer_learns_how_high_to_wide_a_pixel_is(
    write: Write, tmp_path: Path, attributes: dict[str, Any], aspect: float
) -> None:
    made = image(**attributes)
    if "PixelSpacing" not in attributes:
        made.pop("PixelSpacing", None)
    with quiet():  # odd values are meant
        frame = decode_frame(tmp_path / write(made).archive_path, 1)
    assert frame.pixel_aspect == pytest.approx(aspect)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize(
    ("transfer_syntax", "encode"),
    [
        (HTJ2KLossless, imagecodecs.htj2k_encode),
        (JPEG2000Lossless, lambda pixels: imagecodecs.jpeg2k_encode(pixels, level=0)),
        (JPEGExtended12Bit, imagecodecs.jpegls_encode),  # mislabelled on purpose
    ],
)
def test_what_pydicom_refuses_is_decoded_by_what_its_codestream_is(
    write: Write, tmp_path: Path, transfer_syntax: str, encode: Callable[..., bytes], sign: int
) -> None:
    pixels = np.random.default_rng(0).integers(0, 2000, (32, 24)).astype(np.int16) * sign
    signed = encode is not imagecodecs.jpegls_encode
    codestream = encode(pixels if signed else pixels.view(np.uint16))
    data_set = image(pixels, PixelData=encapsulate([bytes(codestream)]))
    data_set.file_meta.TransferSyntaxUID = transfer_syntax
    data_set["PixelData"].VR = "OB"
    np.testing.assert_array_equal(pixels_of(tmp_path, write(data_set))[0], pixels)


# Hostile claims ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"Rows": 4, "Columns": 5}, "cannot be decoded"),
        ({"NumberOfFrames": 1_000_000}, "cannot be decoded"),
        ({"Rows": 0}, "0 rows"),
        ({"BitsAllocated": 0}, "16 of 0 bits"),
        ({"BitsStored": 22528}, "22528 of 16 bits"),
        ({"PixelData": None}, "no pixel data"),
        ({"SamplesPerPixel": 7}, "cannot be decoded"),
    ],
)
def test_p9_a_header_that_claims_more_than_there_is_is_refused_with_a_reason(
    write: Write, tmp_path: Path, attributes: dict[str, Any], reason: str
) -> None:
    instance = write(image(**attributes))
    with pytest.raises(UndecodableImage, match=reason):
        decode_frame(tmp_path / instance.archive_path, 1)


def test_p9_a_frame_or_a_series_above_the_limit_is_refused_before_it_is_decoded(
    write: Write, tmp_path: Path
) -> None:
    instance = write(image())  # 24 bytes stored, 48 as float32
    path = tmp_path / instance.archive_path
    (series,) = read_series_headers([instance], tmp_path).series
    decode_frame(path, 1, limit_bytes=48)
    load_series(series, limit_bytes=48)
    with pytest.raises(UndecodableImage, match="the limit is 47"):
        decode_frame(path, 1, limit_bytes=47)
    with pytest.raises(UndecodableImage, match="the limit is 47"):
        load_series(series, limit_bytes=47)


def test_p9_a_codestream_of_another_size_than_the_header_is_not_decoded(
    write: Write, tmp_path: Path
) -> None:
    big = imagecodecs.jpeg2k_encode(np.zeros((64, 64), np.int16), level=0)
    data_set = image(PixelData=encapsulate([bytes(big)]))
    data_set.file_meta.TransferSyntaxUID = JPEG2000Lossless
    data_set["PixelData"].VR = "OB"
    instance = write(data_set)
    with pytest.raises(UndecodableImage, match="the codestream holds 64 x 64 pixels"):
        decode_frame(tmp_path / instance.archive_path, 1)


def test_p9_a_deflated_object_above_the_limit_is_refused_before_it_is_inflated(
    write: Write, tmp_path: Path
) -> None:
    frames = np.zeros((40, 500, 500), np.int16)  # 20 MB stored, one frame 1 MB as float32
    path = deflated(write, tmp_path, image(frames, NumberOfFrames=40))
    assert path.stat().st_size < 100_000
    decode_frame(path, 1, limit_bytes=20_000_000)
    with memory_within(5_000_000), pytest.raises(UndecodableImage, match="take 20000000 bytes"):
        decode_frame(path, 1, limit_bytes=19_999_999)


def test_p9_a_deflated_object_is_inflated_no_further_than_its_header_claims(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_set_module, "_HEADER_LIMIT_BYTES", 2_000_000)
    bomb = image()
    bomb.add_new(0x7FE10010, "LO", "somebody")
    bomb.add_new(0x7FE11001, "OB", bytes(30_000_000))  # behind the pixels
    path = deflated(write, tmp_path, bomb)
    with (
        memory_within(10_000_000),
        pytest.raises(UndecodableImage, match="grows beyond 2000024 bytes"),
    ):
        decode_frame(path, 1)


def test_p9_a_deflated_header_is_inflated_no_further_than_a_header_may_be_long(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_set_module, "_HEADER_LIMIT_BYTES", 2_000_000)
    pixels = deflated(write, tmp_path, image(np.zeros((15, 1000, 1000)), NumberOfFrames=15))
    bomb = image()
    bomb.add_new(0x00090010, "LO", "somebody")
    bomb.add_new(0x00091001, "OB", bytes(30_000_000))  # in front of them
    hostile = deflated(write, tmp_path, bomb)
    instances = [
        ArchivedInstance(
            sop_instance_uid=SOPInstanceUID(path.stem),
            series_instance_uid=SeriesInstanceUID("1.2.3.1"),
            sha256="",
            archive_path=path.name,
        )
        for path in (pixels, hostile)
    ]
    with memory_within(10_000_000):
        headers = read_series_headers(instances, tmp_path)
    assert [i.number_of_frames for i in headers.series[0].instances] == [15]
    (unreadable,) = headers.unreadable
    assert unreadable.reason == "the deflated data set grows beyond 2000000 bytes"


def deflated(write: Write, archive: Path, data_set: Dataset) -> Path:
    """Archive a data set in the deflated transfer syntax."""
    data_set.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    return archive / write(data_set).archive_path


@contextmanager
def memory_within(limit_bytes: int) -> Iterator[None]:
    """Fail if Python's own allocations, zlib's output among them, pass the limit inside."""
    tracemalloc.start()
    try:
        yield
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < limit_bytes


@pytest.mark.parametrize("frame_number", [0, 2])
def test_a_frame_that_is_not_there_is_refused(
    write: Write, tmp_path: Path, frame_number: int
) -> None:
    with pytest.raises(UndecodableImage, match="the object has 1"):
        decode_frame(tmp_path / write(image()).archive_path, frame_number)


def test_p9_a_transfer_syntax_nobody_knows_is_refused(write: Write, tmp_path: Path) -> None:
    path = tmp_path / write(image()).archive_path
    content = path.read_bytes()
    path.write_bytes(content.replace(ExplicitVRLittleEndian.encode(), b"1.2.840.10008.1.9.1"))
    with pytest.raises(UndecodableImage, match="not a transfer syntax"):
        decode_frame(path, 1)


def test_p9_a_value_of_a_length_its_vr_cannot_have_is_refused(write: Write, tmp_path: Path) -> None:
    instance = write(image())
    path = tmp_path / instance.archive_path
    content = bytearray(path.read_bytes())
    content[138] = 7  # the length of File Meta Information Group Length, which is 4
    path.write_bytes(content)
    assert len(read_series_headers([instance], tmp_path).unreadable) == 1
    with pytest.raises(UndecodableImage, match="cannot be read"):
        decode_frame(path, 1)


def test_p9_files_cut_anywhere_are_decoded_or_refused_and_nothing_else(
    write: Write, tmp_path: Path
) -> None:
    path = tmp_path / write(axial(0, 1)).archive_path
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with pytest.raises(UndecodableImage):
            decode_frame(path, 1)
