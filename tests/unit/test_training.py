"""What training reads, draws and makes smaller."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.fracture_network import Predictions
from models.letterbox import STRIDE
from models.training.augmentation import Sample, batches, make_batch
from models.training.fracture import split_rows
from models.training.haemorrhage_report import mean_passes
from models.training.labels import LabelledRadiograph, LabelsError, read_labels
from models.training.losses import focal_loss, giou_loss, size_loss, targets, total_loss
from models.training.report import write_report


def _write(folder: Path, text: str) -> Path:
    (folder / "labels.csv").write_text(text, encoding="utf-8")
    return folder


def test_labels_are_read_with_their_boxes_and_groups(tmp_path: Path) -> None:
    text = 'image,split,fractured,boxes_xywh,hand,hardware\na.png,valid,1,"[[1, 2, 3, 4]]",1,0\n'
    (row,) = read_labels(_write(tmp_path, text))
    assert (row.path, row.fractured, row.split) == (tmp_path / "a.png", True, "valid")
    assert row.boxes == ((1, 2, 3, 4),)
    assert row.groups == {"hand": True, "hardware": False}


def test_labels_without_the_optional_columns_are_read(tmp_path: Path) -> None:
    (row,) = read_labels(_write(tmp_path, "image,fractured\na.png,0\n"))
    assert (row.fractured, row.boxes, row.split, dict(row.groups)) == (False, (), None, {})


def test_labels_that_excel_wrote_are_read(tmp_path: Path) -> None:
    (row,) = read_labels(_write(tmp_path, "\ufeffimage,fractured\na.png,1\n"))
    assert (row.image, row.fractured) == ("a.png", True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("image,boxes_xywh\na.png,[]\n", "lacks the column fractured"),
        ("image,fractured\n", "lists no images"),
        ("image,fractured\na.png,yes\n", "line 2: fractured is 'yes'"),
        ("image,fractured\na.png,\n", "line 2: fractured is ''"),
        ("image,fractured,boxes_xywh\na.png,1,[[1\n", "line 2: boxes_xywh cannot be read"),
        ('image,fractured,boxes_xywh\na.png,1,"[[1,2,3]]"\n', "line 2: boxes_xywh cannot be read"),
    ],
)
def test_labels_that_cannot_be_used_say_why(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(LabelsError, match=r".*" + words.replace("[", r"\[")):
        read_labels(_write(tmp_path, text))


def test_a_folder_without_labels_says_so(tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match="does not exist"):
        read_labels(tmp_path)


def _rows(n: int, split: str | None) -> list[LabelledRadiograph]:
    return [
        LabelledRadiograph(
            image=f"{number}.png", path=Path(), fractured=number % 2 == 0, boxes=(), split=split
        )
        for number in range(n)
    ]


def test_without_a_valid_split_the_same_sixth_is_set_apart_each_time() -> None:
    learnt, valid = split_rows(_rows(60, None))
    assert (len(learnt), len(valid)) == (50, 10)
    assert {row.fractured for row in valid} == {True, False}
    assert split_rows(_rows(60, None)[::-1])[1] == valid


def test_rows_of_another_split_are_never_learnt_from() -> None:
    rows = [
        *_rows(12, "train"),
        LabelledRadiograph(image="t", path=Path(), fractured=True, boxes=(), split="test"),
    ]
    learnt, valid = split_rows(rows)
    assert "t" not in {row.image for row in learnt + valid}


def test_training_on_one_class_is_refused() -> None:
    rows = [row for row in _rows(20, None) if row.fractured]
    with pytest.raises(LabelsError, match="some with and some without"):
        split_rows(rows)


def _sample(fractured: bool = True, shape: tuple[int, int] = (200, 160)) -> Sample:
    grey = np.full(shape, 30, np.uint8)
    grey[80:110, 60:80] = 250
    boxes = np.array([[60, 80, 80, 110]], np.float32) if fractured else np.zeros((0, 4), np.float32)
    return Sample(grey=grey, boxes=boxes, fractured=fractured)


@settings(deadline=None)  # a busy machine is no fault
@given(st.integers(0, 500))
def test_boxes_move_with_the_pixels_they_surround(seed: int) -> None:
    batch = make_batch([_sample()], 192, np.random.default_rng(seed))
    assert batch.images.shape == (1, 1, 192, 160)
    image = batch.images[0, 0].numpy()
    rows, columns = np.nonzero(image > (image.max() + np.median(image)) / 2)
    (left, top, right, bottom) = batch.boxes[0][0].tolist()
    assert (columns.min(), columns.max() + 1) == pytest.approx((left, right), abs=3)
    assert (rows.min(), rows.max() + 1) == pytest.approx((top, bottom), abs=3)


@settings(deadline=None)
@given(st.integers(0, 200))
def test_what_training_sees_is_in_the_networks_range(seed: int) -> None:
    images = make_batch([_sample(), _sample(False)], 96, np.random.default_rng(seed)).images
    assert images.min() >= -1 and images.max() <= 1


def test_a_pass_draws_every_fracture_and_so_many_others() -> None:
    samples = [_sample(n < 5, (200, 160) if n % 2 else (160, 200)) for n in range(40)]
    drawn = batches(
        samples,
        longest=192,
        size=4,
        negatives_per_positive=2.0,
        random=np.random.default_rng(0),
    )
    numbers = [number for batch in drawn for number in batch]
    assert sorted(n for n in numbers if n < 5) == [0, 1, 2, 3, 4]
    assert len(numbers) == len(set(numbers)) == 15
    assert all(len({samples[n].grey.shape for n in batch}) == 1 for batch in drawn)


BOX = torch.tensor([[40.0, 24.0, 72.0, 56.0]])


def _right_distances(shape: tuple[int, int]) -> torch.Tensor:
    y, x = torch.meshgrid(
        (torch.arange(shape[0]) + 0.5) * STRIDE,
        (torch.arange(shape[1]) + 0.5) * STRIDE,
        indexing="ij",
    )
    left, top, right, bottom = BOX[0].tolist()
    return torch.stack([x - left, y - top, right - x, bottom - y])[None]


def test_the_target_is_one_at_the_centre_and_falls_off() -> None:
    heat, sides, weight = targets([BOX, torch.zeros(0, 4)], (12, 12))
    assert heat[0, 0, 5, 7] == 1.0
    assert 0 < heat[0, 0, 5, 9] < heat[0, 0, 5, 8] < 1
    assert heat[1].max() == 0 and weight[1].max() == 0
    assert sides[0, :, 5, 7].tolist() == BOX[0].tolist()
    assert weight.sum() == pytest.approx(1.0)


def test_right_boxes_cost_nothing_and_wrong_ones_do() -> None:
    _, sides, weight = targets([BOX], (12, 12))
    right = _right_distances((12, 12))
    assert giou_loss(right, sides, weight).item() == pytest.approx(0, abs=1e-5)
    assert giou_loss(right + 8, sides, weight).item() > 0.3


def test_an_image_without_boxes_costs_no_box_loss() -> None:
    _, sides, weight = targets([torch.zeros(0, 4)], (12, 12))
    assert giou_loss(torch.ones(1, 4, 12, 12), sides, weight).item() == 0


def test_heat_at_the_centre_costs_less_than_heat_elsewhere() -> None:
    heat, _, _ = targets([BOX], (12, 12))
    right = torch.full((1, 1, 12, 12), -5.0)
    wrong = right.clone()
    right[0, 0, 5, 7] = 5.0
    wrong[0, 0, 1, 1] = 5.0
    assert focal_loss(right, heat) < 0.1 < focal_loss(wrong, heat)


def test_a_fracture_without_a_box_teaches_the_verdict_only() -> None:
    def loss(heat: float) -> float:
        said = Predictions(
            torch.zeros(1), torch.full((1, 1, 12, 12), heat), torch.ones(1, 4, 12, 12)
        )
        return total_loss(said, [torch.zeros(0, 4)], torch.ones(1)).item()

    assert loss(-5.0) == loss(5.0) == pytest.approx(np.log(2))


def test_a_report_of_one_pass_without_an_auc_can_be_written(tmp_path: Path) -> None:
    epoch = {"number": 1, "loss": 2.0, "auc": None, "average_precision": 0.1}
    curves = {"valid AUC": "auc", "valid AP": "average_precision"}
    write_report(tmp_path, {"epochs": [epoch]}, curves)
    drawn = (tmp_path / "report.svg").read_text(encoding="utf-8")
    assert drawn.startswith("<svg")
    assert "valid AUC" in drawn and "valid AP" in drawn


def test_a_figure_of_several_folds_is_plotted_as_the_mean_of_those_that_have_it() -> None:
    known = {"part": "planes", "number": 1, "loss": 1.0, "slice_auc": 0.5, "patient_auc": None}
    other = {**known, "loss": 2.0, "slice_auc": None}
    walls = {**known, "part": "walls", "loss": 9.0}
    passes = [known, walls, {**known, "slice_auc": 0.7}, other, {**known, "number": 2}]
    assert mean_passes(passes, "planes") == [
        {"number": 1, "loss": pytest.approx(4 / 3), "slice_auc": 0.6, "patient_auc": None},
        {"number": 2, "loss": 1.0, "slice_auc": 0.5, "patient_auc": None},
    ]


def test_boxes_of_the_right_size_cost_nothing_and_others_by_their_ratio() -> None:
    _, sides, weight = targets([BOX], (12, 12))
    right = _right_distances((12, 12))
    assert size_loss(right, sides, weight).item() == pytest.approx(0, abs=1e-5)
    assert size_loss(right * 2, sides, weight).item() == pytest.approx(2 * np.log(2), abs=1e-4)
