"""The guard for chests that lie as no header says, on the real chest and the drawn ones: the counts
that the card's page states.
"""

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


@pytest.fixture(scope="module")
def chest(shared_dicom: Path) -> SeriesImages:
    return read_series(shared_dicom / "studies" / "chestct_a0001")


@pytest.mark.parametrize("way", WAYS)
def test_the_real_chest_and_the_drawn_ones_pass_upright_and_in_no_other_way(
    chest: SeriesImages, way: str
) -> None:
    drawn = [read_series(folder) for folder in sorted(PHANTOMS.glob("chest_ct_*"))]
    assert len(drawn) == 2
    assert refused([chest, *drawn], way) == (0 if way == "upright" else 3)


@pytest.mark.parametrize(
    ("way", "count"),
    [
        ("upright", 0),
        ("mirrored top to bottom", 9),
        ("turned by 180 degrees", 9),
        ("turned to one side", 11),
        ("turned to the other side", 11),
    ],
)
def test_most_parts_of_a_chest_are_known_too(chest: SeriesImages, way: str, count: int) -> None:
    parts = [replace(chest, images=chest.images[n : n + 11]) for n in range(11)]
    assert refused(parts, way) == count


@pytest.mark.parametrize(("way", "count"), [("upright", 0), ("mirrored top to bottom", 20)])
def test_variations_of_the_chest_are_known_too(chest: SeriesImages, way: str, count: int) -> None:
    random = np.random.default_rng(2)
    assert refused([varied(chest, [], random)[0] for _ in range(20)], way) == count


@pytest.mark.parametrize(
    ("way", "count"), [("upright", 0), ("turned by 180 degrees", 0), ("turned to one side", 3)]
)
def test_with_contrast_agent_in_the_heart_a_chest_passes_either_way_up(
    chest: SeriesImages, way: str, count: int
) -> None:
    full = [_with_contrast(chest, agent_hu) for agent_hu in (350, 500, 900)]
    assert refused(full, way) == count


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
