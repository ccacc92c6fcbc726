"""UIDs that come as bytes become safe path components or errors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_listener.uid import any_uid_from_bytes, uid_from_bytes
from worklist.errors import InvalidUID
from worklist.uid import SOPInstanceUID, StudyInstanceUID


@pytest.mark.parametrize("value", [b"1.2.3", b"1.2.3\0", b"1.2.3 ", b" 1.2.3\0\0 "])
def test_padding_of_any_kind_is_accepted(value: bytes) -> None:
    assert uid_from_bytes(StudyInstanceUID, value) == "1.2.3"


@pytest.mark.parametrize(
    "value",
    [b"", b"\0", b"../../etc/passwd", b"1.2/3", b"1..2", b".1", b"1.", b"1.2\0.3", b"1\n", b"\xff"],
)
def test_what_is_no_uid_is_refused(value: bytes) -> None:
    with pytest.raises(InvalidUID):
        uid_from_bytes(SOPInstanceUID, value)


def test_64_characters_are_a_uid_and_65_are_none() -> None:
    assert len(any_uid_from_bytes(b"1." + b"2" * 62)) == 64
    with pytest.raises(InvalidUID):
        any_uid_from_bytes(b"1." + b"2" * 63)


@given(st.binary(max_size=80))
def test_whatever_passes_is_one_harmless_path_component(value: bytes) -> None:
    try:
        uid = any_uid_from_bytes(value)
    except InvalidUID:
        return
    assert set(uid) <= set("0123456789.")
    assert not uid.startswith(".")
    assert ".." not in uid
