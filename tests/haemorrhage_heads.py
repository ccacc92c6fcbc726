"""Simple heads for the tests of the haemorrhage detector: arrays, images and headers."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pydicom

from models.card import ModelCard
from models.detector import Image, InstanceHeader, SeriesHeader, SeriesImages
from models.haemorrhage_volume import Skull, Stack
from models.headers import read_series_headers
from models.images import load_series
from worklist.finding import TargetFinding
from worklist.study import ArchivedInstance
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID

Floats = npt.NDArray[np.float32]

SIDE, PIXEL_MM, GAP_MM = 192, 1.2, 5.0
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


def head(
    *,
    slices: int = 26,
    gap_mm: float = GAP_MM,
    pixel_mm: float = PIXEL_MM,
    bleed: tuple[float, float, float] | None = None,
    scale: float = 1.0,
    brain_hu: float = 34.0,
    turn_degrees: float = 0.0,
) -> Floats:
    """An ellipsoid of brain in a skull in air, (slice, row, column), HU, neck side first.

    Parameters
    ----------
    bleed
        Where a ball of blood of 24 mm lies: mm towards left, back and top from the middle.
    """
    random = np.random.default_rng(3)
    z, y, x = np.meshgrid(
        (np.arange(slices) - (slices - 1) / 2) * gap_mm,
        (np.arange(SIDE) - (SIDE - 1) / 2) * pixel_mm,
        (np.arange(SIDE) - (SIDE - 1) / 2) * pixel_mm,
        indexing="ij",
    )
    angle = np.deg2rad(turn_degrees)
    x, y = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    # wider behind than in front, as heads are
    wide = 66 * (1 + 0.0012 * y)
    rho = np.sqrt((x / wide) ** 2 + (y / 84) ** 2 + (z / 78) ** 2) / scale
    hu = np.full(x.shape, -1000.0, np.float32)
    hu[rho < 1.16] = 30  # skin
    hu[rho < 1.10] = 1100
    hu[rho < 1.0] = brain_hu
    fluid = (np.abs(np.abs(x) - 12) < 5) & (np.abs(y) < 30) & (np.abs(z) < 15)
    hu[fluid & (rho < 1)] = 8
    if bleed is not None:
        away = np.sqrt((x - bleed[0]) ** 2 + (y - bleed[1]) ** 2 + (z - bleed[2]) ** 2)
        hu[away < 12] = 68
    noise = random.normal(0, 4, x.shape).astype(np.float32)
    noisy: Floats = hu + noise
    return noisy


def images_of(
    volume: Floats,
    *,
    gap_mm: float | None = GAP_MM,
    pixel_mm: float | None = PIXEL_MM,
    orientation: tuple[float, ...] | None = AXIAL,
) -> tuple[Image, ...]:
    """A volume as the images of a series; None: the header does not say."""
    return tuple(
        Image(
            sop_instance_uid=SOPInstanceUID(f"1.2.{number}"),
            frame_number=1,
            pixels=plane,
            pixel_spacing_mm=None if pixel_mm is None else (pixel_mm, pixel_mm),
            image_position_mm=None if gap_mm is None else (-100.0, -100.0, (number - 1) * gap_mm),
            image_orientation=orientation,
        )
        for number, plane in enumerate(volume, start=1)
    )


def mirrored_left_right(images: Sequence[Image]) -> tuple[Image, ...]:
    """The same head stored with its columns the other way, and a header that says so."""
    return tuple(
        replace(
            image,
            pixels=np.ascontiguousarray(image.pixels[:, ::-1]),
            image_position_mm=_moved(image, (image.pixels.shape[1] - 1) * PIXEL_MM, 0),
            image_orientation=(-1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        )
        for image in images
    )


def upside_down(images: Sequence[Image]) -> tuple[Image, ...]:
    """The same head stored with its rows the other way, and a header that says so."""
    return tuple(
        replace(
            image,
            pixels=np.ascontiguousarray(image.pixels[::-1]),
            image_position_mm=_moved(image, 0, (image.pixels.shape[0] - 1) * PIXEL_MM),
            image_orientation=(1.0, 0.0, 0.0, 0.0, -1.0, 0.0),
        )
        for image in images
    )


def transposed(images: Sequence[Image]) -> tuple[Image, ...]:
    """The same head stored with rows and columns exchanged, and a header that says so."""
    return tuple(
        replace(
            image,
            pixels=np.ascontiguousarray(image.pixels.T),
            image_orientation=(0.0, 1.0, 0.0, 1.0, 0.0, 0.0),
        )
        for image in images
    )


def _moved(image: Image, x: float, y: float) -> tuple[float, float, float] | None:
    if image.image_position_mm is None:
        return None
    left, back, top = image.image_position_mm
    return left + x, back + y, top


def series_of(images: Sequence[Image], number: int = 1, **header: object) -> SeriesImages:
    """Images with the header of a plain head CT, or with other attributes."""
    return SeriesImages(header=header_of(len(images), number, **header), images=tuple(images))


def read_series(folder: Path) -> SeriesImages:
    """The one CT series of a folder, decoded."""
    instances = []
    for path in sorted(folder.glob("*.dcm")):
        data_set = pydicom.dcmread(path, stop_before_pixels=True)
        instances.append(
            ArchivedInstance(
                sop_instance_uid=SOPInstanceUID(data_set.SOPInstanceUID),
                series_instance_uid=SeriesInstanceUID(data_set.SeriesInstanceUID),
                sha256="",
                archive_path=path.name,
            )
        )
    (header,) = read_series_headers(instances, folder).series
    return load_series(header)


def header_of(images: int = 26, number: int = 1, **changed: object) -> SeriesHeader:
    """The header of a plain head CT."""
    plain = SeriesHeader(
        study_instance_uid=StudyInstanceUID("1.2.3"),
        series_instance_uid=SeriesInstanceUID(f"1.2.3.{number}"),
        modality="CT",
        body_part_examined="HEAD",
        study_description="CT HEAD WO CONTRAST",
        series_description="AXIAL 5MM",
        protocol_name="",
        convolution_kernel="H31s",
        contrast_bolus_agent="",
        manufacturer="",
        patient_sex="",
        patient_age_years=None,
        instances=tuple(instance(n) for n in range(1, images + 1)),
    )
    return replace(plain, **changed)  # type: ignore[arg-type]


def instance(number: int = 1, **changed: object) -> InstanceHeader:
    """The header of one axial CT image."""
    plain = InstanceHeader(
        sop_instance_uid=SOPInstanceUID(f"1.2.{number}"),
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        path=Path("x"),
        sha256="",
        image_type=("ORIGINAL", "PRIMARY", "AXIAL"),
        rows=512,
        columns=512,
        image_orientation=AXIAL,
        slice_thickness_mm=5.0,
        frame_of_reference_uid="1.2.9",
    )
    return replace(plain, **changed)  # type: ignore[arg-type]


def card(operating_point: float = 0.5) -> ModelCard:
    """A card whose calibration lets log odds through."""
    return ModelCard(
        name="haemorrhage",
        version="1",
        target=TargetFinding.INTRACRANIAL_HAEMORRHAGE,
        title="",
        intended_use="",
        limits=(),
        training_data=(),
        weights_file="",
        weights_sha256="",
        operating_point=operating_point,
        calibration={
            "weights": [1.0, 0.0, 0.0],
            "bias": 0.0,
            "members": 1,
            "least_heat": 0.3,
            "plane": {"weights": [1.0, 0.0, 0.0], "bias": 0.0, "operating_point": 0.5},
            "fracture": {"weights": [1.0], "bias": 0.0, "operating_point": 0.5},
        },
        performance={},
    )


def upright(_stack: Stack, _skull: Skull) -> str | None:
    """A guard that takes every head to lie as its header says."""
    return None


def sound_walls(batch: Floats) -> dict[str, Floats]:
    """A network of the walls that sees neither blood nor a fracture."""
    cells = (len(batch), 2, batch.shape[2] // 8, batch.shape[3] // 8)
    return {
        "sign_logits": np.full((len(batch), 2), -6, np.float32),
        "heat_logits": np.full(cells, -9, np.float32),
    }
