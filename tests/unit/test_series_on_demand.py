"""A series that is decoded when its images are asked for."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest

from models.headers import read_series_headers
from models.images import UndecodableImage
from models.reconstructions import shows_again
from models.series_on_demand import on_demand
from tests.filed_series import (
    FIRST,
    LIMIT,
    SECOND,
    THIRD,
    Archive,
    archive_in,
    decoded_by,
)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return archive_in(tmp_path)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    return decoded_by(monkeypatch)


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
