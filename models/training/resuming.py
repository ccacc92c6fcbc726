"""Going on with a training: only from a checkpoint of the same settings and data."""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from models.training.fitting import CHECKPOINT_NAME, read_checkpoint

MADE_WITH = "made_with"  # the entry of a checkpoint
_DATA = "data"
_FREE = ("epochs", "members", "threads")  # settings that may differ when a training goes on


def made_with(settings: Mapping[str, Any], data: Iterable[object]) -> dict[str, Any]:
    """What a checkpoint says of the training it was made in, under ``MADE_WITH``.

    Parameters
    ----------
    settings
        Of the training; those that may change when it goes on are left out.
    data
        What is learnt from and measured on: values whose ``repr`` tells them apart, or bytes.
    """
    digest = sha256()
    for one in data:
        digest.update(one if isinstance(one, bytes) else repr(one).encode())
    fixed = {name: value for name, value in settings.items() if name not in _FREE}
    return {**fixed, _DATA: digest.hexdigest()}


def read_to_resume(folder: Path, now: Mapping[str, Any]) -> dict[str, Any] | None:
    """The folder's checkpoint, if it was made with what is asked for now; None: there is none.

    One that does not say what it was made with is taken.

    Raises
    ------
    ValueError
        If it was made with other settings or data; says which.
    """
    state = read_checkpoint(folder)
    before = {} if state is None else state.get(MADE_WITH, {})
    differ = [name for name in before if before[name] != now.get(name)]
    if not differ:
        return state
    words = ", ".join(
        "other data" if name == _DATA else f"{name} {before[name]}, not {now.get(name)}"
        for name in differ
    )
    raise ValueError(
        f"{folder / CHECKPOINT_NAME} was made with {words}: go on with what it was made with, or "
        "train into another folder"
    )
