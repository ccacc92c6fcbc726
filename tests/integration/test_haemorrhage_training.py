"""A whole training on a handful of made-up heads, and an evaluation of what came out."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from models.card import read_card
from models.haemorrhage import HaemorrhageDetector, load
from models.haemorrhage_network import HaemorrhageNetwork
from models.training.fold import Recipe
from models.training.haemorrhage import TrainingSettings, train
from models.training.haemorrhage_evaluation import evaluate
from models.training.haemorrhage_export import CARD_NAME, WEIGHTS_NAME, promote
from models.training.haemorrhage_planes import PlaneRecipe, heat_loss
from models.training.labels import LabelsError
from tests.haemorrhage_heads import GAP_MM, PIXEL_MM, SIDE, head
from tests.networks import networks_folder

TINY = TrainingSettings(
    folds=2,
    threads=1,
    planes=PlaneRecipe(epochs=2, early_side=64, early_share=1.0, warm_up_steps=2),
    walls=Recipe(epochs=1, warm_up_steps=2),
)
BLEED = (30.0, 20.0, 5.0)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four heads of ten slices, two with a ball of blood; one of these has boxes."""
    folder = tmp_path_factory.mktemp("heads")
    labels = ["patient,slice,brain,bone,hemorrhage,intraparenchymal"]
    boxes = ["patient,slice,kind,x,y,width,height"]
    for patient in range(4):
        volume = head(slices=10, gap_mm=2 * GAP_MM, bleed=BLEED if patient % 2 else None)
        volume += np.random.default_rng(patient).normal(0, 1, volume.shape).astype(np.float32)
        for place, plane in enumerate(volume):
            brain = np.clip((plane + 20) / 120 * 255, 0, 255).astype(np.uint8)
            bone = np.clip((plane + 900) / 3200 * 255, 0, 255).astype(np.uint8)
            for name, grey in (("brain", brain), ("bone", bone)):
                Image.fromarray(grey).save(folder / f"{patient}_{place}_{name}.png")
            blood = int(patient % 2 and place in (4, 5))
            labels.append(
                f"{patient},{place},{patient}_{place}_brain.png,{patient}_{place}_bone.png,"
                f"{blood},{blood}"
            )
            if blood and patient == 1:
                x, y = (SIDE / 2 + mm / PIXEL_MM - 11 for mm in BLEED[:2])
                boxes.append(f"{patient},{place},intraparenchymal,{x},{y},22,22")
    (folder / "labels.csv").write_text("\n".join(labels) + "\n", encoding="utf-8")
    (folder / "boxes.csv").write_text("\n".join(boxes) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights to start from: a trunk by chance."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("start") / "start.safetensors"
    weights = HaemorrhageNetwork().state_dict().items()
    save_file({k: w for k, w in weights if k.startswith(("stem", "blocks"))}, path)
    return path


@pytest.fixture(scope="module")
def run_folder(data: Path, start: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    assert train(data, folder, settings=TINY, start=start, only_fold=2) is None
    train(data, folder, settings=TINY, start=start, version="0.0.1", resume=True)
    return folder


def test_a_training_leaves_an_ensemble_a_report_and_a_plot(run_folder: Path) -> None:
    card = read_card(run_folder / CARD_NAME)
    assert (card.name, card.version, card.weights_file) == ("haemorrhage", "0.0.1", WEIGHTS_NAME)
    assert card.calibration["members"] == 2
    assert 0 < card.operating_point < 1
    assert (card.performance["n_patients"], card.performance["positives"]) == (4, 2)
    assert card.performance["boxed_slices"] == 2
    assert card.calibration["prevalence"] == 0.5
    assert card.performance["target_sensitivity"] == 0.9
    assert card.performance["sensitivity"] >= 0.9
    assert "circle" in (run_folder / "reliability.svg").read_text(encoding="utf-8")
    report = json.loads((run_folder / "report.json").read_text(encoding="utf-8"))
    passes = [("planes", 1), ("planes", 2), ("walls", 1)]
    assert [(e["fold"], e["part"], e["number"]) for e in report["epochs"]] == [
        (fold, *one) for fold in (1, 2) for one in passes
    ]
    assert all(math.isfinite(epoch["loss"]) for epoch in report["epochs"])
    assert sorted(report["folds"].values()) == [1, 1, 2, 2]
    assert "polyline" in (run_folder / "report.svg").read_text(encoding="utf-8")
    assert "training loss" in (run_folder / "report_walls.svg").read_text(encoding="utf-8")


def test_a_fold_is_not_taken_up_with_other_settings(
    data: Path, start: Path, run_folder: Path
) -> None:
    other = replace(TINY, seed=2)
    with pytest.raises(ValueError, match="seed 1, not 2"):
        train(data, run_folder, settings=other, start=start, resume=True)


def test_the_networks_of_other_folds_are_no_start(
    data: Path, run_folder: Path, tmp_path: Path
) -> None:
    other = replace(TINY, folds=3)
    with pytest.raises(LabelsError, match=r"holds the networks of 2 folds.*Train with --folds 2"):
        train(data, tmp_path, settings=other, start=run_folder / WEIGHTS_NAME)


def test_a_fold_goes_on_from_its_own_network(data: Path, run_folder: Path, tmp_path: Path) -> None:
    start = run_folder / WEIGHTS_NAME
    one = replace(TINY, planes=replace(TINY.planes, epochs=1))
    train(data, tmp_path, settings=one, start=start, only_fold=2)
    with pytest.raises(ValueError, match="was made with start"):  # of other weights
        train(data, run_folder, settings=TINY, start=start, resume=True)


def test_a_fold_trained_alone_is_not_trained_again(
    data: Path, start: Path, run_folder: Path
) -> None:
    seen: list[str] = []
    train(
        data,
        run_folder,
        settings=TINY,
        start=start,
        version="0.0.1",
        resume=True,
        progress=lambda what, _: seen.append(what),
    )
    assert not any("pass" in what for what in seen)


@pytest.fixture(scope="module")
def detector(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> HaemorrhageDetector:
    installed = tmp_path_factory.mktemp("installed")
    promote(run_folder, installed)
    return load(card_path=installed / CARD_NAME, threads=1, device="cpu", cache=networks_folder())


def test_an_evaluation_has_every_figure(data: Path, detector: HaemorrhageDetector) -> None:
    figures = evaluate(data, detector=detector)
    assert (figures["n_patients"], figures["positives"], figures["failures"]) == (4, 2, 0)
    assert figures["rows_used"].startswith("all 4 patients")
    for name in (
        "patient_auc", "slice_auc", "box_hit_rate", "sensitivity", "specificity", "brier", "ece"
    ):  # fmt: skip
        assert 0 <= figures[name] <= 1, name
    for name in ("patient_auc_ci95", "sensitivity_ci95", "specificity_ci95"):
        assert len(figures[name]) == 2
    assert figures["model"]["weights_sha256"] == detector.card.weights_sha256
    json.dumps(figures, allow_nan=False)


def test_a_patient_that_cannot_be_looked_at_is_a_failure_with_probability_0(
    data: Path, detector: HaemorrhageDetector, tmp_path: Path
) -> None:
    Image.new("L", (64, 64)).save(tmp_path / "black.png")
    lines = ["patient,slice,brain,bone,hemorrhage,split"]
    lines += [f"1,{n},{data}/1_{n}_brain.png,{data}/1_{n}_bone.png,1,test" for n in range(10)]
    lines += [f"5,{n},black.png,black.png,0,test" for n in range(8)]
    lines += ["6,1,gone.png,gone.png,1,test", "7,1,gone.png,gone.png,1,train"]
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    figures = evaluate(tmp_path, detector=detector)
    assert figures["rows_used"].startswith("3 of 4 patients")
    assert (figures["n_patients"], figures["failures"]) == (3, 2)
    assert [one["patient"] for one in figures["failed"]] == ["5", "6"]
    assert "empty" in figures["failed"][0]["reason"]
    assert figures["box_hit_rate"] is None
    with pytest.raises(LabelsError, match="has the split 'valid'"):
        evaluate(tmp_path, split="valid", detector=detector)


def test_heat_that_is_not_known_teaches_nothing() -> None:
    logit = torch.randn(2, 1, 4, 4, requires_grad=True)
    known = torch.zeros(2, 1, 4, 4)
    known[0] = 1
    heat = torch.zeros(2, 1, 4, 4)
    heat[0, 0, 1, 1] = 1
    heat_loss(logit, heat, known).backward()
    assert logit.grad is not None
    assert logit.grad[0].abs().sum() > 0
    assert logit.grad[1].abs().sum() == 0
