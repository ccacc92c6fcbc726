"""However a head is stored, the installed haemorrhage detector sees the same head."""

from copy import deepcopy
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from models.detector import Assessment
from models.haemorrhage import HaemorrhageDetector, load
from tests.haemorrhage_heads import read_series
from tests.networks import networks_folder
from tests.stored_series import Store, enhanced, jpeg_2000, plain, uncompressed

BLEED = Path(__file__).parents[2] / "test_images" / "head_ct_bleed"


@pytest.fixture(scope="module")
def detector() -> HaemorrhageDetector:
    return load(cache=networks_folder(), device="cpu")


@pytest.fixture(scope="module")
def slices() -> list[Dataset]:
    """The phantom with blood, uncompressed, from the base upwards."""
    return uncompressed(BLEED)


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


@pytest.mark.parametrize("store", [plain, jpeg_2000, enhanced])
def test_a_head_is_the_same_however_it_is_stored(
    detector: HaemorrhageDetector,
    as_sent: Assessment,
    slices: list[Dataset],
    tmp_path: Path,
    store: Store,
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
