"""What of a study cannot be decoded or was altered, and what becomes of the rest."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from models.detector import Assessment, SeriesImages
from models.images import UndecodableImage
from models.series_on_demand import AlteredInstance
from tests.archived import RAMP
from tests.filed_series import (
    FIRST,
    SECOND,
    THIRD,
    Answers,
    Archive,
    archive_in,
    decoded_by,
    every_one,
    left_aside,
    look_at,
    the_first_alone,
    the_first_that_can_be_decoded,
)
from worklist.finding import Failed, Flagged, NotFlagged


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return archive_in(tmp_path)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return decoded_by(monkeypatch)


def test_a_detector_that_writes_into_what_it_gets_and_stumbles_is_given_it_anew(
    archive: Archive, tmp_path: Path
) -> None:
    highest: list[float] = []

    def in_place(series: Sequence[SeriesImages]) -> Assessment:
        for one in series:
            for each in one.images:
                each.pixels[...] += 1000
                highest.append(float(each.pixels.max()))
        return Assessment(probability=0.9)

    filed = [*archive(FIRST), *archive(SECOND, broken=True)]
    assert isinstance(look_at(Answers(in_place), filed, tmp_path).outcome, Flagged)
    assert highest == [1000.0 + float(RAMP.max())] * 6


def test_p4_a_broken_spare_of_what_was_judged_by_itself_is_replaced_and_of_what_was_not_is_missed(
    archive: Archive, tmp_path: Path
) -> None:
    def the_second_decides(judged: bool, series: Sequence[SeriesImages]) -> Assessment:
        first, second, _ = series
        assert first.images and second.images
        other = left_aside(FIRST, seen=True, judged=judged)
        return Assessment(probability=0.1, passed_over=(other, left_aside(THIRD)))

    filed = [*archive(FIRST), *archive(SECOND, low_mm=100), *archive(THIRD, broken=True)]
    for judged, kind in ((True, NotFlagged), (False, Failed)):
        detector = Answers(lambda series, judged=judged: the_second_decides(judged, series))
        assert isinstance(look_at(detector, filed, tmp_path).outcome, kind)


def test_p4_what_a_detector_looks_at_without_choosing_must_not_be_broken(
    archive: Archive, tmp_path: Path
) -> None:
    filed = [*archive(FIRST), *archive(SECOND, broken=True), *archive(THIRD)]
    detector = Answers(every_one)
    answer = look_at(detector, filed, tmp_path)
    assert isinstance(answer.outcome, Failed)
    assert "not all could be: series 1.2.3.2: " in answer.outcome.reason
    assert detector.offered == [[FIRST, SECOND, THIRD], [FIRST, THIRD]]
    assert len(answer.instances) == 6


def test_a_study_is_flagged_for_the_rest_and_what_was_broken_is_told(
    archive: Archive, tmp_path: Path
) -> None:
    filed = [*archive(FIRST, broken=True), *archive(SECOND)]
    answer = look_at(Answers(lambda series: every_one(series, 0.9)), filed, tmp_path)
    assert answer.outcome == Flagged(probability=0.9)
    ((uid, why),) = answer.not_used
    assert uid == FIRST and why.startswith("It cannot be decoded: ")


def test_however_many_are_broken_a_detector_is_asked_twice_at_most(
    archive: Archive, tmp_path: Path
) -> None:
    filed = [*archive(FIRST, broken=True), *archive(SECOND, broken=True), *archive(THIRD)]
    detector = Answers(every_one)
    assert isinstance(look_at(detector, filed, tmp_path).outcome, Failed)
    assert detector.offered == [[FIRST, SECOND, THIRD], [THIRD]]


@pytest.mark.parametrize("rule", [every_one, the_first_that_can_be_decoded])
def test_p4_a_study_of_which_nothing_can_be_decoded_has_failed(
    archive: Archive,
    tmp_path: Path,
    rule: Callable[[Sequence[SeriesImages]], Assessment],
) -> None:
    filed = [*archive(FIRST, broken=True), *archive(SECOND, broken=True)]
    answer = look_at(Answers(rule), filed, tmp_path)
    assert isinstance(answer.outcome, Failed)
    assert answer.outcome.reason.startswith("series 1.2.3.1: ")
    assert answer.instances == ()


def test_a_broken_reconstruction_is_replaced_by_a_good_one_of_the_same_and_told(
    archive: Archive, tmp_path: Path, decoded: list[str]
) -> None:
    filed = [*archive(FIRST, broken=True), *archive(SECOND), *archive(THIRD)]
    answer = look_at(Answers(the_first_that_can_be_decoded), filed, tmp_path)
    assert answer.outcome == NotFlagged(probability=0.1)
    assert decoded == [FIRST, SECOND]
    told = dict(answer.not_used)
    assert "It cannot be decoded: " in told[FIRST] and "cannot" not in told[THIRD]
    assert [uid for uid, _ in answer.instances] == sorted(i.sop_instance_uid for i in filed[3:6])


@pytest.mark.parametrize("otherwise", [{"frame": "1.2.8"}, {"low_mm": 100.0}])
def test_p4_a_broken_series_is_not_replaced_by_one_of_something_else(
    archive: Archive, tmp_path: Path, otherwise: dict[str, str | float]
) -> None:
    filed = [*archive(FIRST, broken=True), *archive(SECOND, **otherwise)]
    answer = look_at(Answers(the_first_that_can_be_decoded), filed, tmp_path)
    assert isinstance(answer.outcome, Failed)


def test_p4_a_detector_that_swallows_what_is_broken_hides_nothing(
    archive: Archive, tmp_path: Path
) -> None:
    def silent(series: Sequence[SeriesImages]) -> Assessment:
        for one in series:
            with suppress(Exception):
                assert one.images
        return Assessment(probability=0.1)

    filed = [*archive(FIRST, broken=True), *archive(SECOND)]
    assert isinstance(look_at(Answers(silent), filed, tmp_path).outcome, Failed)


@pytest.mark.parametrize("probability", [0.1, 0.9])
def test_p4_a_detector_that_swallows_that_all_is_broken_has_seen_nothing(
    archive: Archive, tmp_path: Path, probability: float
) -> None:
    def silent(series: Sequence[SeriesImages]) -> Assessment:
        with suppress(UndecodableImage):
            assert series[0].images
        return Assessment(probability=probability)

    answer = look_at(Answers(silent), archive(FIRST, broken=True), tmp_path)
    assert isinstance(answer.outcome, Failed) and answer.instances == ()


def test_a_detectors_own_fault_is_not_asked_again(archive: Archive, tmp_path: Path) -> None:
    def faulty(series: Sequence[SeriesImages]) -> Assessment:
        raise KeyError(len(series[0].images))

    detector = Answers(faulty)
    with pytest.raises(KeyError):
        look_at(detector, archive(FIRST), tmp_path)
    assert len(detector.offered) == 1


def test_p6_what_was_altered_stops_the_assessment_even_where_a_detector_swallows_it(
    archive: Archive, tmp_path: Path
) -> None:
    filed = [*archive(FIRST), *archive(SECOND)]
    altered = tmp_path / filed[-1].archive_path
    altered.write_bytes(altered.read_bytes()[:-1] + b"\x55")

    def silent(series: Sequence[SeriesImages]) -> Assessment:
        with suppress(Exception):
            return every_one(series)
        return Assessment(probability=0.9)

    for rule in (every_one, silent):
        with pytest.raises(AlteredInstance, match="is not what was received"):
            look_at(Answers(rule), filed, tmp_path)
    assert isinstance(look_at(Answers(the_first_alone), filed, tmp_path).outcome, NotFlagged)
