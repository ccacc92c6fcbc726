"""Simulations at the edge: a setting read from a file, figures as JSON."""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from worklist.due_time import DueTargets
from worklist.simulation import Figures
from worklist.simulation_length import Run, days_of, warm_up_studies
from worklist.simulation_setting import Setting


class SimulationSettingError(ValueError):
    """A setting that cannot be meant; each line names one entry."""


class _Checked(BaseModel):
    model_config = ConfigDict(extra="forbid")

    setting: Setting


def setting_from_file(path: Path, targets: DueTargets) -> Setting:
    """The setting that a TOML file describes, with these targets.

    Raises
    ------
    SimulationSettingError
        If the file cannot be read, or an entry of it cannot be meant.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SimulationSettingError(f"{path}: {error}") from None
    if "targets" in content:
        raise SimulationSettingError("targets: are those of the node (`vigie settings`)")
    return setting_from(content, targets)


def setting_from(content: Mapping[str, Any], targets: DueTargets) -> Setting:
    """The setting these plain values describe, with these targets.

    Raises
    ------
    SimulationSettingError
        If an entry is unknown or cannot be meant.
    """
    try:
        checked = _Checked.model_validate({"setting": dict(content)})
    except ValidationError as error:
        lines = [
            f"{'.'.join(map(str, one['loc'][1:])) or 'setting'}: "
            f"{one['msg'].removeprefix('Value error, ')}"
            for one in error.errors()
        ]
        raise SimulationSettingError("\n".join(lines)) from None
    return replace(checked.setting, targets=targets)


def as_json(setting: Setting, run: Run, figures: Figures) -> dict[str, Any]:
    """Everything that was assumed and found, as plain JSON values; times in minutes."""
    assumed = asdict(setting)
    assumed["targets"] = {
        name: {kind: target.total_seconds() / 60 for kind, target in targets.items()}
        for name, targets in assumed["targets"].items()
    }
    days = days_of(setting, run)
    in_force = warm_up_studies(setting) if run.warm_up is None else run.warm_up
    return {
        "setting": assumed,
        "run": {**asdict(run), "warm_up": in_force} | ({"days": asdict(days)} if days else {}),
        "policies": {
            name: {one: asdict(found) for one, found in classes.items()}
            for name, classes in figures.items()
        },
    }
