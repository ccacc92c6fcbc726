"""Cards, bundles and packages of third-party models, as a vendor would hand them over."""

import json
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from models.card import card_content
from models.third_party import load_folder
from models.third_party_adding import CannotAdd
from models.third_party_record import SaidOfItself

CARD = """
name = "{name}"
version = "1.2"
target = "{target}"
title = "Brightest pixel"
intended_use = "Shows how a model is added. Not a medical device."
limits = ["It knows nothing but brightness."]
training_data = ["None."]
licence = "Apache-2.0"
operating_point = 0.5

[performance]
measured_on = "nothing"

[calibration]
{calibration}

[input]
{input}

[output]
{output}
"""
UNCALIBRATED = 'method = "none"\nreason = "an example"'
RADIOGRAPH = 'modality = ["DX", "CR"]\nsize = [4, 4]\nwindow = [500, 1000]'
SCORE = 'score = "score"\nmeaning = "probability"'
HEAT_MAP = SCORE + '\nheat_map = "heat"\nheat_map_meaning = "probability"\nregion_score = 0.6'


def card(
    name: str = "fracture.bright",
    *,
    target: str = "fracture",
    calibration: str = UNCALIBRATED,
    taken: str = RADIOGRAPH,
    given: str = SCORE,
    first: str = "",
) -> str:
    """A complete card; `first` stands before everything else."""
    return first + CARD.format(
        name=name, target=target, calibration=calibration, input=taken, output=given
    )


def tried_here(folder: Path) -> SaidOfItself:
    """As `models.third_party_adding.tried`, but in this process, which is quicker."""
    try:
        card = load_folder(folder, threads=1, cache=None).card
    except Exception as error:
        raise CannotAdd(f"cannot be loaded: {error}") from error
    return SaidOfItself(identity=card.identity, card=card_content(card))


class Brightest(torch.nn.Module):
    """As `tests.onnx_files.write_brightest`, but a dictionary of two outputs."""

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        """Of an image (1, 1, rows, columns)."""
        return {"score": image.amax(dim=(1, 2, 3)), "heat": image}


class Corner(torch.nn.Module):
    """Its score is the voxel at the end of every axis; its heat map is the volume itself."""

    def forward(self, volume: torch.Tensor) -> dict[str, torch.Tensor]:
        """Of a volume (1, 1, first, second, third)."""
        return {"score": volume[:, 0, -1, -1, -1], "heat": volume}


def inference(*transforms: Mapping[str, Any]) -> dict[str, Any]:
    """A bundle's inference.json, as far as Vigie reads it; images are loaded first."""
    load = {"_target_": "LoadImaged", "keys": "image"}
    chain = [load, {"_target_": "EnsureChannelFirstd", "keys": "image"}, *transforms]
    return {
        "axcodes": "LPS",
        "preprocessing": {"_target_": "Compose", "transforms": chain},
        "postprocessing": {"_target_": "Compose", "transforms": [{"_target_": "Flipd"}]},
    }


def metadata(
    *, shape: Sequence[int | str] = (4, 4), inputs: int = 1, **image: Any
) -> dict[str, Any]:
    """A bundle's metadata, as far as Vigie reads it."""
    described = {
        "type": "image",
        "format": "magnitude",
        "num_channels": 1,
        "spatial_shape": list(shape),
        "dtype": "float32",
        "value_range": [0, 1],
        "is_patch_data": False,
        **image,
    }
    return {
        "version": "0.1.0",
        "network_data_format": {"inputs": {f"image{n}": described for n in range(inputs)}},
    }


def write_torchscript(path: Path, network: torch.nn.Module) -> None:
    """A network, scripted."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*torch\.jit", category=DeprecationWarning)
        torch.jit.script(network).save(str(path))


def write_bundle(
    folder: Path,
    *,
    said: Mapping[str, Any] | None = None,
    card: str | None = None,
    network: str | None = "model.ts",
    scripted: torch.nn.Module | None = None,
    transforms: Mapping[str, Any] | None = None,
) -> Path:
    """A MONAI bundle; with `Brightest`, and without an inference.json, where nothing is given."""
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    (folder / "configs" / "metadata.json").write_text(json.dumps(said or metadata()))
    if card is not None:
        (folder / "configs" / "vigie.toml").write_text(card)
    if transforms is not None:
        (folder / "configs" / "inference.json").write_text(json.dumps(transforms))
    if network == "model.ts":
        write_torchscript(folder / "models" / "model.ts", scripted or Brightest())
    elif network is not None:
        (folder / "models" / network).write_bytes(b"a pickle, or not")
    return folder


def zipped(folder: Path, path: Path) -> Path:
    """The folder in a zip, under its own name."""
    with zipfile.ZipFile(path, "w") as archive:
        for one in sorted(folder.rglob("*")):
            archive.write(one, one.relative_to(folder.parent))
    return path


_PACKAGE = """
from models.card import ModelCard
from models.detector import Assessment, Eligible
from worklist.finding import TargetFinding


class Sure:
    card = ModelCard(
        name="{name}", version="3", target=TargetFinding.FRACTURE, title="Sure",
        intended_use="A test.", limits=("All.",), training_data=("None.",), weights_file="",
        weights_sha256="0" * 64, operating_point=0.5, calibration={{}}, performance={{}},
    )

    def eligibility(self, series):
        return Eligible()

    def assess(self, series):
        assert all(one.images for one in series)
        return Assessment(probability=0.75)


def load(*, threads, cache):
    return Sure()
"""


def write_wheel(
    folder: Path, *, name: str = "fracture.sure", package: str = "acme_sure", module: str = ""
) -> Path:
    """A wheel with one detector."""
    path = folder / f"{package}-1.0-py3-none-any.whl"
    about = f"{package}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{package}.py", module or _PACKAGE.format(name=name))
        wheel.writestr(
            f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n"
        )
        wheel.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{about}/entry_points.txt", f"[vigie.detectors]\n{name} = {package}:load\n")
        wheel.writestr(f"{about}/RECORD", "")
    return path
