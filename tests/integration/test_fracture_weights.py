"""The fracture detector that is installed: its card, its runtime, and one golden image."""

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from models.card import read_card
from models.fracture import CARD_PATH, FractureDetector, blueprint, load
from models.runtime import RuntimeUnavailable, load_network, load_torch_network


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture(scope="module")
def detector(cache: Path) -> FractureDetector:
    return load(cache=cache, device="cpu")


def _bone(broken: bool) -> np.ndarray:
    """A shaft of bone, 12 bits, with cortex, soft tissue and, where broken, a displaced gap."""
    row, column = np.mgrid[0:640, 0:480].astype(np.float32)
    middle = 240 + np.where(broken & (row > 320), 22, 0) + 0.15 * np.abs(row - 320)
    across = np.abs(column - middle)
    tissue = 900 * np.exp(-(((column - 240) / 150) ** 4))
    shaft = np.where(across < 40, 1500 + 900 * np.exp(-(((across - 34) / 6) ** 2)), 0)
    if broken:
        shaft *= 1 - 0.9 * np.exp(-(((row - 320 - 0.3 * (column - 240)) / 6) ** 2))
    noise = np.random.default_rng(7).normal(0, 15, row.shape)
    return (200 + tissue + shaft + noise).astype(np.float32)


def test_the_card_names_the_weights_beside_it() -> None:
    card = read_card(CARD_PATH)  # checks the digest
    assert card.name == "fracture"
    assert 0 < card.operating_point < 1
    assert card.limits and card.training_data and card.intended_use


@pytest.mark.parametrize("shape", [(448, 384), (384, 448), (448, 448), (448, 96)])
def test_openvino_and_pytorch_agree(shape: tuple[int, int], cache: Path) -> None:
    plan = blueprint(read_card(CARD_PATH), CARD_PATH.with_suffix(".safetensors"))
    batch = np.random.default_rng(0).uniform(-1, 1, (1, 1, *shape)).astype(np.float32)
    fast, slow = (
        load_network(plan, device="cpu", cache=cache)(batch),
        load_torch_network(plan)(batch),
    )
    assert list(fast) == list(slow) == ["image_logit", "heat_logit", "distances"]
    for name in ("image_logit", "heat_logit"):
        np.testing.assert_allclose(fast[name], slow[name], atol=1e-3)
    np.testing.assert_allclose(fast["distances"], slow["distances"], rtol=1e-3)


def test_a_compiled_network_starts_without_pytorch(detector: FractureDetector, cache: Path) -> None:
    assert detector.card.name == "fracture"  # the fixture has filled the cache
    code = (
        "import sys; from pathlib import Path; from models.fracture import load;"
        f"load(cache=Path({str(cache)!r}), threads=1, device='cpu');"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.strip() == "False"


def test_the_compiled_network_is_made_once(detector: FractureDetector, cache: Path) -> None:
    assert detector.card.name == "fracture"
    made = {path: path.stat().st_mtime_ns for path in cache.iterdir()}
    load(cache=cache, device="cpu")
    assert {path: path.stat().st_mtime_ns for path in cache.iterdir()} == made
    graphs = [path for path in made if path.suffix == ".xml"]
    assert len(graphs) == 3  # the network, its guard and what turns


def test_other_weights_get_another_compiled_network(cache: Path, tmp_path: Path) -> None:
    plan = blueprint(read_card(CARD_PATH), CARD_PATH.with_suffix(".safetensors"))
    weights = load_file(plan.weights)
    name = next(name for name in weights if name.endswith("bias"))
    weights[name] = weights[name] + 1
    other_file = tmp_path / plan.weights.name  # the same name: what is in it counts
    save_file(weights, other_file)
    digest = hashlib.sha256(other_file.read_bytes()).hexdigest()
    other = replace(plan, weights=other_file, weights_sha256=digest)
    batch = np.random.default_rng(0).uniform(-1, 1, (1, 1, 448, 384)).astype(np.float32)
    before = load_network(plan, device="cpu", cache=cache)(batch)
    kept = set(cache.iterdir())
    after = load_network(other, device="cpu", cache=cache)(batch)
    new = sorted(path.suffix for path in set(cache.iterdir()) - kept)
    assert new == [".bin", ".compiled", ".xml"]  # its own beside the first's
    assert kept <= set(cache.iterdir())
    assert not np.allclose(before["heat_logit"], after["heat_logit"], atol=1e-2)
    again = load_network(plan, device="cpu", cache=cache)(batch)
    np.testing.assert_array_equal(before["heat_logit"], again["heat_logit"])


def test_asking_for_a_gpu_that_is_not_there_says_so() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(RuntimeUnavailable, match="no GPU"):
        load(device="cuda")


def test_a_golden_image_gives_what_it_gave_before(detector: FractureDetector) -> None:
    # log odds of these weights on this made-up bone: other figures mean that preparation, runtime
    # or weights changed; whoever changes them on purpose writes the new ones here
    evidence = detector.look(_bone(broken=True)).evidence
    assert evidence == pytest.approx((-4.93, -4.35), abs=0.05)


def test_the_verdict_does_not_depend_on_the_detectors_range(detector: FractureDetector) -> None:
    image = _bone(broken=True)
    plain = detector.look(image)
    stretched = detector.look(image * 16 - 5000)
    assert plain.probability == pytest.approx(stretched.probability, abs=0.02)


def test_boxes_lie_within_the_image(detector: FractureDetector) -> None:
    sight = detector.look(_bone(broken=True))
    assert (sight.boxes >= 0).all()
    assert (sight.boxes[:, 2] <= 480).all() and (sight.boxes[:, 3] <= 640).all()
    assert (sight.boxes[:, 2:] > sight.boxes[:, :2]).all()
    assert (np.diff(sight.scores) <= 0).all()
