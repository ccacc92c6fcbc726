"""What is noted down of a third-party model as it is added, for who asks before workers load it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from models.registry import added_models
from worklist.finding import DetectorIdentity, TargetFinding

_FILE = "said.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class SaidOfItself:
    """What a model said when it was tried."""

    identity: DetectorIdentity
    card: Mapping[str, Any]  # plain JSON values


def note_down(folder: Path, said: SaidOfItself) -> None:
    """Keep it beside the model."""
    content = {"identity": asdict(said.identity), "card": said.card}
    (folder / _FILE).write_text(json.dumps(content, indent=1), encoding="utf-8")


def noted_down(models: Path) -> dict[str, SaidOfItself]:
    """Of the models in a folder, by name; those of which nothing can be read are left out."""
    found = {name: _read(one.path / _FILE) for name, one in added_models(models).items()}
    return {name: said for name, said in found.items() if said is not None}


def _read(path: Path) -> SaidOfItself | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        identity = dict(content["identity"])
        identity["target"] = TargetFinding(identity["target"])
        return SaidOfItself(identity=DetectorIdentity(**identity), card=dict(content["card"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
