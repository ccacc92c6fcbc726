"""The report says what a device suspects, and nothing that could be read as more."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pytest
from pydicom.dataset import Dataset

from results.errors import UnknownImage, UnusableFacts
from results.facts import AssessmentFacts, ObjectReference, PatientAndStudy
from results.report import build_report as build
from results.report import report_uid
from results.source import source_image_of
from tests.made_up_headers import DX, enhanced_ct, plain_header, read_back, tilted_ct
from tests.result_facts import (
    DEVICE,
    FRACTURE,
    HAEMORRHAGE,
    PHANTOMS,
    facts_of,
    flagged,
    headers,
    region_on,
    result,
    usual_facts,
)
from worklist.finding import Evidence, Failed, NotApplicable, NotFlagged, TurnedImage
from worklist.highlighting import Highlighting
from worklist.study import Completeness
from worklist.uid import SOPInstanceUID, StudyInstanceUID

_HEAD = PHANTOMS / "head_ct_bleed"
_ARM = PHANTOMS / "forearm_fracture"


def build_report(facts: AssessmentFacts, supersedes: Sequence[ObjectReference] = ()) -> Dataset:
    """The report as anybody reads it."""
    return build(facts, supersedes=supersedes).dataset()


def _items(node: Dataset) -> Iterator[Dataset]:
    for item in node.get("ContentSequence", []):
        yield item
        yield from _items(item)


def _name(item: Dataset) -> str:
    return str(item.ConceptNameCodeSequence[0].CodeMeaning)


def _code(item: Dataset) -> str:
    return str(item.ConceptCodeSequence[0].CodeValue)


def _groups(report: Dataset) -> list[Dataset]:
    measurements = next(i for i in report.ContentSequence if _name(i) == "Imaging Measurements")
    return list(measurements.ContentSequence)


def _of(group: Dataset, name: str) -> list[Dataset]:
    return [one for one in group.ContentSequence if _name(one) == name]


def _text(group: Dataset, name: str) -> str:
    return str(_of(group, name)[0].TextValue)


def test_p5_a_report_is_unverified_preliminary_and_partial() -> None:
    report = build_report(usual_facts(_HEAD))
    flags = (report.VerificationFlag, report.PreliminaryFlag, report.CompletionFlag)
    assert flags == ("UNVERIFIED", "PRELIMINARY", "PARTIAL")
    assert "VerifyingObserverSequence" not in report
    for group in _groups(report):
        assert "AI result, not reviewed, not for diagnostic use." in _text(group, "Comment")


def test_p4_what_was_not_flagged_is_no_finding_and_no_absence() -> None:
    head = headers(_HEAD)
    images = [source_image_of(one) for one in head]
    report = build_report(
        facts_of(head, [result(HAEMORRHAGE, NotFlagged(probability=0.02), images)])
    )
    (group,) = _groups(report)
    assert _of(group, "Finding") == []
    assert _code(_of(group, "Intracranial hemorrhage")[0]) == "NOT_FLAGGED"
    assert "does not say that there is none" in _text(group, "Comment")
    assert len(_of(group, "Source of Measurement")) == len(images)


@pytest.mark.parametrize(
    ("outcome", "code", "words"),
    [
        (NotApplicable(reason="it is a knee"), "NOT_APPLICABLE", "it does not apply: it is a knee"),
        (Failed(reason="one image is broken"), "FAILED", "it failed: one image is broken"),
    ],
)
def test_p4_what_was_not_evaluated_says_why_and_has_no_probability(
    outcome: NotApplicable | Failed, code: str, words: str
) -> None:
    report = build_report(facts_of([read_back(plain_header())], [result(FRACTURE, outcome)]))
    (group,) = _groups(report)
    assert _code(_of(group, "Fracture of bone")[0]) == code
    assert words in _text(group, "Comment")
    assert _of(group, "Probability") == _of(group, "Finding") == []


def test_p6_every_group_names_the_model_its_weights_and_the_bytes_it_saw() -> None:
    facts = usual_facts(_HEAD)
    for group in _groups(build_report(facts)):
        parameters = [str(one.TextValue) for one in _of(group, "Algorithm Parameters")]
        assert [one.partition(":")[0] for one in parameters[:3]] == [
            "SHA-256 of the weights", "Operating point", "SHA-256 of the objects looked at",
        ]  # fmt: skip
        assert _text(group, "Algorithm Name") in {"haemorrhage", "fracture", "nodule", "extra"}
        assert _text(group, "Algorithm Version")
    seen = facts.results[0]
    altered = replace(
        seen.provenance, instances=[(uid, "1" * 64) for uid, _ in seen.provenance.instances]
    )
    assert replace(seen, provenance=altered).digest_of_instances != seen.digest_of_instances


def test_a_flag_has_a_group_for_the_study_and_one_for_each_place() -> None:
    report = build_report(usual_facts(_HEAD))
    names = [_text(one, "Tracking Identifier") for one in _groups(report)]
    assert names == [
        "haemorrhage, whole study", "haemorrhage, lesion 1", "haemorrhage, place 1",
        "nodule, whole study", "fracture, whole study", "extra, whole study",
    ]  # fmt: skip
    study, lesion, place = _groups(report)[:3]
    assert _of(study, "Probability")[0].MeasuredValueSequence[0].NumericValue == 91
    assert _of(lesion, "Certainty of Finding")[0].MeasuredValueSequence[0].NumericValue == 75
    assert _of(lesion, "Diameter")[0].MeasuredValueSequence[0].NumericValue == 12.5
    assert len(_of(lesion, "Volume Surface")) == len(_of(lesion, "Source Image for Segmentation"))
    assert _code(_of(place, "Finding")[0]) == "71642004", "of the skull, which is no haemorrhage"


@pytest.mark.parametrize("case", ["phantom", "tilted"])
def test_regions_in_space_lead_back_to_the_pixels_of_their_image(case: str) -> None:
    source = headers(_HEAD) if case == "phantom" else tilted_ct()
    images = [source_image_of(one) for one in source]
    regions = [region_on(one, lesion=1) for one in images[2:5]]
    report = build_report(facts_of(source, [result(HAEMORRHAGE, flagged(regions), images)]))
    surfaces = _of(_groups(report)[1], "Volume Surface")
    for header, region, item in zip(source[2:5], regions, surfaces, strict=True):
        points = np.array(item.GraphicData, float).reshape(-1, 3)
        to_pixels = highdicom.spatial.ReferenceToImageTransformer.for_image(header)
        pixels = to_pixels(points)
        assert np.array_equal(points[0], points[-1]), "a polygon is closed"
        assert np.allclose(pixels[:-1, :2], region.polygon, atol=1e-3)
        assert np.allclose(pixels[:, 2], 0, atol=1e-3)
        assert item.ReferencedFrameOfReferenceUID == header.FrameOfReferenceUID


def test_regions_of_a_radiograph_without_spacing_are_in_its_pixels() -> None:
    source = [read_back(plain_header(DX))]
    image = source_image_of(source[0])
    region = region_on(image)
    report = build_report(facts_of(source, [result(FRACTURE, flagged([region]), [image])]))
    (item,) = _of(_groups(report)[1], "Image Region")
    assert (item.ValueType, item.GraphicType) == ("SCOORD", "POLYLINE")
    points = np.array(item.GraphicData, float).reshape(-1, 2)
    assert np.allclose(points[:-1], region.polygon, atol=1e-4)
    selected = item.ContentSequence[0].ReferencedSOPSequence[0]
    assert selected.ReferencedSOPInstanceUID == image.reference.sop_instance_uid


def test_regions_of_a_multi_frame_object_name_their_frames() -> None:
    source = enhanced_ct()
    image = source_image_of(source)
    regions = [region_on(image, frame_number=number, lesion=1) for number in (2, 3)]
    report = build_report(facts_of([source], [result(HAEMORRHAGE, flagged(regions), [image])]))
    group = _groups(report)[1]
    frames = [
        one.ReferencedSOPSequence[0].ReferencedFrameNumber
        for one in _of(group, "Source Image for Segmentation")
    ]
    assert frames == [2, 3]
    heights = [np.array(one.GraphicData)[2] for one in _of(group, "Volume Surface")]
    assert heights == [2, 4]


def test_regions_that_lie_in_no_plane_are_told_in_pixels() -> None:
    source = headers(_HEAD)
    image = source_image_of(source[0])
    flat = region_on(image)
    assert flat.polygon_mm is not None
    bent = replace(flat, polygon_mm=((0, 0, 9), *flat.polygon_mm[1:]))
    report = build_report(facts_of(source, [result(HAEMORRHAGE, flagged([bent]), [image])]))
    assert [one.ValueType for one in _of(_groups(report)[1], "Image Region")] == ["SCOORD"]


def test_p8_of_a_detector_without_marks_only_its_state_is_said() -> None:
    source = headers(_HEAD)
    images = [source_image_of(one) for one in source]
    told = result(
        HAEMORRHAGE,
        flagged([region_on(images[3])]),
        images,
        marks=False,
        not_used=[("1.2.3.4", "less suspect than another")],
    )
    (group,) = _groups(build_report(facts_of(source, [told])))
    assert _code(_of(group, "Intracranial hemorrhage")[0]) == "415684004"
    assert _of(group, "Probability") == []
    assert "less suspect" not in _text(group, "Comment")


@pytest.mark.parametrize("marks", [True, False])
@pytest.mark.parametrize("quarters", [(), (1,), (1, 3)])
def test_p6_an_image_that_was_turned_to_be_looked_at_is_named(
    quarters: tuple[int, ...], marks: bool
) -> None:
    source = headers(_ARM)
    images = [source_image_of(one) for one in source]
    turned = tuple(
        TurnedImage(sop_instance_uid=SOPInstanceUID(f"1.2.{one}"), frame_number=1, quarters=one)
        for one in quarters
    )
    outcome = NotFlagged(probability=0.1, evidence=Evidence(turned=turned))
    facts = facts_of(source, [result(FRACTURE, outcome, images, marks=marks)])
    (group,) = _groups(build_report(facts))
    said = [str(one.TextValue) for one in _of(group, "Algorithm Parameters")]
    assert [one for one in said if one.startswith("Turned")] == [
        f"Turned to be looked at: 1.2.{one}, frame 1, {90 * one} degrees counterclockwise"
        for one in quarters
    ]
    words = {0: "", 1: "1 image was", 2: "2 images were"}[len(quarters)]
    sentence = f"{words} turned to be looked at; places are told as the images were received."
    assert (sentence in _text(group, "Comment")) == bool(quarters)


def test_an_incomplete_study_is_called_so() -> None:
    facts = facts_of(
        [read_back(plain_header())],
        [result(FRACTURE, NotFlagged(probability=0.1))],
        completeness=Completeness.INCOMPLETE,
    )
    assert "not complete when it was looked at" in _text(_groups(build_report(facts))[0], "Comment")


def test_every_object_seen_is_evidence_once_and_no_other() -> None:
    facts = usual_facts(_HEAD)
    (study,) = build_report(facts).CurrentRequestedProcedureEvidenceSequence
    assert study.StudyInstanceUID == facts.study.study_instance_uid
    named = [
        one.ReferencedSOPInstanceUID
        for series in study.ReferencedSeriesSequence
        for one in series.ReferencedSOPSequence
    ]
    assert sorted(named) == sorted(one.sop_instance_uid for one in facts.seen)


def test_a_report_on_a_study_of_which_nothing_was_seen_has_no_evidence() -> None:
    facts = replace(
        facts_of([read_back(plain_header())], [result(FRACTURE, NotApplicable(reason="no"))]),
        seen=(),
        images=(),
    )
    assert "CurrentRequestedProcedureEvidenceSequence" not in build_report(facts)


@pytest.mark.parametrize("folder", [_HEAD, _ARM], ids=lambda path: path.name)
def test_the_same_facts_make_the_same_bytes(folder: Path) -> None:
    assert build(usual_facts(folder)).file == build(usual_facts(folder)).file


def test_another_assessment_or_outcome_is_another_report_of_the_same_finding() -> None:
    facts = usual_facts(_ARM)
    later = replace(facts, number=2)
    calmer = replace(facts.results[1], outcome=NotFlagged(probability=0.04))
    other = replace(facts, results=(facts.results[0], calmer, *facts.results[2:]))
    assert len({report_uid(one) for one in (facts, later, other)}) == 3
    tracked = [
        str(_of(_groups(build_report(one))[0], "Tracking Unique Identifier")[0].UID)
        for one in (facts, later)
    ]
    assert tracked[0] == tracked[1], "the word on a study is followed through its assessments"


@pytest.mark.parametrize(
    "change",
    [
        {"completeness": Completeness.INCOMPLETE},
        {"timezone": timezone(timedelta(hours=1))},
        {"device": replace(DEVICE, software_version="0.2.0")},
        {"seen": ()},
        {"study": PatientAndStudy(study_instance_uid=StudyInstanceUID("1.2.3"), elements=())},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_differs_in_an_object_its_uid_differs(change: dict[str, Any]) -> None:
    facts = facts_of([read_back(plain_header())], [result(FRACTURE, NotFlagged(probability=0.1))])
    assert report_uid(replace(facts, **change)) != report_uid(facts)
    earlier = build(replace(facts, number=2)).reference
    assert report_uid(facts, [earlier]) != report_uid(facts)
    assert build(facts, supersedes=[earlier]).reference.sop_instance_uid == report_uid(
        facts, [earlier]
    )
    hidden = replace(facts.results[0], highlighting=Highlighting.TRIAGE_ONLY)
    assert report_uid(replace(facts, results=(hidden,))) != report_uid(facts)


def test_a_newer_report_names_the_one_it_takes_the_place_of() -> None:
    facts = usual_facts(_ARM)
    earlier = build(facts).reference
    report = build_report(replace(facts, number=2), supersedes=[earlier])
    (study,) = report.PredecessorDocumentsSequence
    (series,) = study.ReferencedSeriesSequence
    assert study.StudyInstanceUID == facts.study.study_instance_uid
    assert series.SeriesInstanceUID == earlier.series_instance_uid != report.SeriesInstanceUID
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == earlier.sop_instance_uid


@pytest.mark.parametrize(
    ("said", "expected"),
    [("", "140000"), ("-0330", "083000"), ("+0100", "130000"), ("+9900", "140000")],
)
def test_times_are_on_the_clock_of_the_source_or_else_of_the_site(said: str, expected: str) -> None:
    header = plain_header()
    if said:
        header.TimezoneOffsetFromUTC = said
    facts = facts_of([read_back(header)], [result(FRACTURE, NotFlagged(probability=0.1))])
    report = build_report(replace(facts, timezone=timezone(timedelta(hours=2))))
    assert report.ContentTime == expected
    assert report.get("TimezoneOffsetFromUTC", "") == said


def test_facts_that_contradict_one_another_are_refused() -> None:
    source = headers(_ARM)
    image = source_image_of(source[0])
    elsewhere = replace(region_on(image), sop_instance_uid=SOPInstanceUID("1.2.9"))
    frame = replace(region_on(image), frame_number=2)
    for region in (elsewhere, frame):
        with pytest.raises(UnknownImage):
            facts_of(source, [result(FRACTURE, flagged([region]), [image])])
    with pytest.raises(UnusableFacts, match="without a result"):
        facts_of(source, [])
    with pytest.raises(UnusableFacts, match="which a detector saw"):
        replace(facts_of(source, [result(FRACTURE, flagged([]), [image])]), seen=())


@pytest.mark.parametrize(
    ("highlighting", "is_revealed", "is_said"),
    [
        (Highlighting.AT_ONCE, False, True),
        (Highlighting.AFTER_FIRST_LOOK, False, False),
        (Highlighting.AFTER_FIRST_LOOK, True, True),
        (Highlighting.TRIAGE_ONLY, True, False),
    ],
)
def test_p8_marks_are_in_a_report_when_everybody_may_see_them(
    highlighting: Highlighting, is_revealed: bool, is_said: bool
) -> None:
    source = headers(_ARM)
    image = source_image_of(source[0])
    told = replace(
        result(FRACTURE, flagged([region_on(image)]), [image]),
        highlighting=highlighting,
        is_revealed=is_revealed,
    )
    groups = _groups(build_report(facts_of(source, [told])))
    assert len(groups) == (2 if is_said else 1)
    assert bool(_of(groups[0], "Probability")) == is_said


def test_where_something_is_marked_the_report_says_that_it_is_suspected() -> None:
    answers = [
        (_name(item), _code(item))
        for group in _groups(build_report(usual_facts(_HEAD)))
        if _of(group, "Certainty of Finding")
        for item in group.ContentSequence
        if item.ValueType == "CODE" and _code(item) == "415684004"
    ]
    assert answers == [
        ("Intracranial hemorrhage", "415684004"),
        ("Fracture of skull", "415684004"),
    ]
