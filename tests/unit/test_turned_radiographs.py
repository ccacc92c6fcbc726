"""How radiographs fare that lie another way, with a detector that is made up."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from models.training.labels import LabelledRadiograph
from models.training.turned_radiographs import WAYS, Fared, fared


class LooksAtTheTop:
    """Suspects what is bright at the top, and refuses what is bright at the left."""

    card = SimpleNamespace(operating_point=0.5)

    def fault(self, pixels: np.ndarray) -> str | None:
        return "It is bright at the left." if pixels[:, 0].mean() > 200 else None

    def look(self, pixels: np.ndarray) -> Any:
        return SimpleNamespace(probability=float(pixels[0].mean()) / 255)


def _row(folder: Path, number: int, *, fractured: bool) -> LabelledRadiograph:
    grey = np.full((20, 10), 3 * number, np.uint8)
    if fractured:
        grey[:2] = 250
    path = folder / f"{number}.png"
    Image.fromarray(grey).save(path)
    return LabelledRadiograph(
        image=path.name, path=path, fractured=fractured, boxes=(), groups={"hand": number < 4}
    )


@pytest.mark.parametrize(
    ("way", "wanted"),
    [
        ("as they are", {"refused": 0, "auc": 1.0, "flagged": (3, 3), "passed": (3, 3)}),
        ("upside down", {"refused": 0, "auc": 0.0, "flagged": (0, 3), "passed": (3, 3)}),
        ("turned a quarter", {"refused": 3, "flagged": (0, 3), "passed": (3, 3)}),
    ],
)
def test_refusals_and_figures_are_those_of_the_turned_radiographs(
    tmp_path: Path, way: str, wanted: dict[str, Any]
) -> None:
    rows = [_row(tmp_path, number, fractured=number < 3) for number in range(6)]
    said = fared(LooksAtTheTop(), rows, WAYS[way])  # type: ignore[arg-type]
    assert isinstance(said, Fared)
    assert {name: getattr(said, name) for name in wanted} == wanted
    assert set(said.by_group) == {"hand"}
    assert f"{said.refused} refused, AUC {said.auc:.3f}" in str(said)
