"""However a head is stored, the installed haemorrhage detector sees the same head."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence as Items
from pydicom.uid import UID, EnhancedCTImageStorage, ExplicitVRLittleEndian, JPEG2000Lossless

from models.detector import Assessment
from models.haemorrhage import HaemorrhageDetector, load
from tests.haemorrhage_heads import read_series

BLEED = Path(__file__).parents[2] / "test_images" / "head_ct_bleed"
_OF_FRAMES = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness")
_OF_VALUES = ("RescaleIntercept", "RescaleSlope", "RescaleType")


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> HaemorrhageDetector:
    return load(cache=tmp_path_factory.mktemp("compiled"), device="cpu")


@pytest.fixture(scope="module")
def slices() -> list[Dataset]:
    """The phantom with blood, uncompressed, from the base upwards."""
    images = [pydicom.dcmread(path) for path in BLEED.glob("*.dcm")]
    images.sort(key=lambda image: float(image.ImagePositionPatient[2]))
    for image in images:
        _put(image, image.pixel_array.tobytes(), ExplicitVRLittleEndian)
    return images


def _put(image: Dataset, pixels: bytes, syntax: UID) -> None:
    image.PixelData = pixels
    image["PixelData"].VR = "OB" if syntax.is_encapsulated else "OW"
    image.file_meta.TransferSyntaxUID = syntax


def _plain(slices: Sequence[Dataset], folder: Path) -> None:
    for number, image in enumerate(slices):
        image.save_as(folder / f"{number}.dcm", enforce_file_format=True)


def _jpeg_2000(slices: Sequence[Dataset], folder: Path) -> None:
    for image in slices:
        grey = np.frombuffer(image.PixelData, "<u2").reshape(image.Rows, image.Columns)
        stream = imagecodecs.jpeg2k_encode(
            grey, codecformat="j2k", reversible=True, bitspersample=12
        )
        _put(image, encapsulate([stream]), JPEG2000Lossless)
    _plain(slices, folder)


def _enhanced(slices: Sequence[Dataset], folder: Path) -> None:
    """One multi-frame object whose frames lie in no order (PS3.3 A.38)."""
    mixed = [slices[n] for n in np.random.default_rng(0).permutation(len(slices))]
    whole = deepcopy(mixed[0])
    whole.SOPClassUID = whole.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    whole.NumberOfFrames = len(mixed)
    for name in (*_OF_FRAMES, *_OF_VALUES, "SliceLocation"):
        del whole[name]
    shared, measures, orientation, values = (Dataset() for _ in range(4))
    measures.PixelSpacing, measures.SliceThickness = (
        mixed[0].PixelSpacing,
        mixed[0].SliceThickness,
    )
    orientation.ImageOrientationPatient = mixed[0].ImageOrientationPatient
    for name in _OF_VALUES:
        values[name] = mixed[0][name]
    shared.PixelMeasuresSequence = Items([measures])
    shared.PlaneOrientationSequence = Items([orientation])
    shared.PixelValueTransformationSequence = Items([values])
    whole.SharedFunctionalGroupsSequence = Items([shared])
    whole.PerFrameFunctionalGroupsSequence = Items([_frame(image) for image in mixed])
    whole.PixelData = b"".join(image.PixelData for image in mixed)
    whole.save_as(folder / "whole.dcm", enforce_file_format=True)


def _frame(image: Dataset) -> Dataset:
    position, frame = Dataset(), Dataset()
    position.ImagePositionPatient = image.ImagePositionPatient
    frame.PlanePositionSequence = Items([position])
    return frame


def _seen(detector: HaemorrhageDetector, folder: Path) -> Assessment:
    answer = detector.assess([read_series(folder)])
    assert isinstance(answer, Assessment), answer
    return answer


@pytest.fixture(scope="module")
def as_sent(detector: HaemorrhageDetector) -> Assessment:
    """JPEG-LS, as the phantom comes."""
    assert pydicom.dcmread(next(BLEED.glob("*.dcm"))).file_meta.TransferSyntaxUID.name.startswith(
        "JPEG-LS"
    )
    return _seen(detector, BLEED)


@pytest.mark.parametrize("store", [_plain, _jpeg_2000, _enhanced])
def test_a_head_is_the_same_however_it_is_stored(
    detector: HaemorrhageDetector,
    as_sent: Assessment,
    slices: list[Dataset],
    tmp_path: Path,
    store: Callable[[Sequence[Dataset], Path], None],
) -> None:
    store(deepcopy(slices), tmp_path)
    answer = _seen(detector, tmp_path)
    assert answer.probability == pytest.approx(as_sent.probability, abs=1e-6)
    assert answer.regions
    assert [region.polygon_mm for region in answer.regions] == [
        region.polygon_mm for region in as_sent.regions
    ]
    assert [lesion.diameter_mm for lesion in answer.evidence.lesions] == [
        lesion.diameter_mm for lesion in as_sent.evidence.lesions
    ]
