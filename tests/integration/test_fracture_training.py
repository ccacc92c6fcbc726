"""A whole training on a handful of made-up radiographs, and an evaluation of what came out."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models.card import read_card
from models.fracture import CARD_PATH, FractureDetector, load
from models.training.evaluation import evaluate, read_pixels
from models.training.export import CARD_NAME, WEIGHTS_NAME, promote
from models.training.fracture import TrainingSettings, split_rows, train, train_network
from models.training.labels import LabelsError, read_labels
from tests.networks import networks_folder

TINY = TrainingSettings(epochs=2, image_size=96, batch_size=4, warm_up_steps=2, threads=1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten bones, every other one with a dark line across; four of them in the valid split."""
    folder = tmp_path_factory.mktemp("radiographs")
    random = np.random.default_rng(0)
    lines = ["image,split,fractured,boxes_xywh,hand,hardware,frontal,lateral,oblique"]
    for number in range(10):
        grey = random.integers(20, 40, (120, 90)).astype(np.uint8)
        grey[:, 35:55] = 200
        fractured = number % 2
        boxes = "[]"
        if fractured:
            grey[60:66, 33:57] = 60
            boxes = '"[[30, 55, 30, 16]]"'
        Image.fromarray(grey).save(folder / f"{number}.png")
        split = "train" if number < 6 else "valid"
        lines.append(f"{number}.png,{split},{fractured},{boxes},1,0,1,{number // 8},0")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def run_folder(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    train(data, folder, settings=TINY, version="0.0.1")
    return folder


def test_a_training_leaves_a_detector_a_report_and_a_plot(run_folder: Path) -> None:
    card = read_card(run_folder / CARD_NAME)
    assert (card.name, card.version, card.weights_file) == ("fracture", "0.0.1", WEIGHTS_NAME)
    assert 0 < card.operating_point < 1
    report = json.loads((run_folder / "report.json").read_text(encoding="utf-8"))
    assert [epoch["number"] for epoch in report["epochs"]] == [1, 2]
    assert all(math.isfinite(epoch["loss"]) for epoch in report["epochs"])
    assert report["learnt"] == 6 and report["valid"] == 4
    assert card.calibration["prevalence"] == 0.5
    assert set(card.performance["robustness"]) >= {"image_size_alone", "jpeg_quality_40"}
    assert "polyline" in (run_folder / "report.svg").read_text(encoding="utf-8")
    assert "circle" in (run_folder / "reliability.svg").read_text(encoding="utf-8")


def test_the_operating_point_reaches_the_sensitivity_that_the_card_states(run_folder: Path) -> None:
    performance = read_card(run_folder / CARD_NAME).performance
    assert performance["target_sensitivity"] == 0.8
    assert performance["sensitivity"] >= 0.8


def test_a_run_trained_before_is_exported_anew_and_not_trained(
    data: Path, run_folder: Path, tmp_path: Path
) -> None:
    # as the first versions left it: a checkpoint that does not say what it was made with
    folder = tmp_path / "run"
    folder.mkdir()
    checkpoint = torch.load(run_folder / "last.pt", weights_only=True)
    assert checkpoint.pop("made_with")
    torch.save(checkpoint, folder / "last.pt")
    shutil.copy(run_folder / "best.safetensors", folder)
    seen: list[str] = []
    report = train(
        data,
        folder,
        settings=TINY,
        version="0.0.2",
        resume=True,
        progress=lambda what, _: seen.append(what),
    )
    assert not any(what.startswith(("pass", "reading")) for what in seen)
    assert report["performance"]["target_sensitivity"] == 0.8
    old, new = (read_card(where / CARD_NAME) for where in (run_folder, folder))
    assert (new.version, new.weights_sha256) == ("0.0.2", old.weights_sha256)


@pytest.mark.parametrize(("name", "value"), [("image_size", 128), ("seed", 2)])
def test_a_run_is_not_taken_up_with_other_settings(
    data: Path, run_folder: Path, name: str, value: int
) -> None:
    with pytest.raises(ValueError, match=f"{name} {_settings(run_folder)[name]}, not {value}"):
        train(data, run_folder, settings=replace(TINY, **{name: value}), resume=True)


def test_a_run_is_not_taken_up_with_other_data(
    data: Path, run_folder: Path, tmp_path: Path
) -> None:
    labels = (data / "labels.csv").read_text(encoding="utf-8").splitlines()
    relabelled = [labels[0], *labels[2:]]
    folder = tmp_path / "data"
    shutil.copytree(data, folder)
    (folder / "labels.csv").write_text("\n".join(relabelled) + "\n", encoding="utf-8")
    with pytest.raises(ValueError, match="other data"):
        train(folder, run_folder, settings=TINY, resume=True)


def test_a_stopped_training_goes_on_where_it_stopped(data: Path, run_folder: Path) -> None:
    before = json.loads((run_folder / "report.json").read_text(encoding="utf-8"))["epochs"]
    longer = TrainingSettings(**{**_settings(run_folder), "epochs": 3})
    seen: list[str] = []
    report = train(
        data, run_folder, settings=longer, resume=True, progress=lambda what, _: seen.append(what)
    )
    assert report["epochs"][:2] == before
    assert len(report["epochs"]) == 3
    assert any(what.startswith("pass 3") for what in seen)
    assert not any(what.startswith("pass 2") for what in seen)


def _settings(run_folder: Path) -> dict[str, float]:
    report = json.loads((run_folder / "report.json").read_text(encoding="utf-8"))
    settings: dict[str, float] = report["settings"]
    return settings


def test_the_same_seed_trains_the_same_network(data: Path, tmp_path: Path) -> None:
    once = TrainingSettings(**{**{f: getattr(TINY, f) for f in TINY.__slots__}, "epochs": 1})
    learnt, valid = split_rows(read_labels(data))
    start = CARD_PATH.with_suffix(".safetensors")
    first, second = (
        train_network(learnt, valid, tmp_path / name, once, start=start)[0] for name in ("a", "b")
    )
    assert first.loss == pytest.approx(second.loss, rel=1e-4)


def test_a_promoted_run_is_what_the_detector_loads(run_folder: Path, tmp_path: Path) -> None:
    promote(run_folder, tmp_path)
    detector = load(card_path=tmp_path / CARD_NAME, threads=1, cache=networks_folder())
    assert detector.card.weights_sha256 == read_card(run_folder / CARD_NAME).weights_sha256


def test_training_on_a_folder_without_labels_says_so(tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match="does not exist"):
        train(tmp_path, tmp_path / "run", settings=TINY)


@pytest.fixture(scope="module")
def detector(run_folder: Path) -> FractureDetector:
    return load(card_path=run_folder / CARD_NAME, cache=run_folder / "networks")


def test_an_evaluation_has_every_figure(data: Path, detector: FractureDetector) -> None:
    figures = evaluate(data, detector=detector)
    assert (figures["n"], figures["positives"], figures["failures"]) == (4, 2, 0)
    assert figures["rows_used"].startswith("4 of 10 rows")
    for name in ("auc", "map50", "sensitivity", "specificity", "brier", "ece"):
        assert 0 <= figures[name] <= 1, name
    for name in ("auc_ci95", "sensitivity_ci95", "specificity_ci95"):
        assert len(figures[name]) == 2
    assert figures["model"]["weights_sha256"] == detector.card.weights_sha256
    counts = {name: part["n"] for name, part in figures["subgroups"].items()}
    assert counts == {"hand": 4, "frontal": 4, "lateral": 2, "without_hardware": 4}
    assert sum(count for _, _, count in figures["reliability"]) == 4
    json.dumps(figures, allow_nan=False)


def test_all_rows_and_one_split_can_be_asked_for(data: Path, detector: FractureDetector) -> None:
    assert evaluate(data, split="all", detector=detector)["n"] == 10
    assert evaluate(data, split="train", detector=detector)["n"] == 6
    with pytest.raises(LabelsError, match=r"no row of labels\.csv has the split 'test'"):
        evaluate(data, split="test", detector=detector)


def test_an_evaluation_counts_what_it_could_not_read(
    data: Path, detector: FractureDetector, tmp_path: Path
) -> None:
    plain = (data / "7.png").read_bytes()
    (tmp_path / "whole.png").write_bytes(plain)
    (tmp_path / "cut.png").write_bytes(plain[: len(plain) // 2])
    (tmp_path / "text.png").write_text("not an image", encoding="utf-8")
    (tmp_path / "labels.csv").write_text(
        "image,fractured\nwhole.png,1\ncut.png,1\ntext.png,0\ngone.png,0\n", encoding="utf-8"
    )
    figures = evaluate(tmp_path, detector=detector)
    assert (figures["n"], figures["failures"]) == (4, 3)
    assert [one["image"] for one in figures["failed"]] == ["cut.png", "text.png", "gone.png"]
    assert all(one["reason"] for one in figures["failed"])
    assert figures["auc"] is None and figures["specificity"] is None
    json.dumps(figures, allow_nan=False)


def test_what_would_be_refused_is_listed_and_counts_in_the_figures_all_the_same(
    data: Path, detector: FractureDetector, tmp_path: Path
) -> None:
    Image.new("L", (300, 300)).save(tmp_path / "empty.png")
    (tmp_path / "labels.csv").write_text(
        f"image,fractured\n{data}/7.png,1\nempty.png,0\n", encoding="utf-8"
    )
    figures = evaluate(tmp_path, detector=detector)
    assert (figures["n"], figures["failures"]) == (2, 0)
    assert figures["auc"] is not None
    refused = {one["image"]: one["reason"] for one in figures["refused"]}
    assert "empty" in refused["empty.png"]


def test_twelve_bit_and_colour_images_are_read(tmp_path: Path) -> None:
    ramp = np.linspace(0, 4095, 120 * 90).reshape(120, 90).astype(np.uint16)
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    assert read_pixels(tmp_path / "ramp.png").max() == 4095
    Image.new("RGB", (90, 120), (10, 10, 10)).save(tmp_path / "colour.png")
    assert read_pixels(tmp_path / "colour.png").shape == (120, 90)
