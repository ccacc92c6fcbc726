"""What the RIS may know of a study, read from PostgreSQL."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from worklist.exchange_views import ToldResult, ToldStudy
from worklist.finding import (
    DetectorIdentity,
    Failed,
    Flagged,
    NotApplicable,
    NotFlagged,
    Outcome,
)
from worklist.highlighting import Highlighting, Modes
from worklist.orders import are_of_several
from worklist.reported import is_of
from worklist.store import exchange_tables as x
from worklist.store import tables as t
from worklist.store.transaction import PostgresTransaction
from worklist.uid import StudyInstanceUID


def told_results(
    connection: sa.Connection, study: sa.Row[Any], number: int, modes: Modes
) -> list[ToldResult]:
    """What the detectors came to that no person has stopped, by their names."""
    switch = PostgresTransaction(connection).ai_switch()
    rows = connection.execute(
        sa.select(t.outcome)
        .where(
            t.outcome.c.study_instance_uid == study.study_instance_uid,
            t.outcome.c.assessment_number == number,
            ~t.outcome.c.too_late,
        )
        .order_by(t.outcome.c.detector, t.outcome.c.outcome_id)
    )
    latest = {row.detector: row for row in rows}  # of a repeated assessment the last word
    return [_result(row, modes) for name, row in latest.items() if not switch.is_stopped(name)]


def told_study(
    connection: sa.Connection, message: sa.Row[Any], modes: Modes, issuers: Collection[str]
) -> ToldStudy:
    """Everything that a message on a study says.

    Parameters
    ----------
    issuers
        The site's assigning authorities of patient IDs; empty: it names none.
    """
    uid = StudyInstanceUID(message.study_instance_uid)
    study = connection.execute(sa.select(t.study).where(t.study.c.study_instance_uid == uid)).one()
    issuer = study.issuer_of_patient_id if study.issuer_of_patient_id in issuers else ""
    transaction = PostgresTransaction(connection)
    who = study.patient_id, (issuer,) if issuer else ()
    orders = [
        one
        for one in transaction.orders_with(study.accession_number)
        if is_of(transaction, *who, one)
    ]
    clear = () if are_of_several(orders) else orders
    finished_at = connection.scalar(
        sa.select(t.assessment.c.finished_at).where(
            t.assessment.c.study_instance_uid == uid,
            t.assessment.c.number == message.assessment_number,
        )
    )
    return ToldStudy(
        study_instance_uid=uid,
        assessment_number=message.assessment_number,
        accession_number=study.accession_number,
        order_number=next((one.order_number for one in clear if one.order_number), ""),
        is_order_clear=not are_of_several(orders),
        patient_id=study.patient_id,
        issuer_of_patient_id=issuer,
        patient_name=study.patient_name,
        patient_birth_date=study.patient_birth_date,
        patient_sex=study.patient_sex,
        completeness=study.completeness,
        finished_at=finished_at or message.queued_at,
        results=told_results(connection, study, message.assessment_number, modes),
        corrects=_went_out_before(connection, message),
    )


def _went_out_before(connection: sa.Connection, message: sa.Row[Any]) -> bool:
    """Also one that was never acknowledged: the receiver may have it."""
    sent = x.hl7_sent.c
    return bool(
        connection.scalar(
            sa.select(
                sa.exists().where(
                    sent.study_instance_uid == message.study_instance_uid,
                    sent.kind == message.kind,
                    sent.assessment_number < message.assessment_number,
                    sent.attempts > 0,
                )
            )
        )
    )


def _result(row: sa.Row[Any], modes: Modes) -> ToldResult:
    return ToldResult(
        detector=DetectorIdentity(
            name=row.detector,
            version=row.detector_version,
            target=row.target,
            weights_sha256=row.weights_sha256,
            operating_point=row.operating_point,
        ),
        outcome=_outcome(row),
        software_version=str(row.provenance["software_version"]),
        says_probability=modes.of(row.detector) is Highlighting.AT_ONCE,
    )


def _outcome(row: sa.Row[Any]) -> Outcome:
    """Without regions: no message says where."""
    match row.kind:
        case t.OutcomeKind.FLAGGED:
            return Flagged(probability=row.probability)
        case t.OutcomeKind.NOT_FLAGGED:
            return NotFlagged(probability=row.probability)
        case t.OutcomeKind.NOT_APPLICABLE:
            return NotApplicable(reason=row.reason)
    return Failed(reason=row.reason)
