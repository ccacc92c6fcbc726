"""The guard for chests that lie as no header says, on the real chest and the drawn ones: the counts
that the card's page states.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.chest_guard import ON_ITS_SIDE, UPSIDE_DOWN, why_not_upright
from models.detector import SeriesImages
from models.nodule_lungs import Lungs, find_lungs
from models.nodule_volume import Stack, stack_of
from models.training.nodule_simulation import varied
from models.training.upright_guard import WAYS
from tests.haemorrhage_heads import read_series

PHANTOMS = Path(__file__).parents[2] / "test_images"


def refused(scans: Sequence[SeriesImages], way: str) -> int:
    """How many of these are refused once their pixels are turned, their headers left alone."""
    return sum(_is_refused(scan, way) for scan in scans)


def _is_refused(scan: SeriesImages, way: str) -> bool:
    turned = WAYS[way](np.stack([image.pixels for image in scan.images]))
    images = tuple(
        replace(image, pixels=np.ascontiguousarray(pixels))
        for image, pixels in zip(scan.images, turned, strict=True)
    )
    stack = stack_of(replace(scan, images=images))
    assert isinstance(stack, Stack), stack
    lungs = find_lungs(stack)
    assert isinstance(lungs, Lungs), lungs
    said = why_not_upright(stack, lungs)
    if said is not None:
        assert said == (ON_ITS_SIDE if "side" in way else UPSIDE_DOWN)
    return said is not None


PAGE = Path(__file__).parents[2] / "docs" / "model_cards" / "nodule.md"
ONE, PARTS = "`chestct_a0001`", "11 parts of it, 11 slices (5 cm) each"
VARIED = "20 variations of it (`varied`, seed 2)"
AGENTS = (350, 500, 900)
CONTRAST = "it with contrast agent of 350, 500 and 900 HU drawn into heart and great vessels"
DRAWN = "the drawn chests (`test_images`)"
# of so many scans, how many are refused in each way of WAYS; None: not counted here
COUNTS: dict[str, tuple[int, tuple[int | None, ...]]] = {
    ONE: (1, (0, 1, 1, 1, 1)),
    PARTS: (11, (0, 9, 9, 11, 11)),
    VARIED: (20, (0, 20, None, None, None)),
    CONTRAST: (3, (0, None, 0, 3, None)),
    DRAWN: (2, (0, 2, 2, 2, 2)),
}
COUNTED = [
    (what, way, count)
    for what, (_, counts) in COUNTS.items()
    for way, count in zip(WAYS, counts, strict=True)
    if count is not None
]


@pytest.fixture(scope="module")
def chest(shared_dicom: Path) -> SeriesImages:
    return read_series(shared_dicom / "studies" / "chestct_a0001")


def scans_of(what: str, chest: SeriesImages) -> list[SeriesImages]:
    """The scans of a row of the page."""
    if what == ONE:
        return [chest]
    if what == PARTS:
        return [replace(chest, images=chest.images[n : n + 11]) for n in range(11)]
    if what == VARIED:
        random = np.random.default_rng(2)
        return [varied(chest, [], random)[0] for _ in range(20)]
    if what == CONTRAST:
        return [_with_contrast(chest, agent_hu) for agent_hu in AGENTS]
    return [read_series(folder) for folder in sorted(PHANTOMS.glob("chest_ct_*"))]


@pytest.mark.parametrize(("what", "way", "count"), COUNTED)
def test_as_many_chests_are_refused_in_each_way_to_lie_as_the_page_says(
    chest: SeriesImages, what: str, way: str, count: int
) -> None:
    scans = scans_of(what, chest)
    assert len(scans) == COUNTS[what][0]
    assert refused(scans, way) == count


def test_the_page_says_what_is_counted_here_and_marks_what_is_not() -> None:
    cells = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if line.startswith("| ") and line.count("|") == 6:
            what, *said = (cell.strip() for cell in line.strip("|").split("|"))
            cells[what] = said
    for what, (of, counts) in COUNTS.items():
        ways = [*cells[what][:3], *re.split(", | and ", cells[what][3])]
        for said, count in zip(ways, counts, strict=True):
            number = re.sub(" refused$| of [0-9]+( refused)?$", "", said)
            assert number.endswith("*") is (count is None), (what, said)
            if of > 1 and count is not None:
                assert int(number) == count and (f" of {of}" in said or said == number)
            elif count is not None:
                assert said == ("refused" if count else "passes")


def _with_contrast(scan: SeriesImages, agent_hu: float) -> SeriesImages:
    """What is soft within the heart and the great vessels, as dense as so much contrast agent."""
    row, column = np.mgrid[:512, :512]
    heart = np.hypot((column - 270) / 65, (row - 268) / 52) < 1
    images = []
    for image in scan.images:
        soft = heart & (image.pixels > -20) & (image.pixels < 120)
        pixels = np.where(soft, image.pixels + (agent_hu - 40), image.pixels)
        images.append(replace(image, pixels=np.asarray(pixels, np.float32)))
    return replace(scan, images=tuple(images))
