"""From what the detector saw in one series to regions, scores, kinds and lesions for people."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from models.detector import Image
from models.haemorrhage_answers import KINDS
from models.haemorrhage_places import Place
from worklist.finding import Evidence, ImageScore, Lesion, Region, SuspectedKind

if TYPE_CHECKING:
    from models.haemorrhage import Sight

Points = npt.NDArray[np.float64]

_KIND_SCORE = 0.3  # from which on a kind is named
_PLACES_A_PLANE = 3
_FRACTURES_A_PLANE = 2
FRACTURE_OF_SKULL = "fracture of the skull"  # kind of a region that is no blood


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """What one series shows."""

    regions: tuple[Region, ...]
    evidence: Evidence

    def with_scores_of(self, others: Sequence["Findings"]) -> Evidence:
        """This evidence with the image scores of further series behind its own."""
        scores = chain(self.evidence.image_scores, *(o.evidence.image_scores for o in others))
        return replace(self.evidence, image_scores=tuple(scores))


@dataclass(frozen=True, kw_only=True, slots=True)
class Thresholds:
    """Calibrated probabilities of a plane from which on its places are shown."""

    plane: float  # of blood
    fracture: float  # of the skull

    @classmethod
    def from_card(cls, calibration: Mapping[str, Any]) -> "Thresholds":
        """Read from the calibration table of a model card."""
        return cls(
            plane=float(calibration["plane"]["operating_point"]),
            fracture=float(calibration["fracture"]["operating_point"]),
        )


def findings_of(
    images: Sequence[Image],
    sight: "Sight",
    others: Sequence["Sight"] = (),
    *,
    flagged: bool,
    thresholds: Thresholds,
) -> Findings:
    """Put what was seen into the coordinates and words of the source.

    Parameters
    ----------
    others
        What further passes over the same head show, less suspect: their images have scores alone.
    flagged
        Whether the study is; the most suspect plane of such a one always shows a region.
    """
    shown = [
        place
        for place in sight.places
        if sight.planes[place.plane + sight.skull.first] >= thresholds.plane
    ]
    if flagged and not shown and sight.places:
        shown = [max(sight.places, key=lambda place: (_worth(sight, place), -place.plane))]
    names = _renumbered(shown, sight)
    regions = [
        region
        for place in _best_of_each_plane(shown, sight)
        for region in _regions(images, sight, place, names[place.lesion])
    ]
    regions.sort(key=lambda region: -region.score)
    fractures = _fractures(images, sight, thresholds.fracture)
    return Findings(
        regions=(*regions, *fractures),
        evidence=Evidence(
            image_scores=_image_scores(images, (sight, *others)),
            kinds=_kinds(sight, flagged=flagged, plane_point=thresholds.plane),
            lesions=_lesions(images, sight, shown, names),
        ),
    )


def _worth(sight: "Sight", place: Place) -> float:
    """How sure the detector is of a place: its heat, and how suspect the plane is."""
    return float(np.sqrt(place.score * sight.planes[place.plane + sight.skull.first]))


def _renumbered(shown: Sequence[Place], sight: "Sight") -> dict[int, int]:
    """New numbers of the lesions shown, from 1, the most suspect first."""
    best: dict[int, float] = {}
    for place in shown:
        best[place.lesion] = max(best.get(place.lesion, 0.0), _worth(sight, place))
    order = sorted(best, key=lambda lesion: (-best[lesion], lesion))
    return {lesion: number for number, lesion in enumerate(order, start=1)}


def _best_of_each_plane(shown: Sequence[Place], sight: "Sight") -> list[Place]:
    by_plane: dict[int, list[Place]] = defaultdict(list)
    for place in shown:
        by_plane[place.plane].append(place)
    return [
        place
        for places in by_plane.values()
        for place in sorted(places, key=lambda one: -_worth(sight, one))[:_PLACES_A_PLANE]
    ]


def _regions(images: Sequence[Image], sight: "Sight", place: Place, number: int) -> list[Region]:
    """One region on each source image of the plane."""
    scores = sight.kinds[place.plane + sight.skull.first]
    kind = KINDS[int(scores.argmax())] if scores.max() >= _KIND_SCORE else ""
    words = f"{kind} haemorrhage" if kind else ""
    return _outlined(images, sight, place, _worth(sight, place), words, number)


def _fractures(images: Sequence[Image], sight: "Sight", least: float) -> list[Region]:
    """Where the skull seems broken: no blood, but why it is likely."""
    shown: dict[int, list[tuple[float, Place]]] = defaultdict(list)
    for place in sight.fractures:
        probability = float(sight.fractured[place.plane + sight.skull.first])
        if probability >= least:
            shown[place.plane].append((float(np.sqrt(place.score * probability)), place))
    best = [
        pair
        for pairs in shown.values()
        for pair in sorted(pairs, key=lambda pair: -pair[0])[:_FRACTURES_A_PLANE]
    ]
    best.sort(key=lambda pair: -pair[0])
    return [
        region
        for score, place in best
        for region in _outlined(images, sight, place, score, FRACTURE_OF_SKULL, None)
    ]


def _outlined(
    images: Sequence[Image],
    sight: "Sight",
    place: Place,
    score: float,
    kind: str,
    lesion: int | None,
) -> list[Region]:
    """A place's outline on each source image of its plane."""
    polygon = _to_source(place.outline, sight)
    return [
        Region(
            sop_instance_uid=images[member].sop_instance_uid,
            frame_number=images[member].frame_number,
            polygon=tuple((float(column), float(row)) for column, row in polygon),
            score=score,
            polygon_mm=_to_mm(polygon, images[member]),
            kind=kind,
            lesion=lesion,
        )
        for member in sight.stack.members[place.plane + sight.skull.first]
    ]


def _to_source(outline: Points, sight: "Sight") -> Points:
    """Canvas to source pixels, kept within the image."""
    rows, columns = sight.stack.shape
    matrix = sight.skull.to_plane
    on_plane = outline @ matrix[:, :2].T + matrix[:, 2]
    on_plane = np.clip(on_plane, 0, [columns, rows])
    return sight.stack.turn.undo(on_plane, (rows, columns))


def _to_mm(polygon: Points, image: Image) -> tuple[tuple[float, float, float], ...] | None:
    """Source pixels in the patient's frame; PS3.3 C.7.6.2.1.1 counts from a pixel's middle."""
    if None in (image.image_position_mm, image.image_orientation, image.pixel_spacing_mm):
        return None
    position, orientation = np.array(image.image_position_mm), np.array(image.image_orientation)
    between_rows, between_columns = image.pixel_spacing_mm or (0.0, 0.0)
    across = (polygon[:, :1] - 0.5) * between_columns * orientation[:3]
    down = (polygon[:, 1:] - 0.5) * between_rows * orientation[3:]
    return tuple((float(x), float(y), float(z)) for x, y, z in position + across + down)


def _image_scores(images: Sequence[Image], sights: Sequence["Sight"]) -> tuple[ImageScore, ...]:
    """The calibrated probability of each source image's plane, the highest of several.

    0 for planes without brain; an image that is in no stack has none.
    """
    scores: dict[int, float] = {}
    for sight in sights:
        for slab, members in enumerate(sight.stack.members):
            for place in members:
                scores[place] = max(scores.get(place, 0.0), float(sight.planes[slab]))
    return tuple(
        ImageScore(
            sop_instance_uid=images[place].sop_instance_uid,
            frame_number=images[place].frame_number,
            score=score,
        )
        for place, score in sorted(scores.items())
    )


def _kinds(sight: "Sight", *, flagged: bool, plane_point: float) -> tuple[SuspectedKind, ...]:
    """Kinds by their mean score over the suspect planes; none where no plane is suspect."""
    suspect = sight.planes >= plane_point
    if flagged and not suspect.any():
        suspect = sight.planes == sight.planes.max()
    if not suspect.any():
        return ()
    means = sight.kinds[suspect].mean(axis=0)
    order = [int(n) for n in np.argsort(-means, kind="stable")]
    named = [n for n in order if means[n] >= _KIND_SCORE] or (order[:1] if flagged else [])
    return tuple(SuspectedKind(name=KINDS[n], score=float(means[n])) for n in named)


def _lesions(
    images: Sequence[Image], sight: "Sight", shown: Sequence[Place], names: dict[int, int]
) -> tuple[Lesion, ...]:
    lesions = []
    for lesion, number in names.items():
        places = sorted((p for p in shown if p.lesion == lesion), key=lambda p: p.plane)
        members = [sight.stack.members[p.plane + sight.skull.first] for p in places]
        lesions.append(
            Lesion(
                number=number,
                score=max(_worth(sight, place) for place in places),
                centre_mm=_centre_mm(images, sight, places),
                diameter_mm=_diameter_mm(images, sight, places),
                first_image=images[members[0][0]].sop_instance_uid,
                last_image=images[members[-1][-1]].sop_instance_uid,
            )
        )
    return tuple(sorted(lesions, key=lambda one: one.number))


def _centre_mm(
    images: Sequence[Image], sight: "Sight", places: Sequence[Place]
) -> tuple[float, float, float] | None:
    """The mean of the outlines' middles, weighted by their area."""
    middles = []
    for place in places:
        members = sight.stack.members[place.plane + sight.skull.first]
        middle = _to_source(place.outline.mean(axis=0, keepdims=True), sight)
        at = _to_mm(middle, images[members[len(members) // 2]])
        if at is None:
            return None
        middles.append(at[0])
    x, y, z = np.average(middles, axis=0, weights=[place.area for place in places])
    return float(x), float(y), float(z)


def _diameter_mm(images: Sequence[Image], sight: "Sight", places: Sequence[Place]) -> float | None:
    """Of a sphere as large as the outlined areas times the distance of the planes."""
    spacing = images[sight.stack.members[0][0]].pixel_spacing_mm
    if spacing is None or sight.stack.slab_mm is None:
        return None
    scale = abs(float(np.linalg.det(sight.skull.to_plane[:, :2])))  # source pixels to a canvas one
    area_mm2 = sum(place.area for place in places) * scale * spacing[0] * spacing[1]
    return float(np.cbrt(6 / np.pi * area_mm2 * sight.stack.slab_mm))
