"""The installed upright guard, and the detector behind it, on heads that lie as no header says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from models.detector import Assessment, Image, Unjudgeable
from models.haemorrhage import load
from models.haemorrhage_volume import find_skull, stack_of
from models.training.upright_guard import WAYS
from models.upright_guard import (
    ON_ITS_SIDE,
    SIDE,
    UPSIDE_DOWN,
    WEIGHTS,
    UprightGuard,
    bone_of,
    load_upright_guard,
)
from models.upright_guard_network import UprightGuardNetwork
from tests.haemorrhage_heads import head, images_of, read_series
from tests.networks import networks_folder

PHANTOMS = Path(__file__).parents[2] / "test_images"
# the guard learnt from none of these: three patients of CT-ICH, one of another scanner
REAL = ("studies/headct051", "studies/headct070", "studies/headct104", "corpus/dcm_qa_ct/GE")
# Upside down, but the bone says too little: in the cross-validation that is so of 8 of 58 each way.
NOT_NOTICED = {
    "studies/headct051": {"turned by 180 degrees"},
    "studies/headct070": {"turned by 180 degrees", "mirrored top to bottom"},
}


@pytest.fixture(scope="module")
def cache() -> Path:
    return networks_folder()


@pytest.fixture(scope="module")
def guard(cache: Path) -> UprightGuard:
    return load_upright_guard(cache=cache, device="cpu", threads=1)


def test_openvino_and_pytorch_agree(guard: UprightGuard) -> None:
    module = UprightGuardNetwork()
    module.load_state_dict(load_file(WEIGHTS))
    planes = np.random.default_rng(0).uniform(0, 1, (5, 1, SIDE, SIDE)).astype(np.float32)
    with torch.inference_mode():
        (slow,) = module.eval()(torch.from_numpy(planes))
    np.testing.assert_allclose(guard.network(planes)["logit"], slow.numpy(), atol=1e-3)


def _bone(images: tuple[Image, ...]) -> np.ndarray:
    stack = stack_of(images)
    return bone_of(stack, find_skull(stack))


@pytest.mark.parametrize("place", REAL)
def test_real_heads_pass_upright_and_hardly_in_another_way(
    guard: UprightGuard, shared_dicom: Path, place: str
) -> None:
    bone = _bone(read_series(shared_dicom / place).images)
    said = {way: guard.why(turn(bone)) for way, turn in WAYS.items()}
    wanted = {
        "upright": None,
        "mirrored top to bottom": UPSIDE_DOWN,
        "turned by 180 degrees": UPSIDE_DOWN,
        "turned to one side": ON_ITS_SIDE,
        "turned to the other side": ON_ITS_SIDE,
    }
    assert said == {**wanted, **dict.fromkeys(NOT_NOTICED.get(place, ()))}


@pytest.mark.parametrize("name", ["head_ct_bleed", "head_ct_clear_routine", "head_ct_clear_urgent"])
def test_upright_phantoms_pass(guard: UprightGuard, name: str) -> None:
    assert guard.why(_bone(read_series(PHANTOMS / name).images)) is None


def test_a_skull_that_is_alike_in_front_and_behind_passes_either_way(guard: UprightGuard) -> None:
    bone = _bone(images_of(head()))
    alike = np.maximum(bone, bone[:, ::-1])
    assert guard.why(alike) is None
    assert guard.why(alike[:, ::-1]) is None


def test_the_detector_refuses_a_head_stored_upside_down_under_a_header_that_does_not_say_so(
    cache: Path, shared_dicom: Path
) -> None:
    detector = load(cache=cache, device="cpu", threads=1)
    series = read_series(shared_dicom / "corpus/dcm_qa_ct/GE")
    turned = replace(
        series,
        images=tuple(
            replace(image, pixels=np.ascontiguousarray(image.pixels[::-1, ::-1]))
            for image in series.images
        ),
    )
    assert isinstance(detector.assess([series]), Assessment)
    assert detector.assess([turned]) == Unjudgeable(reason=UPSIDE_DOWN)


def test_the_weights_are_small() -> None:
    assert WEIGHTS.stat().st_size < 300_000
