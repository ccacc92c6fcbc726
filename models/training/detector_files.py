"""The files that make a detector: its weights and its card, written and installed."""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from models.card import ModelCard

LICENCE = "Apache-2.0; the data's licences stand under training_data"


def save_weights(weights: Mapping[str, torch.Tensor], path: Path) -> None:
    """Write named weights as fp16 safetensors, (out, in, height, width) contiguous."""
    path.parent.mkdir(parents=True, exist_ok=True)
    halves = {
        name: weight.detach().to("cpu", torch.float16).contiguous()
        for name, weight in weights.items()
    }
    save_file(halves, path)


def members_named(members: Iterable[Mapping[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """The weights of several networks as those of the members of one ensemble."""
    return {
        f"members.{number}.{name}": weight
        for number, member in enumerate(members)
        for name, weight in member.items()
    }


def save_members(members: Iterable[Mapping[str, torch.Tensor]], path: Path) -> None:
    """Write the weights of several networks as the members of one ensemble."""
    save_weights(members_named(members), path)


def install(run_folder: Path, names: Iterable[str], weights_folder: Path) -> None:
    """Copy a run's files to where the detector is loaded from."""
    weights_folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        shutil.copyfile(run_folder / name, weights_folder / name)


def write_card(card: ModelCard, path: Path) -> None:
    """Write a card as TOML, what ``models.card.read_card`` reads."""
    content = asdict(card)
    tables = {name: content.pop(name) for name in ("guards", "calibration", "performance")}
    content["target"] = str(card.target)
    lines = [f"{name} = {_toml(value)}" for name, value in content.items()]
    for name, table in tables.items():
        lines += _table(name, table) if table or name != "guards" else []
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _table(name: str, table: Mapping[str, Any]) -> list[str]:
    """One TOML table and those inside it; a figure that is not there is left out.

    TOML has no null; an interval that cannot be computed is a list of None.
    """
    inner = {key: value for key, value in table.items() if isinstance(value, Mapping)}
    lines = ["", f"[{name}]"]
    lines += [
        f"{key} = {_toml(value)}"
        for key, value in table.items()
        if key not in inner and value is not None and not _holds_none(value)
    ]
    for key, value in inner.items():
        lines += _table(f"{name}.{key}", value)
    return lines


def _holds_none(value: Any) -> bool:
    return isinstance(value, list | tuple) and None in value


def _toml(value: Any) -> str:
    """A TOML value; strings as basic strings, whose escapes JSON's are a subset of."""
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(round(value, 6))
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + " }"
    items = [_toml(item) for item in value]
    if sum(map(len, items)) < 80:
        return "[" + ", ".join(items) + "]"
    return "[\n" + "".join(f"  {item},\n" for item in items) + "]"
