"""Adding and removing third-party models: copied, checked, and tried before they are taken.

Nothing of what is added is executed in this process: cards and metadata are read as text, and
the first run happens in the detectors' own process (``models.runner``).
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from models.card import CardError
from models.registry import (
    GROUP,
    NAME,
    BrokenDetector,
    added_models,
    installed_detectors,
    target_of,
)
from models.runner import AssessmentRunner, ChildGone
from models.third_party import CARD_FILE, PYTHON_FOLDER, RECORD_FILE, third_party_card
from models.third_party_bundle import Bundle, bundle_in
from models.third_party_record import SaidOfItself, note_down
from worklist.errors import VigieError
from worklist.finding import DetectorIdentity, TargetFinding

_TRIAL_LIMIT_S = 120.0
_PIP_LIMIT_S = 600.0
_FINDINGS = ", ".join(sorted({word for one in TargetFinding for word in (one.value, one.words)}))


class CannotAdd(VigieError, ValueError):
    """What was given is no model that can be added; says why and what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Added:
    """A model that is installed now."""

    identity: DetectorIdentity
    folder: Path


def tried(folder: Path) -> SaidOfItself:
    """What it says of itself, once it has loaded and seen an empty image in a process of its own.

    Raises
    ------
    CannotAdd
        If it did not get through that.
    """
    runner = AssessmentRunner(
        archive=folder,
        software_version="trial",
        detectors={folder.name: added_models(folder.parent)[folder.name]},
        startup_limit_s=_TRIAL_LIMIT_S,
        retry_pauses_s=(_TRIAL_LIMIT_S,),
    )
    try:
        with runner:
            [found] = runner.identities()
            cards = runner.cards()
    except ChildGone as gone:
        raise CannotAdd(f"it cannot be tried: {gone}") from None
    if isinstance(found, BrokenDetector):
        raise CannotAdd(f"{found.name}: {found.reason}")
    return SaidOfItself(identity=found, card=cards[found.name])


def add_model(
    source: Path,
    models: Path,
    *,
    card: Path | None = None,
    trial: Callable[[Path], SaidOfItself] = tried,
) -> Added:
    """Copy a model into the folder of models, unless something is wrong with it.

    Parameters
    ----------
    source
        A Python package (wheel or source folder), an ONNX file, or a MONAI bundle (folder or zip).
    models
        The folder; made if need be.
    card
        The card's file; None: the one beside the source, or in the bundle.
    trial
        What lets the model, in the folder given, show that it runs.

    Raises
    ------
    CannotAdd
        Says why, in words for who adds it; nothing was changed.
    """
    models.mkdir(parents=True, exist_ok=True)
    with _workshop(models) as workshop:
        name = _prepare(source.expanduser().resolve(), workshop, card)
        _check_name(name, models)
        made = (workshop / "prepared").rename(workshop / name)
        said = trial(made)
        if said.identity.target is not target_of(name):
            raise CannotAdd(
                f"{name} is named for another finding than its card's {said.identity.target}"
            )
        note_down(made, said)
        made.rename(models / name)
    return Added(identity=said.identity, folder=models / name)


def find_added(name: str, models: Path) -> Path:
    """The folder of a model that was added.

    Raises
    ------
    CannotAdd
        If there is none.
    """
    added = added_models(models)
    if name not in added:
        raise CannotAdd(
            f"no model named {name} was added (added: {', '.join(added) or 'none'}); what is "
            "installed in Vigie's own environment goes by `pip uninstall`"
        )
    return added[name].path


def remove_model(name: str, models: Path) -> None:
    """Take a model away again.

    Raises
    ------
    CannotAdd
        If no such model was added.
    """
    folder = find_added(name, models)
    with _workshop(models) as workshop:
        folder.rename(workshop / name)  # at once, whoever loads it now


@contextmanager
def _workshop(models: Path) -> Iterator[Path]:
    """A folder on the same file system that no worker looks into; gone afterwards."""
    path = Path(tempfile.mkdtemp(prefix=".adding-", dir=models))
    try:
        yield path
    finally:
        shutil.rmtree(path)


def _prepare(source: Path, workshop: Path, card: Path | None) -> str:
    """Fill ``prepared`` with what the source holds; the model's name."""
    prepared = workshop / "prepared"
    prepared.mkdir()
    if not source.exists():
        raise CannotAdd(f"{source} does not exist")
    if source.suffix == ".onnx" and source.is_file():
        record: dict[str, Any] = {"format": "onnx", "file": "network.onnx"}
        shutil.copyfile(source, prepared / "network.onnx")
        card = card or source.with_suffix(".toml")
        return _network(prepared, record, card, f"beside {source.name}")
    if source.suffix == ".whl" or (source / "pyproject.toml").is_file():
        return _python_package(source, prepared)
    found = bundle_in(source, workshop)
    if isinstance(found, str):
        raise CannotAdd(f"{source}: {found}")
    return _bundle(source, found, prepared, card)


def _bundle(source: Path, bundle: Bundle, prepared: Path, card: Path | None) -> str:
    record = {
        "format": bundle.format,
        "file": bundle.network.name,
        "bundle": {"input": bundle.input, "axes": bundle.axes},
    }
    shutil.copyfile(bundle.network, prepared / bundle.network.name)
    inside = bundle.card
    beside = source.with_suffix(".toml") if source.is_file() else Path(f"{source}.toml")
    where = f"beside it ({beside.name}) or in the bundle (configs/vigie.toml)"
    return _network(prepared, record, card or inside or beside, where)


def _network(prepared: Path, record: dict[str, Any], card: Path, where: str) -> str:
    if not card.is_file():
        raise CannotAdd(f"there is no model card {where}; docs/third_party_models.md shows one")
    shutil.copyfile(card, prepared / CARD_FILE)
    record["sha256"] = hashlib.sha256((prepared / record["file"]).read_bytes()).hexdigest()
    _write_record(prepared, record)
    try:
        return third_party_card(prepared, record).card.name
    except (CardError, tomllib.TOMLDecodeError, UnicodeDecodeError, ValueError) as error:
        raise CannotAdd(f"{card}: {error}") from None


def _python_package(source: Path, prepared: Path) -> str:
    """Let pip put it, without its dependencies, into a folder of its own."""
    folder = prepared / PYTHON_FOLDER
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--no-deps",
               "--disable-pip-version-check", "--target", str(folder), str(source)]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_PIP_LIMIT_S, check=False
    )
    if done.returncode != 0:
        said = (done.stderr.strip() or "no reason given").splitlines()[-1]
        raise CannotAdd(f"pip cannot install {source}: {said}")
    points = [
        point
        for one in distributions(path=[str(folder)])
        for point in one.entry_points
        if point.group == GROUP
    ]
    if len(points) != 1:
        raise CannotAdd(
            f"{source} has {len(points)} entry points of the group {GROUP}; it must have one "
            "(docs/third_party_models.md)"
        )
    record = {"format": "python", "name": points[0].name, "entry_point": points[0].value}
    _write_record(prepared, record)
    return points[0].name


def _write_record(prepared: Path, record: Mapping[str, Any]) -> None:
    (prepared / RECORD_FILE).write_text(json.dumps(record, indent=1), encoding="utf-8")


def _check_name(name: str, models: Path) -> None:
    if not NAME.fullmatch(name) or len(name) > 64:
        raise CannotAdd(f"{name!r} is no name of a model: lower case letters, digits, _ and dots")
    if target_of(name) is None:
        raise CannotAdd(
            f"the name {name} does not begin with what it looks for: call it FINDING.{name}, where "
            f"FINDING is one of {_FINDINGS}"
        )
    if name in added_models(models):
        raise CannotAdd(f"{name} was added already; `vigie models remove {name}` first")
    if name in installed_detectors():
        raise CannotAdd(f"{name} is the name of an installed detector; give it another name")


__all__ = ["Added", "CannotAdd", "add_model", "find_added", "remove_model", "tried"]
