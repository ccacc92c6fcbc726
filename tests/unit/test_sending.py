"""Which files `vigie send` takes for DICOM, and what it says of the others."""

from pathlib import Path

import pytest
from pydicom.uid import ExplicitVRLittleEndian

from vigie.sending import NoAssociation, OutgoingFile, dicom_files, send

_PHANTOMS = Path(__file__).parent.parent.parent / "test_images"


def test_folders_are_searched_through_and_other_files_passed_over(tmp_path: Path) -> None:
    original = next(_PHANTOMS.rglob("*.dcm"))
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "without_suffix").write_bytes(original.read_bytes())
    (tmp_path / "a" / "case.toml").write_text("title = 'x'")
    files, refusals = dicom_files([tmp_path])
    assert [one.path.name for one in files] == ["without_suffix"]
    assert refusals == []


def test_a_named_file_that_is_no_dicom_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    files, refusals = dicom_files([tmp_path / "notes.txt"])
    assert files == []
    assert [(one.path.name, one.reason) for one in refusals] == [("notes.txt", "not a DICOM file")]


@pytest.mark.parametrize("content", [b"\x00" * 128 + b"DICM", b"\x00" * 128 + b"DICM\x02\x00"])
def test_a_file_whose_meta_information_is_cut_off_is_refused_with_a_reason(
    content: bytes, tmp_path: Path
) -> None:
    (tmp_path / "cut.dcm").write_bytes(content)
    files, refusals = dicom_files([tmp_path])
    assert files == []
    assert refusals[0].reason.startswith("unreadable")


# pynetdicom leaves the socket of a refused connection to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_node_that_is_not_there_is_said_so_by_address(unused_port: int) -> None:
    file = OutgoingFile(
        path=Path("x"),
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        transfer_syntax_uid=str(ExplicitVRLittleEndian),
    )
    with pytest.raises(NoAssociation, match=f"127.0.0.1:{unused_port}"):
        send(
            [file],
            host="127.0.0.1",
            port=unused_port,
            called_ae_title="X",
            calling_ae_title="Y",
            sent=lambda: None,
        )
