"""Folders of labelled head CTs, and what goes wrong with them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.training.haemorrhage import folds_of
from models.training.haemorrhage_data import LabelledPatient, LabelledSlice, read_hu, read_patients
from models.training.labels import LabelsError

HEADER = "patient,slice,brain,bone,hemorrhage,intraventricular,subdural\n"


def _write(folder: Path, labels: str, boxes: str | None = None) -> Path:
    (folder / "labels.csv").write_text(HEADER + labels, encoding="utf-8")
    if boxes is not None:
        (folder / "boxes.csv").write_text(
            "patient,slice,kind,x,y,width,height\n" + boxes, encoding="utf-8"
        )
    return folder


def test_slices_are_gathered_by_patient_and_in_order(tmp_path: Path) -> None:
    _write(tmp_path, "7,3,a,b,1,0,1\n9,1,c,d,0,0,0\n7,2,e,f,0,0,0\n", "7,3,subdural,10,20,5,6\n")
    seven, nine = read_patients(tmp_path)
    assert (seven.patient, seven.blood, nine.patient, nine.blood) == ("7", True, "9", False)
    assert [one.number for one in seven.slices] == [2, 3]
    assert seven.slices[1].boxes == ((10.0, 20.0, 5.0, 6.0),)
    assert seven.slices[1].kinds == (False, False, False, False, True)
    assert seven.slices[1].brain == tmp_path / "a"
    assert seven.split is None


def test_boxes_kinds_and_fractures_need_not_be_there(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(
        "patient,slice,brain,bone,hemorrhage,split\n1,1,a,b,1,test\n", encoding="utf-8"
    )
    (patient,) = read_patients(tmp_path)
    assert patient.split == "test"
    assert patient.slices[0].boxes == () and not any(patient.slices[0].kinds)
    assert patient.slices[0].fracture is False


def test_fractures_of_the_skull_are_read(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(
        "patient,slice,brain,bone,hemorrhage,skull_fracture\n1,1,a,b,0,1\n1,2,a,b,0,0\n",
        encoding="utf-8",
    )
    (patient,) = read_patients(tmp_path)
    assert [one.fracture for one in patient.slices] == [True, False]
    (tmp_path / "labels.csv").write_text(
        "patient,slice,brain,bone,hemorrhage,skull_fracture\n1,1,a,b,0,x\n", encoding="utf-8"
    )
    with pytest.raises(LabelsError, match="line 2: skull_fracture is 'x', not 0 or 1"):
        read_patients(tmp_path)


@pytest.mark.parametrize(
    ("labels", "boxes", "words"),
    [
        ("", None, "lists no slices"),
        ("1,1,a,b,2,0,0\n", None, "line 2: hemorrhage is '2', not 0 or 1"),
        ("1,x,a,b,1,0,0\n", None, "line 2: slice is 'x', no number"),
        ("1,1,,b,1,0,0\n", None, "line 2: brain is empty"),
        ("1,1,a,b,1,0,0\n1,1,a,b,1,0,0\n", None, "line 3: patient 1 has slice 1 twice"),
        ("1,1,a,b,1,0,0\n", "1,1,subdural,a,1,1,1\n", "boxes.csv, line 2: the box cannot"),
        ("1,1,a,b,1,0,0\n", "1,1,subdural,1,1,0,1\n", "no box"),
    ],
)
def test_labels_that_cannot_be_used_say_where(
    tmp_path: Path, labels: str, boxes: str | None, words: str
) -> None:
    with pytest.raises(LabelsError, match=words):
        read_patients(_write(tmp_path, labels, boxes))


def test_labels_and_boxes_that_excel_wrote_are_read(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(
        "patient,slice,brain,bone,hemorrhage\n1,1,a,b,1\n", encoding="utf-8-sig"
    )
    (tmp_path / "boxes.csv").write_text(
        "patient,slice,x,y,width,height\n1,1,2,3,4,5\n", encoding="utf-8-sig"
    )
    (patient,) = read_patients(tmp_path)
    assert patient.slices[0].boxes == ((2, 3, 4, 5),)


def test_a_folder_without_labels_or_a_column_says_so(tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match="does not exist"):
        read_patients(tmp_path)
    (tmp_path / "labels.csv").write_text("patient,slice,brain\n", encoding="utf-8")
    with pytest.raises(LabelsError, match="lacks the column bone, hemorrhage"):
        read_patients(tmp_path)


def _slice(folder: Path, brain: np.ndarray, bone: np.ndarray) -> LabelledSlice:
    for name, grey in (("brain.png", brain), ("bone.png", bone)):
        Image.fromarray(grey.astype(np.uint8)).save(folder / name)
    return LabelledSlice(
        number=1,
        brain=folder / "brain.png",
        bone=folder / "bone.png",
        blood=False,
        kinds=(False,) * 5,
        boxes=(),
    )


def test_hounsfield_units_come_from_both_windows(tmp_path: Path) -> None:
    hu = np.array([[-800.0, -10.0, 35.0, 60.0, 94.0, 700.0]]).repeat(4, axis=0)
    brain = np.clip((hu + 20) / 120 * 255, 0, 255).round()
    bone = np.clip((hu + 900) / 3200 * 255, 0, 255).round()
    read = read_hu(_slice(tmp_path, brain, bone))
    np.testing.assert_allclose(read[:, 1:5], hu[:, 1:5], atol=0.3)
    np.testing.assert_allclose(read[:, [0, 5]], hu[:, [0, 5]], atol=7)


def test_what_lossy_compression_moved_off_the_end_of_the_window_is_still_bone_or_air(
    tmp_path: Path,
) -> None:
    brain, bone = np.full((8, 8), 120), np.full((8, 8), 75)
    brain[:4], bone[:4] = 255, 160
    brain[1, 3:6] = (254, 251, 249)  # bone, a little darker than white
    brain[6:], bone[6:] = 0, 0
    brain[7, 2:5] = (1, 3, 6)  # air, a little brighter than black
    read = read_hu(_slice(tmp_path, brain, bone))
    assert (read[:4] > 1000).all()
    assert (read[6:] == -900).all()
    assert read[4:6] == pytest.approx(-20 + 120 * 120 / 255)


def test_a_bone_window_of_another_cut_is_not_used(tmp_path: Path) -> None:
    brain = np.full((8, 8), 120)
    brain[:4] = 255
    elsewhere = np.full((8, 8), 75)  # soft tissue where the brain window shows bone
    read = read_hu(_slice(tmp_path, brain, elsewhere))
    assert (read[:4] == 400).all()
    assert read[4:] == pytest.approx(-20 + 120 * 120 / 255)


def test_windows_of_unlike_size_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="differ in size"):
        read_hu(_slice(tmp_path, np.zeros((8, 8)), np.zeros((4, 8))))


def _patients(with_blood: int, without: int) -> list[LabelledPatient]:
    def one(name: str, blood: bool) -> LabelledPatient:
        part = LabelledSlice(
            number=1, brain=Path(), bone=Path(), blood=blood, kinds=(False,) * 5, boxes=()
        )
        return LabelledPatient(patient=name, slices=(part,))

    return [one(f"b{n}", True) for n in range(with_blood)] + [
        one(f"c{n}", False) for n in range(without)
    ]


def test_folds_hold_whole_patients_with_and_without_blood_evenly() -> None:
    patients = _patients(25, 33)
    folds = folds_of(patients, 5)
    assert folds == folds_of(patients[::-1], 5)
    for fold in range(1, 6):
        inside = [one for one in patients if folds[one.patient] == fold]
        assert sum(one.blood for one in inside) == 5
        assert 6 <= sum(not one.blood for one in inside) <= 7


def test_too_few_patients_for_the_folds_is_said() -> None:
    with pytest.raises(LabelsError, match="5 folds need 5 patients with blood"):
        folds_of(_patients(4, 20), 5)
