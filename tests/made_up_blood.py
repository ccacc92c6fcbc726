"""A haemorrhage detector whose network is made up, and heads changed for it."""

from dataclasses import replace

import numpy as np

from models.detector import Assessment, Image, SeriesImages
from models.haemorrhage import HaemorrhageDetector
from models.haemorrhage_answers import KINDS, STRIDE
from models.haemorrhage_volume import CANVAS
from models.runtime import Network
from models.upright_guard import HeadGuard
from tests.haemorrhage_heads import card, series_of, sound_walls, upright
from worklist.uid import SOPInstanceUID

BLEED = (30.0, 20.0, 10.0)  # mm to the left, the back, the top
SUBDURAL = KINDS.index("subdural")


class Dense:
    """Says that there is subdural blood where the plane itself has much between 55 and 85 HU."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def __call__(self, batch: np.ndarray) -> dict[str, np.ndarray]:
        assert batch.shape[1:] == (3, CANVAS, CANVAS)
        self.seen.append(batch)
        middle = batch[:, 1]
        dense = (middle > 0.15) & (middle < 0.6)
        cells = CANVAS // STRIDE
        shares = dense.reshape(len(batch), cells, STRIDE, cells, STRIDE).mean(axis=(2, 4))
        hot = shares > 0.8
        found = hot.any(axis=(1, 2))
        kinds = np.full((len(batch), len(KINDS)), -4.0, np.float32)
        kinds[found, SUBDURAL] = 3.0
        return {
            "slice_logit": np.where(found, 8.0, -6.0).astype(np.float32),
            "kind_logits": kinds,
            "heat_logit": np.where(hot, 4.0, -8.0)[:, None].astype(np.float32),
        }


def detector(
    *, planes: Network | None = None, walls: Network = sound_walls, guard: HeadGuard = upright
) -> HaemorrhageDetector:
    """The detector around such networks."""
    return HaemorrhageDetector(card=card(), planes=planes or Dense(), walls=walls, guard=guard)


def assess(images: tuple[Image, ...]) -> Assessment:
    """What it says of one series."""
    answer = detector().assess([series_of(images)])
    assert isinstance(answer, Assessment)
    return answer


def in_another_frame(series: SeriesImages) -> SeriesImages:
    """As of another scan."""
    instances = tuple(
        replace(one, frame_of_reference_uid="1.2.10") for one in series.header.instances
    )
    return replace(series, header=replace(series.header, instances=instances))


def renamed(series: SeriesImages, root: str) -> SeriesImages:
    """With other images' UIDs."""
    images = tuple(
        replace(i, sop_instance_uid=SOPInstanceUID(f"{root}.{number}"))
        for number, i in enumerate(series.images, start=1)
    )
    return replace(series, images=images)
