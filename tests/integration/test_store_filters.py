"""A filter lets through exactly the studies that are shown as what was asked for."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders import FRACTURE, HAEMORRHAGE, NOON, account, arrival
from tests.conftest import empty
from tests.contract.acts import INSTALLED, STUDIES, ByItself, ByPerson, histories, play
from tests.contract.conftest import PostgresKept
from worklist.due_time import DueTargets
from worklist.filters import EVERYTHING, make_filter
from worklist.finding import OutcomeState
from worklist.people import AccountName
from worklist.service import Worklist
from worklist.store.people import PostgresPeople
from worklist.store.postgres import PostgresStore
from worklist.store.reader import PostgresReader
from worklist.study import RequestedPriority
from worklist.uid import StudyInstanceUID
from worklist.views import WorklistRow

ANNA = AccountName("anna")
HISTORIES = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def shown(reader: PostgresReader, **asked: object) -> list[WorklistRow]:
    page = reader.worklist_page(None, 100, NOON, asked=make_filter(**asked))  # type: ignore[arg-type]
    assert page.matching == len(page.rows)
    return list(page.rows)


@HISTORIES
@given(history=histories, running=st.sets(st.sampled_from(STUDIES)))
def test_filters_and_what_is_shown_agree_whatever_has_happened(
    emptied_engine: sa.Engine,
    reader: PostgresReader,
    history: Sequence[ByItself | ByPerson],
    running: set[str],
) -> None:
    empty(emptied_engine)
    PostgresStore(emptied_engine).register_detectors([FRACTURE, HAEMORRHAGE], {}, NOON)
    kept = PostgresKept(emptied_engine)
    worklist = Worklist(kept.store, DueTargets())
    for act in history:
        play(act, kept, worklist, NOON)
    for uid in STUDIES:
        if uid in running and kept.record(uid).assessment_number:
            worklist.begin_assessment(uid, kept.record(uid).assessment_number, now=NOON)
    everything = list(reader.worklist_page(None, 100, NOON).rows)
    for state in OutcomeState:
        for name in INSTALLED:
            fitting = [
                row
                for row in everything
                if any(one.state is state and one.name == name for one in row.detectors)
            ]
            assert shown(reader, states=[f"{name}:{state}"]) == fitting
        any_of_them = [row for row in everything if state in {one.state for one in row.detectors}]
        assert shown(reader, states=[state]) == any_of_them
    for priority in RequestedPriority:
        fitting = [row for row in everything if row.priority_in_force is priority]
        assert shown(reader, priorities=[priority]) == fitting


@pytest.fixture
def long_list(emptied_engine: sa.Engine, worklist: Worklist) -> list[str]:
    """Nine studies by place; every third is of a foot, the others of a head."""

    with PostgresPeople(emptied_engine).transaction() as transaction:
        transaction.save_account(account(ANNA))
    for number in range(9):
        one = arrival(f"1.{number}.1", study=f"1.{number}")
        part = "FOOT" if number % 3 == 0 else "HEAD"
        series = replace(one.series, body_part_examined=part)
        worklist.record_arrivals([replace(one, series=series)], now=NOON)
    return [f"1.{number}" for number in range(9)]


@pytest.mark.parametrize(
    ("offset", "limit", "places", "more"),
    [
        (0, 2, [1, 4], True),
        (1, 2, [4, 7], False),
        (0, 3, [1, 4, 7], False),
        (2, 3, [7], False),
        (3, 3, [], False),
    ],
)
def test_rows_of_a_filtered_page_keep_their_places_in_the_whole_list(
    long_list: list[str],
    reader: PostgresReader,
    offset: int,
    limit: int,
    places: list[int],
    more: bool,
) -> None:
    asked = make_filter(body_parts=["FOOT"])
    page = reader.worklist_page(None, limit, NOON, offset=offset, asked=asked)
    assert [row.place for row in page.rows] == places
    assert [row.study_instance_uid for row in page.rows] == [f"1.{one - 1}" for one in places]
    assert (page.matching, page.total) == (3, 9)
    assert (page.next_cursor is not None) == more
    if page.next_cursor:
        rest = reader.worklist_page(page.next_cursor, 9, NOON, asked=asked)
        assert [row.place for row in page.rows + rest.rows] == [1, 4, 7][offset:]


def test_pages_by_offset_and_by_cursor_are_the_same(
    long_list: list[str], reader: PostgresReader
) -> None:
    whole = reader.worklist_page(None, 100, NOON).rows
    assert [row.study_instance_uid for row in whole] == long_list
    for start in range(10):
        assert reader.worklist_page(None, 3, NOON, offset=start).rows == whole[start : start + 3]
    cursor = whole[3].cursor
    assert reader.worklist_page(cursor, 3, NOON, offset=1).rows == whole[5:8]


def test_mine_and_unclaimed(
    long_list: list[str], reader: PostgresReader, worklist: Worklist
) -> None:

    worklist.claim(StudyInstanceUID("1.4"), ANNA, take_over=False, now=NOON)
    [mine] = shown(reader, claimed_by=ANNA)
    assert mine.claim is not None
    assert (mine.place, mine.claim.name, mine.claim.display_name) == (5, ANNA, "Dr Anna")
    assert [row.place for row in shown(reader, unclaimed=True)] == [1, 2, 3, 4, 6, 7, 8, 9]
    assert len(shown(reader, unclaimed=True, claimed_by=ANNA)) == 9
    assert EVERYTHING.lets_all_through


def test_studies_that_were_read_come_last_received_first_and_page_by_page(
    long_list: list[str], reader: PostgresReader, worklist: Worklist
) -> None:

    for uid in long_list[:7]:
        worklist.mark_read(StudyInstanceUID(uid), actor="anna", reason="elsewhere", now=NOON)
    asked = make_filter(read=True)
    found: list[str] = []
    cursor = None
    while True:
        page = reader.worklist_page(cursor, 3, NOON, asked=asked)
        found += [row.study_instance_uid for row in page.rows]
        assert {row.place for row in page.rows} == {None}
        assert (page.matching, page.total) == (7, 2)
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == long_list[6::-1]
    feet = reader.worklist_page(None, 3, NOON, asked=make_filter(read=True, body_parts=["foot"]))
    assert [row.study_instance_uid for row in feet.rows] == ["1.6", "1.3", "1.0"]


def test_body_parts_beyond_ascii_are_found_whatever_the_locale(
    emptied_engine: sa.Engine, reader: PostgresReader, worklist: Worklist
) -> None:
    """As the header has them, and with other case of the letters that every locale knows."""
    for number, part in enumerate(("HÜFTE", "Fuß")):
        one = arrival(f"1.{number}.1", study=f"1.{number}")
        series = replace(one.series, body_part_examined=part)
        worklist.record_arrivals([replace(one, series=series)], now=NOON)
    for asked, uid in (("HÜFTE", "1.0"), ("hÜfte", "1.0"), ("Fuß", "1.1"), ("FUß", "1.1")):
        rows = shown(reader, body_parts=[asked])
        assert [row.study_instance_uid for row in rows] == [uid], asked
