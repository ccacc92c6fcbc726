"""Key object selections: which images are flagged, and which of our objects count no more.

A Key Object Selection Document (PS3.3 A.35.4, TID 2010) refers to objects under a title. Titled
*Of Interest* it lists flagged images; titled *Rejected ...* it asks whoever keeps the objects to
hide them (IHE Imaging Object Change Management).
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from highdicom.ko import KeyObjectSelection, KeyObjectSelectionDocument
from highdicom.sr import CodedConcept
from pydicom.dataset import Dataset
from pydicom.uid import (
    Comprehensive3DSRStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

from results.document import (
    ResultObject,
    equipment,
    finished,
    local_time,
    placement,
    referenced_study,
    stand_in,
)
from results.errors import UnusableFacts
from results.facts import AssessmentFacts, DetectorResult, ObjectReference
from results.observer import observer
from results.uids import derived_uid, is_derived, object_uid
from results.words import UNREVIEWED, ascii_text, model_words, percent
from worklist.uid import SOPInstanceUID

_OF_INTEREST = CodedConcept(value="113000", scheme_designator="DCM", meaning="Of Interest")
_IMAGES = frozenset({SecondaryCaptureImageStorage, SegmentationStorage})  # of what we make
_MADE = _IMAGES | {
    Comprehensive3DSRStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
}


class Rejection(StrEnum):
    """Why objects count no more."""

    SUPERSEDED = "superseded"  # by those of a later assessment
    WITHDRAWN = "withdrawn"  # by an administrator


_TITLES = {
    Rejection.SUPERSEDED: CodedConcept(
        value="113001", scheme_designator="DCM", meaning="Rejected for Quality Reasons"
    ),
    Rejection.WITHDRAWN: CodedConcept(
        value="113037", scheme_designator="DCM", meaning="Rejected for Patient Safety Reasons"
    ),
}
_WORDS = {
    Rejection.SUPERSEDED: "AI results that a later assessment took the place of.",
    Rejection.WITHDRAWN: "AI results that were withdrawn.",
}


def build_selections(facts: AssessmentFacts) -> list[ResultObject]:
    """The images on which each detector flagged something, one selection a detector."""
    return [
        _selection(facts, result, number)
        for number, result in enumerate((one for one in facts.flagged if one.regions), start=1)
    ]


def _selection(facts: AssessmentFacts, result: DetectorResult, number: int) -> ResultObject:
    frames = _frames(result)
    references = [one.reference for one in facts.images if one.reference.sop_instance_uid in frames]
    share = "" if result.probability is None else f", {percent(result.probability)}"
    finding = result.provenance.detector.target.words
    built = _document(
        facts,
        title=_OF_INTEREST,
        words=f"AI {model_words(result)}: {finding} suspected{share}. {UNREVIEWED}",
        references=references,
        sop_instance_uid=object_uid(facts, "selection", result.provenance.detector.name),
        instance_number=number,
        **placement(facts, "KO"),
    )
    _name_frames(facts, built, frames)
    return finished(built, facts, facts.finished_at)


def _frames(result: DetectorResult) -> dict[SOPInstanceUID, list[int]]:
    """The frames with a region, by image, in their order."""
    frames: dict[SOPInstanceUID, set[int]] = {}
    for region in result.regions:
        frames.setdefault(region.sop_instance_uid, set()).add(region.frame_number)
    return {uid: sorted(numbers) for uid, numbers in frames.items()}


def _name_frames(
    facts: AssessmentFacts, built: Dataset, frames: dict[SOPInstanceUID, list[int]]
) -> None:
    """Of an object of several frames only those are meant."""
    several = {one.reference.sop_instance_uid for one in facts.images if one.number_of_frames > 1}
    for item in built.ContentSequence:
        for reference in item.get("ReferencedSOPSequence", []):
            uid = reference.ReferencedSOPInstanceUID
            if uid in several:
                reference.ReferencedFrameNumber = frames[uid]


def build_rejection(
    facts: AssessmentFacts,
    objects: Sequence[ObjectReference],
    why: Rejection,
    *,
    now: datetime,
) -> ResultObject:
    """A note that these objects, which we sent for this study, count no more.

    Parameters
    ----------
    facts
        Of the study; for superseded objects, of the assessment that took their place.
    now
        When they were rejected. Whoever repeats it keeps this time: another is another object.

    Raises
    ------
    UnusableFacts
        If there are none, or one is not ours to reject: of a series that was looked at, of a
        class that we do not make, or without UIDs as `derived_uid` makes them.
    """
    _check_ours(facts, objects)
    ordered = sorted(objects, key=lambda one: (one.series_instance_uid, one.sop_instance_uid))
    uids = (one.sop_instance_uid for one in ordered)
    when = local_time(facts, now).isoformat()
    uid = object_uid(facts, "rejection", why, when, *uids)
    placed = placement(facts, "KO") | {"series_instance_uid": derived_uid("rejections", uid)}
    built = _document(
        facts,
        title=_TITLES[why],
        words=_WORDS[why],
        references=ordered,
        sop_instance_uid=uid,
        instance_number=1,
        **placed,
    )
    return finished(built, facts, now)


def _check_ours(facts: AssessmentFacts, objects: Sequence[ObjectReference]) -> None:
    if not objects:
        raise UnusableFacts("a rejection of nothing")
    looked_at = {one.series_instance_uid for one in facts.references.values()}
    for one in objects:
        is_made = one.sop_class_uid in _MADE and all(
            map(is_derived, (one.sop_instance_uid, one.series_instance_uid))
        )
        if one.series_instance_uid in looked_at or not is_made:
            raise UnusableFacts(f"{one.sop_instance_uid} is an object of the study, not ours")


def _document(
    facts: AssessmentFacts,
    *,
    title: CodedConcept,
    words: str,
    references: Sequence[ObjectReference],
    sop_instance_uid: str,
    instance_number: int,
    **placed: Any,
) -> Dataset:
    objects = [_stand_in(facts, one) for one in references]
    built: Dataset = KeyObjectSelectionDocument(
        evidence=objects,
        content=KeyObjectSelection(
            document_title=title,
            referenced_objects=objects,
            observer_device_context=observer(facts),
            description=ascii_text(words),
        ),
        sop_instance_uid=sop_instance_uid,
        instance_number=instance_number,
        **equipment(facts),
        **placed,
    )
    built.CurrentRequestedProcedureEvidenceSequence = [referenced_study(facts.study, references)]
    return built


def _stand_in(facts: AssessmentFacts, reference: ObjectReference) -> Dataset:
    """The object as highdicom asks for it: an image is what has rows and columns."""
    dataset = stand_in(facts.study, reference)
    if reference.sop_instance_uid in facts.images_by_uid or reference.sop_class_uid in _IMAGES:
        dataset.Rows = dataset.Columns = 1
    return dataset
