"""Steps of learning, and checkpoints that go on where a training stopped."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from models.training import fitting as fitting_module
from models.training.fitting import Fitting, read_checkpoint, write_checkpoint


def fitting(warm_up_steps: int = 2, **groups: object) -> Fitting[nn.Linear]:
    torch.manual_seed(1)
    network = nn.Linear(3, 1)
    optimizer = torch.optim.AdamW(
        [
            {"params": [network.weight], "lr": 1e-3, **groups},
            {"params": [network.bias], "lr": 1e-2, **groups},
        ]
    )
    return Fitting(
        network,
        averaged=nn.Linear(3, 1),
        optimizer=optimizer,
        random=np.random.default_rng(1),
        decay=0.9,
        warm_up_steps=warm_up_steps,
    )


def take_steps(one: Fitting[nn.Linear], count: int) -> list[float]:
    """Some steps that depend on both kinds of random numbers."""
    losses = []
    for _ in range(count):
        one.set_rate(one.step / 10)
        drawn = torch.from_numpy(one.random.random((4, 3), np.float32)) + torch.rand(4, 3)
        losses.append(one.learn((one.network(drawn) - 1).square().mean()))
    return losses


def rates(one: Fitting[nn.Linear]) -> list[float]:
    return [group["lr"] for group in one.state()["optimizer"]["param_groups"]]


def test_a_fitting_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    unbroken = take_steps(fitting(), 6)
    first = fitting()
    before = take_steps(first, 3)
    write_checkpoint(tmp_path, first.state())
    saved = read_checkpoint(tmp_path)
    assert saved is not None
    second = fitting()
    second.restore(saved)
    assert before + take_steps(second, 3) == unbroken
    assert second.step == 6


def test_a_checkpoint_that_names_the_highest_rates_of_its_groups_is_taken_up(
    tmp_path: Path,
) -> None:
    # as before the trainings shared this; the steps of the average were counted apart then
    old = fitting(highest=1e-3)
    take_steps(old, 3)
    write_checkpoint(tmp_path, {**old.state(), "averaged_steps": 3})
    after = take_steps(old, 2)
    saved = read_checkpoint(tmp_path)
    assert saved is not None
    one = fitting()
    one.restore(saved)
    assert take_steps(one, 2) == after
    torch.testing.assert_close(one.averaged.state_dict(), old.averaged.state_dict())


@pytest.mark.parametrize(
    ("step", "share", "factor"),
    [(0, 0.0, 0.25), (2, 0.0, 0.75), (3, 0.0, 1.0), (9, 0.0, 1.0), (9, 0.5, 0.505), (9, 1, 0.01)],
)
def test_the_rate_of_each_group_rises_over_the_first_steps_and_falls_with_the_share_done(
    step: int, share: float, factor: float
) -> None:
    one = fitting(warm_up_steps=4)
    one.step = step
    one.set_rate(share)
    assert rates(one) == pytest.approx([1e-3 * factor, 1e-2 * factor])


def test_the_average_moves_less_than_the_network_and_is_not_learnt_from() -> None:
    one = fitting()
    start = one.network.weight.detach().clone()
    take_steps(one, 5)
    moved = (one.network.weight - start).abs().sum()
    behind = (one.averaged.weight - start).abs().sum()
    assert 0 < behind < moved
    assert not one.averaged.weight.requires_grad
    assert not one.averaged.training


def test_a_write_that_stops_halfway_leaves_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_checkpoint(tmp_path, {"step": 1})

    def full_disk(_: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(fitting_module.torch, "save", full_disk)
    with pytest.raises(OSError, match="no space"):
        write_checkpoint(tmp_path, {"step": 2})
    assert read_checkpoint(tmp_path) == {"step": 1}


def test_a_folder_without_a_checkpoint_has_none(tmp_path: Path) -> None:
    assert read_checkpoint(tmp_path) is None


def test_pickled_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, {"step": _Code()})
    with pytest.raises(pickle.UnpicklingError):
        read_checkpoint(tmp_path)


class _Code:
    def __reduce__(self) -> tuple[object, ...]:
        return pytest.fail, ("pickled code was run",)
