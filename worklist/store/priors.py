"""Other studies of the same patient, read from PostgreSQL."""

from typing import Any

import sqlalchemy as sa

from worklist.errors import UnknownStudy
from worklist.priors import Patient, Prior, is_same_patient
from worklist.store import tables as t
from worklist.uid import StudyInstanceUID

MOST = 200  # of one patient ID; newest first


def priors_of(connection: sa.Connection, uid: StudyInstanceUID) -> list[Prior]:
    """Newest first; raises UnknownStudy."""
    columns = t.study.c
    mine = connection.execute(sa.select(t.study).where(columns.study_instance_uid == uid)).first()
    if mine is None:
        raise UnknownStudy(f"no study {uid} has been filed here")
    if not mine.patient_id.strip():
        return []
    made_at = sa.func.coalesce(columns.study_at, columns.received_at)
    rows = connection.execute(
        sa.select(t.study, _modalities().label("modalities"), _body_part().label("body_part"))
        .where(
            sa.func.left(columns.patient_id, t.INDEXED) == mine.patient_id[: t.INDEXED],
            columns.patient_id == mine.patient_id,
            columns.study_instance_uid != uid,
        )
        .order_by(made_at.desc(), columns.study_instance_uid)
        .limit(MOST)
    )
    patient = _patient(mine)
    return [_prior(row) for row in rows if is_same_patient(patient, _patient(row))]


def _of_study() -> sa.ColumnElement[bool]:
    return t.series.c.study_instance_uid == t.study.c.study_instance_uid


def _modalities() -> Any:
    return sa.func.array(
        sa.select(t.series.c.modality.distinct()).where(_of_study()).scalar_subquery()
    )


def _body_part() -> Any:
    return (
        sa.select(sa.func.max(t.series.c.body_part_examined)).where(_of_study()).scalar_subquery()
    )


def _patient(row: sa.Row[Any]) -> Patient:
    return Patient(
        patient_id=row.patient_id,
        name=row.patient_name,
        birth_date=row.patient_birth_date,
        sex=row.patient_sex,
    )


def _prior(row: sa.Row[Any]) -> Prior:
    return Prior(
        study_instance_uid=StudyInstanceUID(row.study_instance_uid),
        study_at=row.study_at,
        received_at=row.received_at,
        modalities=tuple(sorted(filter(None, row.modalities))),
        study_description=row.study_description,
        body_part=row.body_part or "",
        accession_number=row.accession_number,
        instance_count=row.instance_count,
    )
