"""The report row by row: what PS3.16 asks of TID 1500 and of the templates that it includes.

The tables are those of the templates, with the rows that a device's report may have. Every item,
at every depth, must be of a row, as often as the row allows, with its relationship and value type,
and codes of the scheme that they are of; what a row requires must be there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import highdicom
import pytest
from pydicom.dataset import Dataset

from results.report import build_report
from results.source import source_image_of
from tests.made_up_headers import enhanced_ct, plain_header, read_back
from tests.result_facts import (
    FRACTURE,
    NODULE,
    PHANTOMS,
    facts_of,
    flagged,
    region_on,
    result,
    usual_facts,
)

_MANY = 10_000
_TARGETS = frozenset({"1386000", "125605004", "427359005"})


@dataclass(frozen=True)
class Row:
    """One row of a template."""

    relationship: str
    value_type: str
    names: frozenset[str]  # code values of the concept name
    least: int
    most: int
    values: frozenset[str] | None = None  # code values or unit; None: any


def _row(
    relationship: str,
    value_type: str,
    name: str,
    least: int,
    most: int,
    *values: str,
) -> Row:
    return Row(
        relationship=relationship,
        value_type=value_type,
        names=frozenset(name.split("|")),
        least=least,
        most=most,
        values=frozenset(values) or None,
    )


_ALGORITHM = (  # TID 4019
    _row("HAS CONCEPT MOD", "TEXT", "111001", 1, 1),
    _row("HAS CONCEPT MOD", "TEXT", "111003", 1, 1),
    _row("HAS CONCEPT MOD", "TEXT", "111002", 0, _MANY),
    _row("HAS CONCEPT MOD", "CODE", "111000", 0, 1, "123110"),
)
_TRACKING = (  # rows 2 and 3 of TID 1501, 1410 and 1411
    _row("HAS OBS CONTEXT", "TEXT", "112039", 1, 1),
    _row("HAS OBS CONTEXT", "UIDREF", "112040", 1, 1),
)
_COMMENT = _row("CONTAINS", "TEXT", "121106", 1, 1)
_DOCUMENT = (  # TID 1500 with TID 1204, 1001, 1002 and 1004
    _row("HAS CONCEPT MOD", "CODE", "121049", 0, 1),
    _row("HAS OBS CONTEXT", "CODE", "121005", 1, 1, "121007"),
    _row("HAS OBS CONTEXT", "UIDREF", "121012", 1, 1),
    _row("HAS OBS CONTEXT", "TEXT", "121013", 0, 1),
    _row("HAS OBS CONTEXT", "TEXT", "121014", 0, 1),
    _row("HAS OBS CONTEXT", "TEXT", "121015", 0, 1),
    _row("HAS OBS CONTEXT", "TEXT", "121016", 0, 1),
    _row("HAS CONCEPT MOD", "CODE", "121058", 1, _MANY),
    _row("CONTAINS", "CONTAINER", "126010", 1, 1),
)
_GROUPS = {
    "1501": (
        *_TRACKING,
        _row("CONTAINS", "CODE", "121071", 0, 1, *_TARGETS),
        *_ALGORITHM,
        _row("CONTAINS", "NUM", "122157", 0, 1, "%"),
        _row("CONTAINS", "CODE", "|".join(sorted(_TARGETS)), 1, 1,
             "415684004", "NOT_FLAGGED", "NOT_APPLICABLE", "FAILED"),
        _row("CONTAINS", "IMAGE", "121112", 0, _MANY),
        _COMMENT,
    ),
    "1410": (
        *_TRACKING,
        _row("CONTAINS", "CODE", "121071", 1, 1, *_TARGETS, "71642004"),
        *_ALGORITHM,
        _row("CONTAINS", "NUM", "111012", 1, 1, "%"),
        _row("CONTAINS", "NUM", "81827009", 0, 1, "mm"),
        _row("CONTAINS", "CODE", "|".join(sorted({*_TARGETS, "71642004"})), 1, 1, "415684004"),
        _row("CONTAINS", "SCOORD|SCOORD3D", "111030", 1, 1),
        _COMMENT,
    ),
    "1411": (
        *_TRACKING,
        _row("CONTAINS", "CODE", "121071", 1, 1, *_TARGETS),
        *_ALGORITHM,
        _row("CONTAINS", "NUM", "111012", 1, 1, "%"),
        _row("CONTAINS", "NUM", "81827009", 0, 1, "mm"),
        _row("CONTAINS", "CODE", "|".join(sorted(_TARGETS)), 1, 1, "415684004"),
        _row("CONTAINS", "SCOORD", "111030", 0, _MANY),
        _row("CONTAINS", "SCOORD3D", "121231", 0, _MANY),
        _row("CONTAINS", "IMAGE", "121233", 0, _MANY),
        _COMMENT,
    ),
}  # fmt: skip


_NESTED = {  # rows below others, by the name of these
    "121049": (_row("HAS CONCEPT MOD", "CODE", "121046", 0, 1),),  # TID 1204 row 2
    "111012": (_row("INFERRED FROM", "IMAGE", "121112", 0, _MANY),),  # TID 320 row 1
}
_REGION = (_row("SELECTED FROM", "IMAGE", "260753009", 1, 1),)  # of each SCOORD (PS3.3 C.18.6)
_OF_DCM = {
    row.names
    for rows in (_DOCUMENT, *_GROUPS.values(), *_NESTED.values())
    for row in rows
    if not row.names & {*_TARGETS, "71642004", "81827009"}
}
_SCHEMES = {
    **{name: "DCM" for names in _OF_DCM for name in names},
    **dict.fromkeys(("121007", "123110", "125007", "126000"), "DCM"),
    **dict.fromkeys(("%", "mm"), "UCUM"),
    **dict.fromkeys(("NOT_FLAGGED", "NOT_APPLICABLE", "FAILED"), "99VIGIE"),
    "en-US": "RFC5646",
}  # of all else: SCT


def _name(item: Dataset) -> str:
    return str(item.ConceptNameCodeSequence[0].CodeValue)


def _value(item: Dataset) -> str:
    if item.ValueType == "CODE":
        return str(item.ConceptCodeSequence[0].CodeValue)
    if item.ValueType == "NUM":
        return str(item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue)
    return ""


def _fits(item: Dataset, row: Row) -> bool:
    return (
        item.RelationshipType == row.relationship
        and item.ValueType in row.value_type.split("|")
        and _name(item) in row.names
        and (row.values is None or _value(item) in row.values)
    )


def problems(items: Sequence[Dataset], rows: Sequence[Row]) -> list[str]:
    """What of these items breaks the template."""
    found, counts = [], dict.fromkeys(rows, 0)
    for item in items:
        fitting = [row for row in rows if _fits(item, row)]
        if not fitting:
            found.append(f"{item.RelationshipType} {item.ValueType} {_name(item)}: of no row")
            continue
        counts[fitting[0]] += 1
    for row, count in counts.items():
        if not row.least <= count <= row.most:
            found.append(
                f"{row.value_type} {sorted(row.names)}: {count} of {row.least}..{row.most}"
            )
    return found


def _nested(item: Dataset) -> list[str]:
    """What breaks the rows below one item, and what of the item no row says."""
    below = item.get("ContentSequence", ())
    if _name(item) in ("126010", "125007"):
        return [problem for one in below for problem in _nested(one)]
    rows = _REGION if item.ValueType == "SCOORD" else _NESTED.get(_name(item), ())
    found = problems(below, rows)
    codes = [item.ConceptNameCodeSequence[0], *item.get("ConceptCodeSequence", ())]
    if item.ValueType == "NUM":
        (measured,) = item.MeasuredValueSequence
        codes += measured.MeasurementUnitsCodeSequence
    for code in codes:
        if code.CodingSchemeDesignator != _SCHEMES.get(str(code.CodeValue), "SCT"):
            found.append(f"{code.CodeValue} of {code.CodingSchemeDesignator}")
        if not code.CodeMeaning:
            found.append(f"{code.CodeValue} means nothing")
    if item.ValueType == "TEXT" and not item.TextValue:
        found.append(f"{_name(item)} says nothing")
    if item.ValueType == "SCOORD3D" and "ReferencedFrameOfReferenceUID" not in item:
        found.append("a region in no frame of reference")
    if item.ValueType == "IMAGE" and len(item.ReferencedSOPSequence) != 1:
        found.append(f"{_name(item)} is not one image")
    deeper = [problem for one in below for problem in _nested(one)]
    return [*(f"{_name(item)}: {one}" for one in found), *deeper]


def _of_report(report: Dataset) -> list[str]:
    found = problems(report.ContentSequence, _DOCUMENT)
    found += [problem for one in report.ContentSequence for problem in _nested(one)]
    if _name(report) != "126000":
        found.append("its title is not Imaging Measurement Report")
    if report.ContentTemplateSequence[0].TemplateIdentifier != "1500":
        found.append("not TID 1500")
    (measurements,) = (one for one in report.ContentSequence if _name(one) == "126010")
    for group in measurements.ContentSequence:
        assert (_name(group), group.RelationshipType) == ("125007", "CONTAINS")
        template = group.ContentTemplateSequence[0].TemplateIdentifier
        found += [f"TID {template}: {one}" for one in problems(
            group.ContentSequence, _GROUPS[template])]  # fmt: skip
    return found


@pytest.mark.parametrize("case", sorted(path.parent.name for path in PHANTOMS.glob("*/case.toml")))
def test_every_item_of_a_report_is_of_a_row_of_its_template(case: str) -> None:
    assert _of_report(build_report(usual_facts(PHANTOMS / case)).dataset()) == []


def test_so_is_that_of_lesions_told_in_pixels() -> None:
    header = read_back(plain_header())
    image = source_image_of(header)
    regions = [region_on(image, lesion=1), region_on(image, lesion=1, shift=0.2)]
    facts = facts_of([header], [result(FRACTURE, flagged(regions), [image])])
    report = build_report(facts).dataset()
    assert _of_report(report) == []
    group = report.ContentSequence[-1].ContentSequence[1]
    assert group.ContentTemplateSequence[0].TemplateIdentifier == "1411"
    assert [one.ValueType for one in group.ContentSequence if _name(one) == "111030"] == [
        "SCOORD", "SCOORD",
    ]  # fmt: skip


def test_what_no_row_allows_below_an_item_is_found() -> None:
    report = build_report(usual_facts(PHANTOMS / "forearm_fracture")).dataset()
    place = report.ContentSequence[-1].ContentSequence[1]
    (region,) = (one for one in place.ContentSequence if one.ValueType == "SCOORD")
    source = region.ContentSequence[0]
    region.ContentSequence = [source, source]
    assert _of_report(report) == ["111030: IMAGE ['260753009']: 2 of 1..1"]
    region.ContentSequence = []
    assert _of_report(report) == ["111030: IMAGE ['260753009']: 0 of 1..1"]
    region.ContentSequence = [source]
    (certainty,) = (one for one in place.ContentSequence if _name(one) == "111012")
    certainty.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodingSchemeDesignator = "X"
    source.ConceptNameCodeSequence[0].CodeMeaning = ""
    comment = place.ContentSequence[-1]
    comment.ContentSequence = [source]
    assert _of_report(report) == [
        "111012: % of X",
        "260753009: 260753009 means nothing",
        "121106: SELECTED FROM IMAGE 260753009: of no row",
        "260753009: 260753009 means nothing",
    ]


def _without(group: Dataset, name: str) -> list[Dataset]:
    return [one for one in group.ContentSequence if _name(one) != name]


@pytest.mark.parametrize("name", ["112039", "112040", "111001", "111003", "121106"])
def test_what_a_row_requires_is_missed(name: str) -> None:
    report = build_report(usual_facts(PHANTOMS / "head_ct_bleed")).dataset()
    group = report.ContentSequence[-1].ContentSequence[0]
    assert problems(_without(group, name), _GROUPS["1501"])


def test_an_item_of_another_relationship_is_found() -> None:
    report = build_report(usual_facts(PHANTOMS / "head_ct_bleed")).dataset()
    group = report.ContentSequence[-1].ContentSequence[0]
    group.ContentSequence[0].RelationshipType = "CONTAINS"
    assert problems(group.ContentSequence, _GROUPS["1501"])


@pytest.mark.parametrize("folder", [PHANTOMS / "head_ct_bleed", PHANTOMS / "forearm_fracture"])
def test_highdicom_reads_back_what_was_written(folder: Path) -> None:
    facts = usual_facts(folder)
    report = highdicom.sr.Comprehensive3DSR.from_dataset(build_report(facts).dataset())
    planar = report.content.get_planar_roi_measurement_groups()
    volumetric = report.content.get_volumetric_roi_measurement_groups()
    whole = report.content.get_image_measurement_groups()
    assert len(whole) == len(facts.results)
    places = {(one.lesion or id(one)) for one in facts.results[0].regions}
    assert len(planar) + len(volumetric) == len(places)
    assert {one.tracking_uid for one in whole}.isdisjoint(one.tracking_uid for one in planar)
    (observer,) = report.content.get_observer_contexts()
    assert observer.observer_identifying_attributes.uid == facts.device.uid


def test_highdicom_reads_back_the_surface_of_a_multi_frame_lesion() -> None:
    source = enhanced_ct()
    image = source_image_of(source)
    regions = [region_on(image, frame_number=number, lesion=1) for number in (2, 3)]
    facts = facts_of([source], [result(NODULE, flagged(regions), [image])])
    report = highdicom.sr.Comprehensive3DSR.from_dataset(build_report(facts).dataset())
    (group,) = report.content.get_volumetric_roi_measurement_groups()
    surface = group.roi
    assert len(surface.graphic_data) == 2
    assert [one.referenced_frame_numbers for one in surface.source_images_for_segmentation] == [
        [2], [3],
    ]  # fmt: skip
