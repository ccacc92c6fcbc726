"""Train what turns radiographs back that lie on their side:
``python -m models.training.radiograph_turn --data D --out DIR``.

Learns which of the four ways to turn each radiograph of ``fracture`` (split train, but every fifth)
it came in. Each is cut to any shape first, so that the shape tells nothing. Those set apart say how
it fares; with split valid, they set the limit.
"""

import argparse
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from rich.console import Console
from safetensors.torch import load_file
from torch.nn import functional

from models.fracture import CARD_PATH
from models.mobilenet import freeze_early_layers, start_from
from models.radiograph_turn import WEIGHTS_FILE, Doubles, RadiographTurn, canvases_of, margin
from models.radiograph_turn_network import RadiographTurnNetwork
from models.runtime import Floats
from models.training.detector_files import save_weights
from models.training.fitting import Fitting, write_checkpoint
from models.training.labels import LabelledRadiograph, read_labels
from models.training.progress import Progress, progress_bar
from models.training.radiograph_guard import bordered, relit, shrunk
from models.training.resuming import MADE_WITH, made_with, read_to_resume

Grey = npt.NDArray[np.uint8]
Random = np.random.Generator

TRAINING_DATA = (
    "FracAtlas (Abedeen et al. 2023), CC BY 4.0: radiographs of split train, four of five, turned "
    "by the program",
    "Trunk started from the fracture network's, which learnt FracAtlas' split train from "
    "MobileNetV2 1.0 trained on ImageNet by Google (tf2_mobilenet_v2_1.0_224_ptq, google-coral), "
    "Apache-2.0",
)
_APART = 5  # every so manieth radiograph of split train is set apart
_KEPT = 224  # longest side of images in memory, pixels
_BATCH = 16  # radiographs, each of which is seen in four ways
_RATE, _TRUNK_RATE = 2e-3, 2e-4
_WARM_UP, _DECAY = 20, 0.98  # steps; of the averaged weights
_SAVED_EVERY = 50  # steps
_TILT = 20.0  # degrees to either side
_LONGEST, _LEAST_KEPT = 1.8, 0.6  # of the sides of a cut to one another; share that it leaves
_MARGIN = 0.5  # log odds; the limit lies so far above the valid radiograph that sets it
_MOST_TURNED = 0.005  # of those set apart: so many may lie beyond the limit


@dataclass(frozen=True, kw_only=True, slots=True)
class Margins:
    """By how many log odds radiographs seem to lie on their side, which none of them does.

    Turned a quarter, each has the same margin with the other sign: what is said of the four ways
    only changes places.
    """

    as_is: Doubles

    def beyond(self, limit: float) -> tuple[int, int, int]:
        """How many there are, are turned as they are, and are turned back from their side."""
        return len(self.as_is), int((self.as_is > limit).sum()), int((self.as_is < -limit).sum())


def train(
    data: Path,
    out: Path,
    *,
    steps: int = 160,
    seed: int = 1,
    threads: int = 1,
    resume: bool = False,
    progress: Progress = lambda _what, _share: None,
) -> tuple[float, Margins, Margins]:
    """Train, set the limit, and write weights and toml into a folder.

    Parameters
    ----------
    resume
        Go on from ``last.pt`` in that folder, where there is one.

    Returns
    -------
    limit
        Log odds beyond which an image is turned back.
    apart, valid
        What is said of the radiographs set apart, and of split valid.

    Raises
    ------
    ValueError
        If ``last.pt`` was made with other settings or data.
    """
    torch.set_num_threads(threads)
    rows = read_labels(data / "fracture")
    learnt, apart = split(rows)
    made = made_with({"steps": steps, "seed": seed}, [[row.image for row in learnt]])
    out.mkdir(parents=True, exist_ok=True)
    saved = read_to_resume(out, made) if resume else None
    fitting = fitting_of(seed)
    if saved is not None:
        fitting.restore(saved)
    radiographs = shrunk([row.path for row in learnt], _KEPT) if fitting.step < steps else []
    while fitting.step < steps:
        loss = one_step(fitting, radiographs, fitting.step / steps)
        progress(f"learning, loss {loss:.4f}", fitting.step / steps)
        if fitting.step % _SAVED_EVERY == 0 or fitting.step == steps:
            write_checkpoint(out, {MADE_WITH: made, **fitting.state()})
    said = margins(fitting.averaged, _read(apart))
    valid = margins(fitting.averaged, _read([row for row in rows if row.split == "valid"]))
    limit = limit_of(said, valid)
    _write(fitting.averaged, limit, said, valid, out)
    return limit, said, valid


def split(
    rows: Sequence[LabelledRadiograph],
) -> tuple[list[LabelledRadiograph], list[LabelledRadiograph]]:
    """What is learnt from, and what is set apart: every fifth of split train."""
    train_rows = [row for row in rows if row.split == "train"]
    learnt = [row for number, row in enumerate(train_rows) if number % _APART]
    return learnt, train_rows[::_APART]


def _read(rows: Sequence[LabelledRadiograph]) -> list[Grey]:
    return shrunk([row.path for row in rows], 2 * _KEPT)


def fitting_of(seed: int) -> Fitting[RadiographTurnNetwork]:
    """A network with the fracture network's trunk, whose first layers stay as they are."""
    torch.manual_seed(seed)
    network = RadiographTurnNetwork().train()
    start_from(network, load_file(CARD_PATH.with_suffix(".safetensors")))
    freeze_early_layers(network.stem, network.blocks, 4)
    named = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
    trunk = [p for name, p in named if name.startswith("blocks")]
    new = [p for name, p in named if not name.startswith("blocks")]
    optimizer = torch.optim.AdamW(
        [{"params": trunk, "lr": _TRUNK_RATE}, {"params": new, "lr": _RATE}], weight_decay=0.05
    )
    return Fitting(
        network,
        averaged=RadiographTurnNetwork(),
        optimizer=optimizer,
        random=np.random.default_rng(seed),
        decay=_DECAY,
        warm_up_steps=_WARM_UP,
    )


def one_step(
    fitting: Fitting[RadiographTurnNetwork], radiographs: Sequence[Grey], share: float
) -> float:
    """Learn once from some radiographs in all four ways: as it came is the likeliest; the loss."""
    fitting.set_rate(share)
    chosen = fitting.random.integers(len(radiographs), size=_BATCH)
    images = [canvases_of(varied(radiographs[place], fitting.random)) for place in chosen]
    (said,) = fitting.network(torch.from_numpy(np.concatenate(images))[:, None])
    wanted = torch.zeros(_BATCH, dtype=torch.long)
    return fitting.learn(functional.cross_entropy(said.reshape(_BATCH, 4), wanted))


def varied(grey: Grey, random: Random) -> Grey:
    """Mirror left to right, tilt, cut to any shape, relight, and perhaps lay a border around."""
    if random.random() < 0.5:
        grey = grey[:, ::-1]
    if random.random() < 0.5:
        tilt = float(random.uniform(-_TILT, _TILT))
        grey = np.asarray(Image.fromarray(np.ascontiguousarray(grey)).rotate(tilt))
    height, width = cut_to(grey.shape, random)
    rows, columns = grey.shape
    top, left = int(random.integers(rows - height + 1)), int(random.integers(columns - width + 1))
    cut = np.ascontiguousarray(grey[top : top + height, left : left + width])
    return bordered(relit(cut, random), random)


def cut_to(shape: tuple[int, ...], random: Random) -> tuple[int, int]:
    """Rows and columns of a cut, as likely high as broad, whatever the shape of the whole."""
    ratio = float(np.exp(random.uniform(-1, 1) * np.log(_LONGEST)))  # rows to columns
    rows, columns = shape
    width = min(columns, rows / ratio) * random.uniform(_LEAST_KEPT, 1)
    return max(1, min(rows, round(width * ratio))), max(1, min(columns, round(width)))


def margins(network: RadiographTurnNetwork, radiographs: Sequence[Grey]) -> Margins:
    """What a network says of radiographs that lie as they should."""

    def run(batch: Floats) -> dict[str, Floats]:
        with torch.inference_mode():
            (said,) = network(torch.from_numpy(batch))
        return {"logit": said.numpy()}

    turn = RadiographTurn(network=run, least_margin=0.0)
    return Margins(as_is=np.array([margin(turn.said(grey)) for grey in radiographs]))


def limit_of(apart: Margins, valid: Margins) -> float:
    """Above every valid radiograph, and above nearly all of those set apart."""
    allowed = int(_MOST_TURNED * len(apart.as_is))
    among = float(np.sort(apart.as_is)[::-1][allowed])
    return max(0.0, among, float(valid.as_is.max()) + _MARGIN)


def _write(
    network: RadiographTurnNetwork, limit: float, apart: Margins, valid: Margins, out: Path
) -> None:
    weights = out / WEIGHTS_FILE
    save_weights(network.state_dict(), weights)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    least = math.ceil(limit * 100) / 100
    lines = [
        f'weights_sha256 = "{digest}"',
        f"least_margin = {least:.2f}",
        "training_data = [",
        *(f'  "{source}",' for source in TRAINING_DATA),
        "]",
        "",
        "# radiographs: how many, turned as they are, and turned back from their side",
        "[turned]",
        f"apart = {list(apart.beyond(least))}",
        f"valid = {list(valid.beyond(least))}",
    ]
    weights.with_suffix(".toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    """Train as the command line says."""
    parser = argparse.ArgumentParser(description="Train what turns radiographs back.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=160)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--resume", action="store_true")
    chosen = parser.parse_args(arguments)
    console = Console()
    with progress_bar(console) as progress:
        limit, apart, valid = train(
            chosen.data,
            chosen.out,
            steps=chosen.steps,
            seed=chosen.seed,
            threads=chosen.threads,
            resume=chosen.resume,
            progress=progress,
        )
    for what, said in (("apart", apart), ("valid", valid)):
        console.print(f"limit {limit:.2f}, {what}: {said.beyond(limit)}", markup=False)


if __name__ == "__main__":
    main()
