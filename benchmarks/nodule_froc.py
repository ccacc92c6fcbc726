"""How many nodules the installed detector finds in real chest CT into which they were put.

Run from the checkout: ``python benchmarks/nodule_froc.py`` makes every figure of the model card's
page that rests on simulation, from nothing. Each scan is kept in a file (``--keep``) as soon as it
was looked at: a run that was interrupted goes on where it stopped, and says the same.

Semi-synthetic: the scans are patients', mirrored, scaled and made noisier; the nodules are computed
(see ``models/training/nodule_simulation.py``). Findings that a ``truth.json`` beside the files
names (``mass_boxes_x1y1x2y2``) count neither as hits nor as false positives.

Some scans choose the operating point (the highest that surely flags a share of the scans with a
single nodule of 6 mm and more), others, drawn anew, state what it does. ``--write`` writes both
into the card; without it, the command says where the card says something else.
"""

import argparse
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

import numpy as np

from models.card import ModelCard
from models.detector import SeriesImages, Unsuitable
from models.headers import read_series_headers
from models.images import load_series
from models.measures import wilson_interval
from models.nodule import CARD_PATH, NoduleDetector, load
from models.training.detector_files import write_card
from models.training.nodule_calibrating import (
    LEAST_SENSITIVITY,
    calibrated,
    of_actionable_size,
    stated,
)
from models.training.nodule_froc import (
    RATES,
    Scan,
    fit_lesions,
    intervals,
    judge_scan,
    sensitivities,
    threshold_at,
)
from models.training.nodule_kept import KeptScans, dependencies
from models.training.nodule_simulation import Background, KnownZone, varied
from models.training.progress import Progress, progress_bar
from worklist.study import ArchivedInstance
from worklist.uid import SeriesInstanceUID, SOPInstanceUID

STUDY = Path(__file__).parents[1].parent / "shared/dicom/studies/chestct_a0001"
KEPT = Path("runs/nodule_froc/scans.jsonl")
_ROOM_MM = 12.0  # around a known finding
_HALF = "half as many more without a nodule"
_SEVERAL = 3  # nodules in a scan of the free-response curve
_REACHED = (0.5, 0.6, 0.7, 0.8, 0.9)  # sensitivities whose price is printed


class Part(StrEnum):
    """What scans are for; those that choose and those that state share none."""

    CHOOSING_ONE = "choosing, one nodule"
    CHOOSING_NONE = "choosing, no nodule"
    SEVERAL = "several nodules"
    ONE = "one nodule"
    NONE = "no nodule"


_NODULES = {Part.CHOOSING_ONE: 1, Part.SEVERAL: _SEVERAL, Part.ONE: 1}  # none in the others

Study = tuple[SeriesImages, tuple[KnownZone, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Simulation:
    """Which scans are made."""

    studies: Sequence[Study]
    seed: int
    sizes_mm: tuple[float, float]
    counts: Mapping[Part, int]

    def scan(self, detector: NoduleDetector, part: Part, number: int) -> Scan:
        """One of them; the same whichever were made before it."""
        random = np.random.default_rng((self.seed, list(Part).index(part), number))
        study = self.studies[number % len(self.studies)]
        return one_scan(detector, *study, _NODULES.get(part, 0), self.sizes_mm, random)


def main() -> None:
    """Simulate, look, choose, and print what comes of it."""
    options = _options()
    detector = load(card_path=options.card, threads=options.threads)
    simulation = Simulation(
        studies=[read_study(folder) for folder in options.study],
        seed=options.seed,
        sizes_mm=(options.smallest, options.largest),
        counts={
            Part.CHOOSING_ONE: options.choosing,
            Part.CHOOSING_NONE: options.choosing // 2,
            Part.SEVERAL: options.curve,
            Part.ONE: options.stating,
            Part.NONE: options.stating // 2,
        },
    )
    files = [path for folder in options.study for path in folder.glob("*") if path.is_file()]
    settings = {"seed": options.seed, "sizes": [options.smallest, options.largest]}
    kept = KeptScans(options.keep, dependencies(detector.card, files, settings))
    with progress_bar() as progress:
        scans = every_scan(simulation, detector, kept, progress)
    print_curve(scans[Part.SEVERAL])
    print_groups(scans[Part.SEVERAL])
    print_fit(scans[Part.SEVERAL])
    card = chosen_and_stated(detector.card, scans, options.wanted)
    print_study(card, scans)
    print_differences(detector.card, card)
    if options.write:
        write_card(card, options.card)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--study", type=Path, nargs="+", default=[STUDY], help="folders of files")
    parser.add_argument("--keep", type=Path, default=KEPT, help="file of the scans looked at")
    parser.add_argument("--choosing", type=int, default=300, help=f"scans that choose; {_HALF}")
    parser.add_argument("--stating", type=int, default=160, help=f"scans drawn anew; {_HALF}")
    parser.add_argument("--curve", type=int, default=60, help="scans of the free-response curve")
    parser.add_argument("--smallest", type=float, default=4.0, help="diameter, mm")
    parser.add_argument("--largest", type=float, default=20.0, help="diameter, mm")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--wanted", type=float, default=LEAST_SENSITIVITY, help="to flag surely")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--card", type=Path, default=CARD_PATH, help="of the detector to look with")
    parser.add_argument("--write", action="store_true", help="write the card")
    return parser.parse_args()


def every_scan(
    simulation: Simulation, detector: NoduleDetector, kept: KeptScans, progress: Progress
) -> dict[Part, list[Scan]]:
    """The scans of each part, those kept and those made now."""
    total, done = sum(simulation.counts.values()), 0
    scans: dict[Part, list[Scan]] = {part: [] for part in Part}
    for part, count in simulation.counts.items():
        for number in range(count):
            make = partial(simulation.scan, detector, part, number)
            scans[part].append(kept.get(part, number, make))
            done += 1
            progress(f"simulated scans, {done} of {total}", done / total)
    return scans


def chosen_and_stated(
    card: ModelCard, scans: Mapping[Part, Sequence[Scan]], wanted: float
) -> ModelCard:
    """The card with a point that some scans chose, and what it does on the others."""
    card = calibrated(card, scans[Part.CHOOSING_ONE], scans[Part.CHOOSING_NONE], wanted)
    return stated(card, scans[Part.SEVERAL], scans[Part.ONE], scans[Part.NONE])


def read_study(folder: Path) -> tuple[SeriesImages, tuple[KnownZone, ...]]:
    """The CT series of a folder and the findings that its ``truth.json`` names."""
    instances = [
        ArchivedInstance(
            sop_instance_uid=SOPInstanceUID(f"1.2.{number}"),
            series_instance_uid=SeriesInstanceUID("1.2"),
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            archive_path=path.name,
        )
        for number, path in enumerate(sorted(folder.glob("*.dcm")), start=1)
    ]
    (header,) = read_series_headers(instances, folder).series
    series = load_series(header)
    truth = folder / "truth.json"
    if not truth.is_file():
        return series, ()
    boxes = {
        number: entry["mass_boxes_x1y1x2y2"]
        for number, entry in enumerate(json.loads(truth.read_text())["instances"], start=1)
        if entry.get("mass_boxes_x1y1x2y2")
    }
    return series, zones(series, boxes)


def zones(series: SeriesImages, boxes: dict[int, list[list[float]]]) -> tuple[KnownZone, ...]:
    """A ball around every box; ``boxes`` counts the files from 1, in the order of their names."""
    found = []
    for image in series.images:
        for x1, y1, x2, y2 in boxes.get(int(image.sop_instance_uid.rpartition(".")[2]), []):
            down, across = image.pixel_spacing_mm or (1.0, 1.0)
            x, y, z = image.image_position_mm or (0.0, 0.0, 0.0)
            found.append(
                KnownZone(
                    centre_mm=(x + across * (x1 + x2) / 2, y + down * (y1 + y2) / 2, z),
                    radius_mm=max(across * (x2 - x1), down * (y2 - y1)) / 2 + _ROOM_MM,
                )
            )
    return tuple(found)


def one_scan(
    detector: NoduleDetector,
    series: SeriesImages,
    known: Sequence[KnownZone],
    count: int,
    sizes: tuple[float, float],
    random: np.random.Generator,
) -> Scan:
    """Vary the scan, put nodules in, look, and judge."""
    series, known = varied(series, known, random)
    background = Background(series, known)
    simulated, nodules = background.with_nodules(count, random, diameters_mm=sizes)
    found = detector.find(simulated)
    if isinstance(found, Unsuitable):
        raise SystemExit(f"the detector does not look at the simulated scan: {found.reason}")
    return judge_scan(found[1], nodules, known)


def print_curve(scans: Sequence[Scan]) -> None:
    """The free-response curve."""
    total = sum(len(scan.nodules) for scan in scans)
    print(f"semi-synthetic: {total} nodules put into {len(scans)} varied scans")
    bounds = intervals(scans, np.random.default_rng(0))
    for rate, found, (low, high) in zip(RATES, sensitivities(scans), bounds, strict=True):
        print(f"  {rate:5.3f} false positives a scan: {found:.3f} ({low:.3f} to {high:.3f})")
    print(f"  mean over the seven rates: {sensitivities(scans).mean():.3f}")


def print_groups(scans: Sequence[Scan]) -> None:
    """Sensitivity at one false positive a scan by size, texture and place; error of diameters."""
    threshold = threshold_at(scans, 1.0)
    groups: dict[str, list[bool]] = {}
    errors = []
    for scan in scans:
        for number, nodule in enumerate(scan.nodules):
            place = scan.best_place(number)
            size = next(limit for limit in (6, 8, 12, 99) if nodule.diameter_mm < limit)
            for name in (f"under {size} mm", nodule.texture.value, nodule.setting.value):
                hit = place is not None and place.suspicion > threshold
                groups.setdefault(name, []).append(hit)
            if place is not None:
                errors.append(place.diameter_mm - nodule.diameter_mm)
    print(f"at 1 false positive a scan (log odds above {threshold:.2f}):")
    for name, hits in sorted(groups.items()):
        low, high = wilson_interval(sum(hits), len(hits))
        print(f"  {name}: {sum(hits)} of {len(hits)} ({low:.2f} to {high:.2f})")
    total = sum(len(scan.nodules) for scan in scans)
    print(f"  among the places looked at closely: {len(errors)} of {total}")
    if errors:
        low, middle, high = np.percentile(errors, (25, 50, 75))
        print(
            f"  diameter, told less true: {middle:+.1f} mm (middle half {low:+.1f} to {high:+.1f})"
        )


def print_study(card: ModelCard, scans: Mapping[Part, Sequence[Scan]]) -> None:
    """The point chosen, what it does, and what other sensitivities would cost."""
    print(f"operating point {card.operating_point}, study {card.calibration['study']}")
    for name, figure in card.performance.items():
        if name.startswith("study_"):
            print(f"  {name}: {figure}")
    flagged = sum(scan.highest >= _suspicion(card) for scan in scans[Part.SEVERAL])
    print(f"  of {len(scans[Part.SEVERAL])} scans with {_SEVERAL} nodules {flagged} are flagged")
    for one, none in ((Part.CHOOSING_ONE, Part.CHOOSING_NONE), (Part.ONE, Part.NONE)):
        large = np.array([scan.highest for scan in of_actionable_size(scans[one])])
        clear = np.array([scan.highest for scan in scans[none]])
        print(f"scans with {one} of 6 mm and more ({len(large)}), and without ({len(clear)}):")
        for share in _REACHED:
            level = float(np.quantile(large, 1 - share))
            print(
                f"  sensitivity {share:.2f}: suspicion {level:.2f}, "
                f"specificity {float(np.mean(clear < level)):.3f}"
            )


def _suspicion(card: ModelCard) -> float:
    """The suspicion at which a study reaches the operating point."""
    study = card.calibration["study"]
    (weight,), bias = study["weights"], study["bias"]
    return (math.log(card.operating_point / (1 - card.operating_point)) - bias) / weight


def print_differences(before: ModelCard, now: ModelCard) -> None:
    """Where the card of the detector that looked says something else."""
    said = {"operating_point": before.operating_point, **before.calibration, **before.performance}
    says = {"operating_point": now.operating_point, **now.calibration, **now.performance}
    differ = [name for name in {**said, **says} if _written(said, name) != _written(says, name)]
    print(f"the card differs in: {', '.join(differ)}" if differ else "the card says the same")


def _written(figures: Mapping[str, object], name: str) -> object:
    """A figure as a card holds it, to six decimals."""
    return json.loads(json.dumps(figures.get(name)), parse_float=lambda text: round(float(text), 6))


def print_fit(scans: Sequence[Scan]) -> None:
    """What the card's calibration of lesions would be, had it been fitted on these scans."""
    print(f"lesions: {fit_lesions(scans)}")


if __name__ == "__main__":
    main()
