"""Other studies of the same patient, read from PostgreSQL."""

from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import TSQUERY

from worklist.errors import UnknownStudy
from worklist.priors import Patient, Prior, Priors, alphabetic, is_same_patient
from worklist.search import study_words
from worklist.store import tables as t
from worklist.uid import StudyInstanceUID

MOST = 200  # of one patient; newest first
_AT_ONCE = 200
_ST = t.study.c
_NAMED: list[sa.Column[Any]] = [
    _ST.study_instance_uid,
    _ST.patient_id,
    _ST.patient_name,
    _ST.patient_birth_date,
    _ST.patient_sex,
]


def priors_of(connection: sa.Connection, uid: StudyInstanceUID) -> Priors:
    """Newest first; raises UnknownStudy.

    A patient ID may stand for thousands of people ("0", "UNKNOWN"), so what tells them apart is
    asked of the database, and what it lets through is read until there are enough.
    """
    mine = connection.execute(sa.select(t.study).where(_ST.study_instance_uid == uid)).first()
    if mine is None:
        raise UnknownStudy(f"no study {uid} has been filed here")
    if not mine.patient_id.strip():
        return Priors(studies=())
    patient = _patient(mine)
    wanted = (
        sa.select(*_NAMED)
        .where(_ST.study_instance_uid != uid, *_may_be(patient))
        .order_by(_newest(), _ST.study_instance_uid)
    )
    with connection.execute(wanted.execution_options(yield_per=_AT_ONCE)) as rows:
        same = (row.study_instance_uid for row in rows if is_same_patient(patient, _patient(row)))
        found = list(islice(same, MOST + 1))
    return Priors(studies=_priors(connection, found[:MOST]), limited=len(found) > MOST)


def _may_be(patient: Patient) -> list[sa.ColumnElement[bool]]:
    """What is true of every study of this patient; `is_same_patient` has the last word."""
    words = " & ".join(f"'{word}'" for word in study_words([alphabetic(patient.name)]))
    born = _ST.patient_birth_date
    has_name: sa.ColumnElement[bool] = sa.true()
    if words:
        has_name = _ST.search.bool_op("@@")(sa.cast(words, TSQUERY))
    found = [
        sa.func.left(_ST.patient_id, t.INDEXED) == patient.patient_id[: t.INDEXED],
        _ST.patient_id == patient.patient_id,
    ]
    if patient.birth_date is None:
        found.append(has_name)
    else:
        found.append(sa.or_(born == patient.birth_date, sa.and_(born.is_(None), has_name)))
    if patient.sex:
        found.append(_ST.patient_sex.in_(["", patient.sex]))
    return found


def _newest() -> sa.ColumnElement[Any]:
    return sa.func.coalesce(_ST.study_at, _ST.received_at).desc()


def _priors(connection: sa.Connection, uids: list[str]) -> tuple[Prior, ...]:
    rows = connection.execute(
        sa.select(t.study, _modalities().label("modalities"), _body_part().label("body_part"))
        .where(_ST.study_instance_uid.in_(uids))
        .order_by(_newest(), _ST.study_instance_uid)
    )
    return tuple(map(_prior, rows))


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
