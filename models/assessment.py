"""One detector looks at one study: which series, and what comes of it."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from models.answers import plain_answer, plain_eligibility
from models.detector import (
    Assessment,
    Detector,
    Eligibility,
    NotEligible,
    PassedOver,
    SeriesHeader,
    SeriesImages,
    Unjudgeable,
    Unsuitable,
)
from models.headers import SeriesHeaders
from models.reconstructions import is_placed, shows_again
from models.series_on_demand import SeriesOnDemand, on_demand
from worklist.finding import (
    Evidence,
    Failed,
    Flagged,
    NotApplicable,
    NotFlagged,
    Outcome,
    Region,
)
from worklist.uid import SOPInstanceUID

_REASONS_SHOWN = 3
_NOT_ASKED_FOR = "The detector did not ask for its images."
_OVER, _UNASKED = "it was passed over", "the detector did not ask for its images"


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
    """Ask the detector about each series that holds images.

    Raises
    ------
    OddAnswer
        If it answers what no detector may.
    """
    eligible: list[SeriesHeader] = []
    not_eligible: list[tuple[str, str]] = []
    for series in headers.series:
        if not series.instances:
            not_eligible.append((series.series_instance_uid, "holds no images"))
            continue
        used, why_not = _used(series, plain_eligibility(detector.eligibility(series)))
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


def look(
    detector: Detector,
    selection: Selection,
    *,
    limit_bytes: int,
    on_shown: Callable[[SeriesHeader], object] = lambda _: None,
) -> Look:
    """Let the detector assess the eligible series, and judge its answer.

    What could not be read or decoded, was refused by the detector for what it shows, or was never
    asked for, and what is on no image and may hide something, never makes a study look unflagged:
    the detector sees the rest, and unless it flags that, the outcome is ``Failed`` (P4). The
    exception is a further reconstruction of what it judged. What it did not ask for is not decoded,
    may be broken, and was not seen (P6).

    Parameters
    ----------
    limit_bytes
        What one series may take in memory once decoded.
    on_shown
        Is told each series when the detector is given its images.

    Raises
    ------
    AlteredInstance
        If an object looked at is not, bit for bit, what was received (P6).
    OddAnswer
        If the detector answers what no detector may.
    """
    if not selection.eligible and not selection.unread:
        nothing = _not_applicable(selection)
        return Look(outcome=nothing, instances=(), not_used=selection.not_eligible)
    offered = [
        on_demand(header, limit_bytes=limit_bytes, on_shown=on_shown)
        for header in selection.eligible
    ]
    assessment = _asked(detector, offered)
    passed_over, refused = _left_out(assessment)
    seen = [one for one in offered if one.was_shown]
    broken = {_uid(one): one.undecodable for one in offered if one.undecodable is not None}
    not_looked_at = _not_looked_at(seen, refused)
    not_shown = assessment.not_shown if isinstance(assessment, Assessment) else ()
    problems = [
        *selection.unread,
        *_missed(assessment, offered, broken),
        *(words for _, words in _not_looked_at(seen, _counting(assessment))),
        *(one.reason for one in not_shown if one.may_hide),
    ]
    outcome = _outcome(assessment, detector.card.operating_point, problems, has_seen=bool(seen))
    why_not = [
        *selection.not_eligible,
        *_not_rested_on(offered, passed_over, broken),
        *not_looked_at,
        *((str(one.series_instance_uid), one.reason) for one in not_shown),
    ]
    instances = _looked_at(seen, refused)
    return Look(outcome=outcome, instances=instances, not_used=not_used(why_not))


def _uid(series: SeriesImages) -> str:
    return series.header.series_instance_uid


def _asked(detector: Detector, offered: Sequence[SeriesOnDemand]) -> Assessment | Unsuitable | None:
    """What the detector says; if it stumbles over what is broken, of the rest; None: of nothing."""
    if not offered:
        return None
    try:
        said = detector.assess(list(offered))
    except Exception:
        if all(one.undecodable is None for one in offered):
            raise
    else:
        return plain_answer(said)
    sound = [one for one in offered if one.is_sound()]
    for one in sound:
        one.forget()
    return plain_answer(detector.assess(sound)) if sound else None


def _unasked(offered: Sequence[SeriesOnDemand]) -> list[SeriesOnDemand]:
    """Series of which the detector never asked for the images."""
    return [one for one in offered if not one.was_shown and one.undecodable is None]


def _not_rested_on(
    offered: Sequence[SeriesOnDemand],
    passed_over: Sequence[PassedOver],
    broken: Mapping[str, str],
) -> list[tuple[str, str]]:
    """Series that the answer does not rest on, and why."""
    named = {one.series_instance_uid for one in passed_over}
    return [
        *((str(one.series_instance_uid), one.reason) for one in passed_over),
        *((uid, f"It cannot be decoded: {reason}") for uid, reason in broken.items()),
        *((_uid(one), _NOT_ASKED_FOR) for one in _unasked(offered) if _uid(one) not in named),
    ]


def _missed(
    assessment: Assessment | Unsuitable | None,
    offered: Sequence[SeriesOnDemand],
    broken: Mapping[str, str],
) -> list[str]:
    """What an answer would have to rest on and does not: what is broken or was not asked for.

    Excused is what shows nothing but what was judged, unless the detector wanted it and it is
    broken. For images that are none for it a detector need not have asked.
    """
    passed_over, _ = _left_out(assessment)
    named = {one.series_instance_uid for one in passed_over}
    unwanted = {one.series_instance_uid for one in passed_over if not one.seen}
    spares = _spares(offered, passed_over)
    missed = [
        f"series {uid}: {reason}"
        for uid, reason in broken.items()
        if uid not in unwanted or uid not in spares
    ]
    if isinstance(assessment, Unsuitable):
        return missed
    return missed + [
        f"series {_uid(one)}: {_OVER if _uid(one) in named else _UNASKED}, and none that was "
        "judged shows as much"
        for one in _unasked(offered)
        if _uid(one) not in spares
    ]


def _spares(offered: Sequence[SeriesOnDemand], passed_over: Sequence[PassedOver]) -> set[str]:
    """Series not seen that show nothing but what another shows that was judged."""
    not_judged = {one.series_instance_uid for one in passed_over if not one.judged}
    judged = [one for one in offered if _uid(one) not in not_judged and one.was_shown]
    return {
        _uid(one)
        for one in offered
        if not one.was_shown
        and is_placed(one.header)  # else its images would have to be decoded
        and any(shows_again(one, other) for other in judged)
    }


def _outcome(
    assessment: Assessment | Unsuitable | None,
    operating_point: float,
    problems: Sequence[str],
    *,
    has_seen: bool,
) -> Outcome:
    outcome = None if assessment is None else judge(assessment, operating_point)
    if not has_seen and isinstance(assessment, Assessment):
        return Failed(reason=join_reasons(problems))
    if outcome is not None and (not problems or isinstance(outcome, Flagged)):
        return outcome
    if not has_seen:
        return Failed(reason=join_reasons(problems))
    return Failed(
        reason="nothing was flagged in what could be looked at, but not all could be: "
        + join_reasons(problems)
    )


_Refusals = Mapping[tuple[SOPInstanceUID, int], str]  # image and frame to why


def _left_out(
    assessment: Assessment | Unsuitable | None,
) -> tuple[Sequence[PassedOver], _Refusals]:
    """The series and the images that the answer does not rest on."""
    if not isinstance(assessment, Assessment):
        return (), {}
    refused = {(r.sop_instance_uid, r.frame_number): r.reason for r in assessment.refused}
    return assessment.passed_over, refused


def _counting(assessment: Assessment | Unsuitable | None) -> _Refusals:
    """The images refused whose place no other shows."""
    refused = assessment.refused if isinstance(assessment, Assessment) else ()
    return {
        (one.sop_instance_uid, one.frame_number): one.reason
        for one in refused
        if not one.place_judged
    }


def _not_looked_at(seen: Sequence[SeriesOnDemand], refused: _Refusals) -> list[tuple[str, str]]:
    """Each series of which images were refused: how many of them, and why."""
    said: list[tuple[str, str]] = []
    for series in seen if refused else ():
        places = [(image.sop_instance_uid, image.frame_number) for image in series.tried()]
        reasons = [refused[place] for place in places if place in refused]
        if reasons:
            words = f"{len(reasons)} of {len(places)} images not looked at: {join_reasons(reasons)}"
            said.append((series.header.series_instance_uid, words))
    return said


def _looked_at(
    seen: Sequence[SeriesOnDemand], refused: _Refusals
) -> tuple[tuple[SOPInstanceUID, str], ...]:
    """UID and SHA-256 of the instances of which the detector saw at least one frame, sorted."""
    frames = {(i.sop_instance_uid, i.frame_number) for one in seen for i in one.tried()}
    uids = {uid for uid, _ in frames - refused.keys()}
    return tuple(one for one in instances_of(one.header for one in seen) if one[0] in uids)


def not_used(why_not: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Each series that the answer does not, or not wholly, rest on, with every reason."""
    reasons: dict[str, list[str]] = {}
    for uid, reason in why_not:
        reasons.setdefault(uid, []).append(reason)
    return tuple((uid, join_reasons(several)) for uid, several in reasons.items())


def judge(assessment: Assessment | Unsuitable, operating_point: float) -> Outcome:
    """Flag at or above the operating point; images that are none for the detector: not at all.

    Those that might be, and cannot be judged, it should have judged.
    """
    if isinstance(assessment, Unjudgeable):
        return Failed(reason=assessment.reason)
    if isinstance(assessment, Unsuitable):
        return NotApplicable(reason=assessment.reason)
    probability, regions = assessment.probability, assessment.regions
    if math.isnan(probability) or not 0.0 <= probability <= 1.0:
        return Failed(reason=f"the detector answered {probability}, which is no probability")
    if not all(map(_is_finite, regions)):
        return Failed(reason="the detector answered with places that are nowhere")
    evidence = assessment.evidence
    if not _is_sound(evidence):
        return Failed(reason="the detector answered with evidence that is no number")
    if probability >= operating_point:
        return Flagged(probability=probability, regions=regions, evidence=evidence)
    return NotFlagged(probability=probability, regions=regions, evidence=evidence)


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
    return (
        all(0.0 <= score <= 1.0 for score in scores)
        and all(map(math.isfinite, measures))
        and all(1 <= one.quarters <= 3 for one in evidence.turned)
    )


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
