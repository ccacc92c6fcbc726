"""From a detector's answer to an outcome."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from models.answers import plain_answer
from models.assessment import Look, join_reasons, judge, look, select
from models.detector import (
    Assessment,
    Detector,
    Eligible,
    InstanceHeader,
    NotEligible,
    PassedOver,
    Refused,
    SeriesHeader,
    SeriesImages,
    Unjudgeable,
    Unsuitable,
)
from models.headers import SeriesHeaders, read_series_headers
from tests.dicom_series import archived, write_series
from tests.haemorrhage_heads import card as plain_card
from worklist.finding import (
    Evidence,
    Failed,
    Flagged,
    ImageScore,
    Lesion,
    NotApplicable,
    NotFlagged,
    Region,
    SuspectedKind,
    TurnedImage,
)
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID

REGION = Region(
    sop_instance_uid=SOPInstanceUID("1.2"), frame_number=1, polygon=((0, 0), (1, 0)), score=0.1
)


@pytest.mark.parametrize(
    ("probability", "kind"),
    [(0.0, NotFlagged), (0.3999, NotFlagged), (0.4, Flagged), (0.4001, Flagged), (1.0, Flagged)],
)
def test_a_study_is_flagged_at_or_above_the_operating_point(probability: float, kind: type) -> None:
    outcome = judge(Assessment(probability=probability, regions=(REGION,)), 0.4)
    assert outcome == kind(probability=probability, regions=(REGION,))


@pytest.mark.parametrize("probability", [-0.001, 1.001, math.nan, math.inf])
def test_p4_what_is_no_probability_is_a_failure(probability: float) -> None:
    outcome = judge(Assessment(probability=probability), 0.4)
    assert isinstance(outcome, Failed)
    assert str(probability) in outcome.reason


def test_p4_images_that_are_none_for_the_detector_are_not_applicable() -> None:
    outcome = judge(Unsuitable(reason="These images show no head."), 0.0)
    assert outcome == NotApplicable(reason="These images show no head.")


def test_p4_images_that_should_have_been_judged_and_could_not_are_a_failure() -> None:
    for alone in (True, False):
        said = Unjudgeable(reason="The head is upside down.", fails_alone=alone)
        assert judge(said, 0.0) == Failed(reason="The head is upside down.")


LESION = Lesion(
    number=1,
    score=0.5,
    centre_mm=(1.0, 2.0, 3.0),
    diameter_mm=8.0,
    first_image=SOPInstanceUID("1.2"),
    last_image=SOPInstanceUID("1.3"),
)


@pytest.mark.parametrize("probability", [0.1, 0.9])
def test_evidence_in_numbers_of_numpy_goes_with_the_outcome_in_plain_ones(
    probability: float,
) -> None:
    half = np.float32(0.5)
    evidence = Evidence(
        image_scores=(
            ImageScore(sop_instance_uid=SOPInstanceUID("1.2"), frame_number=1, score=half),
        ),
        kinds=(SuspectedKind(name="subdural", score=half),),
        lesions=(replace(LESION, score=half, centre_mm=(half, half, half), diameter_mm=half),),
    )
    answer = plain_answer(Assessment(probability=probability, evidence=evidence))
    outcome = judge(answer, 0.4)
    assert isinstance(outcome, Flagged | NotFlagged)
    assert outcome.evidence == evidence
    json.dumps(asdict(outcome.evidence))


@pytest.mark.parametrize(
    "unsound",
    [
        Evidence(kinds=(SuspectedKind(name="subdural", score=1.001),)),
        Evidence(kinds=(SuspectedKind(name="subdural", score=math.nan),)),
        Evidence(lesions=(replace(LESION, score=-0.001),)),
        Evidence(
            turned=(
                TurnedImage(sop_instance_uid=SOPInstanceUID("1.2"), frame_number=1, quarters=0),
            )
        ),
        Evidence(
            turned=(
                TurnedImage(sop_instance_uid=SOPInstanceUID("1.2"), frame_number=1, quarters=4),
            )
        ),
        Evidence(lesions=(replace(LESION, diameter_mm=math.inf),)),
        Evidence(lesions=(replace(LESION, centre_mm=(0.0, math.nan, 0.0)),)),
        Evidence(
            image_scores=(
                ImageScore(sop_instance_uid=SOPInstanceUID("1.2"), frame_number=1, score=2.0),
            )
        ),
    ],
)
def test_p4_evidence_that_cannot_be_is_a_failure(unsound: Evidence) -> None:
    assert isinstance(judge(Assessment(probability=0.9, evidence=unsound), 0.4), Failed)


@pytest.mark.parametrize("nowhere", [math.nan, math.inf])
def test_p4_places_that_are_nowhere_are_a_failure(nowhere: float) -> None:
    lost = [
        replace(REGION, polygon=((0.0, nowhere), (1.0, 0.0))),
        replace(REGION, score=nowhere),
        replace(REGION, polygon_mm=((0.0, 0.0, nowhere),)),
    ]
    for region in lost:
        outcome = judge(Assessment(probability=0.9, regions=(region,)), 0.4)
        assert isinstance(outcome, Failed)


def test_places_in_numbers_of_numpy_become_plain_ones_that_can_be_stored() -> None:
    one = np.float32(0.5)
    region = replace(REGION, polygon=((one, one), (one, one)), score=one)
    outcome = judge(plain_answer(Assessment(probability=0.9, regions=(region,))), 0.4)
    assert isinstance(outcome, Flagged)
    assert json.loads(json.dumps(asdict(outcome.regions[0])))["polygon"] == [[0.5, 0.5]] * 2


@pytest.mark.parametrize(
    ("reasons", "line"),
    [
        ([], ""),
        (["a", "a"], "a"),
        (["a", "b", "c"], "a; b; c"),
        (["a", "b", "c", "a", "d"], "a; b; c; and 1 more"),
    ],
)
def test_reasons_are_told_once_and_a_few_of_them(reasons: list[str], line: str) -> None:
    assert join_reasons(reasons) == line


class LeavesOut:
    """Eligible are all series, without some images."""

    def __init__(self, *uids: str) -> None:
        self._left_out = tuple((SOPInstanceUID(uid), "It is a screenshot.") for uid in uids)

    def eligibility(self, series: SeriesHeader) -> Eligible:
        return Eligible(left_out=self._left_out)


def series_of(*uids: str) -> SeriesHeader:
    return SeriesHeader(
        study_instance_uid=StudyInstanceUID("1.2.3"),
        series_instance_uid=SeriesInstanceUID("1.2.3.1"),
        modality="DX",
        body_part_examined="",
        study_description="",
        series_description="",
        protocol_name="",
        convolution_kernel="",
        contrast_bolus_agent="",
        manufacturer="",
        patient_sex="",
        patient_age_years=None,
        instances=tuple(
            InstanceHeader(
                sop_instance_uid=SOPInstanceUID(uid),
                sop_class_uid="",
                transfer_syntax_uid="",
                path=Path(uid),
                sha256=uid,
            )
            for uid in uids
        ),
    )


@pytest.mark.parametrize(
    ("left_out", "seen", "not_eligible"),
    [
        ((), ("1.1", "1.2", "1.3"), ()),
        (
            ("1.2",),
            ("1.1", "1.3"),
            (("1.2.3.1", "Without 1 of 3 images: It is a screenshot."),),
        ),
        (("1.1", "1.2", "1.3"), (), (("1.2.3.1", "It is a screenshot."),)),
    ],
)
def test_p6_an_image_that_a_detector_leaves_out_is_not_named_as_seen(
    left_out: tuple[str, ...], seen: tuple[str, ...], not_eligible: tuple[tuple[str, str], ...]
) -> None:
    headers = SeriesHeaders(series=(series_of("1.1", "1.2", "1.3"),), unreadable=())
    selection = select(cast(Detector, LeavesOut(*left_out)), headers)
    assert selection.instances == tuple((uid, uid) for uid in seen)
    assert selection.not_eligible == not_eligible


class RestsOnTheFirst:
    """Its answer rests on the first series; it looked at the second, and not at the third."""

    card = plain_card(operating_point=0.5)

    def eligibility(self, series: SeriesHeader) -> Eligible | NotEligible:
        if series.series_instance_uid == "1.2.3.104":
            return NotEligible(reason="It is a report.")
        uids = [i.sop_instance_uid for i in series.instances]
        return Eligible(left_out=() if len(uids) == 1 else ((uids[0], "It is a localizer."),))

    def assess(self, series: Sequence[SeriesImages]) -> Assessment:
        _, second, third = (one.header.series_instance_uid for one in series)
        assert all(one.images for one in series[:2])
        return Assessment(
            probability=0.1,
            passed_over=(
                PassedOver(series_instance_uid=second, reason="It has a bone kernel.", seen=True),
                PassedOver(series_instance_uid=third, reason="Its slices are thicker."),
            ),
        )


def _looked_at_by(detector: object, archive: Path) -> Look:
    """Four series of one image; the third of two."""
    filed = []
    for place, values in enumerate(([1], [2], [3, 4], [5])):
        folder = archive / str(place)
        for path in write_series(folder, values):
            named = path.rename(folder / f"{place + 1}{path.name}")
            (one,) = archived([named], archive)
            uid = SeriesInstanceUID(f"1.2.3.{101 + place}")
            filed.append(replace(one, series_instance_uid=uid))
    detector = cast(Detector, detector)
    selection = select(detector, read_series_headers(filed, archive))
    return look(detector, selection, limit_bytes=10**9)


def test_p6_each_series_that_an_answer_does_not_rest_on_is_named_with_every_reason(
    tmp_path: Path,
) -> None:
    assert _looked_at_by(RestsOnTheFirst(), tmp_path).not_used == (
        (
            "1.2.3.103",
            "Without 1 of 2 images: It is a localizer.; Its slices are thicker.",
        ),
        ("1.2.3.104", "It is a report."),
        ("1.2.3.102", "It has a bone kernel."),
    )


def test_p6_a_series_passed_over_counts_as_seen_only_if_it_was_looked_at(tmp_path: Path) -> None:
    seen = [uid for uid, _ in _looked_at_by(RestsOnTheFirst(), tmp_path).instances]
    assert seen == ["1.2.3.11", "1.2.3.21"]


class Refuses:
    """It refuses some images and answers with a probability."""

    card = plain_card(operating_point=0.5)

    def __init__(self, probability: float, *uids: str) -> None:
        self._probability, self._uids = probability, uids

    def eligibility(self, series: SeriesHeader) -> Eligible:
        return Eligible()

    def assess(self, series: Sequence[SeriesImages]) -> Assessment:
        assert all(one.images for one in series)
        refused = (
            Refused(sop_instance_uid=SOPInstanceUID(uid), frame_number=1, reason="It is cut off.")
            for uid in self._uids
        )
        return Assessment(probability=self._probability, refused=tuple(refused))


class Doubles(Refuses):
    """The images that it refuses lie where others do that it judged."""

    def assess(self, series: Sequence[SeriesImages]) -> Assessment:
        said = super().assess(series)
        refused = tuple(replace(one, place_judged=True) for one in said.refused)
        return replace(said, refused=refused)


def test_p6_an_image_whose_place_was_judged_on_another_is_not_seen_and_fails_nothing(
    tmp_path: Path,
) -> None:
    answer = _looked_at_by(Doubles(0.4999, "1.2.3.31"), tmp_path)
    assert answer.outcome == NotFlagged(probability=0.4999)
    assert "1.2.3.31" not in [uid for uid, _ in answer.instances]
    assert answer.not_used == (("1.2.3.103", "1 of 2 images not looked at: It is cut off."),)


def test_p4_a_study_with_an_image_that_was_refused_never_reads_as_not_flagged(
    tmp_path: Path,
) -> None:
    outcome = _looked_at_by(Refuses(0.4999, "1.2.3.31"), tmp_path).outcome
    assert isinstance(outcome, Failed)
    assert "1 of 2 images not looked at: It is cut off." in outcome.reason


def test_a_study_is_flagged_for_what_was_looked_at_though_an_image_was_refused(
    tmp_path: Path,
) -> None:
    assert _looked_at_by(Refuses(0.5, "1.2.3.31"), tmp_path).outcome == Flagged(probability=0.5)


@pytest.mark.parametrize("probability", [0.1, 0.9])
def test_p6_an_image_that_was_refused_is_not_among_those_seen_and_its_series_says_why(
    probability: float, tmp_path: Path
) -> None:
    answer = _looked_at_by(Refuses(probability, "1.2.3.31"), tmp_path)
    assert "1.2.3.31" not in [uid for uid, _ in answer.instances]
    assert len(answer.instances) == 4
    assert answer.not_used == (("1.2.3.103", "1 of 2 images not looked at: It is cut off."),)
