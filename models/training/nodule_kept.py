"""Simulated scans that were judged, kept in a file as they come, so that a run can go on."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import models
from models.card import ModelCard
from models.training.nodule_froc import Place, Scan
from models.training.nodule_simulation import Setting, SimulatedNodule, Texture

_CODE = ("nodule*.py", "mobilenet.py", "training/nodule_froc.py", "training/nodule_simulation.py")


class KeptScans:
    """What came of scans that are made one by one, in a file of a line each.

    A line that a crash tore is made anew.

    Parameters
    ----------
    path
        Of the file; it need not be there.
    made_with
        What a scan depends on: plain JSON values.

    Raises
    ------
    ValueError
        If the file was made with something else; says what.
    """

    def __init__(self, path: Path, made_with: Mapping[str, Any]) -> None:
        self._path = path
        self._scans: dict[tuple[str, int], Scan] = {}
        lines = list(_readable(path))
        if not lines:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"made_with": made_with}) + "\n", encoding="utf-8")
            return
        before = lines[0].get("made_with", {})
        differ = [name for name in made_with if before.get(name) != made_with[name]]
        if differ:
            raise ValueError(
                f"{path} was made with another {', another '.join(differ)}: name another file, or "
                "delete it"
            )
        self._scans = {(one["part"], one["number"]): _scan(one["scan"]) for one in lines[1:]}

    def __len__(self) -> int:
        return len(self._scans)

    def get(self, part: str, number: int, make: Callable[[], Scan]) -> Scan:
        """The scan of a part with a number; made and kept if it is not there.

        What is made is read back from its line, so that a run that went on says the same.
        """
        if (part, number) not in self._scans:
            line = json.dumps({"part": part, "number": number, "scan": asdict(make())})
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
            self._scans[part, number] = _scan(json.loads(line)["scan"])
        return self._scans[part, number]


def dependencies(
    card: ModelCard, files: Iterable[Path], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """What a judged scan depends on, for ``KeptScans``: files' contents as digests.

    Not on the study's calibration nor on the operating point.

    Parameters
    ----------
    files
        Of the scans into which nodules are put.
    settings
        Of the simulation.
    """
    folder = Path(models.__file__).parent
    sources = sorted(path for pattern in _CODE for path in folder.glob(pattern))
    return {
        **settings,
        "weights": card.weights_sha256,
        "weighing of places": json.loads(json.dumps(card.calibration["lesion"])),
        "study": _digest(sorted(files)),
        "code": _digest(sources),
    }


def _digest(files: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in files:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _readable(path: Path) -> Iterable[dict[str, Any]]:
    """The lines that were written whole; a torn last one is cut off."""
    if not path.is_file():
        return
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole, encoding="utf-8")
    yield from map(json.loads, whole.splitlines())


def _scan(content: Mapping[str, Any]) -> Scan:
    nodules = [
        SimulatedNodule(
            **{
                **one,
                "centre_mm": tuple(one["centre_mm"]),
                "texture": Texture(one["texture"]),
                "setting": Setting(one["setting"]),
            }
        )
        for one in content["nodules"]
    ]
    return Scan(nodules=tuple(nodules), places=tuple(Place(**one) for one in content["places"]))
