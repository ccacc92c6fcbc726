"""Objects in another transfer syntax: the same values, byte for byte."""

from io import BytesIO
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)
from pynetdicom.dsutils import decode, encode

from results.sending.encodings import (
    EXPLICIT,
    IMPLICIT,
    OutgoingObject,
    batches,
    data_set_in,
    in_implicit,
    outgoing_object,
)
from results.sending.errors import UnsendableFile

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def data_set() -> Dataset:
    one = Dataset()
    one.SOPClassUID = SECONDARY_CAPTURE
    one.SOPInstanceUID = "1.2.3"
    one.SpecificCharacterSet = "ISO_IR 192"
    one.PatientName = "Doe^Jane"
    inner = Dataset()
    inner.ReferencedSOPInstanceUID = "1.2.4"
    item = Dataset()
    item.ReferencedSOPSequence = [inner, Dataset()]
    item.CodeMeaning = "one"
    one.ReferencedSeriesSequence = [item]
    one.FailedSOPSequence = []
    one.TextValue = "y" * 70000
    block = one.private_block(0x0011, "VIGIE TEST", create=True)
    block.add_new(1, "OB", b"\1\2")
    block.add_new(2, "UN", b"odd\0")
    one.Rows = one.Columns = 2
    one.SamplesPerPixel = 3
    one.PhotometricInterpretation = "RGB"
    one.PlanarConfiguration = 0
    one.BitsAllocated = one.BitsStored = 8
    one.HighBit = 7
    one.PixelRepresentation = 0
    one.PixelData = bytes(range(12))
    one["PixelData"].VR = "OB"
    return one


def saved(tmp_path: Path, syntax: str, one: Dataset | None = None) -> Path:
    one = data_set() if one is None else one
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = syntax
    path = tmp_path / "one.dcm"
    one.save_as(path, enforce_file_format=True)
    return path


def encoded(one: Dataset, *, implicit: bool) -> bytes:
    return cast(bytes, encode(one, implicit, True))


def sent(one: OutgoingObject, syntax: str) -> bytes:
    with data_set_in(one, syntax) as file:
        return file.read()


def test_from_explicit_to_implicit_is_what_pydicom_makes_of_it() -> None:
    made = in_implicit(encoded(data_set(), implicit=False))
    assert made == encoded(data_set(), implicit=True)


def test_sequences_of_undefined_length_and_unknown_ones_keep_their_items() -> None:
    one = data_set()
    one["ReferencedSeriesSequence"].is_undefined_length = True
    one.ReferencedSeriesSequence[0].is_undefined_length_sequence_item = True
    explicit = encoded(one, implicit=False)
    item = b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + encoded(Dataset(), implicit=True)
    nested = b"\x08\x00\x40\x11\xff\xff\xff\xff" + item + b"\xfe\xff\x0d\xe0" + bytes(4)
    nested += b"\xfe\xff\xdd\xe0" + bytes(4)
    unknown = b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + nested + b"\xfe\xff\x0d\xe0" + bytes(4)
    unknown += (
        b"\xfe\xff\x00\xe0\x0a\0\0\0\x08\0\0\x01\x02\0\0\0ab" + b"\xfe\xff\xdd\xe0" + bytes(4)
    )
    explicit += b"\xe1\x7f\x10\x00UN\0\0\xff\xff\xff\xff" + unknown
    made = in_implicit(explicit)
    assert made.endswith(b"\xe1\x7f\x10\x00\xff\xff\xff\xff" + unknown)
    read = decode(BytesIO(made), True, True)
    assert read.ReferencedSeriesSequence[0].CodeMeaning == "one"
    assert (
        read.ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
        == (one.ReferencedSeriesSequence[0].ReferencedSOPSequence[0])
    )


def test_a_name_that_breaks_its_character_set_stays_as_it_is() -> None:
    explicit = encoded(data_set(), implicit=False).replace(b"Doe^Jane", b"D\xffe^J\x80ne")
    assert b"D\xffe^J\x80ne" in in_implicit(explicit)


@given(st.data())
def test_p9_a_broken_data_set_is_refused_or_read_and_never_an_accident(data: st.DataObject) -> None:
    whole = encoded(data_set(), implicit=False).replace(b"y" * 70000, b"yy")
    position = data.draw(st.integers(0, len(whole) - 1))
    broken = bytearray(whole)
    broken[position] ^= data.draw(st.integers(1, 255))
    try:
        in_implicit(bytes(broken[: data.draw(st.integers(position, len(whole)))]))
    except ValueError:
        return


def test_p9_sequences_without_a_bottom_are_refused() -> None:
    head = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    with pytest.raises(ValueError, match="too deep"):
        in_implicit(head * 100_000)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_every_object_can_be_had_in_what_all_can_read(tmp_path: Path, syntax: str) -> None:
    one = outgoing_object(saved(tmp_path, syntax))
    explicit, implicit = encoded(data_set(), implicit=False), encoded(data_set(), implicit=True)
    assert one.choices[0] == syntax
    assert sent(one, EXPLICIT) == explicit
    assert sent(one, IMPLICIT) == implicit


def test_a_file_in_implicit_is_sent_so_alone(tmp_path: Path) -> None:
    one = outgoing_object(saved(tmp_path, ImplicitVRLittleEndian))
    assert one.choices == [IMPLICIT]
    assert sent(one, IMPLICIT) == encoded(data_set(), implicit=True)


def test_a_compressed_image_is_decoded_where_it_must_be(tmp_path: Path) -> None:
    whole = data_set()
    whole.file_meta = FileMetaDataset()
    whole.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    whole.compress(RLELossless, generate_instance_uid=False)
    one = outgoing_object(saved(tmp_path, RLELossless, whole))
    assert one.choices == [RLELossless, EXPLICIT, IMPLICIT]
    assert sent(one, RLELossless) in one.path.read_bytes()
    for syntax in (EXPLICIT, IMPLICIT):
        read = decode(BytesIO(sent(one, syntax)), syntax == IMPLICIT, True)
        assert read.PixelData == bytes(range(12))
        assert read.PatientName == "Doe^Jane"


def test_what_cannot_be_decoded_is_said(tmp_path: Path) -> None:
    whole = data_set()
    whole.PixelData = encapsulate([b"no codestream"])
    whole["PixelData"].is_undefined_length = True
    one = outgoing_object(saved(tmp_path, "1.2.840.10008.1.2.4.90", whole))
    with pytest.raises(UnsendableFile, match="another transfer syntax"):
        data_set_in(one, EXPLICIT)


def test_what_is_no_object_is_said(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no DICOM")
    for path in (tmp_path / "text", tmp_path / "missing", tmp_path):
        with pytest.raises(UnsendableFile) as told:
            outgoing_object(path)
        assert told.value.path == path


def test_lots_hold_no_more_kinds_than_an_association(tmp_path: Path) -> None:
    path = saved(tmp_path, ExplicitVRLittleEndian)
    read = dcmread(path)
    objects = []
    for number in range(5):
        read.file_meta.MediaStorageSOPClassUID = read.SOPClassUID = f"1.2.3.{number // 2}"
        read.save_as(tmp_path / f"{number}.dcm")
        objects.append(outgoing_object(tmp_path / f"{number}.dcm"))
    assert list(batches(objects, 4)) == [objects[:4], objects[4:]]
    assert list(batches(objects, 2)) == [objects[:2], objects[2:4], objects[4:]]
    assert list(batches([], 2)) == []
