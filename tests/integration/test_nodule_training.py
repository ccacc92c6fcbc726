"""A whole training on a handful of made-up cuts, and an evaluation of what came out."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from models.card import read_card
from models.nodule import NoduleDetector, load
from models.training.labels import LabelsError
from models.training.nodule import TrainingSettings, train
from models.training.nodule_data import FILE_NAME
from models.training.nodule_evaluation import evaluate
from models.training.nodule_export import CARD_NAME, WEIGHTS_NAME, promote
from tests.networks import networks_folder
from vigie.__main__ import make_app

TINY = TrainingSettings(epochs=2, members=2, batch_size=8, warm_up_steps=2, threads=1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty cuts, every third with a bright disk, the last ten in the valid split."""
    folder = tmp_path_factory.mktemp("cuts")
    random = np.random.default_rng(0)
    cuts = random.integers(20, 50, (30, 50, 50)).astype(np.uint8)
    nodule = np.arange(30) % 3 == 0
    row, column = np.mgrid[0:50, 0:50]
    cuts[np.ix_(nodule, np.arange(50), np.arange(50))] += np.where(
        np.hypot(row - 24.5, column - 24.5) < 5, 150, 0
    ).astype(np.uint8)
    split = np.array(["train"] * 20 + ["valid"] * 10)
    np.savez(folder / FILE_NAME, patches=cuts, nodule=nodule.astype(np.uint8), split=split)
    return folder


@pytest.fixture(scope="module")
def run_folder(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    train(data, folder, settings=TINY, version="0.0.1")
    return folder


@pytest.fixture(scope="module")
def detector(run_folder: Path) -> NoduleDetector:
    return load(card_path=run_folder / CARD_NAME, device="cpu", cache=run_folder / "networks")


def test_a_training_leaves_a_detector_a_report_and_a_plot(run_folder: Path) -> None:
    card = read_card(run_folder / CARD_NAME)
    assert (card.name, card.version, card.weights_file) == ("nodule", "0.0.1", WEIGHTS_NAME)
    assert card.calibration["members"] == 2
    assert any("not yet chosen for these networks" in one for one in card.limits)
    report = json.loads((run_folder / "report.json").read_text(encoding="utf-8"))
    assert [(e["number"], e["member"]) for e in report["epochs"]] == [
        (1, 1),
        (2, 1),
        (3, 2),
        (4, 2),
    ]
    assert all(math.isfinite(epoch["loss"]) for epoch in report["epochs"])
    assert (report["learnt"], report["valid"], report["start"]) == (20, 10, None)
    assert "polyline" in (run_folder / "report.svg").read_text(encoding="utf-8")


def test_a_stopped_training_goes_on_where_it_stopped(data: Path, run_folder: Path) -> None:
    before = json.loads((run_folder / "report.json").read_text(encoding="utf-8"))["epochs"]
    seen: list[str] = []
    report = train(
        data,
        run_folder,
        settings=replace(TINY, members=3),
        resume=True,
        progress=lambda what, _: seen.append(what),
    )
    assert report["epochs"][:4] == before and len(report["epochs"]) == 6
    assert all(what.startswith("network 3") for what in seen)


def test_the_same_seed_trains_the_same_network(data: Path, tmp_path: Path) -> None:
    short = replace(TINY, epochs=1, members=1)
    first, second = (
        train(data, tmp_path / name, settings=short)["epochs"][0]["loss"] for name in ("a", "b")
    )
    assert first == pytest.approx(second, rel=1e-4)


def test_a_promoted_run_is_what_the_detector_loads(run_folder: Path, tmp_path: Path) -> None:
    promote(run_folder, tmp_path)
    installed = load(
        card_path=tmp_path / CARD_NAME, threads=1, device="cpu", cache=networks_folder()
    )
    assert installed.card.weights_sha256 == read_card(run_folder / CARD_NAME).weights_sha256


def test_an_evaluation_has_every_figure(data: Path, detector: NoduleDetector) -> None:
    figures = evaluate(data, detector=detector)
    assert (figures["n"], figures["positives"], figures["failures"]) == (10, 3, 0)
    assert figures["rows_used"].startswith("10 of 30 cuts")
    for name in ("candidate_auc", "candidate_ap", "sensitivity", "specificity", "brier", "ece"):
        assert 0 <= figures[name] <= 1, name
    assert len(figures["candidate_auc_ci95"]) == 2
    assert figures["model"]["weights_sha256"] == detector.card.weights_sha256
    json.dumps(figures, allow_nan=False)


def test_a_folder_of_one_class_has_no_auc(tmp_path: Path, detector: NoduleDetector) -> None:
    np.savez(
        tmp_path / FILE_NAME, patches=np.zeros((4, 50, 50), np.uint8), nodule=np.zeros(4, np.uint8)
    )
    figures = evaluate(tmp_path, detector=detector)
    assert figures["candidate_auc"] is None and figures["candidate_ap"] is None
    json.dumps(figures, allow_nan=False)


def test_training_on_a_folder_without_cuts_says_so(tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match="does not exist"):
        train(tmp_path, tmp_path / "run", settings=TINY)


def test_the_command_measures_the_installed_detector(data: Path, tmp_path: Path) -> None:
    written = tmp_path / "figures.json"
    done = CliRunner().invoke(
        make_app(), ["evaluate", "nodule", "--data", str(data), "--json", str(written)]
    )
    assert done.exit_code == 0, done.output
    assert json.loads(written.read_text(encoding="utf-8"))["n"] == 10
    assert "candidate_auc" in done.output


def test_the_commands_fail_with_a_reason_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"not an archive")
    for command in ("evaluate", "train"):
        done = CliRunner().invoke(make_app(), [command, "nodule", "--data", str(tmp_path)])
        assert done.exit_code == 1
        assert "Traceback" not in done.output
