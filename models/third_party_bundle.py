"""What of a MONAI bundle can be run without MONAI: its exported network and its metadata."""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from models.card import CardError
from models.third_party_transforms import axes_in, input_axes

METADATA = "configs/metadata.json"
INFERENCE = "configs/inference.json"
CARD = "configs/vigie.toml"
_NETWORKS = {"models/model.onnx": "onnx", "models/model.ts": "torchscript"}  # best first
_INFERENCE_ELSE = ("configs/inference.yaml", "configs/inference.yml")
_WEIGHTS_ONLY = ("models/model.pt", "models/model.pth")
_MOST_BYTES = 4 * 2**30  # of one file in a zip


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundle:
    """The parts that are used."""

    format: str  # onnx or torchscript
    network: Path
    card: Path | None  # None: not in the bundle
    input: Mapping[str, Any]  # what its metadata says, in the words of the card's [input]
    axes: Mapping[str, str] | None  # what its transforms say (``axes_in``); None: it has none


def bundle_in(source: Path, workshop: Path) -> Bundle | str:
    """The bundle in a folder or zip; else why it cannot be used, and what to do.

    Parameters
    ----------
    workshop
        An empty folder's parent; what is needed of a zip is unpacked there.
    """
    root: Path | None = source if source.is_dir() else None
    if root is None and zipfile.is_zipfile(source):
        root = _unpacked(source, workshop / "bundle")
    if root is None or not (root / METADATA).is_file():
        return (
            "this is no wheel, no source folder with a pyproject.toml, no .onnx file and no MONAI "
            f"bundle (which has {METADATA})"
        )
    found = next(
        ((name, kind) for name, kind in _NETWORKS.items() if (root / name).is_file()), None
    )
    if found is None:
        return _why_no_network(root)
    try:
        given = _input(_json(root / METADATA))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return f"its {METADATA} is not as MONAI's schema has it: {type(error).__name__}: {error}"
    if isinstance(given, str):
        return given
    name, kind = found
    card = root / CARD
    return Bundle(
        format=kind,
        network=root / name,
        card=card if card.is_file() else None,
        input=given,
        axes=_axes(root),
    )


def with_bundle(given: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    """The card's ``[input]`` with what the bundle says where the card does not.

    Parameters
    ----------
    record
        ``input`` and ``axes`` of the bundle.

    Raises
    ------
    CardError
        If both say something else, or neither how the network's axes lie.
    """
    for key, value in record["input"].items():
        if given.get(key, value) != value:
            raise CardError(f"[input] {key} is {given[key]}, the bundle's metadata says {value}")
    together = {**record["input"], **given}
    try:
        return {**together, **input_axes(record["axes"], together)}
    except ValueError as error:
        raise CardError(str(error)) from None


def _axes(root: Path) -> dict[str, str] | None:
    if (root / INFERENCE).is_file():
        try:
            return axes_in(_json(root / INFERENCE))
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            return {"unknown": f"its {INFERENCE} cannot be read: {type(error).__name__}: {error}"}
    other = next((one for one in _INFERENCE_ELSE if (root / one).is_file()), None)
    return None if other is None else {"unknown": f"its {other} is not read, only {INFERENCE} is"}


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _why_no_network(root: Path) -> str:
    if any((root / name).is_file() for name in _WEIGHTS_ONLY):
        return (
            "it holds weights alone (a pickle, which Vigie never loads); export the network, for "
            "example by `python -m monai.bundle ckpt_export`, to models/model.ts, or to "
            "models/model.onnx by `onnx_export`"
        )
    return f"it holds no exported network: {' or '.join(_NETWORKS)}"


def _unpacked(source: Path, folder: Path) -> Path | None:
    """The needed files of a zip, under names of our own choice (P9); None: no bundle in it."""
    with zipfile.ZipFile(source) as archive:
        members = {one.filename: one for one in archive.infolist() if not one.is_dir()}
        top = next((n.removesuffix(METADATA) for n in sorted(members) if _is(n, METADATA)), None)
        if top is None:
            return None
        for name in (METADATA, INFERENCE, *_INFERENCE_ELSE, CARD, *_NETWORKS, *_WEIGHTS_ONLY):
            member = members.get(top + name)
            if member is not None and member.file_size <= _MOST_BYTES:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                # no more than it says: a member may unpack to another length
                with archive.open(member) as stored:
                    (folder / name).write_bytes(stored.read(member.file_size))
    return folder


def _is(member: str, name: str) -> bool:
    return PurePosixPath(member).parts[-2:] == PurePosixPath(name).parts


def _input(metadata: Mapping[str, Any]) -> dict[str, Any] | str:
    """Of ``network_data_format``: size, channels and range; or why it cannot be served."""
    inputs: Mapping[str, Any] = metadata["network_data_format"]["inputs"]
    if len(inputs) != 1:
        return f"its network has {len(inputs)} inputs; one image is supported"
    [image] = inputs.values()
    if image.get("type", "image") != "image":
        return f"its network takes {image['type']}, not an image"
    if image.get("is_patch_data", False):
        return (
            "its network takes patches of an image (is_patch_data), which its own inference "
            "would slide over it; export a network that takes the image as a whole"
        )
    said: dict[str, Any] = {"channels": int(image.get("num_channels", 1))}
    shape = image.get("spatial_shape", [])
    if shape and all(isinstance(one, int) and not isinstance(one, bool) for one in shape):
        said["size"] = shape
    value_range = image.get("value_range", [])
    if len(value_range) == 2:
        said["range"] = [float(one) for one in value_range]
    return said
