"""Training on another device than the processor, with PyTorch's meta device standing in for a GPU.

It computes nothing, but it refuses what would fail on a GPU too: numbers of two devices together.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from models.haemorrhage_answers import KINDS
from models.haemorrhage_network import HaemorrhageNetwork
from models.nodule_network import NoduleMember
from models.skull_network import SkullNetwork
from models.skull_unrolled import COLUMNS, ROWS
from models.training import nodule
from models.training.device import training_device
from models.training.fitting import Fitting
from models.training.haemorrhage_augmentation import STORED, Head
from models.training.haemorrhage_augmentation import Draw as PlaneDraw
from models.training.haemorrhage_planes import PlaneLesson, PlaneRecipe
from models.training.nodule_data import LabelledCuts
from models.training.skull_lesson import SkullLesson
from models.training.skull_walls import MARGIN, Walls
from models.training.skull_walls import Draw as WallDraw

ELSEWHERE = torch.device("meta")


@pytest.mark.parametrize(("there_is_one", "expected"), [(True, "cuda"), (False, "cpu")])
def test_a_gpu_is_used_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, there_is_one: bool, expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there_is_one)
    assert training_device().type == expected


def _step(network: nn.Module, loss: torch.Tensor) -> None:
    loss.backward()
    assert loss.device == ELSEWHERE
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    assert gradients
    assert {gradient.device for gradient in gradients} == {ELSEWHERE}


def _head() -> Head:
    return Head(
        patient="1",
        planes=np.full((3, STORED, STORED), 34, np.int16),
        depths=np.full((3, STORED // 2, STORED // 2), 20, np.uint8),
        blood=np.array([False, True, False]),
        kinds=np.zeros((3, len(KINDS)), bool),
        masks={1: np.ones((STORED, STORED), np.uint8)},
    )


def _walls() -> Walls:
    return Walls(
        patient="1",
        strips=np.full((3, 3, ROWS + 2 * MARGIN, COLUMNS), 34, np.int16),
        blood=np.array([False, True, False]),
        surface=np.array([False, True, False]),
        fracture=np.array([False, True, False]),
        clear=False,
    )


@pytest.mark.parametrize(
    ("lesson", "network", "draws"),
    [
        (
            PlaneLesson(learnt=[_head()], apart=[], recipe=PlaneRecipe()),
            HaemorrhageNetwork,
            [PlaneDraw(head=0, plane=n) for n in (0, 1)],
        ),
        (
            SkullLesson(learnt=[_walls()], apart=[]),
            SkullNetwork,
            [WallDraw(patient=0, strip=n) for n in (0, 1)],
        ),
    ],
    ids=["planes", "walls"],
)
def test_the_networks_of_the_head_learn_where_they_lie(
    lesson: Any, network: type[nn.Module], draws: Sequence[Any]
) -> None:
    learning = network().to(ELSEWHERE)
    _step(learning, lesson.loss(learning, draws, np.random.default_rng(0), 1))


def test_the_nodule_network_learns_where_it_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodule, "training_device", lambda: ELSEWHERE)
    run = nodule._member(nodule.TrainingSettings(), 1, None)
    cuts = LabelledCuts(
        cuts=np.full((4, 50, 50), 90, np.uint8),
        nodule=np.array([True, False, True, False]),
        split=np.array(["train"] * 4),
    )
    _step(run.fitting.network, nodule._loss(run, cuts))


def test_the_averaged_network_lies_where_the_learning_one_does() -> None:
    network = NoduleMember().to(ELSEWHERE)
    fitting = Fitting(
        network,
        averaged=NoduleMember(),
        optimizer=torch.optim.AdamW(network.parameters()),
        random=np.random.default_rng(0),
        decay=0.99,
        warm_up_steps=1,
    )
    assert {p.device for p in fitting.averaged.parameters()} == {ELSEWHERE}
