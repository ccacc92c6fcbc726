"""Labelled candidates: axial cuts with and without a nodule in the middle, in one ``.npz`` file."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from numpy.lib.format import read_array_header_1_0, read_array_header_2_0, read_magic

from models.nodule_cuts import SIDE
from models.training.labels import LabelsError

FILE_NAME = "candidates.npz"
_LARGEST_BYTES = 2 * 2**30  # of one array
_FIELDS = ("patches", "nodule", "split")


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledCuts:
    """Cuts of 0.7 mm a pixel in the lung window (-1000 to 400 HU), in the order of the scans."""

    cuts: npt.NDArray[np.uint8]  # (n, row, column), at least 48 x 48
    nodule: npt.NDArray[np.bool_]  # (n,)
    split: npt.NDArray[np.str_]  # (n,), "train", "valid" or another; empty: the file does not say

    def __len__(self) -> int:
        return len(self.cuts)

    def __getitem__(self, chosen: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> "LabelledCuts":
        return LabelledCuts(
            cuts=self.cuts[chosen], nodule=self.nodule[chosen], split=self.split[chosen]
        )


def read_cuts(data: Path) -> LabelledCuts:
    """Read ``candidates.npz`` of a folder.

    The arrays ``patches`` (uint8, cuts of at least 48 x 48) and ``nodule`` (0 or 1) are needed;
    ``split`` is used where present. Nothing in the file is run: pickled objects are refused, and so
    is an array that claims more than two gigabytes, before it is read.

    Raises
    ------
    LabelsError
        If the file is missing, is no such archive, or its arrays do not fit together.
    """
    path = data / FILE_NAME
    if not path.is_file():
        raise LabelsError(f"{path} does not exist; it must hold the cuts and their labels")
    try:
        with zipfile.ZipFile(path) as archive:
            for name in _FIELDS:
                _check_size(archive, path, name)
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in _FIELDS if name in arrays}
    except LabelsError:
        raise
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, NotImplementedError) as e:
        raise LabelsError(f"{path} cannot be read: {e}") from None
    return _checked(path, found)


def _check_size(archive: zipfile.ZipFile, path: Path, name: str) -> None:
    """Refuse what would not fit in memory, whatever the compressed size is."""
    try:
        file = archive.open(f"{name}.npy")
    except KeyError:
        return
    with file:
        version = read_magic(file)
        read = read_array_header_1_0 if version == (1, 0) else read_array_header_2_0
        shape, _, dtype = read(file)
    if dtype.hasobject:
        raise LabelsError(f"{path}: {name} holds Python objects, which are never loaded")
    claimed = dtype.itemsize * int(np.prod([int(side) for side in shape], dtype=object))
    if claimed > _LARGEST_BYTES:
        raise LabelsError(f"{path}: {name} claims {claimed} bytes, the limit is {_LARGEST_BYTES}")


def _checked(path: Path, found: dict[str, npt.NDArray[np.generic]]) -> LabelledCuts:
    """The arrays, if they fit together."""
    missing = {"patches", "nodule"} - set(found)
    if missing:
        raise LabelsError(f"{path} lacks the array {', '.join(sorted(missing))}")
    cuts, nodule = found["patches"], found["nodule"]
    if cuts.ndim != 3 or cuts.dtype != np.uint8 or min(cuts.shape[1:]) < SIDE:
        raise LabelsError(
            f"{path}: patches is {cuts.dtype} {cuts.shape}, not uint8 (n, {SIDE} or more, {SIDE} "
            "or more)"
        )
    if not len(cuts):
        raise LabelsError(f"{path} holds no cuts")
    if nodule.shape != (len(cuts),) or not np.isin(nodule, (0, 1)).all():
        raise LabelsError(f"{path}: nodule must be {len(cuts)} values of 0 or 1")
    split = found.get("split", np.full(len(cuts), ""))
    if split.shape != (len(cuts),) or split.dtype.kind not in "US":
        raise LabelsError(f"{path}: split must be {len(cuts)} words")
    return LabelledCuts(
        cuts=np.asarray(cuts, np.uint8),
        nodule=np.asarray(nodule, bool),
        split=split.astype(str),
    )


def central(cuts: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """The middle 48 x 48 pixels as the network sees them, 0 to 1."""
    top, left = ((side - SIDE) // 2 for side in cuts.shape[1:])
    middle = cuts[:, top : top + SIDE, left : left + SIDE]
    return middle.astype(np.float32) / np.float32(255)


def split_cuts(cuts: LabelledCuts) -> tuple[LabelledCuts, LabelledCuts]:
    """What is learnt from (split ``train``) and what calibrates (``valid``).

    Where no cut is of split ``valid``, the last sixth is set apart: neighbours share a scan, so a
    run of them keeps scans whole but for one.

    Raises
    ------
    LabelsError
        If either part lacks cuts with or without a nodule.
    """
    if (cuts.split == "valid").any():
        learnt, valid = cuts[np.isin(cuts.split, ("train", ""))], cuts[cuts.split == "valid"]
    else:
        usable = cuts[np.isin(cuts.split, ("train", ""))]
        first = len(usable) - max(1, len(usable) // 6)
        place = np.arange(len(usable))
        learnt, valid = usable[place < first], usable[place >= first]
    for name, part in (("to learn from", learnt), ("to calibrate on", valid)):
        if len(np.unique(part.nodule)) < 2:
            raise LabelsError(f"the cuts {name} must be some with and some without a nodule")
    return learnt, valid
