"""One series of CT slices written as files in several ways, each of the same patient."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence as Items
from pydicom.uid import (
    UID,
    EnhancedCTImageStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
)

Store = Callable[[Sequence[Dataset], Path], None]
_OF_FRAMES = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness")
_OF_VALUES = ("RescaleIntercept", "RescaleSlope", "RescaleType")


def uncompressed(folder: Path) -> list[Dataset]:
    """The slices of a folder, from the lowest upwards."""
    images = [pydicom.dcmread(path) for path in folder.glob("*.dcm")]
    images.sort(key=lambda image: float(image.ImagePositionPatient[2]))
    for image in images:
        _put(image, image.pixel_array.tobytes(), ExplicitVRLittleEndian)
    return images


def plain(slices: Sequence[Dataset], folder: Path) -> None:
    """A file each, as they are."""
    for number, image in enumerate(slices):
        image.save_as(folder / f"{number}.dcm", enforce_file_format=True)


def jpeg_2000(slices: Sequence[Dataset], folder: Path) -> None:
    """A file each, compressed."""
    for image in slices:
        stream = imagecodecs.jpeg2k_encode(
            _grey(image), codecformat="j2k", reversible=True, bitspersample=12
        )
        _put(image, encapsulate([stream]), JPEG2000Lossless)
    plain(slices, folder)


def enhanced(slices: Sequence[Dataset], folder: Path) -> None:
    """One multi-frame object whose frames lie in no order (PS3.3 A.38)."""
    mixed = [slices[n] for n in np.random.default_rng(0).permutation(len(slices))]
    whole = _multi_frame(mixed)
    whole.PixelData = b"".join(image.PixelData for image in mixed)
    whole.save_as(folder / "whole.dcm", enforce_file_format=True)


def enhanced_downwards(slices: Sequence[Dataset], folder: Path) -> None:
    """One multi-frame object in JPEG-LS whose frames lie from the highest to the lowest."""
    downwards = list(reversed(slices))
    whole = _multi_frame(downwards)
    streams = [imagecodecs.jpegls_encode(_grey(image)) for image in downwards]
    _put(whole, encapsulate(streams), JPEGLSLossless)
    whole.save_as(folder / "whole.dcm", enforce_file_format=True)


def _put(image: Dataset, pixels: bytes, syntax: UID) -> None:
    image.PixelData = pixels
    image["PixelData"].VR = "OB" if syntax.is_encapsulated else "OW"
    image.file_meta.TransferSyntaxUID = syntax


def _grey(image: Dataset) -> np.ndarray:
    return np.frombuffer(image.PixelData, "<u2").reshape(image.Rows, image.Columns)


def _multi_frame(slices: Sequence[Dataset]) -> Dataset:
    """An enhanced object of these frames, its pixels still those of the first."""
    whole = deepcopy(slices[0])
    whole.SOPClassUID = whole.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    whole.NumberOfFrames = len(slices)
    for name in (*_OF_FRAMES, *_OF_VALUES, "SliceLocation"):
        del whole[name]
    shared, measures, orientation, values = (Dataset() for _ in range(4))
    measures.PixelSpacing, measures.SliceThickness = (
        slices[0].PixelSpacing,
        slices[0].SliceThickness,
    )
    orientation.ImageOrientationPatient = slices[0].ImageOrientationPatient
    for name in _OF_VALUES:
        values[name] = slices[0][name]
    shared.PixelMeasuresSequence = Items([measures])
    shared.PlaneOrientationSequence = Items([orientation])
    shared.PixelValueTransformationSequence = Items([values])
    whole.SharedFunctionalGroupsSequence = Items([shared])
    whole.PerFrameFunctionalGroupsSequence = Items([_frame(image) for image in slices])
    return whole


def _frame(image: Dataset) -> Dataset:
    position, frame = Dataset(), Dataset()
    position.ImagePositionPatient = image.ImagePositionPatient
    frame.PlanePositionSequence = Items([position])
    return frame
