"""P9: only a validated UID becomes part of a path (PS3.5 section 9.1)."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worklist.errors import InvalidUID, VigieError
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID


@pytest.mark.parametrize("text", ["0", "1.2.3", "1.2.840.10008.1.2", "9" * 64, "1.02.3"])
def test_digits_joined_by_single_dots_are_a_uid(text: str) -> None:
    for kind in (StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID):
        assert kind(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "1.",
        ".1",
        "1..2",
        "1.2/../3",
        "1.2\x00",
        "1.2\n",
        " 1.2",
        "1.2 ",
        "1.a",
        "-1",
        "٣.٤",  # digits, and not ASCII
        "²",
        "9" * 65,
        "1" * 100_000,
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidUID, match="not a DICOM UID") as refused:
        StudyInstanceUID(text)
    assert isinstance(refused.value, VigieError)
    assert len(str(refused.value)) < 500


@given(st.text(alphabet="0123456789./\\\x00٣ -", max_size=70) | st.text(max_size=70))
def test_what_is_accepted_is_always_one_harmless_path_component(text: str) -> None:
    try:
        uid = StudyInstanceUID(text)
    except InvalidUID:
        return
    assert PurePosixPath("archive", uid).parts == ("archive", uid)
    assert uid not in {"", ".", ".."}
    assert uid.isascii()
