"""How many nodules the installed detector finds in real chest CT into which they were put.

Run from the checkout: ``python benchmarks/nodule_froc.py``. Semi-synthetic: the scans are
patients', mirrored, scaled and made noisier; the nodules are computed (see
``models/training/nodule_simulation.py``). Findings that a ``truth.json`` beside the files names
(``mass_boxes_x1y1x2y2``) count neither as hits nor as false positives.

``--calibrate`` fits the card's studies on these scans and chooses its operating point: the
highest that flags 0.70 of the scans with a single nodule of 6 mm and more.
``--state`` writes what it finds, and what the operating point does, on scans drawn anew: with
another seed than that which chose the point.
"""

import argparse
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from models.calibration import auc, wilson_interval
from models.card import ModelCard, read_card
from models.detector import SeriesImages, Unsuitable
from models.headers import read_series_headers
from models.images import load_series
from models.nodule import CARD_PATH, NoduleDetector, load
from models.training.detector_files import write_card
from models.training.nodule_calibrating import calibrated, stated, study_figures
from models.training.nodule_froc import (
    RATES,
    Scan,
    fit_lesions,
    intervals,
    judge_scan,
    sensitivities,
    threshold_at,
)
from models.training.nodule_simulation import Background, KnownZone, varied
from worklist.study import ArchivedInstance
from worklist.uid import SeriesInstanceUID, SOPInstanceUID

STUDY = Path(__file__).parents[1].parent / "shared/dicom/studies/chestct_a0001"
_SEED = "study_chosen_with_seed"  # the figure of the card that says which scans chose its point
_ROOM_MM = 12.0  # around a known finding


def main() -> None:
    """Simulate, look, and print the curve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", type=Path, nargs="+", default=[STUDY], help="folders of files")
    parser.add_argument("--scans", type=int, default=40, help="with nodules; as many without")
    parser.add_argument("--nodules", type=int, default=3, help="put into each scan")
    parser.add_argument("--smallest", type=float, default=4.0, help="diameter, mm")
    parser.add_argument("--largest", type=float, default=20.0, help="diameter, mm")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", type=Path, help="file for every figure")
    parser.add_argument("--card", type=Path, default=CARD_PATH, help="of the detector to look with")
    writing = parser.add_mutually_exclusive_group()
    writing.add_argument("--calibrate", action="store_true", help="fit the card on these scans")
    writing.add_argument("--state", action="store_true", help="write the rates into the card")
    options = parser.parse_args()
    if options.state and read_card(options.card).performance.get(_SEED) == options.seed:
        parser.error(f"the scans of seed {options.seed} chose the operating point: draw others")
    detector = load(card_path=options.card, threads=options.threads)
    studies = [read_study(folder) for folder in options.study]
    random = np.random.default_rng(options.seed)
    sizes = (options.smallest, options.largest)
    with_nodules = [
        one_scan(detector, *studies[n % len(studies)], options.nodules, sizes, random)
        for n in range(options.scans)
    ]
    single = [
        one_scan(detector, *studies[n % len(studies)], 1, sizes, random)
        for n in range(options.scans)
    ]
    without = [
        one_scan(detector, *studies[n % len(studies)], 0, sizes, random)
        for n in range(options.scans)
    ]
    print_curve(with_nodules, random)
    print_groups(with_nodules)
    print_fit(with_nodules)
    print_study(detector.card, single, without)
    card = detector.card
    if options.calibrate:
        card = calibrated(card, single, without)
        card = replace(card, performance={**card.performance, _SEED: options.seed})
        write_card(card, options.card)
    if options.state:
        write_card(stated(card, with_nodules, single, without), options.card)
    if options.json is not None:
        every = {"with_nodules": with_nodules, "single": single, "without": without}
        content = {name: [asdict(scan) for scan in scans] for name, scans in every.items()}
        options.json.write_text(json.dumps(content, indent=1), encoding="utf-8")


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


def print_curve(scans: Sequence[Scan], random: np.random.Generator) -> None:
    """The free-response curve."""
    total = sum(len(scan.nodules) for scan in scans)
    print(f"semi-synthetic: {total} nodules put into {len(scans)} varied scans")
    bounds = intervals(scans, random)
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


def print_study(card: ModelCard, single: Sequence[Scan], without: Sequence[Scan]) -> None:
    """How well the most suspect place tells scans with one nodule from those without."""
    present = np.arange(len(single) + len(without)) < len(single)
    highest = np.array([scan.highest for scan in (*single, *without)])
    print(
        f"one nodule or none, {len(single)} and {len(without)} scans: "
        f"AUC {auc(highest, present):.3f}"
    )
    for share in (0.5, 0.75, 0.9, 0.95):
        level = float(np.quantile(highest[~present], share))
        hit = float(np.mean(highest[present] > level))
        print(f"  specificity {share:.2f}: log odds {level:.2f}, sensitivity {hit:.3f}")
    for name, figure in study_figures(card, single, without).items():
        print(f"  {name}: {figure}")


def print_fit(scans: Sequence[Scan]) -> None:
    """What the card's calibration of lesions would be, had it been fitted on these scans."""
    print(f"lesions: {fit_lesions(scans)}")


if __name__ == "__main__":
    main()
