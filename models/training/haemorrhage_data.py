"""Folders of labelled head CTs: two windows of each slice beside ``labels.csv``, ``boxes.csv``."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from models.detector import Image
from models.haemorrhage_answers import KINDS
from models.training.labels import LabelsError
from worklist.uid import SOPInstanceUID

Floats = npt.NDArray[np.float32]
Box = tuple[float, float, float, float]  # left, top, width, height, pixels

BRAIN_LOW_HU, BRAIN_WIDTH_HU = -20.0, 120.0
BONE_LOW_HU, BONE_WIDTH_HU = -900.0, 3200.0
_BONE_WHERE_UNKNOWN_HU = 400.0
_LOSS = 8  # grey values by which lossy compression moves what a window clips
_FRACTURE = "skull_fracture"
_NEEDED = ("patient", "slice", "brain", "bone", "hemorrhage")


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledSlice:
    """One row of ``labels.csv`` with its rows of ``boxes.csv``."""

    number: int
    brain: Path
    bone: Path
    blood: bool
    kinds: tuple[bool, ...]  # of KINDS
    boxes: tuple[Box, ...]  # empty: not known where, or no blood
    fracture: bool = False  # of the skull


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledPatient:
    """The slices of one head, in order."""

    patient: str
    slices: tuple[LabelledSlice, ...]
    split: str | None = None

    @property
    def blood(self) -> bool:
        """Whether any slice shows blood."""
        return any(one.blood for one in self.slices)


def read_patients(data: Path) -> tuple[LabelledPatient, ...]:
    """Read ``labels.csv`` and, where there is one, ``boxes.csv`` of a folder.

    Raises
    ------
    LabelsError
        If ``labels.csv`` is missing, lacks a column, names a slice twice, or either file holds a
        value that cannot be read.
    """
    boxes = _read_boxes(data / "boxes.csv")
    found: dict[str, dict[int, LabelledSlice]] = {}
    splits: dict[str, str | None] = {}
    path = data / "labels.csv"
    if not path.is_file():
        raise LabelsError(f"{path} does not exist; it must list the slices and their labels")
    for line, row in _rows(path, _NEEDED):
        patient, number = row["patient"], _integer(path, line, row, "slice")
        slices = found.setdefault(patient, {})
        if number in slices:
            raise LabelsError(f"{path}, line {line}: patient {patient} has slice {number} twice")
        slices[number] = LabelledSlice(
            number=number,
            brain=data / row["brain"],
            bone=data / row["bone"],
            blood=_truth(path, line, row, "hemorrhage"),
            kinds=tuple(bool(row.get(k)) and _truth(path, line, row, k) for k in KINDS),
            boxes=boxes.get((patient, number), ()),
            fracture=bool(row.get(_FRACTURE)) and _truth(path, line, row, _FRACTURE),
        )
        splits.setdefault(patient, row.get("split") or None)
    if not found:
        raise LabelsError(f"{path} lists no slices")
    return tuple(
        LabelledPatient(
            patient=patient,
            slices=tuple(slices[number] for number in sorted(slices)),
            split=splits[patient],
        )
        for patient, slices in found.items()
    )


def _read_boxes(path: Path) -> Mapping[tuple[str, int], tuple[Box, ...]]:
    found: dict[tuple[str, int], tuple[Box, ...]] = {}
    if not path.is_file():
        return found
    for line, row in _rows(path, ("patient", "slice", "x", "y", "width", "height")):
        key = (row["patient"], _integer(path, line, row, "slice"))
        try:
            box = (float(row["x"]), float(row["y"]), float(row["width"]), float(row["height"]))
        except ValueError as error:
            raise LabelsError(f"{path}, line {line}: the box cannot be read: {error}") from None
        if not (np.isfinite(box).all() and box[2] > 0 and box[3] > 0):
            raise LabelsError(f"{path}, line {line}: {box} is no box")
        found[key] = (*found.get(key, ()), box)
    return found


def _rows(path: Path, needed: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    with path.open(newline="", encoding="utf-8-sig") as file:  # Excel begins it with a mark
        reader = csv.DictReader(file)
        missing = set(needed) - set(reader.fieldnames or ())
        if missing:
            raise LabelsError(f"{path} lacks the column {', '.join(sorted(missing))}")
        rows = list(enumerate(reader, start=2))
    for line, row in rows:
        empty = [name for name in needed if not row[name]]
        if empty:
            raise LabelsError(f"{path}, line {line}: {', '.join(empty)} is empty")
    return rows


def _integer(path: Path, line: int, row: Mapping[str, str], name: str) -> int:
    try:
        return int(row[name])
    except ValueError:
        raise LabelsError(f"{path}, line {line}: {name} is {row[name]!r}, no number") from None


def _truth(path: Path, line: int, row: Mapping[str, str], name: str) -> bool:
    if row[name] not in ("0", "1"):
        raise LabelsError(f"{path}, line {line}: {name} is {row[name]!r}, not 0 or 1")
    return row[name] == "1"


def read_hu(one: LabelledSlice) -> Floats:
    """Hounsfield units of a slice, (row, column), rebuilt from its two windows.

    What the brain window clips comes from the bone window; so does what lies within a few grey
    values of it, for lossy compression moves those. A bone window that shows soft tissue where the
    brain window shows bone is of another cut or field of view (one patient of CT-ICH): its values
    are not used.

    Raises
    ------
    OSError
        If an image cannot be read.
    ValueError
        If the windows differ in size.
    """
    brain, bone = _grey(one.brain), _grey(one.bone)
    if brain.shape != bone.shape:
        raise ValueError(f"{one.brain} and {one.bone} differ in size")
    soft = BRAIN_LOW_HU + brain * np.float32(BRAIN_WIDTH_HU / 255)
    dense = BONE_LOW_HU + bone * np.float32(BONE_WIDTH_HU / 255)
    bright = brain >= 256 - _LOSS
    if bright.any() and (dense[bright] < 80).mean() > 0.05:
        dense = np.where(bright, np.float32(_BONE_WHERE_UNKNOWN_HU), np.float32(-1000))
    hu = np.where(bright, np.maximum(dense, soft), soft)
    return np.where(brain < _LOSS, np.minimum(dense, soft), hu).astype(np.float32)


def as_images(patient: LabelledPatient) -> tuple[Image, ...]:
    """The slices of a patient as a detector gets them; where they lie is not known.

    Raises
    ------
    OSError, ValueError
        If an image cannot be read.
    """
    return tuple(
        Image(
            sop_instance_uid=SOPInstanceUID(f"1.2.{place}"),
            frame_number=1,
            pixels=read_hu(one),
            pixel_spacing_mm=None,
            image_position_mm=None,
            image_orientation=None,
        )
        for place, one in enumerate(patient.slices, start=1)
    )


def _grey(path: Path) -> Floats:
    with Pillow.open(path) as image:
        return np.asarray(image.convert("L"), np.float32)
