"""The phantom studies: valid to a program that is not ours, reproducible, as described."""

import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

FOLDER = Path(__file__).parents[2] / "test_images"
CASES = sorted(path.parent for path in FOLDER.glob("*/case.toml"))
PRIORITIES = {"stat": "STAT", "urgent": "HIGH", "routine": "ROUTINE"}

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def description(case: Path) -> dict[str, Any]:
    return tomllib.loads((case / "case.toml").read_text(encoding="utf-8"))


def errors_of_dciodvfy(dciodvfy: str, path: Path) -> list[str]:
    done = subprocess.run([dciodvfy, path], capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    assert any("Image" in line for line in lines), "it did not recognise the object"
    return [line for line in lines if line.startswith("Error")]


def test_there_is_a_case_with_and_without_every_finding_and_of_every_priority() -> None:
    described = [description(case) for case in CASES]
    assert len(described) >= 9
    for finding in ("intracranial_haemorrhage", "fracture", "pulmonary_nodule"):
        assert {each["findings"][finding] for each in described} == {"present", "absent"}
    assert {each["requested_priority"] for each in described} == set(PRIORITIES)


@every_case
def test_dciodvfy_finds_no_error(case: Path, program: Callable[[str], str]) -> None:
    assert errors_of_dciodvfy(program("dciodvfy"), case / "001.dcm") == []


@every_case
def test_dciodvfy_would_find_an_error(
    case: Path, program: Callable[[str], str], tmp_path: Path
) -> None:
    data_set = dcmread(case / "001.dcm")
    del data_set.StudyInstanceUID
    data_set.save_as(tmp_path / "broken.dcm")
    assert errors_of_dciodvfy(program("dciodvfy"), tmp_path / "broken.dcm")


@every_case
def test_the_headers_say_what_case_toml_says(case: Path) -> None:
    described = description(case)
    headers = [dcmread(p, stop_before_pixels=True) for p in sorted(case.glob("*.dcm"))]
    assert len(headers) == described["instances"]
    assert len({header.SOPInstanceUID for header in headers}) == len(headers)
    assert len({header.SeriesInstanceUID for header in headers}) == 1
    for header in headers:
        assert header.StudyInstanceUID == described["study_instance_uid"]
        assert header.Modality == described["modality"]
        assert header.RequestedProcedurePriority == PRIORITIES[described["requested_priority"]]
        assert str(header.PatientName).startswith("PHANTOM^")
    if described["modality"] == "CT":
        heights = [float(header.ImagePositionPatient[2]) for header in headers]
        assert set(np.diff(heights)) == {float(headers[0].SliceThickness)}


def test_the_places_follow_from_the_requested_priorities() -> None:
    priorities = list(PRIORITIES)
    expected = sorted(
        CASES, key=lambda case: priorities.index(description(case)["requested_priority"])
    )
    places = [description(case)["place_by_requested_priority"] for case in expected]
    assert places == list(range(1, len(CASES) + 1))


def test_a_bleed_has_the_hounsfield_units_of_acute_blood_and_a_clear_head_has_none() -> None:
    def dense_ml(name: str) -> float:
        """Volume of 55 to 90 HU well inside the skull: 18 cm around the centre of the brain."""
        slices = [dcmread(FOLDER / name / f"{n:03}.dcm") for n in range(11, 20)]
        hu = np.stack([s.pixel_array for s in slices]) - 1024.0
        brain = hu[:, 78:178, 84:172]
        smooth = (brain[:, 1:, 1:] + brain[:, :-1, 1:] + brain[:, 1:, :-1] + brain[:, :-1, :-1]) / 4
        dense = int(((smooth > 55) & (smooth < 90)).sum())
        return dense * 0.9375 * 0.9375 * 5 / 1000

    assert dense_ml("head_ct_bleed") > 15
    assert dense_ml("head_ct_clear_urgent") < 1
    assert dense_ml("head_ct_clear_routine") < 1


def test_generating_again_gives_the_committed_files(tmp_path: Path) -> None:
    names = ["chest_ct_clear", "forearm_fracture", "head_ct_bleed"]
    program = [sys.executable, str(FOLDER / "generate.py"), str(tmp_path), "--only", *names]
    subprocess.run(program, check=True, capture_output=True)
    for name in names:
        made, committed = (
            sorted(path for path in (folder / name).iterdir()) for folder in (tmp_path, FOLDER)
        )
        assert [path.name for path in made] == [path.name for path in committed]
        for one, other in zip(made, committed, strict=True):
            assert same(one, other), one.name


def same(made: Path, committed: Path) -> bool:
    """Same bytes; of images, another processor may round a pixel in a thousand otherwise."""
    if made.read_bytes() == committed.read_bytes():
        return True
    if made.suffix != ".dcm":
        return False
    ours, theirs = dcmread(made), dcmread(committed)
    difference = np.abs(ours.pixel_array.astype(int) - theirs.pixel_array.astype(int))
    return (
        without_pixels(ours) == without_pixels(theirs)
        and int(difference.max()) <= 1
        and float((difference > 0).mean()) < 1e-3
    )


def without_pixels(data_set: Dataset) -> Dataset:
    del data_set.PixelData
    return data_set
