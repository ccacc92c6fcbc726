"""What is decoded of a study with several reconstructions, and what may be broken in it."""

import copy
import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import cast

import pytest

from models import series_on_demand
from models.assessment import Look, look, select
from models.data_set import data_set_sha256
from models.detector import (
    Assessment,
    Detector,
    Eligible,
    PassedOver,
    SeriesHeader,
    SeriesImages,
    Unsuitable,
)
from models.headers import read_series_headers
from models.images import UndecodableImage
from models.reconstructions import shows_again
from models.series_on_demand import AlteredInstance, on_demand
from tests.archived import RAMP, image, writer
from tests.haemorrhage_heads import card as plain_card
from worklist.finding import Failed, Flagged, NotApplicable, NotFlagged
from worklist.study import ArchivedInstance
from worklist.uid import SeriesInstanceUID

LIMIT = 10**9
FIRST, SECOND, THIRD = "1.2.3.1", "1.2.3.2", "1.2.3.3"
Archive = Callable[..., list[ArchivedInstance]]


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """A function that files a series of three planes, 5 mm apart; its second may be broken."""
    write = writer(tmp_path)

    def file(
        series: str,
        *,
        frame: str = "1.2.9",
        broken: bool = False,
        low_mm: float = 0.0,
        frames: int | None = None,
    ) -> list[ArchivedInstance]:
        filed = []
        for number in range(3):
            one = image(
                ImagePositionPatient=[0, 0, low_mm + 5.0 * number],
                ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
                PixelSpacing=[1, 1],
                FrameOfReferenceUID=frame,
                NumberOfFrames=frames,
                SeriesInstanceUID=series,
            )
            if broken and number == 1:
                one.PixelData = RAMP.tobytes()[:-4]
            instance = write(one, series)
            digest = data_set_sha256(tmp_path / instance.archive_path)
            filed.append(replace(instance, sha256=digest))
        return filed

    return file


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The series that somebody tried to decode, in order."""
    seen: list[str] = []
    real = series_on_demand.load_series

    def noted(header: SeriesHeader, *, limit_bytes: int) -> SeriesImages:
        seen.append(header.series_instance_uid)
        return real(header, limit_bytes=limit_bytes)

    monkeypatch.setattr(series_on_demand, "load_series", noted)
    yield seen


class Answers:
    """A detector of CT whose rule a test gives; it counts how often it is asked."""

    card = plain_card(operating_point=0.5)

    def __init__(self, rule: Callable[[Sequence[SeriesImages]], Assessment | Unsuitable]) -> None:
        self._rule = rule
        self.offered: list[list[str]] = []

    def eligibility(self, series: SeriesHeader) -> Eligible:
        return Eligible()

    def assess(self, series: Sequence[SeriesImages]) -> Assessment | Unsuitable:
        self.offered.append([one.header.series_instance_uid for one in series])
        return self._rule(series)


def _look(detector: Answers, filed: Sequence[ArchivedInstance], archive: Path) -> Look:
    asked = cast(Detector, detector)
    selection = select(asked, read_series_headers(filed, archive))
    return look(asked, selection, limit_bytes=LIMIT)


def _passed_over(uid: str, **said: bool) -> PassedOver:
    return PassedOver(
        series_instance_uid=SeriesInstanceUID(uid), reason="Another is looked at.", **said
    )


def the_first_alone(series: Sequence[SeriesImages], probability: float = 0.1) -> Assessment:
    """Chooses by the headers."""
    chosen, *others = series
    assert len(chosen.images) == 3
    return Assessment(
        probability=probability,
        passed_over=tuple(_passed_over(one.header.series_instance_uid) for one in others),
    )


def every_one(series: Sequence[SeriesImages], probability: float = 0.1) -> Assessment:
    """As most third-party detectors: one after the other, nothing caught, nothing passed over."""
    assert all(len(one.images) == 3 for one in series)
    return Assessment(probability=probability)


def the_first_that_can_be_decoded(series: Sequence[SeriesImages]) -> Assessment:
    """Goes on after what is broken, and passes over all but the first good one."""
    good = None
    passed_over = []
    for one in series:
        try:
            if good is None and one.images:
                good = one
                continue
        except UndecodableImage:
            pass
        passed_over.append(_passed_over(one.header.series_instance_uid))
    return Assessment(probability=0.1, passed_over=tuple(passed_over))


def test_a_broken_spare_reconstruction_is_neither_decoded_nor_a_failure(
    archive: Archive, tmp_path: Path, decoded: list[str]
) -> None:
    filed = [*archive(FIRST), *archive(SECOND, broken=True), *archive(THIRD)]
    answer = _look(Answers(the_first_alone), filed, tmp_path)
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
    answer = _look(Answers(the_first_alone), filed, tmp_path)
    assert isinstance(answer.outcome, Failed)
    assert "series 1.2.3.2: it was passed over, and none " in answer.outcome.reason
    assert answer.not_used == ((SECOND, "Another is looked at."),)
    assert len(answer.instances) == 3
    flagged = _look(Answers(lambda series: the_first_alone(series, 0.9)), filed, tmp_path)
    assert flagged.outcome == Flagged(probability=0.9)
    assert decoded == [FIRST, FIRST]


def test_p4_a_scan_of_enhanced_objects_passed_over_unseen_is_missed_for_its_place_is_not_known(
    archive: Archive, tmp_path: Path, decoded: list[str]
) -> None:
    filed = [*archive(FIRST), *archive(SECOND, frames=2)]
    assert isinstance(_look(Answers(the_first_alone), filed, tmp_path).outcome, Failed)
    assert decoded == [FIRST]


def test_p6_what_a_detector_asked_for_was_seen_whatever_it_says(
    archive: Archive, tmp_path: Path
) -> None:
    def forgetful(series: Sequence[SeriesImages]) -> Assessment:
        first, second = series
        assert first.images and second.images
        return Assessment(probability=0.1, passed_over=(_passed_over(FIRST),))

    answer = _look(Answers(forgetful), [*archive(FIRST), *archive(SECOND, low_mm=100)], tmp_path)
    assert answer.outcome == NotFlagged(probability=0.1)
    assert len(answer.instances) == 6


def test_a_flag_is_not_lost_through_a_series_that_nobody_looked_at(
    archive: Archive, tmp_path: Path
) -> None:
    filed = [*archive(FIRST), *archive(SECOND, frame="")]
    altered = tmp_path / filed[-1].archive_path
    altered.write_bytes(altered.read_bytes()[:-1] + b"\x55")
    flags = Answers(lambda series: the_first_alone(series, 0.9))
    assert _look(flags, filed, tmp_path).outcome == Flagged(probability=0.9)


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
    assert isinstance(_look(Answers(in_place), filed, tmp_path).outcome, Flagged)
    assert highest == [1000.0 + float(RAMP.max())] * 6


def test_p4_a_broken_spare_of_what_was_judged_by_itself_is_replaced_and_of_what_was_not_is_missed(
    archive: Archive, tmp_path: Path
) -> None:
    def the_second_decides(judged: bool, series: Sequence[SeriesImages]) -> Assessment:
        first, second, _ = series
        assert first.images and second.images
        other = _passed_over(FIRST, seen=True, judged=judged)
        return Assessment(probability=0.1, passed_over=(other, _passed_over(THIRD)))

    filed = [*archive(FIRST), *archive(SECOND, low_mm=100), *archive(THIRD, broken=True)]
    for judged, kind in ((True, NotFlagged), (False, Failed)):
        detector = Answers(lambda series, judged=judged: the_second_decides(judged, series))
        assert isinstance(_look(detector, filed, tmp_path).outcome, kind)


def test_p4_what_a_detector_looks_at_without_choosing_must_not_be_broken(
    archive: Archive, tmp_path: Path
) -> None:
    filed = [*archive(FIRST), *archive(SECOND, broken=True), *archive(THIRD)]
    detector = Answers(every_one)
    answer = _look(detector, filed, tmp_path)
    assert isinstance(answer.outcome, Failed)
    assert "not all could be: series 1.2.3.2: " in answer.outcome.reason
    assert detector.offered == [[FIRST, SECOND, THIRD], [FIRST, THIRD]]
    assert len(answer.instances) == 6


def test_a_study_is_flagged_for_the_rest_and_what_was_broken_is_told(
    archive: Archive, tmp_path: Path
) -> None:
    filed = [*archive(FIRST, broken=True), *archive(SECOND)]
    answer = _look(Answers(lambda series: every_one(series, 0.9)), filed, tmp_path)
    assert answer.outcome == Flagged(probability=0.9)
    ((uid, why),) = answer.not_used
    assert uid == FIRST and why.startswith("It cannot be decoded: ")


def test_however_many_are_broken_a_detector_is_asked_twice_at_most(
    archive: Archive, tmp_path: Path
) -> None:
    filed = [*archive(FIRST, broken=True), *archive(SECOND, broken=True), *archive(THIRD)]
    detector = Answers(every_one)
    assert isinstance(_look(detector, filed, tmp_path).outcome, Failed)
    assert detector.offered == [[FIRST, SECOND, THIRD], [THIRD]]


@pytest.mark.parametrize("rule", [every_one, the_first_that_can_be_decoded])
def test_p4_a_study_of_which_nothing_can_be_decoded_has_failed(
    archive: Archive,
    tmp_path: Path,
    rule: Callable[[Sequence[SeriesImages]], Assessment],
) -> None:
    filed = [*archive(FIRST, broken=True), *archive(SECOND, broken=True)]
    answer = _look(Answers(rule), filed, tmp_path)
    assert isinstance(answer.outcome, Failed)
    assert answer.outcome.reason.startswith("series 1.2.3.1: ")
    assert answer.instances == ()


def test_a_broken_reconstruction_is_replaced_by_a_good_one_of_the_same_and_told(
    archive: Archive, tmp_path: Path, decoded: list[str]
) -> None:
    filed = [*archive(FIRST, broken=True), *archive(SECOND), *archive(THIRD)]
    answer = _look(Answers(the_first_that_can_be_decoded), filed, tmp_path)
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
    answer = _look(Answers(the_first_that_can_be_decoded), filed, tmp_path)
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
    assert isinstance(_look(Answers(silent), filed, tmp_path).outcome, Failed)


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
    answer = _look(Answers(the_first_and_no_word_of_others), filed, tmp_path)
    assert isinstance(answer.outcome, Failed)
    assert f"series {SECOND}: the detector did not ask for its images" in answer.outcome.reason
    assert answer.not_used == ((SECOND, "The detector did not ask for its images."),)
    assert [uid for uid, _ in answer.instances] == sorted(i.sop_instance_uid for i in filed[:3])
    flags = Answers(lambda series: the_first_and_no_word_of_others(series, 0.9))
    assert _look(flags, filed, tmp_path).outcome == Flagged(probability=0.9)
    assert decoded == [FIRST, FIRST]


def test_a_spare_that_was_neither_asked_for_nor_passed_over_is_not_missed_and_never_decoded(
    archive: Archive, tmp_path: Path, decoded: list[str]
) -> None:
    filed = [*archive(FIRST), *archive(SECOND, broken=True), *archive(THIRD)]
    answer = _look(Answers(the_first_and_no_word_of_others), filed, tmp_path)
    assert answer.outcome == NotFlagged(probability=0.1)
    assert decoded == [FIRST] and len(answer.instances) == 3
    assert [uid for uid, _ in answer.not_used] == [SECOND, THIRD]


@pytest.mark.parametrize("probability", [0.1, 0.9])
def test_p6_an_answer_without_a_look_at_a_single_image_is_a_failure(
    archive: Archive, tmp_path: Path, decoded: list[str], probability: float
) -> None:
    blind = Answers(lambda _: Assessment(probability=probability))
    answer = _look(blind, [*archive(FIRST), *archive(SECOND)], tmp_path)
    assert isinstance(answer.outcome, Failed) and answer.instances == ()
    assert f"series {FIRST}: the detector did not ask for its images" in answer.outcome.reason
    assert decoded == []


def test_images_that_are_none_for_a_detector_by_their_headers_are_not_decoded(
    archive: Archive, tmp_path: Path, decoded: list[str]
) -> None:
    refuses = Answers(lambda _: Unsuitable(reason="Two views are needed."))
    answer = _look(refuses, [*archive(FIRST), *archive(SECOND, broken=True)], tmp_path)
    assert answer.outcome == NotApplicable(reason="Two views are needed.")
    assert decoded == [] and answer.instances == ()


def test_p6_what_a_detector_says_it_saw_it_did_not_see_unless_it_asked_for_it(
    archive: Archive, tmp_path: Path, decoded: list[str]
) -> None:
    def boasts(series: Sequence[SeriesImages]) -> Assessment:
        assert series[0].images
        return Assessment(probability=0.1, passed_over=(_passed_over(SECOND, seen=True),))

    filed = [*archive(FIRST), *archive(SECOND, low_mm=100)]
    answer = _look(Answers(boasts), filed, tmp_path)
    assert isinstance(answer.outcome, Failed) and len(answer.instances) == 3
    assert decoded == [FIRST]


@pytest.mark.parametrize("probability", [0.1, 0.9])
def test_p4_a_detector_that_swallows_that_all_is_broken_has_seen_nothing(
    archive: Archive, tmp_path: Path, probability: float
) -> None:
    def silent(series: Sequence[SeriesImages]) -> Assessment:
        with suppress(UndecodableImage):
            assert series[0].images
        return Assessment(probability=probability)

    answer = _look(Answers(silent), archive(FIRST, broken=True), tmp_path)
    assert isinstance(answer.outcome, Failed) and answer.instances == ()


def test_a_detectors_own_fault_is_not_asked_again(archive: Archive, tmp_path: Path) -> None:
    def faulty(series: Sequence[SeriesImages]) -> Assessment:
        raise KeyError(len(series[0].images))

    detector = Answers(faulty)
    with pytest.raises(KeyError):
        _look(detector, archive(FIRST), tmp_path)
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
            _look(Answers(rule), filed, tmp_path)
    assert isinstance(_look(Answers(the_first_alone), filed, tmp_path).outcome, NotFlagged)


def test_headers_alone_tell_that_a_series_shows_another_again(
    archive: Archive, tmp_path: Path, decoded: list[str]
) -> None:
    filed = [*archive(FIRST), *archive(SECOND, broken=True), *archive(THIRD, low_mm=100)]
    headers = read_series_headers(filed, tmp_path).series
    first, second, third = (on_demand(header, limit_bytes=LIMIT) for header in headers)
    assert shows_again(second, first)
    assert not shows_again(third, first)
    assert decoded == []


def test_a_series_is_decoded_once_and_its_copies_are_plain_ones(
    archive: Archive, tmp_path: Path, decoded: list[str]
) -> None:
    (header,) = read_series_headers(archive(FIRST), tmp_path).series
    series = on_demand(header, limit_bytes=LIMIT)
    assert not series.was_shown and decoded == []
    for other in (
        pickle.loads(pickle.dumps(series)),
        copy.deepcopy(series),
        replace(series, header=header),
        replace(series, images=series.images),
    ):
        assert [one.frame_number for one in other.images] == [1, 1, 1]
    assert series.was_shown and decoded == [FIRST]


def test_however_many_threads_ask_for_a_series_it_is_decoded_once(
    archive: Archive, tmp_path: Path, decoded: list[str]
) -> None:
    (header,) = read_series_headers(archive(FIRST), tmp_path).series
    series = on_demand(header, limit_bytes=LIMIT)
    with ThreadPoolExecutor(8) as threads:
        together = Barrier(8)

        def ask(_: int) -> int:
            together.wait()
            return len(series.images)

        assert list(threads.map(ask, range(8))) == [3] * 8
    assert decoded == [FIRST]


def test_a_series_that_cannot_be_decoded_is_tried_once_and_says_why_each_time(
    archive: Archive, tmp_path: Path, decoded: list[str]
) -> None:
    (header,) = read_series_headers(archive(FIRST, broken=True), tmp_path).series
    series = on_demand(header, limit_bytes=LIMIT)
    assert series.undecodable is None
    for _ in range(2):
        with pytest.raises(UndecodableImage):
            assert series.images
    assert series.undecodable and not series.is_sound() and decoded == [FIRST]
