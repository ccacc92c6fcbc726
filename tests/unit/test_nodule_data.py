"""Labelled candidates are read, and hostile or malformed files are refused with a reason."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from models.training.labels import LabelsError
from models.training.nodule_augmentation import batches, mix, vary
from models.training.nodule_data import FILE_NAME, central, read_cuts, split_cuts
from models.training.nodule_evaluation import ranking_precision


def cuts(count: int = 12) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (count, 50, 50)).astype(np.uint8)


def labels(count: int = 12) -> np.ndarray:
    return (np.arange(count) % 3 == 0).astype(np.uint8)


def write(folder: Path, **arrays: np.ndarray) -> Path:
    np.savez(folder / FILE_NAME, **arrays)
    return folder


def test_a_file_with_and_one_without_a_split_are_read(tmp_path: Path) -> None:
    plain = read_cuts(write(tmp_path, patches=cuts(), nodule=labels()))
    assert (len(plain), int(plain.nodule.sum()), set(plain.split)) == (12, 4, {""})
    split = np.array(["train"] * 8 + ["valid"] * 4)
    both = read_cuts(write(tmp_path, patches=cuts(), nodule=labels(), split=split))
    learnt, valid = split_cuts(both)
    assert (len(learnt), len(valid)) == (8, 4)


def test_without_a_split_the_last_sixth_is_set_apart(tmp_path: Path) -> None:
    count = 60
    every = read_cuts(write(tmp_path, patches=cuts(count), nodule=labels(count)))
    learnt, valid = split_cuts(every)
    assert (len(learnt), len(valid)) == (50, 10)
    np.testing.assert_array_equal(valid.cuts, every.cuts[50:])


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"patches": cuts()}, "lacks the array nodule"),
        ({"nodule": labels()}, "lacks the array patches"),
        ({"patches": cuts().astype(float), "nodule": labels()}, "not uint8"),
        ({"patches": cuts()[:, :40], "nodule": labels()}, "48 or more"),
        ({"patches": cuts()[0], "nodule": labels()}, "not uint8"),
        ({"patches": cuts(0), "nodule": labels(0)}, "holds no cuts"),
        ({"patches": cuts(), "nodule": labels(11)}, "12 values of 0 or 1"),
        ({"patches": cuts(), "nodule": labels() * 2}, "12 values of 0 or 1"),
        ({"patches": cuts(), "nodule": labels(), "split": labels()}, "12 words"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    arrays: dict[str, np.ndarray], words: str, tmp_path: Path
) -> None:
    with pytest.raises(LabelsError, match=words):
        read_cuts(write(tmp_path, **arrays))


def test_a_missing_file_says_which(tmp_path: Path) -> None:
    with pytest.raises(LabelsError, match=r"candidates\.npz does not exist"):
        read_cuts(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no archive at all" * 50])
def test_a_file_that_is_no_archive_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(LabelsError, match="cannot be read"):
        read_cuts(tmp_path)


def test_a_file_cut_off_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, patches=cuts(), nodule=labels()) / FILE_NAME
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(LabelsError, match="cannot be read"):
        read_cuts(tmp_path)


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    write(tmp_path, patches=np.array([object()], dtype=object), nodule=labels())
    with pytest.raises(LabelsError, match="Python objects"):
        read_cuts(tmp_path)


def test_an_array_that_claims_to_be_huge_is_not_read(tmp_path: Path) -> None:
    head = io.BytesIO()
    claimed = {"descr": "|u1", "fortran_order": False, "shape": (10**9, 50, 50)}
    np.lib.format.write_array_header_1_0(head, claimed)
    with zipfile.ZipFile(tmp_path / FILE_NAME, "w") as archive:
        archive.writestr("patches.npy", head.getvalue())
        archive.writestr("nodule.npy", b"")
    with pytest.raises(LabelsError, match="claims 2500000000000 bytes"):
        read_cuts(tmp_path)


def test_the_middle_of_a_cut_is_what_the_network_sees() -> None:
    made = np.zeros((1, 50, 50), np.uint8)
    made[0, 1, 1], made[0, 48, 48], made[0, 0, 0] = 255, 51, 99
    middle = central(made)
    assert middle.shape == (1, 48, 48)
    assert (middle[0, 0, 0], middle[0, 47, 47]) == (1.0, pytest.approx(0.2))


def test_a_pass_sees_every_nodule_and_as_many_others_as_asked() -> None:
    nodule = np.arange(100) < 10
    drawn = np.concatenate(
        list(batches(nodule, size=10, negatives_per_positive=2.0, random=np.random.default_rng(0)))
    )
    assert len(drawn) == len(set(drawn)) == 30
    assert set(range(10)) <= set(drawn.tolist())


def test_changed_copies_keep_the_nodule_in_the_middle() -> None:
    made = np.full((40, 50, 50), 30, np.uint8)
    made[:, 21:29, 21:29] = 200
    varied = vary(made, np.random.default_rng(0)).numpy()
    assert varied.shape == (40, 1, 48, 48)
    assert (varied[:, 0, 20:28, 20:28].mean(axis=(1, 2)) > 0.4).all()
    assert len({cut.tobytes() for cut in varied}) == 40


def test_mixed_cuts_have_mixed_targets() -> None:
    import torch

    cuts_, targets = torch.arange(8.0).reshape(8, 1, 1, 1), torch.arange(8.0)
    mixed, of = mix(cuts_, targets, np.random.default_rng(0))
    torch.testing.assert_close(mixed[:, 0, 0, 0], of)


def test_the_precision_of_a_ranking() -> None:
    scores, nodule = np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, False, True, False])
    assert ranking_precision(scores, nodule) == pytest.approx((1 + 2 / 3) / 2)
    assert ranking_precision(np.ones(4), nodule) == pytest.approx(0.5)
