"""Our own results in a real store: kept, and neither looked at, nor shown as images."""

from pathlib import Path

import sqlalchemy as sa

from tests.builders import NOON, STUDY, arrival
from worklist.service import Worklist
from worklist.store.archive import PostgresArchive
from worklist.store.reader import PostgresReader
from worklist.study import ArrivalResult, Completeness, ObjectRole
from worklist.uid import SOPInstanceUID


def test_the_page_of_a_study_shows_what_modalities_sent_and_no_result_that_came_back(
    worklist: Worklist, reader: PostgresReader
) -> None:
    result = arrival("1.9.1", series="1.9", role=ObjectRole.RESULT, calling_ae_title="PACS")
    worklist.record_arrivals([arrival(), result], now=NOON)
    shown = reader.study(STUDY, NOON)
    [series] = shown.series
    assert [one.sop_instance_uid for one in series.instances] == ["1.2.3.1.1"]
    assert shown.row.instance_count == 1


def test_a_result_that_two_archives_changed_is_no_conflict_on_the_list(
    worklist: Worklist, reader: PostgresReader
) -> None:
    worklist.record_arrivals([arrival()], now=NOON)
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)
    for content in ("one", "two"):
        result = arrival("1.9.1", series="1.9", content=content, role=ObjectRole.RESULT)
        [came_to] = worklist.record_arrivals([result], now=NOON)
    assert came_to is ArrivalResult.CONFLICT
    assert reader.study(STUDY, NOON).row.conflicts == 0
    worklist.record_arrivals([arrival(content="others")], now=NOON)
    assert reader.study(STUDY, NOON).row.conflicts == 1


def test_p1_dicomweb_serves_what_came_back_as_it_was_received(
    worklist: Worklist, emptied_engine: sa.Engine
) -> None:
    archive = PostgresArchive(emptied_engine, Path("/archive"))
    result = arrival("1.9.1", series="1.9", role=ObjectRole.RESULT)
    worklist.record_arrivals([arrival(), result], now=NOON)
    uids = [SOPInstanceUID(uid) for uid in ("1.2.3.1.1", "1.9.1", "1.9.2")]
    assert set(archive.by_uid(uids)) == set(uids[:2])
    assert len(archive.objects(result.study.study_instance_uid)) == 2
    assert archive.by_uid([]) == {}
    assert archive.by_uid(uids)[uids[1]].path == Path("/archive") / result.archive_path
