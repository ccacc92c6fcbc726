"""What is decoded of a study with several reconstructions, and what need not be."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from models.detector import Assessment, SeriesImages, Unsuitable
from tests.filed_series import (
    FIRST,
    SECOND,
    THIRD,
    Answers,
    Archive,
    archive_in,
    decoded_by,
    left_aside,
    look_at,
    the_first_alone,
)
from worklist.finding import Failed, Flagged, NotApplicable, NotFlagged


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return archive_in(tmp_path)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return decoded_by(monkeypatch)


def test_a_broken_spare_reconstruction_is_neither_decoded_nor_a_failure(
    archive: Archive, tmp_path: Path, decoded: list[str]
) -> None:
    filed = [*archive(FIRST), *archive(SECOND, broken=True), *archive(THIRD)]
    answer = look_at(Answers(the_first_alone), filed, tmp_path)
    assert answer.outcome == NotFlagged(probability=0.1)
    assert decoded == [FIRST]
    assert [uid for uid, _ in answer.not_used] == [SECOND, THIRD]
    assert [uid for uid, _ in answer.instances] == sorted(i.sop_instance_uid for i in filed[:3])


@pytest.mark.parametrize(
    "otherwise",
    [{"frame": "1.2.8"}, {"frame": ""}, {"low_mm": 100.0}],
    ids=["another scan", "no frame of reference", "another part"],
)
@pytest.mark.parametrize("broken", [True, False])
def test_p4_what_shows_something_else_is_missed_if_passed_over_unseen_broken_or_not(
    archive: Archive,
    tmp_path: Path,
    decoded: list[str],
    otherwise: dict[str, str | float],
    broken: bool,
) -> None:
    filed = [*archive(FIRST), *archive(SECOND, broken=broken, **otherwise)]
    answer = look_at(Answers(the_first_alone), filed, tmp_path)
    assert isinstance(answer.outcome, Failed)
    assert "series 1.2.3.2: it was passed over, and none " in answer.outcome.reason
    assert answer.not_used == ((SECOND, "Another is looked at."),)
    assert len(answer.instances) == 3
    flagged = look_at(Answers(lambda series: the_first_alone(series, 0.9)), filed, tmp_path)
    assert flagged.outcome == Flagged(probability=0.9)
    assert decoded == [FIRST, FIRST]


def test_p4_a_scan_of_enhanced_objects_passed_over_unseen_is_missed_for_its_place_is_not_known(
    archive: Archive, tmp_path: Path, decoded: list[str]
) -> None:
    filed = [*archive(FIRST), *archive(SECOND, frames=2)]
    assert isinstance(look_at(Answers(the_first_alone), filed, tmp_path).outcome, Failed)
    assert decoded == [FIRST]


def test_p6_what_a_detector_asked_for_was_seen_whatever_it_says(
    archive: Archive, tmp_path: Path
) -> None:
    def forgetful(series: Sequence[SeriesImages]) -> Assessment:
        first, second = series
        assert first.images and second.images
        return Assessment(probability=0.1, passed_over=(left_aside(FIRST),))

    answer = look_at(Answers(forgetful), [*archive(FIRST), *archive(SECOND, low_mm=100)], tmp_path)
    assert answer.outcome == NotFlagged(probability=0.1)
    assert len(answer.instances) == 6


def test_a_flag_is_not_lost_through_a_series_that_nobody_looked_at(
    archive: Archive, tmp_path: Path
) -> None:
    filed = [*archive(FIRST), *archive(SECOND, frame="")]
    altered = tmp_path / filed[-1].archive_path
    altered.write_bytes(altered.read_bytes()[:-1] + b"\x55")
    flags = Answers(lambda series: the_first_alone(series, 0.9))
    assert look_at(flags, filed, tmp_path).outcome == Flagged(probability=0.9)


def the_first_and_no_word_of_others(
    series: Sequence[SeriesImages], probability: float = 0.1
) -> Assessment:
    """Takes the first series, whatever there is besides."""
    assert len(series[0].images) == 3
    return Assessment(probability=probability)


@pytest.mark.parametrize("broken", [True, False])
def test_p4_what_was_neither_asked_for_nor_passed_over_is_missed_and_never_decoded(
    archive: Archive, tmp_path: Path, decoded: list[str], broken: bool
) -> None:
    filed = [*archive(FIRST), *archive(SECOND, low_mm=100, broken=broken)]
    answer = look_at(Answers(the_first_and_no_word_of_others), filed, tmp_path)
    assert isinstance(answer.outcome, Failed)
    assert f"series {SECOND}: the detector did not ask for its images" in answer.outcome.reason
    assert answer.not_used == ((SECOND, "The detector did not ask for its images."),)
    assert [uid for uid, _ in answer.instances] == sorted(i.sop_instance_uid for i in filed[:3])
    flags = Answers(lambda series: the_first_and_no_word_of_others(series, 0.9))
    assert look_at(flags, filed, tmp_path).outcome == Flagged(probability=0.9)
    assert decoded == [FIRST, FIRST]


def test_a_spare_that_was_neither_asked_for_nor_passed_over_is_not_missed_and_never_decoded(
    archive: Archive, tmp_path: Path, decoded: list[str]
) -> None:
    filed = [*archive(FIRST), *archive(SECOND, broken=True), *archive(THIRD)]
    answer = look_at(Answers(the_first_and_no_word_of_others), filed, tmp_path)
    assert answer.outcome == NotFlagged(probability=0.1)
    assert decoded == [FIRST] and len(answer.instances) == 3
    assert [uid for uid, _ in answer.not_used] == [SECOND, THIRD]


@pytest.mark.parametrize("probability", [0.1, 0.9])
def test_p6_an_answer_without_a_look_at_a_single_image_is_a_failure(
    archive: Archive, tmp_path: Path, decoded: list[str], probability: float
) -> None:
    blind = Answers(lambda _: Assessment(probability=probability))
    answer = look_at(blind, [*archive(FIRST), *archive(SECOND)], tmp_path)
    assert isinstance(answer.outcome, Failed) and answer.instances == ()
    assert f"series {FIRST}: the detector did not ask for its images" in answer.outcome.reason
    assert decoded == []


def test_images_that_are_none_for_a_detector_by_their_headers_are_not_decoded(
    archive: Archive, tmp_path: Path, decoded: list[str]
) -> None:
    refuses = Answers(lambda _: Unsuitable(reason="Two views are needed."))
    answer = look_at(refuses, [*archive(FIRST), *archive(SECOND, broken=True)], tmp_path)
    assert answer.outcome == NotApplicable(reason="Two views are needed.")
    assert decoded == [] and answer.instances == ()


def test_p6_what_a_detector_says_it_saw_it_did_not_see_unless_it_asked_for_it(
    archive: Archive, tmp_path: Path, decoded: list[str]
) -> None:
    def boasts(series: Sequence[SeriesImages]) -> Assessment:
        assert series[0].images
        return Assessment(probability=0.1, passed_over=(left_aside(SECOND, seen=True),))

    filed = [*archive(FIRST), *archive(SECOND, low_mm=100)]
    answer = look_at(Answers(boasts), filed, tmp_path)
    assert isinstance(answer.outcome, Failed) and len(answer.instances) == 3
    assert decoded == [FIRST]
