"""Selections list the flagged images; rejections what we made and no longer stand by."""

from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from results.document import ResultObject
from results.errors import UnusableFacts
from results.facts import AssessmentFacts, ObjectReference
from results.report import build_report
from results.segmentation import build_segmentations
from results.selection import Rejection, build_rejection, build_selections
from results.source import source_image_of
from tests.made_up_headers import enhanced_ct
from tests.result_facts import (
    AT,
    FRACTURE,
    HAEMORRHAGE,
    NODULE,
    PHANTOMS,
    facts_of,
    flagged,
    headers,
    region_on,
    result,
    usual_facts,
)
from worklist.finding import NotFlagged
from worklist.uid import SeriesInstanceUID, SOPInstanceUID

_HEAD = PHANTOMS / "head_ct_bleed"


def _title(document: Dataset) -> str:
    return str(document.ConceptNameCodeSequence[0].CodeValue)


def _said(document: Dataset) -> str:
    (text,) = (one.TextValue for one in document.ContentSequence if one.ValueType == "TEXT"
               and one.ConceptNameCodeSequence[0].CodeValue == "113012")  # fmt: skip
    return str(text)


def _named(document: Dataset, value_type: str) -> list[str]:
    return [
        str(one.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)
        for one in document.ContentSequence
        if one.ValueType == value_type
    ]


def test_the_flagged_images_of_a_detector_are_of_interest_each_once() -> None:
    source = headers(_HEAD)
    images = [source_image_of(one) for one in source]
    twice = [region_on(images[5], lesion=1), region_on(images[5]), region_on(images[3], lesion=1)]
    told = [
        result(HAEMORRHAGE, flagged(twice), images),
        result(FRACTURE, flagged([region_on(images[9])], probability=0.5), images),
        result(NODULE, NotFlagged(probability=0.2, regions=(region_on(images[1]),)), images),
    ]
    blood, broken = [one.dataset() for one in build_selections(facts_of(source, told))]
    assert _title(blood) == _title(broken) == "113000"
    assert _named(blood, "IMAGE") == [source[3].SOPInstanceUID, source[5].SOPInstanceUID]
    assert _named(broken, "IMAGE") == [source[9].SOPInstanceUID]
    assert _said(broken) == (
        "AI fracture 1.0: fracture suspected, 50 %. "
        "AI result, not reviewed, not for diagnostic use."
    )
    assert blood.SeriesInstanceUID == broken.SeriesInstanceUID
    assert blood.SOPInstanceUID != broken.SOPInstanceUID


def test_frames_of_a_multi_frame_object_are_named() -> None:
    source = enhanced_ct()
    image = source_image_of(source)
    regions = [region_on(image, frame_number=number, lesion=1) for number in (4, 2, 3)]
    facts = facts_of([source], [result(NODULE, flagged(regions), [image])])
    (built,) = (one.dataset() for one in build_selections(facts))
    (item,) = (one for one in built.ContentSequence if one.ValueType == "IMAGE")
    assert list(item.ReferencedSOPSequence[0].ReferencedFrameNumber) == [2, 3, 4]


def test_p8_nothing_is_selected_where_no_marks_are_shown() -> None:
    source = headers(_HEAD)
    images = [source_image_of(one) for one in source]
    told = result(HAEMORRHAGE, flagged([region_on(images[0])]), images, marks=False)
    assert build_selections(facts_of(source, [told])) == []


@pytest.mark.parametrize(
    ("why", "title", "words"),
    [
        (Rejection.SUPERSEDED, "113001", "later assessment took the place of"),
        (Rejection.WITHDRAWN, "113037", "were withdrawn"),
    ],
)
def test_a_rejection_names_what_counts_no_more_and_why(
    why: Rejection, title: str, words: str
) -> None:
    facts = usual_facts(_HEAD)
    made = [build_report(facts), *build_segmentations(facts)]
    note = _rejected(facts, made, why)
    assert _title(note) == title
    assert words in _said(note)
    assert _named(note, "COMPOSITE") == [made[0].reference.sop_instance_uid]
    assert _named(note, "IMAGE") == [made[1].reference.sop_instance_uid]
    (study,) = note.CurrentRequestedProcedureEvidenceSequence
    series = {one.SeriesInstanceUID for one in study.ReferencedSeriesSequence}
    assert series == {one.reference.series_instance_uid for one in made}
    assert (note.ContentDate, note.ContentTime) == ("20260302", "130000")


def _rejected(facts: AssessmentFacts, made: list[ResultObject], why: Rejection) -> Dataset:
    references = [one.reference for one in made]
    return build_rejection(facts, references, why, now=AT + timedelta(hours=1)).dataset()


def test_a_rejection_repeated_in_any_order_is_the_same_and_another_is_not() -> None:
    facts = usual_facts(_HEAD)
    references = [build_report(facts).reference, build_segmentations(facts)[0].reference]
    first = build_rejection(facts, references, Rejection.WITHDRAWN, now=AT)
    again = build_rejection(facts, references[::-1], Rejection.WITHDRAWN, now=AT)
    fewer = build_rejection(facts, references[:1], Rejection.WITHDRAWN, now=AT)
    other = build_rejection(facts, references, Rejection.SUPERSEDED, now=AT)
    assert first.file == again.file
    later = build_rejection(facts, references, Rejection.WITHDRAWN, now=AT + timedelta(minutes=1))
    newer = replace(facts, device=replace(facts.device, software_version="0.2.0"))
    by_another = build_rejection(newer, references, Rejection.WITHDRAWN, now=AT)
    elsewhere = replace(facts, timezone=ZoneInfo("America/Toronto"))
    on_another_clock = build_rejection(elsewhere, references, Rejection.WITHDRAWN, now=AT)
    made = (first, fewer, other, later, by_another, on_another_clock)
    assert len({one.reference.sop_instance_uid for one in made}) == len(made)


def test_p1_an_object_of_the_study_is_never_rejected() -> None:
    facts = usual_facts(_HEAD)
    ours, theirs = build_report(facts).reference, facts.seen[0]
    another_series = replace(
        theirs,
        sop_instance_uid=SOPInstanceUID("1.2.3.77.1"),
        series_instance_uid=SeriesInstanceUID("1.2.3.77"),
    )
    in_their_series = replace(ours, series_instance_uid=theirs.series_instance_uid)
    ct = replace(ours, sop_class_uid=theirs.sop_class_uid)
    scanned = replace(another_series, sop_class_uid=SecondaryCaptureImageStorage)
    random = replace(
        ours, sop_instance_uid=SOPInstanceUID("2.25.329800735698586629295641978511506172918")
    )
    not_ours = [theirs, another_series, in_their_series, ct, scanned, random]
    for objects in ([ours, theirs], *([one] for one in not_ours)):
        with pytest.raises(UnusableFacts, match="not ours"):
            build_rejection(facts, objects, Rejection.WITHDRAWN, now=AT)
    nothing: list[ObjectReference] = []
    with pytest.raises(UnusableFacts, match="nothing"):
        build_rejection(facts, nothing, Rejection.WITHDRAWN, now=AT)


def test_the_same_facts_make_the_same_selections() -> None:
    made = [[one.file for one in build_selections(usual_facts(_HEAD))] for _ in range(2)]
    assert made[0] == made[1] != []
