"""Train the radiograph guard: ``python -m models.training.radiograph_guard --data D --out DIR``.

Learns radiographs of ``fracture`` (split train) and drawn limbs against the same ones inverted,
heads of ``hemorrhage``, lungs of ``nodule_ct`` and drawings. Split valid sets the limit.
"""

import argparse
import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from rich.console import Console
from safetensors.torch import save_file
from torch.nn import functional

from models.letterbox import plan, resize, to_canvas, to_grey
from models.radiograph_guard import SIDE, WEIGHTS_FILE
from models.radiograph_guard_network import RadiographGuardNetwork
from models.training.augmentation import read_grey
from models.training.labels import read_labels
from models.training.progress import Progress, progress_bar
from models.training.radiograph_guard_drawings import NO_RADIOGRAPHS, limb

Grey = npt.NDArray[np.uint8]
Random = np.random.Generator
Thing = TypeVar("Thing")

_DRAWN = 200  # drawings of a kind, made once: changing them is faster
_KEPT = 160  # longest side of images in memory, pixels
_BATCH = 64
_RATE = 3e-3
_CLIPPED = (1, 254)  # of the brain window's greys: beyond, the bone window knows better
_SHARES = {"radiograph": 0.47, "limb": 0.03, "inverted": 0.2, "head": 0.1, "lung": 0.05}
_INVERTED = 0.3  # of the images that are none
_LEAST_LOGIT_MARGIN = 0.5  # the limit lies this far below the valid radiograph that sets it
TRAINING_DATA = (
    "FracAtlas (Abedeen et al. 2023), CC BY 4.0: radiographs of split train, also inverted",
    "CT-ICH 1.0.0 (Hssayeni et al. 2020), CC BY 4.0: planes of heads, as what is no radiograph",
    "LUNA16 (Setio et al. 2017) from LIDC-IDRI (Armato et al. 2011), CC BY 3.0: cuts of chests, "
    "as what is no radiograph",
    "drawings by the program",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """What images are drawn from."""

    radiographs: list[Grey]
    heads: list[npt.NDArray[np.float32]]  # HU
    lungs: npt.NDArray[np.uint8]  # (n, 50, 50)
    limbs: list[Grey]  # drawn
    drawings: list[Grey]  # of what is no radiograph


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """The limit that the valid radiographs set, and what it does to them."""

    least_logit: float  # log odds of an image that passes
    valid: int  # radiographs
    refused: int  # of them
    inverted_refused: int  # of the same, inverted

    def __str__(self) -> str:
        return (
            f"limit {self.least_logit:.3f}; of {self.valid} valid radiographs {self.refused} are "
            f"refused, and inverted {self.inverted_refused}"
        )


def train(
    data: Path,
    out: Path,
    *,
    steps: int = 700,
    seed: int = 1,
    threads: int = 1,
    progress: Progress = lambda _what, _share: None,
) -> Limit:
    """Train, set the limit, and write weights and toml into a folder.

    Parameters
    ----------
    data
        The folder that holds ``fracture``, ``hemorrhage`` and ``nodule_ct``.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    rows = read_labels(data / "fracture")
    sources = Sources(
        radiographs=shrunk([row.path for row in rows if row.split == "train"]),
        heads=_heads(data / "hemorrhage" / "slices", random),
        lungs=np.load(data / "nodule_ct" / "candidates.npz")["patches"],
        limbs=[limb(random) for _ in range(_DRAWN)],
        drawings=[draw(random) for draw in NO_RADIOGRAPHS.values() for _ in range(_DRAWN)],
    )
    network = _learn(sources, steps, random, progress)
    valid = np.stack(
        [to_canvas(read_grey(row), SIDE, SIDE)[0] for row in rows if row.split == "valid"]
    )
    with torch.inference_mode():
        logits = np.sort(network(torch.from_numpy(valid)[:, None])[0].numpy())
        inverted = network(torch.from_numpy(-valid)[:, None])[0].numpy()
    least = min(0.0, float(logits[1]) - _LEAST_LOGIT_MARGIN)
    _write(network, least, out)
    return Limit(
        least_logit=least,
        valid=len(logits),
        refused=int((logits < least).sum()),
        inverted_refused=int((inverted < least).sum()),
    )


def shrunk(paths: Sequence[Path], longest: int = _KEPT) -> list[Grey]:
    """Images in grey, the longer side so many pixels."""

    def read(path: Path) -> Grey:
        with Image.open(path) as image:
            grey = np.asarray(image.convert("L"))
        return resize(grey, plan((grey.shape[0], grey.shape[1]), longest, 1).content_shape)

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(read, paths))


def _heads(folder: Path, random: Random, count: int = 500) -> list[npt.NDArray[np.float32]]:
    """Some slices in Hounsfield units, put together from their two windows."""
    bones = sorted(folder.glob("*_bone.webp"))
    chosen = random.permutation(len(bones))[:count]
    wide = shrunk([bones[place] for place in chosen])
    near = shrunk([Path(str(bones[p]).replace("_bone", "_brain")) for p in chosen])
    heads = []
    for bone, brain in zip(wide, near, strict=True):
        low, high = _CLIPPED
        within = (brain >= low) & (brain <= high)
        units = np.where(within, -20 + brain * (120 / 255), -900 + bone * (3200 / 255))
        heads.append(units.astype(np.float32))
    return heads


def _learn(
    sources: Sources, steps: int, random: Random, progress: Progress
) -> RadiographGuardNetwork:
    network = RadiographGuardNetwork().train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=steps)
    for step in range(1, steps + 1):
        images, wanted = _batch(sources, random)
        (logits,) = network(images)
        loss = functional.binary_cross_entropy_with_logits(logits, wanted)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        progress(f"learning, loss {loss:.4f}", step / steps)
    return network.eval()


def _batch(sources: Sources, random: Random) -> tuple[torch.Tensor, torch.Tensor]:
    """Images (64, 1, 96, 96), -1 to 1, and 1.0 where they are radiographs."""
    pairs = [image_of(sources, random) for _ in range(_BATCH)]
    images = np.stack([to_canvas(image, SIDE, SIDE)[0] for image, _ in pairs])
    wanted = np.array([wanted for _, wanted in pairs], np.float32)
    return torch.from_numpy(images)[:, None], torch.from_numpy(wanted)


def image_of(sources: Sources, random: Random) -> tuple[Grey, bool]:
    """One image, changed at random, and whether the guard shall let it pass."""
    kinds = [*_SHARES, "drawing"]
    kind = random.choice(kinds, p=[*_SHARES.values(), 1 - sum(_SHARES.values())])
    match kind:
        case "radiograph":
            return changed(_one(sources.radiographs, random), random), True
        case "limb":
            return changed(_one(sources.limbs, random), random), True
        case "inverted":
            upright = sources.radiographs if random.random() < 0.9 else sources.limbs
            grey = _one(upright, random)
            if random.random() < 0.5:
                return changed(255 - grey, random), False
            return 255 - changed(grey, random), False
        case "head":
            grey = _windowed(_one(sources.heads, random), random)
        case "lung":
            grey = _mosaic(sources.lungs, random)
        case _:
            grey = _one(sources.drawings, random)
    if random.random() < _INVERTED:
        grey = 255 - grey
    return changed(grey, random), False


def _one(things: Sequence[Thing], random: Random) -> Thing:
    return things[int(random.integers(len(things)))]


def _windowed(head: npt.NDArray[np.float32], random: Random) -> Grey:
    """A brain, soft tissue, bone or whole-range window."""
    centre, width = [(40.0, 100.0), (60.0, 400.0), (600.0, 2600.0), (100.0, 2200.0)][
        int(random.integers(4))
    ]
    centre, width = centre * random.uniform(0.7, 1.3), width * random.uniform(0.6, 1.4)
    return np.asarray(np.clip((head - centre) / width + 0.5, 0, 1) * 255, np.uint8)


def _mosaic(patches: npt.NDArray[np.uint8], random: Random) -> Grey:
    side = int(random.integers(1, 4))
    chosen = patches[random.integers(len(patches), size=(side, side))]
    return np.concatenate(np.concatenate(chosen, axis=1), axis=1)


def changed(grey: Grey, random: Random) -> Grey:
    """Mirror, turn, cut, stretch, blur, relight, and lay a border around."""
    if random.random() < 0.5:
        grey = grey[:, ::-1]
    grey = np.rot90(grey, int(random.integers(4)))
    if random.random() < 0.3:
        turn = float(random.uniform(-45, 45))
        grey = np.asarray(Image.fromarray(np.ascontiguousarray(grey)).rotate(turn, expand=True))
    rows, columns = grey.shape
    height, width = (round(side * random.uniform(0.5, 1)) for side in (rows, columns))
    if random.random() < 0.6:
        top, left = (
            int(random.integers(rows - height + 1)),
            int(random.integers(columns - width + 1)),
        )
        grey = grey[top : top + height, left : left + width]
    if random.random() < 0.3:
        small = (max(24, grey.shape[0] // 2), max(24, grey.shape[1] // 2))
        grey = resize(np.ascontiguousarray(grey), small)
    return bordered(relit(np.ascontiguousarray(grey), random), random)


def relit(grey: Grey, random: Random) -> Grey:
    """Exposed otherwise, and with noise."""
    values = to_grey(grey).astype(np.float32) / 255
    values = values ** np.exp(random.uniform(-0.6, 0.6))
    values = (values - 0.5) * random.uniform(0.5, 1.4) + 0.5 + random.uniform(-0.15, 0.15)
    values += random.uniform(0, 0.05) * random.standard_normal(values.shape)
    return np.asarray(np.clip(values, 0, 1) * 255, np.uint8)


def bordered(grey: Grey, random: Random) -> Grey:
    """Perhaps dark bars as a collimator leaves, and a bright marker."""
    if random.random() < 0.25:
        sides = [(int(s), int(e)) for s, e in random.integers(0, 24, (2, 2))]
        grey = np.pad(grey, sides, constant_values=int(random.integers(0, 30)))
    if random.random() < 0.2:
        grey = grey.copy()
        top, left = (int(random.integers(0, max(1, side - 12))) for side in grey.shape)
        grey[top : top + int(random.integers(3, 12)), left : left + 8] = 255
    return grey


def _write(network: RadiographGuardNetwork, limit: float, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    weights = out / WEIGHTS_FILE
    state = {name: value.float() for name, value in network.state_dict().items()}
    save_file(state, weights)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    sources = "".join(f'  "{source}",\n' for source in TRAINING_DATA)
    weights.with_suffix(".toml").write_text(
        f'weights_sha256 = "{digest}"\nleast_logit = {limit:.4f}\ntraining_data = [\n{sources}]\n',
        encoding="utf-8",
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Train as the command line says."""
    parser = argparse.ArgumentParser(description="Train the radiograph guard.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=700)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    console = Console()
    with progress_bar(console) as progress:
        limit = train(
            chosen.data, chosen.out, steps=chosen.steps, seed=chosen.seed, progress=progress
        )
    console.print(str(limit), markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
