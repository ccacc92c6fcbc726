"""What detectors answer, made anew in Vigie's own plain types.

Others' code answers in strings, numbers and regions of its own classes, which the worker's
process does not know and could not unpickle. Nothing leaves the detectors' process but what was
built here.
"""

from collections.abc import Iterable
from typing import Any

from models.card import ModelCard
from models.detector import (
    Assessment,
    Eligibility,
    Eligible,
    NotEligible,
    NotShown,
    PassedOver,
    Refused,
    Unjudgeable,
    Unsuitable,
)
from worklist.errors import InvalidUID
from worklist.finding import (
    DetectorIdentity,
    Evidence,
    ImageScore,
    Lesion,
    Region,
    SuspectedKind,
    TargetFinding,
    TurnedImage,
)
from worklist.uid import SeriesInstanceUID, SOPInstanceUID

_SHOWN = 60  # characters of what was answered


class OddAnswer(ValueError):
    """A detector answered what no detector may; says what, after "it answered with"."""


def plain_identity(card: ModelCard) -> DetectorIdentity:
    """Who a card says the detector is.

    Raises
    ------
    OddAnswer
        If a part of it is not what it should be.
    """
    said = card.identity
    try:
        target = TargetFinding(said.target)
    except ValueError:
        raise OddAnswer(f"{_shown(said.target)} as its target finding") from None
    return DetectorIdentity(
        name=_text(said.name, "its name"),
        version=_text(said.version, "its version"),
        target=target,
        weights_sha256=_text(said.weights_sha256, "the digest of its weights"),
        operating_point=_number(said.operating_point, "its operating point"),
    )


def plain_eligibility(said: object) -> Eligibility:
    """Whether a detector looks at a series.

    Raises
    ------
    OddAnswer
        If it is no eligibility, or a part of it is not what it should be.
    """
    if isinstance(said, NotEligible):
        return NotEligible(reason=_text(said.reason, "a reason"))
    if isinstance(said, Eligible):
        return Eligible(
            left_out=tuple(
                (_image(uid), _text(why, "a reason"))
                for uid, why in _several(said.left_out, "the images left out")
            )
        )
    raise OddAnswer(f"{_shown(said)}, which is no eligibility")


def plain_answer(said: object) -> Assessment | Unsuitable:
    """What a detector made of a study; numbers are not checked, but for being some.

    Raises
    ------
    OddAnswer
        If it is no assessment, or a part of it is not what it should be.
    """
    if isinstance(said, Unjudgeable):
        return Unjudgeable(reason=_text(said.reason, "a reason"))
    if isinstance(said, Unsuitable):
        return Unsuitable(reason=_text(said.reason, "a reason"))
    if not isinstance(said, Assessment):
        raise OddAnswer(f"{_shown(said)}, which is no assessment")
    return Assessment(
        probability=_number(said.probability, "a probability"),
        regions=tuple(map(_region, _several(said.regions, "regions"))),
        evidence=_evidence(said.evidence),
        passed_over=tuple(map(_passed_over, _several(said.passed_over, "series passed over"))),
        refused=tuple(map(_refused, _several(said.refused, "images refused"))),
        not_shown=tuple(map(_not_shown, _several(said.not_shown, "parts not shown"))),
    )


def _region(said: object) -> Region:
    if not isinstance(said, Region):
        raise OddAnswer(f"{_shown(said)}, which is no region")
    return Region(
        sop_instance_uid=_image(said.sop_instance_uid),
        frame_number=_whole(said.frame_number, "a frame number"),
        polygon=tuple(
            (_number(column, "a place"), _number(row, "a place"))
            for column, row in _several(said.polygon, "a polygon", each=2)
        ),
        score=_number(said.score, "a region's score"),
        polygon_mm=None
        if said.polygon_mm is None
        else tuple(_point(one) for one in _several(said.polygon_mm, "a polygon", each=3)),
        kind=_text(said.kind, "a kind"),
        lesion=None if said.lesion is None else _whole(said.lesion, "a lesion's number"),
    )


def _evidence(said: object) -> Evidence:
    if not isinstance(said, Evidence):
        raise OddAnswer(f"{_shown(said)}, which is no evidence")
    return Evidence(
        image_scores=tuple(
            ImageScore(
                sop_instance_uid=_image(one.sop_instance_uid),
                frame_number=_whole(one.frame_number, "a frame number"),
                score=_number(one.score, "an image's score"),
            )
            for one in _each(said.image_scores, ImageScore)
        ),
        kinds=tuple(
            SuspectedKind(name=_text(one.name, "a kind"), score=_number(one.score, "a score"))
            for one in _each(said.kinds, SuspectedKind)
        ),
        lesions=tuple(map(_lesion, _each(said.lesions, Lesion))),
        turned=tuple(
            TurnedImage(
                sop_instance_uid=_image(one.sop_instance_uid),
                frame_number=_whole(one.frame_number, "a frame number"),
                quarters=_whole(one.quarters, "quarters"),
            )
            for one in _each(said.turned, TurnedImage)
        ),
    )


def _lesion(said: Lesion) -> Lesion:
    return Lesion(
        number=_whole(said.number, "a lesion's number"),
        score=_number(said.score, "a lesion's score"),
        centre_mm=None if said.centre_mm is None else _point(said.centre_mm),
        diameter_mm=None if said.diameter_mm is None else _number(said.diameter_mm, "a diameter"),
        first_image=_image(said.first_image),
        last_image=_image(said.last_image),
    )


def _not_shown(said: object) -> NotShown:
    if not isinstance(said, NotShown):
        raise OddAnswer(f"{_shown(said)}, which is no part that is not shown")
    return NotShown(
        series_instance_uid=_series(said.series_instance_uid),
        reason=_text(said.reason, "a reason"),
        may_hide=bool(said.may_hide),
    )


def _series(said: object) -> SeriesInstanceUID:
    try:
        return SeriesInstanceUID(_text(said, "a series"))
    except InvalidUID as error:
        raise OddAnswer(f"a series that is {error}") from None


def _passed_over(said: object) -> PassedOver:
    if not isinstance(said, PassedOver):
        raise OddAnswer(f"{_shown(said)}, which is no series passed over")
    return PassedOver(
        series_instance_uid=_series(said.series_instance_uid),
        reason=_text(said.reason, "a reason"),
        seen=bool(said.seen),
        judged=bool(said.judged),
    )


def _refused(said: object) -> Refused:
    if not isinstance(said, Refused):
        raise OddAnswer(f"{_shown(said)}, which is no image refused")
    return Refused(
        sop_instance_uid=_image(said.sop_instance_uid),
        frame_number=_whole(said.frame_number, "a frame number"),
        reason=_text(said.reason, "a reason"),
        place_judged=bool(said.place_judged),
    )


def _each(said: Any, kind: type[Any]) -> Iterable[Any]:
    for one in _several(said, "evidence"):
        if not isinstance(one, kind):
            raise OddAnswer(f"{_shown(one)} in its evidence, which is no {kind.__name__}")
        yield one


def _several(said: Any, what: str, each: int | None = None) -> list[Any]:
    """A list; of so many numbers each."""
    try:
        found = list(said)
        fits = each is None or all(len(one) == each for one in found)
    except TypeError:
        raise OddAnswer(f"{_shown(said)} as {what}") from None
    if not fits:
        raise OddAnswer(f"{what} of points without {each} numbers")
    return found


def _point(said: Any) -> tuple[float, float, float]:
    x, y, z = (_number(one, "a place") for one in said)
    return x, y, z


def _image(said: object) -> SOPInstanceUID:
    try:
        return SOPInstanceUID(_text(said, "an image"))
    except InvalidUID as error:
        raise OddAnswer(f"an image that is {error}") from None


def _number(said: Any, what: str) -> float:
    try:
        return float(said)
    except (TypeError, ValueError, OverflowError):
        raise OddAnswer(f"{_shown(said)} as {what}, which is no number") from None


def _whole(said: Any, what: str) -> int:
    try:
        return int(said)
    except (TypeError, ValueError, OverflowError):
        raise OddAnswer(f"{_shown(said)} as {what}, which is no number") from None


def _text(said: object, what: str) -> str:
    if not isinstance(said, str):
        raise OddAnswer(f"{_shown(said)} as {what}, which is no text")
    return str.__str__(said)  # str(said) may be of its own class again


def _shown(said: object) -> str:
    """By its class; a value's own words might be anything, or raise."""
    return f"an object of the class {type(said).__name__}"[:_SHOWN]
