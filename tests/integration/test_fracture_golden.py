"""The installed fracture detector on phantoms, on real radiographs, and on what is none."""

from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from models.assessment import look, select
from models.data_set import data_set_sha256
from models.fracture import FractureDetector, load
from models.headers import DEFAULT_LIMIT_BYTES, read_series_headers
from models.images import decode_frame
from tests.networks import networks_folder
from worklist.finding import Flagged, NotFlagged, Outcome
from worklist.study import ArchivedInstance
from worklist.uid import SeriesInstanceUID, SOPInstanceUID

PHANTOMS = Path(__file__).parents[2] / "test_images"
GOLDEN = {
    "img0003742": 0.108,
    "img0003820": 0.504,
    "img0003851": 0.158,
    "img0003904": 0.094,
    "img0003934": 0.076,
    "img0003954": 0.215,
    "img0003988": 0.028,
    "img0004012": 0.207,
    "img0004044": 0.878,
    "img0004071": 0.957,
}
SEEN = {True: Flagged, False: NotFlagged}


@pytest.fixture(scope="module")
def cache() -> Path:
    return networks_folder()


@pytest.fixture(scope="module")
def detector(cache: Path) -> FractureDetector:
    return load(cache=cache, device="cpu", threads=2)


def outcome_of(detector: FractureDetector, folder: Path) -> Outcome:
    """What a worker would get for the study in a folder."""
    instances = []
    for path in sorted(folder.glob("*.dcm")):
        header = dcmread(path, stop_before_pixels=True)
        instances.append(
            ArchivedInstance(
                sop_instance_uid=SOPInstanceUID(header.SOPInstanceUID),
                series_instance_uid=SeriesInstanceUID(header.SeriesInstanceUID),
                sha256=data_set_sha256(path),
                archive_path=path.name,
            )
        )
    headers = read_series_headers(instances, folder)
    return look(detector, select(detector, headers), limit_bytes=DEFAULT_LIMIT_BYTES).outcome


def radiographs(shared_dicom: Path) -> list[Path]:
    return sorted(shared_dicom.glob("studies/img*"))


@pytest.mark.parametrize(
    ("case", "fractured"),
    [
        ("forearm_fracture", True),
        ("forearm_intact", False),
        ("leg_fracture", True),
        ("leg_intact", False),
    ],
)
def test_fractured_phantoms_are_flagged_and_intact_ones_are_not(
    detector: FractureDetector, case: str, fractured: bool
) -> None:
    assert isinstance(outcome_of(detector, PHANTOMS / case), SEEN[fractured])


def test_real_radiographs_give_what_they_gave_before(
    detector: FractureDetector, shared_dicom: Path
) -> None:
    # other figures mean that preparation, runtime or weights changed; whoever changes them on
    # purpose writes the new ones here
    said = {
        folder.name: outcome_of(detector, folder).probability  # type: ignore[union-attr]
        for folder in radiographs(shared_dicom)
    }
    assert said == pytest.approx(GOLDEN, abs=0.02)


def test_the_same_image_gives_the_same_answer_again_and_on_one_thread(
    detector: FractureDetector, cache: Path, shared_dicom: Path
) -> None:
    (path,) = radiographs(shared_dicom)[0].glob("*.dcm")
    pixels = decode_frame(path, 1).pixels
    alone = load(cache=cache, device="cpu", threads=1)
    first, again, one_thread = (d.look(pixels) for d in (detector, detector, alone))
    assert first.evidence == again.evidence
    assert one_thread.evidence == pytest.approx(first.evidence, abs=1e-3)
    np.testing.assert_allclose(one_thread.boxes, first.boxes, atol=1e-2)
