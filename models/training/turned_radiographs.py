"""How the fracture detector fares with radiographs that lie another way:
``python -m models.training.turned_radiographs --data ../shared/data/fracture``.

Split valid, as it is, upside down and turned a quarter: how many are refused, and what is told of
all of them. The detector sees each image mirrored left to right too, so that upside down is the
same by a mirror or by half a turn.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.calibration import auc
from models.fracture import FractureDetector, load
from models.training.augmentation import read_grey
from models.training.labels import GROUPS, LabelledRadiograph, read_labels

Grey = npt.NDArray[np.uint8]
WAYS: dict[str, Callable[[Grey], Grey]] = {
    "as they are": lambda grey: grey,
    "upside down": lambda grey: grey[::-1],
    "turned a quarter": np.rot90,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Fared:
    """What is said of radiographs that lie one way."""

    refused: int
    auc: float  # of all, refused ones looked at nevertheless
    flagged: tuple[int, int]  # of how many with a fracture
    passed: tuple[int, int]  # not flagged, of how many without one
    by_group: dict[str, float]  # AUC of those with the group, where it has both kinds

    def __str__(self) -> str:
        groups = ", ".join(f"{name} {value:.3f}" for name, value in self.by_group.items())
        return (
            f"{self.refused} refused, AUC {self.auc:.3f}, {self.flagged[0]} of {self.flagged[1]} "
            f"fractured flagged, {self.passed[0]} of {self.passed[1]} others not; {groups}"
        )


def fared(
    detector: FractureDetector,
    rows: Sequence[LabelledRadiograph],
    turn: Callable[[Grey], Grey],
) -> Fared:
    """Look at every radiograph after a turn."""
    refused, told = 0, np.empty(len(rows))
    for place, row in enumerate(rows):
        pixels = np.ascontiguousarray(turn(read_grey(row)), np.float32)
        refused += detector.fault(pixels) is not None
        told[place] = detector.look(pixels).probability
    fractured = np.array([row.fractured for row in rows], bool)
    flagged = told >= detector.card.operating_point
    groups = {name: np.array([row.groups.get(name, False) for row in rows]) for name in GROUPS}
    return Fared(
        refused=refused,
        auc=auc(told, fractured),
        flagged=(int(flagged[fractured].sum()), int(fractured.sum())),
        passed=(int((~flagged[~fractured]).sum()), int((~fractured).sum())),
        by_group={
            name: auc(told[within], fractured[within])
            for name, within in groups.items()
            if 0 < fractured[within].sum() < within.sum()
        },
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print how they fare, way by way."""
    parser = argparse.ArgumentParser(description="Radiographs that lie another way.")
    parser.add_argument("--data", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    rows = [row for row in read_labels(chosen.data) if row.split == "valid"]
    detector = load()
    for way, turn in WAYS.items():
        print(f"{way}: {fared(detector, rows, turn)}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
