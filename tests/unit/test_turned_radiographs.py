"""How radiographs fare that lie another way, with a detector that is made up."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from models.training.labels import LabelledRadiograph
from models.training.turned_radiographs import WAYS, Fared, difference_interval, fared


class LooksAtTheTop:
    """Suspects what is bright at the top, and refuses what is bright at the left.

    It says that it turned what is broader than high, and that the top row is the fracture.
    """

    card = SimpleNamespace(operating_point=0.5)

    def fault(self, pixels: np.ndarray) -> str | None:
        return "It is bright at the left." if pixels[:, 0].mean() > 200 else None

    def look(self, pixels: np.ndarray) -> Any:
        rows, columns = pixels.shape
        return SimpleNamespace(
            probability=float(pixels[0].mean()) / 255,
            boxes=np.array([[0, 0, columns, 2]], np.float32),
            scores=np.array([pixels[0].mean() / 255], np.float32),
            quarters=int(columns > rows),
        )


def _row(folder: Path, number: int, *, fractured: bool) -> LabelledRadiograph:
    grey = np.full((20, 10), 3 * number, np.uint8)
    if fractured:
        grey[:2] = 250
    path = folder / f"{number}.png"
    Image.fromarray(grey).save(path)
    return LabelledRadiograph(
        image=path.name,
        path=path,
        fractured=fractured,
        boxes=((0.0, 0.0, 10.0, 2.0),) if fractured else (),
        groups={"hand": number < 4},
    )


@pytest.mark.parametrize(
    ("way", "wanted"),
    [
        ("as they are", {"refused": 0, "turned": 0, "auc": 1.0, "flagged": (3, 3)}),
        ("upside down", {"refused": 0, "turned": 0, "auc": 0.0, "flagged": (0, 3)}),
        ("turned to the left", {"refused": 3, "turned": 6, "flagged": (0, 3)}),
        ("turned to the right", {"refused": 0, "turned": 6, "flagged": (0, 3)}),
    ],
)
def test_refusals_and_figures_are_those_of_the_turned_radiographs(
    tmp_path: Path, way: str, wanted: dict[str, Any]
) -> None:
    rows = [_row(tmp_path, number, fractured=number < 3) for number in range(6)]
    said = fared(LooksAtTheTop(), rows, WAYS[way])  # type: ignore[arg-type]
    assert isinstance(said, Fared)
    assert {name: getattr(said, name) for name in wanted} == wanted
    assert said.passed == (3, 3)
    assert set(said.by_group) == {"hand"}
    assert f"{said.refused} refused, {said.turned} turned back, AUC {said.auc:.3f}" in str(said)


@pytest.mark.parametrize("way", WAYS)
def test_true_boxes_are_turned_with_their_radiographs(tmp_path: Path, way: str) -> None:
    class KnowsTheWay(LooksAtTheTop):
        def look(self, pixels: np.ndarray) -> Any:
            rows, columns = np.nonzero(pixels > 200)
            boxes = [[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]]
            said = super().look(pixels)
            return SimpleNamespace(**{**vars(said), "boxes": np.array(boxes, np.float32)})

    rows = [_row(tmp_path, number, fractured=True) for number in range(3)]
    said = fared(KnowsTheWay(), rows, WAYS[way])  # type: ignore[arg-type]
    assert said.average_precision == pytest.approx(1.0)


def test_the_interval_of_a_difference_is_that_of_the_same_images_drawn_anew() -> None:
    random = np.random.default_rng(0)
    fractured = np.arange(80) < 30
    good = fractured + random.normal(0, 0.5, 80)
    poor = fractured + random.normal(0, 5.0, 80)
    low, high = difference_interval(good, poor, fractured)
    assert 0 < low < high < 0.6
    assert difference_interval(good, good * 2, fractured) == (0.0, 0.0)
