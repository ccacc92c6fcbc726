"""What the installed detectors do with studies that they were not made for, kind by kind.

The page `docs/model_cards/odd_inputs.md` shows this table, and a test holds it to it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from models import fracture, haemorrhage, nodule
from models.assessment import select
from models.chest_guard import ON_ITS_SIDE as CHEST_ON_ITS_SIDE
from models.chest_guard import UPSIDE_DOWN as CHEST_UPSIDE_DOWN
from models.data_set import quiet
from models.detector import Detector
from models.guard import CUT_OFF
from models.headers import read_series_headers
from models.radiograph_guard import INVERTED, NO_RADIOGRAPH
from models.species import why_not_a_person
from models.upright_guard import ON_ITS_SIDE, UPSIDE_DOWN
from tests.networks import networks_folder
from tests.odd_studies import (
    FRACTURE,
    HAEMORRHAGE,
    NODULE,
    SECONDARY_CAPTURE,
    Build,
    Floats,
    lost,
    one_cut_off,
    one_larger,
    others,
    outcome_of,
    smaller,
    spoilt,
    swapped,
    truncated,
)
from worklist.errors import InvalidUID
from worklist.finding import Failed, Flagged, NotApplicable, NotFlagged
from worklist.study import ArchivedInstance
from worklist.uid import SeriesInstanceUID, SOPInstanceUID

PAGE = Path(__file__).parents[2] / "docs" / "model_cards" / "odd_inputs.md"
DETECTORS = (FRACTURE, HAEMORRHAGE, NODULE)
NOT_CAUGHT = "**not caught**"
AS_IT_SHOULD = "looked at, as it should be"
CUT = "images look cut off: their lower part holds nothing."
Told = tuple[str, Build]  # a reason, or that the study is looked at; and how it is made


def each(reasons: tuple[str, str, str], change: Callable[[Floats], Floats]) -> dict[str, Told]:
    """The same change of all three."""
    return {one: (said, spoilt(one, change)) for one, said in zip(DETECTORS, reasons, strict=True)}


def headed(reasons: tuple[str, str, str], **attributes: Any) -> dict[str, Told]:
    """The same attributes for all three."""
    return {
        one: (said, spoilt(one, **attributes)) for one, said in zip(DETECTORS, reasons, strict=True)
    }


def noise(pixels: Floats) -> Floats:
    return np.random.default_rng(0).uniform(-1000, 1000, pixels.shape).astype(np.float32)


def inverted(pixels: Floats) -> Floats:
    return pixels.max() + pixels.min() - pixels


def window(pixels: Floats) -> Floats:
    return np.clip((pixels + 160) / 400, 0, 1) * 255


def held(pixels: Floats) -> Floats:
    """The lower two fifths repeat the row above."""
    kept = pixels.shape[1] * 3 // 5
    return np.concatenate(
        [pixels[:, :kept], np.repeat(pixels[:, kept - 1 : kept], pixels.shape[1] - kept, axis=1)],
        axis=1,
    )


def dark_below(pixels: Floats) -> Floats:
    """The lower two fifths are as dark as air."""
    filled = pixels.copy()
    filled[:, pixels.shape[1] * 3 // 5 :] = pixels.min()
    return filled


def vessels(pixels: Floats) -> Floats:
    """Dots of contrast agent in every plane of a head."""
    row, column = np.mgrid[: pixels.shape[1], : pixels.shape[2]]
    filled = pixels.copy()
    for down, across in ((230, 256), (256, 215), (256, 297), (290, 256)):
        near = np.hypot(row - down, column - across) < 5
        filled[:, near] = np.where(filled[:, near] > -100, 300.0, filled[:, near])
    return filled


NOT_HU = "There is no air around the body: the values are not Hounsfield units."
NO_AIR = "Nothing is as dark as air: the values are no Hounsfield units."
NOISE = "The image looks like noise: neighbouring pixels have little in common."
NOISY_SCAN = "Neighbouring pixels have nothing to do with each other: the images are noise."
EMPTY = "The image is empty or nearly so: it has hardly any different grey values."
EMPTY_HEAD = "The images are empty: all values are about the same."
EMPTY_CHEST = "The images are empty: all their values are nearly the same."
CUT_IMAGE = "The image looks cut off: its lower part holds nothing of its own."
COLOUR = "The image is in colour: a capture, a map or a photograph."
DOG = str(why_not_a_person("Canine"))
NO_SKULL = "No skull was found: bone encloses nothing like brain."
OPEN_SKULL = "No skull was found: bone does not enclose what should be brain."
LUNGLESS = "of airy tissue inside a body); at least 400 mL are needed."
UNDECODABLE = "cannot be decoded"
ON_NO_IMAGE = "on no image: images seem to be missing."
NOT_LOOKED_AT = "images not looked at:"
ABDOMEN = "corpus/TotalSegmentator/tests"
TEST_IMAGES = "corpus/cornerstone3D/packages/dicomImageLoader/testImages"

CASES: dict[str, dict[str, Told]] = {
    "CT of the abdomen, by its header a hand, a head, a chest": {
        FRACTURE: (NO_RADIOGRAPH, others(FRACTURE, ABDOMEN, "*")),
        HAEMORRHAGE: (OPEN_SKULL, others(HAEMORRHAGE, ABDOMEN, "*")),
        NODULE: (LUNGLESS, others(NODULE, ABDOMEN, "*")),
    },
    "CT of the head as a hand or a chest, of the chest as a head": {
        FRACTURE: (NO_RADIOGRAPH, others(FRACTURE, "studies/headct104", "014.dcm")),
        HAEMORRHAGE: (NO_SKULL, swapped(HAEMORRHAGE, "studies/chestct_a0001")),
        NODULE: (LUNGLESS, swapped(NODULE, "studies/headct104")),
    },
    "ultrasound as a hand": {FRACTURE: (NOT_CAUGHT, others(FRACTURE, TEST_IMAGES, "US-*"))},
    "test patterns as a hand": {
        FRACTURE: (NO_RADIOGRAPH, others(FRACTURE, TEST_IMAGES, "TestPattern*"))
    },
    "another modality": headed(
        (
            "The modality is MR, not a radiograph (DX or CR).",
            "The modality is MR, not CT.",
            "The modality is MR, not CT.",
        ),
        Modality="MR",
    ),
    "secondary captures (screenshots)": headed(
        (
            "The image is a secondary capture, which may be a screenshot.",
            "The image is no CT image but a capture, a report or a derived object.",
            "The image is a secondary capture, which may be a screenshot.",
        ),
        SOPClassUID=SECONDARY_CAPTURE,
    ),
    "images in colour": headed((COLOUR, COLOUR, COLOUR), PhotometricInterpretation="RGB"),
    "localizers": headed(
        (
            "The image is a localizer.",
            "The image type names LOCALIZER: not a plain slice.",
            "The image is a localizer.",
        ),
        ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"],
    ),
    "projections (MIP)": {
        HAEMORRHAGE: (
            "The image type names MIP: not a plain slice.",
            spoilt(HAEMORRHAGE, ImageType=["DERIVED", "SECONDARY", "MIP"]),
        ),
        NODULE: (
            "The image is a projection.",
            spoilt(NODULE, ImageType=["DERIVED", "SECONDARY", "MIP"]),
        ),
    },
    "greys of a window, stored as CT": {
        HAEMORRHAGE: (NOT_HU, spoilt(HAEMORRHAGE, window)),
        NODULE: (NO_AIR, spoilt(NODULE, window)),
    },
    "values that were never rescaled": each(
        (AS_IT_SHOULD, NOT_HU, NO_AIR), lambda pixels: pixels + 1024
    ),
    "noise": each(
        (
            NOISE,
            NOISY_SCAN,
            NOISY_SCAN,
        ),
        noise,
    ),
    "empty images": each(
        (
            EMPTY,
            EMPTY_HEAD,
            EMPTY_CHEST,
        ),
        np.zeros_like,
    ),
    "inverted grey scale": each((INVERTED, NOT_HU, NO_AIR), inverted),
    "a file that ends in the middle of its pixels": {
        one: (UNDECODABLE, truncated(one)) for one in DETECTORS
    },
    "the lower two fifths repeat one row": each(
        (
            CUT_IMAGE,
            f"28 of 28 {CUT}",
            f"21 of 21 {CUT}",
        ),
        held,
    ),
    "the same of one image of the series": {
        HAEMORRHAGE: (
            f"1 of 32 {NOT_LOOKED_AT} {CUT_OFF}",
            one_cut_off(HAEMORRHAGE, "head_ct_clear_urgent"),
        ),
        NODULE: (f"1 of 48 {NOT_LOOKED_AT} {CUT_OFF}", one_cut_off(NODULE, "chest_ct_clear")),
    },
    "the lower two fifths are black": each(
        (NOT_CAUGHT, "The skull is 85 mm long inside, which is not a person's head.", LUNGLESS),
        dark_below,
    ),
    "five slices of the series": {
        HAEMORRHAGE: (
            "The series has 5 images; a head needs 6 at least.",
            spoilt(HAEMORRHAGE, lambda pixels: pixels[:5]),
        ),
        NODULE: (
            "There are 5 axial slices; at least 10 are needed.",
            spoilt(NODULE, lambda pixels: pixels[:5]),
        ),
    },
    "slices of 20 mm lost in the middle": {
        HAEMORRHAGE: (
            f"20.0 mm of the brain, between two planes, are {ON_NO_IMAGE}",
            lost(HAEMORRHAGE, "head_ct_clear_urgent", 4),
        ),
        NODULE: (
            f"20.0 mm of the lungs, between two planes, are {ON_NO_IMAGE}",
            lost(NODULE, "chest_ct_clear", 4),
        ),
    },
    "one slice of other rows and columns": {
        HAEMORRHAGE: (
            f"1 of 32 {NOT_LOOKED_AT} It has other rows or columns than most images of its series.",
            one_larger(HAEMORRHAGE, "head_ct_clear_urgent"),
        ),
        NODULE: (
            f"1 of 48 {NOT_LOOKED_AT} The slices differ in rows and columns.",
            one_larger(NODULE, "chest_ct_clear"),
        ),
    },
    "mirrored top to bottom": each(
        (AS_IT_SHOULD, UPSIDE_DOWN, CHEST_UPSIDE_DOWN), lambda pixels: pixels[:, ::-1]
    ),
    "upside down (turned by 180 degrees)": each(
        (AS_IT_SHOULD, UPSIDE_DOWN, CHEST_UPSIDE_DOWN), lambda pixels: pixels[:, ::-1, ::-1]
    ),
    "on its side (turned by 90 degrees)": each(
        (NOT_CAUGHT, ON_ITS_SIDE, CHEST_ON_ITS_SIDE), lambda pixels: np.rot90(pixels, 1, (1, 2))
    ),
    "mirrored left to right": each(
        (AS_IT_SHOULD, NOT_CAUGHT, NOT_CAUGHT), lambda pixels: pixels[:, :, ::-1]
    ),
    "slices from feet to head, against the header": {
        HAEMORRHAGE: (NOT_CAUGHT, spoilt(HAEMORRHAGE, lambda pixels: pixels[::-1])),
        NODULE: (NOT_CAUGHT, spoilt(NODULE, lambda pixels: pixels[::-1])),
    },
    "an animal, by its header": headed((DOG, DOG, DOG), PatientSpeciesDescription="Canine"),
    "an animal, by its size alone": {
        HAEMORRHAGE: (
            "The skull is 70 mm long inside, which is not a person's head.",
            smaller(HAEMORRHAGE),
        ),
        NODULE: (LUNGLESS, smaller(NODULE)),
    },
    "a dog's chest as a hand, nothing else naming the dog": {
        FRACTURE: (NOT_CAUGHT, others(FRACTURE, "corpus/highdicom", "dx_image.dcm"))
    },
    "contrast agent that no header names": {
        HAEMORRHAGE: (
            "There seems to be contrast agent in the vessels.",
            spoilt(HAEMORRHAGE, vessels),
        ),
    },
}
# what may be what a detector was made for, and that it cannot tell of: it should have looked (P4)
SPOILT = {
    NOISE,
    EMPTY,
    INVERTED,
    CUT_IMAGE,
    NOT_HU,
    EMPTY_HEAD,
    UPSIDE_DOWN,
    ON_ITS_SIDE,
    NO_AIR,
    EMPTY_CHEST,
    NOISY_SCAN,
    CHEST_UPSIDE_DOWN,
    CHEST_ON_ITS_SIDE,
}
EVERY = [(kind, detector) for kind, told in CASES.items() for detector in told]


@pytest.fixture(scope="module")
def detectors() -> dict[str, Detector]:
    cache = networks_folder()
    return {
        name: module.load(cache=cache, device="cpu", threads=1)
        for name, module in zip(DETECTORS, (fracture, haemorrhage, nodule), strict=True)
    }


@pytest.mark.parametrize("detector", DETECTORS)
def test_the_studies_that_are_spoilt_are_looked_at_as_they_are(
    detector: str, detectors: dict[str, Detector], shared_dicom: Path, tmp_path: Path
) -> None:
    study = spoilt(detector)(shared_dicom, tmp_path)
    assert isinstance(outcome_of(detectors[detector], study), Flagged | NotFlagged)


@pytest.mark.parametrize(("kind", "detector"), EVERY)
def test_an_odd_study_is_refused_with_a_plain_reason_or_the_table_says_that_it_is_not(
    kind: str,
    detector: str,
    detectors: dict[str, Detector],
    shared_dicom: Path,
    tmp_path: Path,
) -> None:
    said, build = CASES[kind][detector]
    outcome = outcome_of(detectors[detector], build(shared_dicom, tmp_path))
    if said in (NOT_CAUGHT, AS_IT_SHOULD):
        assert isinstance(outcome, Flagged | NotFlagged), outcome
    elif said == UNDECODABLE:
        assert isinstance(outcome, Failed), outcome
    elif is_failed(said):
        assert isinstance(outcome, Failed), outcome
        assert said in outcome.reason
    else:
        assert isinstance(outcome, NotApplicable), outcome
        assert said in outcome.reason


def test_of_the_corpus_the_detectors_look_at_the_one_head_and_nothing_else(
    detectors: dict[str, Detector], shared_dicom: Path
) -> None:
    corpus = shared_dicom / "corpus"
    headers = read_series_headers(_archived(corpus), corpus)
    assert len(headers.series) > 30
    looked_at = {
        name: {
            i.path.parent.name for series in select(one, headers).eligible for i in series.instances
        }
        for name, one in detectors.items()
    }
    assert looked_at == {FRACTURE: set(), HAEMORRHAGE: {"GE"}, NODULE: set()}


def _archived(folder: Path) -> list[ArchivedInstance]:
    """Every object of a folder whose identifiers can be read."""
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            with quiet():
                data_set = dcmread(path, stop_before_pixels=True)
                found.append(
                    ArchivedInstance(
                        sop_instance_uid=SOPInstanceUID(data_set.SOPInstanceUID),
                        series_instance_uid=SeriesInstanceUID(data_set.SeriesInstanceUID),
                        sha256="",
                        archive_path=str(path.relative_to(folder)),
                    )
                )
        except (InvalidDicomError, InvalidUID, AttributeError):
            continue
    return found


def row_of(kind: str) -> str:
    """The row of the page's table."""
    cells = [cell_of(CASES[kind][one][0]) if one in CASES[kind] else "–" for one in DETECTORS]
    return f"| {kind} | {' | '.join(cells)} |"


def is_failed(said: str) -> bool:
    return said in SPOILT or said.endswith((ON_NO_IMAGE, CUT)) or NOT_LOOKED_AT in said


def cell_of(said: str) -> str:
    if said in (NOT_CAUGHT, AS_IT_SHOULD):
        return said
    if said == UNDECODABLE:
        return "*failed*: it cannot be decoded"
    if is_failed(said):
        return f"*failed*: {said}"
    words = said if said[0].isupper() or said[0].isdigit() else f"No lungs were found (… mL {said}"
    return f"*not applicable*: {words}"


def test_the_page_shows_every_row_of_the_table_and_no_other() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    start = lines.index("| input | fracture | haemorrhage | nodule |") + 2
    rows = lines[start : lines.index("", start)]
    assert rows == [row_of(kind) for kind in CASES]
