"""Made-up chest CT for the tests of the nodule detector: two lungs in a body on a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.detector import Image, InstanceHeader, SeriesHeader, SeriesImages
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
SIDE, PIXEL_MM = 192, 1.8


@dataclass(frozen=True, kw_only=True)
class Ball:
    """A nodule; x, y, z in mm from the middle of the first slice's left upper corner pixel."""

    x: float
    y: float
    z: float
    diameter_mm: float
    hu: float = 40.0


def instance(number: int = 1, **changes: object) -> InstanceHeader:
    """The header of one axial slice at height ``number`` mm."""
    values: dict[str, object] = {
        "sop_instance_uid": SOPInstanceUID(f"1.2.3.{number}"),
        "sop_class_uid": CT_IMAGE,
        "transfer_syntax_uid": "1.2.840.10008.1.2.1",
        "path": Path("image.dcm"),
        "sha256": "0" * 64,
        "image_type": ("ORIGINAL", "PRIMARY", "AXIAL"),
        "rows": 512,
        "columns": 512,
        "pixel_spacing_mm": (0.7, 0.7),
        "image_position_mm": (0.0, 0.0, float(number)),
        "image_orientation": AXIAL,
    }
    return InstanceHeader(**{**values, **changes})  # type: ignore[arg-type]


def header(instances: Sequence[InstanceHeader] | None = None, **changes: object) -> SeriesHeader:
    """The header of a series; 80 slices of a chest a millimetre apart where not said."""
    values: dict[str, object] = {
        "study_instance_uid": StudyInstanceUID("1.2.3"),
        "series_instance_uid": SeriesInstanceUID("1.2.3.1"),
        "modality": "CT",
        "body_part_examined": "CHEST",
        "study_description": "",
        "series_description": "",
        "protocol_name": "",
        "convolution_kernel": "",
        "contrast_bolus_agent": "",
        "manufacturer": "",
        "patient_sex": "",
        "patient_age_years": None,
        "instances": tuple(instance(n) for n in range(80)) if instances is None else instances,
    }
    return SeriesHeader(**{**values, **changes})  # type: ignore[arg-type]


def slice_hu(z: float, balls: Sequence[Ball] = (), seed: int = 0) -> npt.NDArray[np.float32]:
    """One slice: air, body, two lungs, a spine, a table below."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) * PIXEL_MM
    middle = (SIDE - 1) * PIXEL_MM / 2
    hu = np.full((SIDE, SIDE), -1000.0, np.float32)
    hu[np.hypot((x - middle) / 150, (y - middle) / 105) < 1] = 40.0
    for side in (-1, 1):
        lung = np.hypot((x - middle - side * 66) / 46, (y - middle) / 72) < 1
        hu[lung] = -850.0
    hu[np.hypot(x - middle, y - middle - 70) < 16] = 500.0
    hu[(abs(y - middle - 125) < 5) & (abs(x - middle) < 140)] = 100.0
    for ball in balls:
        distance = np.sqrt((x - ball.x) ** 2 + (y - ball.y) ** 2 + (z - ball.z) ** 2)
        share = np.clip(0.5 + (ball.diameter_mm / 2 - distance) / PIXEL_MM, 0, 1)
        hu = np.maximum(hu, -850 + share * (ball.hu + 850)).astype(np.float32)
    noise = np.random.default_rng((seed, int(1000 + 10 * z))).normal(0, 12, hu.shape)
    return np.asarray(hu + noise, np.float32)


def with_vessel(
    hu: npt.NDArray[np.float32], middle: tuple[float, float] | None, radius_mm: float
) -> npt.NDArray[np.float32]:
    """A slice with the cut of a vessel at (x, y) mm; None: it does not reach this slice."""
    if middle is None:
        return hu
    y, x = np.mgrid[0:SIDE, 0:SIDE] * PIXEL_MM
    distance = np.hypot(x - middle[0], y - middle[1])
    share = np.clip(0.5 + (radius_mm - distance) / PIXEL_MM, 0, 1)
    return np.asarray(np.maximum(hu, -850 + share * 890), np.float32)


def series(
    heights: Sequence[float] = tuple(np.arange(0.0, 120.0, 2.5)),
    balls: Sequence[Ball] = (),
    *,
    slices: Sequence[npt.NDArray[np.float32]] | None = None,
    orientation: tuple[float, ...] | None = AXIAL,
    pixel_spacing_mm: tuple[float, float] | None = (PIXEL_MM, PIXEL_MM),
) -> SeriesImages:
    """A decoded series of the made-up chest at these heights."""
    pixels = [slice_hu(z, balls) for z in heights] if slices is None else slices
    images = tuple(
        Image(
            sop_instance_uid=SOPInstanceUID(f"1.2.3.{number}"),
            frame_number=1,
            pixels=plane,
            pixel_spacing_mm=pixel_spacing_mm,
            image_position_mm=(0.0, 0.0, float(z)),
            image_orientation=orientation,
        )
        for number, (z, plane) in enumerate(zip(heights, pixels, strict=True), start=1)
    )
    instances = [instance(n, image_position_mm=(0.0, 0.0, float(z))) for n, z in enumerate(heights)]
    return SeriesImages(header=header(instances), images=images)
