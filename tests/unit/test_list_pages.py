"""Pages of the list are made once for all who ask for the same, and are never out of date."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from tests.viewer_parts import NOW, ROW, FakeReader
from viewer.list_pages import ListPages, PageAsked
from worklist.errors import StoreUnavailable
from worklist.filters import EVERYTHING
from worklist.people import AccountName
from worklist.views import ClaimView, WorklistPage

FIRST = PageAsked(asked=EVERYTHING, after=None, offset=0, limit=100, language="en")
ANNA, BERT = AccountName("anna"), AccountName("bert")
CLAIM = ClaimView(name=ANNA, display_name="Dr Anna", since=NOW)


class Claimed(FakeReader):
    """The study is anna's."""

    def worklist_page(self, *place: Any, **asked: Any) -> WorklistPage:
        page = super().worklist_page(*place, **asked)
        return replace(page, rows=(replace(ROW, claim=CLAIM),))


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def reader(tmp_path: Path) -> FakeReader:
    return Claimed(tmp_path)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pages(reader: FakeReader, clock: Clock) -> ListPages:
    return ListPages(reader, clock)


def test_a_page_is_read_once_until_something_happens(pages: ListPages, reader: FakeReader) -> None:
    first = pages.body(FIRST, None)
    assert pages.body(FIRST, BERT) == first
    assert len(reader.asked) == 1
    reader.version += 1
    assert pages.body(FIRST, BERT) == first
    assert len(reader.asked) == 2


def test_another_page_filter_or_language_is_read_by_itself(
    pages: ListPages, reader: FakeReader
) -> None:
    pages.body(FIRST, None)
    for other in (
        replace(FIRST, offset=100),
        replace(FIRST, limit=50),
        replace(FIRST, language="fr"),
        replace(FIRST, asked=replace(EVERYTHING, unclaimed=True)),
    ):
        pages.body(other, None)
    assert len(reader.asked) == 5


@pytest.mark.parametrize(
    ("after", "times"),
    [
        (timedelta(seconds=2) - timedelta.resolution, 1),
        (timedelta(seconds=2), 2),
        (timedelta(seconds=-2), 2),  # a clock that was put back
    ],
)
def test_a_page_holds_for_a_moment_though_nothing_happens(
    pages: ListPages, reader: FakeReader, clock: Clock, after: timedelta, times: int
) -> None:
    pages.body(FIRST, None)
    clock.now += after
    pages.body(FIRST, None)
    assert len(reader.asked) == times


def test_only_the_holder_of_a_claim_sees_it_as_her_own(
    pages: ListPages, reader: FakeReader
) -> None:
    seen = {name: json.loads(pages.body(FIRST, name)) for name in (ANNA, BERT, None)}
    assert [one["rows"][0]["claim"]["mine"] for one in seen.values()] == [True, False, False]
    assert len(reader.asked) == 1


def test_a_store_that_is_away_is_not_hidden_by_what_was_read_before(
    pages: ListPages, reader: FakeReader
) -> None:
    pages.body(FIRST, None)
    reader.away = True
    with pytest.raises(StoreUnavailable):
        pages.body(FIRST, None)
    reader.away = False
    assert pages.body(FIRST, None)


def test_many_who_ask_at_once_wait_for_one_reading(pages: ListPages, reader: FakeReader) -> None:
    together = Barrier(8)

    def ask(_: int) -> bytes:
        together.wait()
        return pages.body(FIRST, None)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1
    assert len(reader.asked) == 1


def test_pages_that_nobody_asks_for_are_forgotten(pages: ListPages, reader: FakeReader) -> None:
    for offset in range(65):
        pages.body(replace(FIRST, offset=offset), None)
    pages.body(replace(FIRST, offset=64), None)
    assert len(reader.asked) == 65
    pages.body(FIRST, None)
    assert len(reader.asked) == 66
