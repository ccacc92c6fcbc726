"""The job queue: Procrastinate in the same database, so that rows and jobs commit together."""

from datetime import UTC, datetime
from typing import Any, cast

import procrastinate
import psycopg
import sqlalchemy as sa

from worklist.ports import StudyRecord

ASSESS_STUDY = "assess_study"  # keyword arguments: study_instance_uid, number
ASSESSMENT_QUEUE = "assessments"

_PRIORITY_ORIGIN = datetime(2020, 1, 1, tzinfo=UTC)

# Deferring goes through the connection of the transaction; this app never opens its own.
_deferring = procrastinate.App(connector=procrastinate.SyncPsycopgConnector())


def job_priority(due_without_ai_at: datetime) -> int:
    """Procrastinate's priority, higher first: earliest due first, by the second.

    The due time without AI, so that a flood of routine studies never holds up a STAT one and
    no detector decides what another looks at. Fits 32 bits until 2088.
    """
    return -int((due_without_ai_at - _PRIORITY_ORIGIN).total_seconds())


def defer_assessment(connection: sa.Connection, study: StudyRecord) -> None:
    """Defer the assessment of a study inside the caller's transaction.

    The lock lets one assessment of a study run at a time. There is no queueing lock: an older
    job finds that a newer assessment is queued and ends at once.
    """
    _deferring.configure_task(
        ASSESS_STUDY,
        queue=ASSESSMENT_QUEUE,
        lock=study.study_instance_uid,
        priority=job_priority(study.due_without_ai_at),
        connection=cast(psycopg.Connection[Any], connection.connection.driver_connection),
    ).defer(study_instance_uid=str(study.study_instance_uid), number=study.assessment_number)
