"""However a chest is stored, the installed nodule detector sees the same chest."""

from copy import deepcopy
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import EnhancedCTImageStorage, ExplicitVRLittleEndian, JPEGLSLossless

from models.detector import Assessment
from models.nodule import NoduleDetector, load
from tests.haemorrhage_heads import read_series
from tests.networks import networks_folder
from tests.odd_studies import outcome_of
from tests.stored_series import Store, enhanced, enhanced_downwards, jpeg_2000, uncompressed
from worklist.finding import Flagged

NODULES = Path(__file__).parents[2] / "test_images" / "chest_ct_nodules"


@pytest.fixture(scope="module")
def detector() -> NoduleDetector:
    return load(cache=networks_folder(), device="cpu", threads=1)


@pytest.fixture(scope="module")
def slices() -> list[Dataset]:
    """The phantom with nodules, uncompressed, from the lowest upwards."""
    return uncompressed(NODULES)


@pytest.fixture(scope="module")
def as_sent(detector: NoduleDetector) -> Flagged:
    """Single slices in JPEG-LS, as the phantom comes."""
    return _flagged(detector, NODULES)


def _flagged(detector: NoduleDetector, folder: Path) -> Flagged:
    outcome = outcome_of(detector, folder)
    assert isinstance(outcome, Flagged), outcome
    return outcome


@pytest.mark.parametrize("store", [jpeg_2000, enhanced, enhanced_downwards])
def test_a_chest_is_the_same_however_it_is_stored(
    detector: NoduleDetector,
    as_sent: Flagged,
    slices: list[Dataset],
    tmp_path: Path,
    store: Store,
) -> None:
    store(deepcopy(slices), tmp_path)
    outcome = _flagged(detector, tmp_path)
    assert outcome.probability == pytest.approx(as_sent.probability, abs=1e-6)
    assert outcome.regions
    assert [region.polygon_mm for region in outcome.regions] == [
        region.polygon_mm for region in as_sent.regions
    ]
    assert [(one.centre_mm, one.diameter_mm) for one in outcome.evidence.lesions] == [
        (one.centre_mm, one.diameter_mm) for one in as_sent.evidence.lesions
    ]


@pytest.mark.parametrize(
    ("store", "syntax"), [(enhanced, ExplicitVRLittleEndian), (enhanced_downwards, JPEGLSLossless)]
)
def test_regions_name_the_frame_that_lies_where_they_do(
    detector: NoduleDetector, slices: list[Dataset], tmp_path: Path, store: Store, syntax: str
) -> None:
    store(deepcopy(slices), tmp_path)
    whole = dcmread(tmp_path / "whole.dcm", stop_before_pixels=True)
    assert (whole.SOPClassUID, whole.file_meta.TransferSyntaxUID) == (
        EnhancedCTImageStorage,
        syntax,
    )
    frames = whole.PerFrameFunctionalGroupsSequence
    heights = [float(one.PlanePositionSequence[0].ImagePositionPatient[2]) for one in frames]
    for region in _flagged(detector, tmp_path).regions:
        assert region.polygon_mm is not None
        for _, _, z in region.polygon_mm:
            assert z == pytest.approx(heights[region.frame_number - 1])


def test_p4_frames_that_an_enhanced_object_lacks_are_told(
    detector: NoduleDetector, slices: list[Dataset], tmp_path: Path
) -> None:
    enhanced(deepcopy(slices[:20] + slices[24:]), tmp_path)
    said = detector.assess([read_series(tmp_path)])
    assert isinstance(said, Assessment)
    (hole,) = said.not_shown
    assert hole.may_hide and hole.reason.startswith("20.0 mm of the lungs, between two planes")
