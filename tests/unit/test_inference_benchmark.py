"""The benchmark times the networks on what the detectors send them, not on what somebody noted."""

from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from benchmarks import inference
from models.haemorrhage_answers import KINDS, STRIDE
from models.haemorrhage_volume import CANVAS
from models.nodule_cuts import SIDE
from models.runtime import Blueprint, Floats, Network
from models.skull_unrolled import COLUMNS, ROWS
from tests.odd_studies import NODULE, Study, write

PHANTOMS = Path(__file__).parents[2] / "test_images"


@pytest.fixture(autouse=True)
def unsuspicious(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks that see nothing anywhere, at once."""

    def load(blueprint: Blueprint, **_: object) -> Network:
        def run(batch: Floats) -> dict[str, Floats]:
            images, _, rows, columns = batch.shape
            cuts = images if len(blueprint.outputs) > 1 else rows * columns // SIDE**2
            said = {
                "logit": np.full(cuts, -9.0, np.float32),
                "slice_logit": np.full(images, -9.0, np.float32),
                "kind_logits": np.full((images, len(KINDS)), -9.0, np.float32),
                "heat_logit": np.full(
                    (images, 1, rows // STRIDE, columns // STRIDE), -9.0, np.float32
                ),
                "sign_logits": np.full((images, 2), -9.0, np.float32),
                "heat_logits": np.full(
                    (images, 2, rows // STRIDE, columns // STRIDE), -9.0, np.float32
                ),
            }
            return {name: said[name] for name in blueprint.outputs}

        return run

    monkeypatch.setattr(inference, "load_network", load)


def test_a_head_is_sent_a_few_canvases_at_a_time() -> None:
    planes, walls = inference.batches_of("haemorrhage", PHANTOMS / "head_ct_bleed", 1)
    for sent, shape in ((planes, (CANVAS, CANVAS)), (walls, (ROWS, COLUMNS))):
        images, channels, *sides = sent.images.shape
        assert images > 1
        assert (channels, tuple(sides)) == (3, shape)


def test_a_chest_is_sent_in_sheets_of_cuts_first_to_one_member_then_to_all() -> None:
    glance, whole = inference.batches_of("nodule", PHANTOMS / "chest_ct_nodules", 1)
    assert (glance.plan.prefix, whole.plan.prefix) == ("members.0.", "")
    for sent in (glance, whole):
        images, channels, rows, columns = sent.images.shape
        assert (images, channels, columns) == (1, 1, SIDE)
        assert rows > SIDE
        assert rows % SIDE == 0


def test_the_chest_is_300_slices_1_mm_apart_of_which_each_neighbours_what_it_did(
    tmp_path: Path,
) -> None:
    """Planes that hold their own height in mm: up, down, and up again."""
    real, made = tmp_path / "real", tmp_path / "made"
    real.mkdir(), made.mkdir()
    heights = 5.0 * np.arange(21)
    write(real, NODULE, Study(pixels=heights[:, None, None] * np.ones((1, 4, 4), np.float32)))
    assert inference._thin_chest(real, made) == made
    slices = [dcmread(path) for path in sorted(made.glob("*.dcm"))]
    assert len(slices) == 300
    assert [one.ImagePositionPatient[2] for one in slices] == list(range(300))
    assert {float(one.SliceThickness) for one in slices} == {1.0}
    assert len({one.SOPInstanceUID for one in slices}) == 300
    expected = [*range(100), *range(100, 0, -1), *range(100)]
    assert [int(one.pixel_array[0, 0]) for one in slices] == expected


def test_the_shape_sent_most_often_counts_and_of_several_the_largest() -> None:
    machine = inference.RecordingMachine(threads=1)
    often, once, never = (
        machine.network(Blueprint(
            build=lambda: pytest.fail("not built"), sources=(), weights=Path(name),
            weights_sha256="", outputs=(), channels=1, side_multiple=1,
        ))
        for name in ("often", "once", "never")
    )  # fmt: skip
    for images in (8, 8, 3):
        often(np.zeros((images, 1, 2, 2), np.float32))
    for images in (1, 4):
        once(np.zeros((images, 1, 2, 2), np.float32))
    assert callable(never)
    told = [(one.plan.weights.name, one.images.shape[0], one.calls) for one in machine.most_used()]
    assert told == [("often", 8, 2), ("once", 4, 1)]
