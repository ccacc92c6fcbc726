"""The database refuses impossible states, whichever program writes to it."""

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from tests.builders import NOON, STUDY, arrival, provenance
from worklist.due_time import DueTargets
from worklist.errors import RefusedByStore
from worklist.finding import Flagged
from worklist.service import Worklist
from worklist.store.postgres import PostgresStore
from worklist.study import Completeness

OUTCOME = {
    "study_instance_uid": STUDY,
    "assessment_number": 1,
    "detector": "haemorrhage",
    "detector_version": "1",
    "weights_sha256": "",
    "target": "intracranial_haemorrhage",
    "operating_point": 0.5,
    "kind": "flagged",
    "probability": 0.9,
    "reason": None,
    "regions": "[]",
    "provenance": "{}",
    "too_late": False,
    "current": True,
    "finished_at": NOON,
}


@pytest.fixture
def engine_with_a_study(emptied_engine: sa.Engine) -> sa.Engine:
    """One study with one object, one assessment and one outcome of the fracture detector."""
    worklist = Worklist(PostgresStore(emptied_engine), DueTargets())
    worklist.record_arrivals([arrival()], now=NOON)
    worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)
    worklist.record_outcome(STUDY, 1, Flagged(probability=0.9), provenance(), now=NOON)
    return emptied_engine


def refused(engine: sa.Engine, statement: str, named: str, **values: Any) -> None:
    with pytest.raises(sa.exc.DBAPIError, match=named), engine.begin() as connection:
        connection.execute(sa.text(statement), values)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("due_at = due_without_ai_at + interval '1 microsecond'", "ai_never_delays"),
        ("last_received_at = received_at - interval '1 microsecond'", "last_after_first"),
        ("requested_priority = 'whenever'", "requested_priority"),
        ("priority_override = 'whenever'", "requested_priority"),
        ("reading_state = 'normal'", "reading_state"),
        ("completeness = 'nearly'", "completeness"),
        ("due_at = NULL", "due_at"),
        ("reason = NULL", "reason"),
        ("study_instance_uid = repeat('1', 65)", "character varying"),
    ],
)
def test_a_study_in_an_impossible_state_is_refused(
    engine_with_a_study: sa.Engine, change: str, named: str
) -> None:
    refused(engine_with_a_study, f"UPDATE study SET {change}", named)


def test_a_due_time_equal_to_the_one_without_ai_is_possible(
    engine_with_a_study: sa.Engine,
) -> None:
    with engine_with_a_study.begin() as connection:
        connection.execute(sa.text("UPDATE study SET due_at = due_without_ai_at"))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"probability": None}, "kind_has_probability"),
        ({"kind": "not_flagged", "probability": None}, "kind_has_probability"),
        ({"kind": "failed", "probability": 0.1, "reason": "x"}, "kind_has_probability"),
        ({"kind": "failed", "probability": None}, "kind_has_reason"),
        ({"kind": "not_applicable", "probability": None}, "kind_has_reason"),
        ({"reason": "flagged, because"}, "kind_has_reason"),
        ({"probability": -0.1}, "probability_range"),
        ({"probability": 1.1}, "probability_range"),
        ({"probability": float("nan")}, "probability_range"),
        ({"kind": "normal"}, "outcome_kind"),
        ({"target": "everything"}, "target_finding"),
        ({"assessment_number": 2}, "assessment"),
        ({"study_instance_uid": "1.9"}, "assessment"),
        ({"detector": "fracture"}, "one_current_outcome"),
    ],
)
def test_an_outcome_that_cannot_be_is_refused(
    engine_with_a_study: sa.Engine, changes: dict[str, Any], named: str
) -> None:
    values = OUTCOME | changes
    names = ", ".join(values)
    statement = f"INSERT INTO outcome ({names}) VALUES (:{names.replace(', ', ', :')})"
    with engine_with_a_study.connect() as connection:
        connection.execute(sa.text(statement), OUTCOME)  # as it is, it would be taken
    refused(engine_with_a_study, statement, named, **values)


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("DELETE FROM study", "foreign key"),
        ("DELETE FROM series", "foreign key"),
        ("DELETE FROM assessment", "foreign key"),
        ("UPDATE series SET study_instance_uid = '1.9'", "foreign key"),
        ("UPDATE instance SET series_instance_uid = '1.9'", "foreign key"),
        ("UPDATE study_association SET study_instance_uid = '1.9'", "foreign key"),
        ("UPDATE assessment SET finished_at = queued_at - interval '1 s'", "ends_after_queued"),
        ("INSERT INTO assessment SELECT * FROM assessment", "assessment_pkey"),
        ("INSERT INTO instance SELECT * FROM instance", "instance_pkey"),
        (
            "INSERT INTO instance_conflict VALUES"
            " ('1.9', '', '', '1.2.3', 'somewhere', now(), 'CT1')",
            "foreign key",
        ),
        ("INSERT INTO ai_switch (whole, detectors) VALUES (true, '{}')", "ai_switch_pkey"),
        ("INSERT INTO ai_switch VALUES (false, true, '{}')", "one_row"),
    ],
)
def test_rows_that_do_not_fit_together_are_refused(
    engine_with_a_study: sa.Engine, statement: str, named: str
) -> None:
    refused(engine_with_a_study, statement, named)


def test_two_objects_cannot_lie_at_one_path(engine_with_a_study: sa.Engine) -> None:
    other = replace(arrival("1.2.3.1.2"), archive_path=arrival().archive_path)
    with (
        pytest.raises(RefusedByStore, match="UniqueViolation"),
        PostgresStore(engine_with_a_study).transaction() as transaction,
    ):
        transaction.add_instances([other])
