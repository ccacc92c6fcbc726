"""One detector looks at one study: which series, are they what was filed, what comes of it."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from models.data_set import UnreadableDataSet, data_set_sha256
from models.detector import (
    Assessment,
    Detector,
    Eligibility,
    InstanceHeader,
    NotEligible,
    PassedOver,
    SeriesHeader,
    SeriesImages,
    Unsuitable,
)
from models.headers import SeriesHeaders
from models.images import UndecodableImage, load_series
from worklist.finding import (
    Evidence,
    Failed,
    Flagged,
    Lesion,
    NotApplicable,
    NotFlagged,
    Outcome,
    Region,
)
from worklist.uid import SOPInstanceUID

_REASONS_SHOWN = 3


class AlteredInstance(Exception):
    """An archived object whose bytes are not those that were received."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """The series of one study that a detector looks at, and why not the others."""

    eligible: tuple[SeriesHeader, ...]
    not_eligible: tuple[tuple[str, str], ...]  # Series Instance UID and why
    unread: tuple[str, ...]  # why objects that might have counted could not be read

    @property
    def instances(self) -> tuple[tuple[SOPInstanceUID, str], ...]:
        """UID and SHA-256 of every image of the eligible series, sorted."""
        return instances_of(self.eligible)


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What came of it, which images the detector really saw, and what it rests not on."""

    outcome: Outcome
    instances: tuple[tuple[SOPInstanceUID, str], ...]  # UID and SHA-256, sorted
    not_used: tuple[tuple[str, str], ...] = ()  # Series Instance UID and why, wholly or in part


def instances_of(series: Iterable[SeriesHeader]) -> tuple[tuple[SOPInstanceUID, str], ...]:
    """UID and SHA-256 of every image of these series, sorted."""
    return tuple(sorted((i.sop_instance_uid, i.sha256) for s in series for i in s.instances))


def select(detector: Detector, headers: SeriesHeaders) -> Selection:
    """Ask the detector about each series that holds images."""
    eligible: list[SeriesHeader] = []
    not_eligible: list[tuple[str, str]] = []
    for series in headers.series:
        if not series.instances:
            not_eligible.append((series.series_instance_uid, "holds no images"))
            continue
        used, why_not = _used(series, detector.eligibility(series))
        if used.instances:
            eligible.append(used)
        if why_not:
            not_eligible.append((series.series_instance_uid, why_not))
    used_uids = {series.series_instance_uid for series in eligible}
    passed_over = {uid for uid, _ in not_eligible} - used_uids
    unread = tuple(
        f"object {u.instance.sop_instance_uid}: {u.reason}"
        for u in headers.unreadable
        if u.instance.series_instance_uid not in passed_over
    )
    return Selection(eligible=tuple(eligible), not_eligible=tuple(not_eligible), unread=unread)


def _used(series: SeriesHeader, answer: Eligibility) -> tuple[SeriesHeader, str]:
    """The series as far as the detector looks at it, and why not at the rest; empty: at all."""
    if isinstance(answer, NotEligible):
        return replace(series, instances=()), answer.reason
    left_out = dict(answer.left_out)
    used = tuple(i for i in series.instances if i.sop_instance_uid not in left_out)
    reasons = join_reasons(
        [left_out[i.sop_instance_uid] for i in series.instances if i.sop_instance_uid in left_out]
    )
    if used and reasons:
        count = len(series.instances) - len(used)
        reasons = f"Without {count} of {len(series.instances)} images: {reasons}"
    return replace(series, instances=used), reasons


def look(detector: Detector, selection: Selection, *, limit_bytes: int) -> Look:
    """Decode the eligible series, let the detector assess them, and judge its answer.

    What could not be read or decoded never makes a study look unflagged: the detector sees
    the rest, and unless it flags that, the outcome is ``Failed`` (P4).

    Raises
    ------
    AlteredInstance
        If an object is not, bit for bit, what was received (P6).
    """
    if not selection.eligible and not selection.unread:
        return Look(
            outcome=_not_applicable(selection), instances=(), not_used=selection.not_eligible
        )
    seen: list[SeriesImages] = []
    problems = list(selection.unread)
    for header in selection.eligible:
        for instance in header.instances:
            _verify(instance)
        try:
            seen.append(load_series(header, limit_bytes=limit_bytes))
        except UndecodableImage as error:
            problems.append(f"series {header.series_instance_uid}: {error}")
    if not seen:
        return Look(
            outcome=Failed(reason=join_reasons(problems)),
            instances=(),
            not_used=selection.not_eligible,
        )
    assessment = detector.assess(seen)
    outcome = judge(assessment, detector.card.operating_point)
    if problems and not isinstance(outcome, Flagged):
        outcome = Failed(
            reason="nothing was flagged in what could be looked at, but not all could be: "
            + join_reasons(problems)
        )
    passed_over = () if isinstance(assessment, Unsuitable) else assessment.passed_over
    unseen = {one.series_instance_uid for one in passed_over if not one.seen}
    looked_at = (i.header for i in seen if i.header.series_instance_uid not in unseen)
    return Look(
        outcome=outcome,
        instances=instances_of(looked_at),
        not_used=_not_used(selection, passed_over),
    )


def _not_used(
    selection: Selection, passed_over: Sequence[PassedOver]
) -> tuple[tuple[str, str], ...]:
    """Each series that the answer does not, or not wholly, rest on, with every reason."""
    reasons: dict[str, list[str]] = {}
    for uid, reason in selection.not_eligible:
        reasons.setdefault(uid, []).append(reason)
    for one in passed_over:
        reasons.setdefault(one.series_instance_uid, []).append(one.reason)
    return tuple((uid, join_reasons(several)) for uid, several in reasons.items())


def judge(assessment: Assessment | Unsuitable, operating_point: float) -> Outcome:
    """Flag at or above the operating point; images that are none for the detector: not at all."""
    if isinstance(assessment, Unsuitable):
        return NotApplicable(reason=assessment.reason)
    probability = float(assessment.probability)
    if math.isnan(probability) or not 0.0 <= probability <= 1.0:
        return Failed(reason=f"the detector answered {probability}, which is no probability")
    regions = tuple(assessment.regions)
    if not all(isinstance(region, Region) for region in regions):
        return Failed(reason="the detector answered with places that are no regions")
    regions = tuple(map(_plain, regions))
    if not all(map(_is_finite, regions)):
        return Failed(reason="the detector answered with places that are nowhere")
    evidence = _plain_evidence(assessment.evidence)
    if not _is_sound(evidence):
        return Failed(reason="the detector answered with evidence that is no number")
    if probability >= operating_point:
        return Flagged(probability=probability, regions=regions, evidence=evidence)
    return NotFlagged(probability=probability, regions=regions, evidence=evidence)


def _plain(region: Region) -> Region:
    """The region in Python's own numbers; detectors often answer in numpy's."""
    return replace(
        region,
        frame_number=int(region.frame_number),
        polygon=tuple((float(column), float(row)) for column, row in region.polygon),
        score=float(region.score),
        polygon_mm=None
        if region.polygon_mm is None
        else tuple((float(x), float(y), float(z)) for x, y, z in region.polygon_mm),
        lesion=None if region.lesion is None else int(region.lesion),
    )


def _plain_evidence(evidence: Evidence) -> Evidence:
    """The evidence in Python's own numbers."""
    return Evidence(
        image_scores=tuple(
            replace(one, frame_number=int(one.frame_number), score=float(one.score))
            for one in evidence.image_scores
        ),
        kinds=tuple(replace(kind, score=float(kind.score)) for kind in evidence.kinds),
        lesions=tuple(map(_plain_lesion, evidence.lesions)),
    )


def _plain_lesion(lesion: Lesion) -> Lesion:
    centre = lesion.centre_mm
    return replace(
        lesion,
        number=int(lesion.number),
        score=float(lesion.score),
        centre_mm=None
        if centre is None
        else (float(centre[0]), float(centre[1]), float(centre[2])),
        diameter_mm=None if lesion.diameter_mm is None else float(lesion.diameter_mm),
    )


def _is_sound(evidence: Evidence) -> bool:
    """Whether scores lie within 0 and 1 and measures are numbers."""
    scores = [
        *(image.score for image in evidence.image_scores),
        *(kind.score for kind in evidence.kinds),
        *(lesion.score for lesion in evidence.lesions),
    ]
    measures = chain.from_iterable(
        (*(lesion.centre_mm or ()), lesion.diameter_mm or 0.0) for lesion in evidence.lesions
    )
    return all(0.0 <= score <= 1.0 for score in scores) and all(map(math.isfinite, measures))


def _is_finite(region: Region) -> bool:
    places = (*region.polygon, *(region.polygon_mm or ()))
    return all(map(math.isfinite, chain(*places, (region.score,))))


def join_reasons(reasons: Sequence[str]) -> str:
    """The first few different reasons in one line."""
    different = list(dict.fromkeys(reasons))
    shown = "; ".join(different[:_REASONS_SHOWN])
    left_out = len(different) - _REASONS_SHOWN
    return f"{shown}; and {left_out} more" if left_out > 0 else shown


def _not_applicable(selection: Selection) -> NotApplicable:
    reasons = [reason for _, reason in selection.not_eligible]
    return NotApplicable(reason=join_reasons(reasons) or "the study holds no objects")


def _verify(instance: InstanceHeader) -> None:
    try:
        digest = data_set_sha256(instance.path)
    except UnreadableDataSet as error:
        raise AlteredInstance(f"object {instance.sop_instance_uid}: {error}") from error
    if digest != instance.sha256:
        raise AlteredInstance(
            f"object {instance.sop_instance_uid} is not what was received: its SHA-256 is "
            f"{digest}, filed was {instance.sha256}"
        )
