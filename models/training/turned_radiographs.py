"""How the fracture detector fares with radiographs that lie another way:
``python -m models.training.turned_radiographs --data ../shared/data/fracture``.

Split valid, as it is, turned a quarter either way and upside down: how many are refused, how many
the detector turns back, what is told of all of them, and by how much the AUC differs.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.boxes import turned_back
from models.fracture import FractureDetector, Sight, load
from models.measures import Floats, auc, average_precision
from models.training.augmentation import read_grey
from models.training.evaluation import corners
from models.training.labels import GROUPS, LabelledRadiograph, read_labels

WAYS = {"as they are": 0, "turned to the left": 1, "upside down": 2, "turned to the right": 3}
_DRAWN = 2000  # times that images are drawn anew for an interval


@dataclass(frozen=True, kw_only=True, slots=True)
class Fared:
    """What is said of radiographs that lie one way."""

    told: Floats  # probabilities, refused ones looked at nevertheless
    refused: int
    turned: int  # by the detector, a quarter to either side
    auc: float
    average_precision: float  # of boxes at IoU 0.5
    flagged: tuple[int, int]  # of how many with a fracture
    passed: tuple[int, int]  # not flagged, of how many without one
    by_group: dict[str, float]  # AUC of those with the group, where it has both kinds

    def __str__(self) -> str:
        groups = ", ".join(f"{name} {value:.3f}" for name, value in self.by_group.items())
        return (
            f"{self.refused} refused, {self.turned} turned back, AUC {self.auc:.3f}, AP "
            f"{self.average_precision:.3f}, {self.flagged[0]} of {self.flagged[1]} fractured "
            f"flagged, {self.passed[0]} of {self.passed[1]} others not; {groups}"
        )


def fared(detector: FractureDetector, rows: Sequence[LabelledRadiograph], quarters: int) -> Fared:
    """Look at every radiograph, turned by so many quarters counterclockwise."""
    refused, sights, boxes = 0, [], []
    for row in rows:
        grey = read_grey(row)
        pixels = np.ascontiguousarray(np.rot90(grey, quarters), np.float32)
        refused += detector.fault(pixels) is not None
        sights.append(detector.look(pixels))
        # as it is, it is the turned one turned back
        boxes.append(turned_back(corners(row), -quarters, (pixels.shape[0], pixels.shape[1])))
    fractured = np.array([row.fractured for row in rows], bool)
    groups = {name: np.array([row.groups.get(name, False) for row in rows]) for name in GROUPS}
    return _figures(detector, sights, boxes, fractured, groups, refused)


def _figures(
    detector: FractureDetector,
    sights: Sequence[Sight],
    boxes: Sequence[npt.NDArray[np.float32]],
    fractured: npt.NDArray[np.bool_],
    groups: dict[str, npt.NDArray[np.bool_]],
    refused: int,
) -> Fared:
    told = np.array([sight.probability for sight in sights], np.float64)
    flagged = told >= detector.card.operating_point
    return Fared(
        told=told,
        refused=refused,
        turned=sum(sight.quarters != 0 for sight in sights),
        auc=auc(told, fractured),
        average_precision=average_precision([(s.boxes, s.scores) for s in sights], boxes),
        flagged=(int(flagged[fractured].sum()), int(fractured.sum())),
        passed=(int((~flagged[~fractured]).sum()), int((~fractured).sum())),
        by_group={
            name: auc(told[within], fractured[within])
            for name, within in groups.items()
            if 0 < fractured[within].sum() < within.sum()
        },
    )


def difference_interval(
    told: Floats, otherwise: Floats, fractured: npt.NDArray[np.bool_], seed: int = 1
) -> tuple[float, float]:
    """95 % interval of by how much the first AUC is higher, the same images drawn anew for both.

    Paired bootstrap of images, as many with and without a fracture as there are.
    """
    random = np.random.default_rng(seed)
    kinds = np.flatnonzero(fractured), np.flatnonzero(~fractured)
    differences = np.empty(_DRAWN)
    for number in range(_DRAWN):
        drawn = np.concatenate([random.choice(kind, len(kind)) for kind in kinds])
        labels = fractured[drawn]
        differences[number] = auc(told[drawn], labels) - auc(otherwise[drawn], labels)
    low, high = np.percentile(differences, [2.5, 97.5])
    return float(low), float(high)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print how they fare, way by way."""
    parser = argparse.ArgumentParser(description="Radiographs that lie another way.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=0, help="processor threads; 0: all")
    chosen = parser.parse_args(arguments)
    rows = [row for row in read_labels(chosen.data) if row.split == "valid"]
    fractured = np.array([row.fractured for row in rows], bool)
    detector, plain = load(threads=chosen.threads), None
    for way, quarters in WAYS.items():
        said = fared(detector, rows, quarters)
        plain = plain or said
        low, high = difference_interval(plain.told, said.told, fractured)
        lower = plain.auc - said.auc
        print(f"{way}: {said}; AUC lower by {lower:.3f} ({low:.3f} to {high:.3f})", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
