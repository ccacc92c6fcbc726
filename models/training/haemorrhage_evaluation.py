"""How good the haemorrhage detector is on a folder of labelled head CTs."""

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import ImageDraw

from models.detector import Image, Unsuitable
from models.haemorrhage import HaemorrhageDetector, Sight, load
from models.haemorrhage_findings import FRACTURE_OF_SKULL, Thresholds, findings_of
from models.measures import (
    Floats,
    auc,
    auc_interval,
    brier_score,
    expected_calibration_error,
    reliability,
    wilson_interval,
)
from models.training.figures import choose, identity, rates, without_nan
from models.training.haemorrhage_data import Box, LabelledPatient, as_images, read_patients
from models.training.progress import Progress

_FINE = 4  # parts of a pixel in which overlap is looked for
_DRAWS = 400  # of labels, for the calibration error that chance alone gives


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """One labelled patient and what the detector made of the slices."""

    patient: LabelledPatient
    probability: float  # of the study; 0 where the detector did not look
    planes: Floats  # (slice,), calibrated probability that it shows blood; 0 where not looked at
    logits: Floats  # (slice, 3), uncalibrated log odds; -inf where not looked at
    evidence: tuple[float, ...] | None  # None: the detector did not look
    hits: tuple[bool, ...] = ()  # for each slice with boxes, whether a region overlaps one
    images: tuple[Image, ...] = ()  # without pixels
    sight: Sight | None = None  # without pixels
    reason: str = ""  # why it did not look


def evaluate(
    data: Path,
    *,
    split: str | None = None,
    detector: HaemorrhageDetector | None = None,
    progress: Progress = lambda _what, _share: None,
) -> dict[str, Any]:
    """Measure the detector, run as in production, on a folder with ``labels.csv``.

    The slices are rebuilt from their two windows; where they lie in the patient is not known,
    nor how large a pixel is. A patient that cannot be read or that the detector calls unsuitable
    counts as a failure, with probability 0 for the patient and each slice.

    Parameters
    ----------
    split
        A value of the column ``split``, or ``all``. None takes all patients but those of split
        ``train``, or all where that leaves none.
    detector
        None loads the one that is installed.

    Returns
    -------
    dict
        Ready for JSON; a figure that cannot be computed is None.

    Raises
    ------
    models.training.labels.LabelsError
        If the folder has no usable ``labels.csv``, or no patient of the split.
    """
    started = time.perf_counter()
    every = read_patients(data)
    chosen, used = choose(
        [one.split for one in every], split, one="patient of labels.csv", several="patients"
    )
    patients = [one for one, wanted in zip(every, chosen, strict=True) if wanted]
    detector = detector or load()
    judged = look_at_all(detector, patients, progress)
    return {
        "data": str(data),
        "rows_used": used,
        **measure(judged, detector.card.operating_point),
        "model": identity(detector.card),
        "seconds": round(time.perf_counter() - started, 3),
    }


def look_at_all(
    detector: HaemorrhageDetector, patients: Sequence[LabelledPatient], progress: Progress
) -> list[Judged]:
    """Run the detector on every patient."""
    judged = []
    for number, patient in enumerate(patients, start=1):
        judged.append(judge(detector, patient))
        progress("looking at head CTs", number / len(patients))
    return judged


def judge(detector: HaemorrhageDetector, patient: LabelledPatient) -> Judged:
    """Run the detector on one patient; what cannot be read is kept with its reason."""
    try:
        images = as_images(patient)
    except (OSError, ValueError, SyntaxError) as error:
        return _not_judged(patient, f"{type(error).__name__}: {error}")
    sight = detector.look(images)
    if isinstance(sight, Unsuitable):
        return _not_judged(patient, f"called unsuitable: {sight.reason}")
    # many patients are kept: without their pixels
    nothing = np.zeros((0, 0), np.float32)
    images = tuple(replace(image, pixels=nothing) for image in images)
    sight = replace(sight, stack=replace(sight.stack, planes=nothing[None]))
    return _judged(detector, patient, images, sight)


def judge_again(detector: HaemorrhageDetector, judged: Judged) -> Judged:
    """The same sight by another detector's calibration and operating points."""
    if judged.sight is None:
        return judged
    sight = detector.calibrated(judged.sight)
    return _judged(detector, judged.patient, judged.images, sight)


def _judged(
    detector: HaemorrhageDetector,
    patient: LabelledPatient,
    images: tuple[Image, ...],
    sight: Sight,
) -> Judged:
    planes, logits = np.zeros(len(images)), np.full((len(images), 3), -np.inf)
    for slab, members in enumerate(sight.stack.members):
        planes[list(members)] = sight.planes[slab]
        logits[list(members)] = sight.logits[slab]
    return Judged(
        patient=patient,
        probability=sight.probability,
        planes=planes,
        logits=logits,
        evidence=sight.evidence,
        hits=_hits(patient, images, sight, detector),
        images=images,
        sight=sight,
    )


def _not_judged(patient: LabelledPatient, reason: str) -> Judged:
    slices = len(patient.slices)
    return Judged(
        patient=patient,
        probability=0.0,
        planes=np.zeros(slices),
        logits=np.full((slices, 3), -np.inf),
        evidence=None,
        hits=tuple(False for one in patient.slices if one.boxes),
        reason=reason,
    )


def _hits(
    patient: LabelledPatient,
    images: Sequence[Image],
    sight: Sight,
    detector: HaemorrhageDetector,
) -> tuple[bool, ...]:
    found = findings_of(
        images,
        sight,
        flagged=sight.probability >= detector.card.operating_point,
        thresholds=Thresholds.from_card(detector.card.calibration),
    )
    polygons: dict[str, list[npt.NDArray[np.float64]]] = {}
    for region in found.regions:
        if region.kind == FRACTURE_OF_SKULL:
            continue  # boxes are around blood
        polygons.setdefault(region.sop_instance_uid, []).append(np.array(region.polygon))
    return tuple(
        any(
            _overlap(box, polygon)
            for box in one.boxes
            for polygon in polygons.get(image.sop_instance_uid, ())
        )
        for one, image in zip(patient.slices, images, strict=True)
        if one.boxes
    )


def _overlap(box: Box, polygon: npt.NDArray[np.float64]) -> bool:
    """Whether a polygon covers some of a true box, to a quarter of a pixel."""
    left, top, width, height = box
    inside = Pillow.new("1", (math.ceil(width * _FINE), math.ceil(height * _FINE)))
    # Pillow's polygons hold the pixels that their edges touch: half a fine one to all sides
    corners = [(float(x), float(y)) for x, y in (polygon - (left, top)) * _FINE - 0.5]
    ImageDraw.Draw(inside).polygon(corners, fill=1)
    return inside.getbbox() is not None


def measure(judged: Sequence[Judged], operating_point: float) -> dict[str, Any]:
    """Every figure of one set of patients; None where it cannot be computed."""
    labels = np.array([one.patient.blood for one in judged], bool)
    probabilities = np.array([one.probability for one in judged], np.float64)
    flagged = probabilities >= operating_point
    slices = np.array([s.blood for one in judged for s in one.patient.slices], bool)
    planes = np.concatenate([one.planes for one in judged])
    hits = [hit for one in judged for hit in one.hits]
    failed = [one for one in judged if one.evidence is None]
    figures: dict[str, Any] = {
        "n_patients": len(judged),
        "positives": int(labels.sum()),
        "n_slices": len(slices),
        "positive_slices": int(slices.sum()),
        "patient_auc": auc(probabilities, labels),
        "patient_auc_ci95": list(auc_interval(probabilities, labels)),
        "slice_auc": auc(planes, slices),
        "slice_auc_ci95": list(slice_auc_interval(judged)),
        "boxed_slices": len(hits),
        "box_hit_rate": sum(hits) / len(hits) if hits else math.nan,
        "box_hit_rate_ci95": list(wilson_interval(sum(hits), len(hits))),
        "operating_point": operating_point,
        **rates(flagged, labels),
        "brier": brier_score(probabilities, labels),
        "ece": expected_calibration_error(probabilities, labels),
        "ece_by_chance": ece_by_chance(probabilities),
        "slice_brier": brier_score(planes, slices),
        "slice_ece": expected_calibration_error(planes, slices),
        "patient_reliability": reliability(probabilities, labels),
        "slice_reliability": reliability(planes, slices),
        "failures": len(failed),
        "failed": [{"patient": one.patient.patient, "reason": one.reason} for one in failed],
    }
    plain: dict[str, Any] = without_nan(figures)
    return plain


def slice_auc_interval(judged: Sequence[Judged], draws: int = 1000) -> tuple[float, float]:
    """A bootstrap interval that draws patients, for slices of one head are alike (seeded)."""
    random = np.random.default_rng(0)
    truth = [np.array([s.blood for s in one.patient.slices], bool) for one in judged]
    areas = []
    for _ in range(draws):
        drawn = random.integers(len(judged), size=len(judged))
        labels = np.concatenate([truth[n] for n in drawn])
        area = auc(np.concatenate([judged[n].planes for n in drawn]), labels)
        if not math.isnan(area):
            areas.append(area)
    if not areas:
        return math.nan, math.nan
    low, high = np.percentile(areas, (2.5, 97.5))
    return float(low), float(high)


def ece_by_chance(probabilities: Floats) -> float:
    """The calibration error that so many patients show on average if every probability is right."""
    random = np.random.default_rng(0)
    errors = [
        expected_calibration_error(probabilities, random.random(len(probabilities)) < probabilities)
        for _ in range(_DRAWS)
    ]
    return float(np.mean(errors))


def by_kind(judged: Iterable[Judged], kinds: Sequence[str], point: float) -> dict[str, Any]:
    """How many patients with each kind of haemorrhage there are, and how many are flagged."""
    counts = {kind: {"patients": 0, "flagged": 0} for kind in kinds}
    for one in judged:
        for place, kind in enumerate(kinds):
            if any(s.kinds[place] for s in one.patient.slices):
                counts[kind]["patients"] += 1
                counts[kind]["flagged"] += int(one.probability >= point)
    return counts
