"""Searches of the archive as SQL."""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import psycopg
import sqlalchemy as sa

from worklist.archive_search import (
    ArchiveQuery,
    Dates,
    Found,
    FoundInstance,
    FoundSeries,
    FoundStudy,
    Key,
    Level,
    Match,
    Number,
    SearchTooLong,
    Text,
    Times,
    Uids,
)
from worklist.store import tables as t
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID

LIMIT_S = 10.0  # of one search; it may read a large part of the archive

_ST, _SE, _IN = t.study.c, t.series.c, t.instance.c
_COLUMNS: Mapping[Key, sa.Column[Any]] = {
    Key.STUDY_INSTANCE_UID: _ST.study_instance_uid,
    Key.PATIENT_ID: _ST.patient_id,
    Key.PATIENT_BIRTH_DATE: _ST.patient_birth_date,
    Key.PATIENT_SEX: _ST.patient_sex,
    Key.ACCESSION_NUMBER: _ST.accession_number,
    Key.STUDY_ID: _ST.study_id,
    Key.STUDY_DESCRIPTION: _ST.study_description,
    Key.SERIES_INSTANCE_UID: _SE.series_instance_uid,
    Key.MODALITY: _SE.modality,
    Key.BODY_PART_EXAMINED: _SE.body_part_examined,
    Key.SERIES_DESCRIPTION: _SE.series_description,
    Key.SERIES_NUMBER: _SE.series_number,
    Key.SOP_INSTANCE_UID: _IN.sop_instance_uid,
    Key.SOP_CLASS_UID: _IN.sop_class_uid,
    Key.INSTANCE_NUMBER: _IN.instance_number,
}
_OF_SERIES = frozenset(
    {
        Key.SERIES_INSTANCE_UID,
        Key.MODALITY,
        Key.BODY_PART_EXAMINED,
        Key.SERIES_DESCRIPTION,
        Key.SERIES_NUMBER,
    }
)
_OF_INSTANCE = frozenset({Key.SOP_INSTANCE_UID, Key.SOP_CLASS_UID, Key.INSTANCE_NUMBER})


def search(
    connection: sa.Connection, query: ArchiveQuery, *, limit_s: float = LIMIT_S
) -> list[Found]:
    """What is found, the newest studies first, then in reading order.

    Parameters
    ----------
    connection
        At the beginning of a transaction, for which the limit holds.

    Raises
    ------
    SearchTooLong
        If the database has not found it in time.
    """
    connection.execute(sa.text(f"SET LOCAL statement_timeout = {round(1000 * limit_s)}"))
    try:
        rows = connection.execute(_statement(query)).all()
    except sa.exc.OperationalError as error:
        if not isinstance(error.orig, psycopg.errors.QueryCanceled):
            raise
        raise SearchTooLong(f"the search took longer than {limit_s:g} s: narrow it") from error
    return [_found(row, query.level) for row in rows]


def _statement(query: ArchiveQuery) -> sa.Select[Any]:
    """The rows of a page; what is counted for each is not counted for those skipped."""
    columns: list[Any] = [*_study_columns()]
    source: Any = t.study
    keys: list[sa.Column[Any]] = [_ST.study_instance_uid]
    order: list[Any] = [_ST.study_at.desc().nulls_last(), _ST.study_instance_uid]
    if query.level is not Level.STUDY:
        columns += [*_series_columns()]
        keys.append(_SE.series_instance_uid)
        source = source.join(t.series, _SE.study_instance_uid == _ST.study_instance_uid)
        order += [_SE.series_number.nulls_last(), _SE.series_instance_uid]
    if query.level is Level.INSTANCE:
        columns += [_IN[name] for name in _INSTANCE]
        keys.append(_IN.sop_instance_uid)
        same = (_IN.series_instance_uid == _SE.series_instance_uid) & (
            _IN.study_instance_uid == _SE.study_instance_uid
        )
        source = source.join(t.instance, same)
        order += [_IN.instance_number.nulls_last(), _IN.sop_instance_uid]
    statement = sa.select(*keys).select_from(source)
    if query.study is not None:
        statement = statement.where(_ST.study_instance_uid == query.study)
    if query.series is not None:
        statement = statement.where(_SE.series_instance_uid == query.series)
    for key, match in query.matches.items():
        statement = statement.where(_condition(key, match, query.level))
    page = statement.order_by(*order).limit(query.limit).offset(query.offset).subquery("page")
    is_in_page = sa.and_(*(key == page.c[key.name] for key in keys))
    return sa.select(*columns).select_from(source.join(page, is_in_page)).order_by(*order)


_INSTANCE = (
    "sop_instance_uid",
    "sop_class_uid",
    "transfer_syntax_uid",
    "instance_number",
    "number_of_frames",
    "rows",
    "columns",
)


def _study_columns() -> list[Any]:
    mine = t.series.alias("of_study")
    of_study = mine.c.study_instance_uid == _ST.study_instance_uid
    modalities = sa.select(mine.c.modality.distinct()).where(of_study).scalar_subquery()
    count = sa.select(sa.func.count()).select_from(mine).where(of_study).scalar_subquery()
    names = (
        "study_instance_uid",
        "patient_id",
        "patient_name",
        "patient_birth_date",
        "patient_sex",
        "accession_number",
        "study_id",
        "study_description",
        "study_at",
        "instance_count",
    )
    return [
        *(_ST[name] for name in names),
        sa.func.array(modalities).label("modalities"),
        count.label("series_count"),
    ]


def _series_columns() -> list[Any]:
    mine = t.instance.alias("of_series")
    of_series = (mine.c.series_instance_uid == _SE.series_instance_uid) & (
        mine.c.study_instance_uid == _SE.study_instance_uid
    )
    count = sa.select(sa.func.count()).select_from(mine).where(of_series).scalar_subquery()
    return [
        _SE.series_instance_uid,
        _SE.modality,
        _SE.body_part_examined,
        _SE.series_description,
        _SE.series_number,
        count.label("series_instance_count"),
    ]


def _condition(key: Key, match: Match, level: Level) -> sa.ColumnElement[bool]:
    """What must hold; a key of a lower level must hold for something within."""
    if key is Key.MODALITIES_IN_STUDY:
        mine = t.series.alias("with_modality")
        of_study = mine.c.study_instance_uid == _ST.study_instance_uid
        return sa.exists().where(of_study, _matches(mine.c.modality, match))
    if key is Key.PATIENT_NAME and isinstance(match, Text):
        return sa.or_(*map(_named, match.patterns))
    if key in (Key.STUDY_DATE, Key.STUDY_TIME):
        return _studied(match)
    if key in _OF_SERIES and level is Level.STUDY:
        mine = t.series.alias("with_series")
        of_study = mine.c.study_instance_uid == _ST.study_instance_uid
        return sa.exists().where(of_study, _matches(mine.c[_COLUMNS[key].name], match))
    if key in _OF_INSTANCE and level is not Level.INSTANCE:
        inner = t.instance.alias("with_instance")
        within = inner.c.study_instance_uid == _ST.study_instance_uid
        if level is Level.SERIES:
            within &= inner.c.series_instance_uid == _SE.series_instance_uid
        return sa.exists().where(within, _matches(inner.c[_COLUMNS[key].name], match))
    return _matches(_COLUMNS[key], match)


def _matches(column: sa.ColumnElement[Any], match: Match) -> sa.ColumnElement[bool]:
    match match:
        case Text(patterns):
            return sa.or_(*(_reads(column, pattern) for pattern in patterns))
        case Uids(uids):
            return column.in_(uids)
        case Number(value):
            return column == value
        case Dates(first, last) | Times(first, last):
            return _between(column, first, last)


def _reads(column: sa.ColumnElement[Any], pattern: str) -> sa.ColumnElement[bool]:
    if "*" in pattern or "?" in pattern:
        return column.like(_like(pattern), escape="\\")
    if column is _ST.patient_id or column is _ST.accession_number:
        return sa.and_(sa.func.left(column, t.INDEXED) == pattern[: t.INDEXED], column == pattern)
    return column == pattern


def _between(column: sa.ColumnElement[Any], first: Any, last: Any) -> sa.ColumnElement[bool]:
    bounds: list[sa.ColumnElement[bool]] = [column.is_not(None)]
    if first is not None:
        bounds.append(column >= first)
    if last is not None:
        bounds.append(column <= last)
    return sa.and_(*bounds)


def _studied(match: Match) -> sa.ColumnElement[bool]:
    """By date, as a range that an index serves, or by the time of the day."""
    if isinstance(match, Dates):
        # Behind the last day that there is, nothing can be.
        last = None if match.last in (None, date.max) else match.last + timedelta(days=1)
        bounds: list[sa.ColumnElement[bool]] = [_ST.study_at.is_not(None)]
        if match.first is not None:
            bounds.append(_ST.study_at >= sa.cast(match.first, sa.DateTime(timezone=True)))
        if last is not None:
            bounds.append(_ST.study_at < sa.cast(last, sa.DateTime(timezone=True)))
        return sa.and_(*bounds)
    return _matches(sa.cast(_ST.study_at, sa.Time), match)


def _named(asked: str) -> sa.ColumnElement[bool]:
    """A name, whatever its case, by any of its component groups.

    A pattern of ASCII letters can only mean the first group: then every way to write it begins
    alike, and an index serves it.
    """
    name = sa.func.lower(_ST.patient_name)
    pattern = _like(asked.rstrip("^").lower())
    # The end may be that of the group, or components that are empty.
    ends = ("", "^", "^^", "^^^")
    ways = [way for end in ends for way in (f"{pattern}{end}", f"{pattern}{end}=%")]
    if not asked.isascii() or asked.startswith(("*", "?")):
        ways += [f"%={way}" for way in ways]
    found = sa.or_(*(name.like(way, escape="\\") for way in ways))
    beginning = re.split(r"[*?]", asked)[0].rstrip("^").lower()[: t.INDEXED]
    if len(ways) > 2 * len(ends) or not beginning:
        return found
    indexed = sa.func.lower(sa.func.left(_ST.patient_name, t.INDEXED))
    return sa.and_(indexed.like(f"{_like(beginning)}%", escape="\\"), found)


def _like(pattern: str) -> str:
    """As SQL writes it."""
    escaped = pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%").replace("?", "_")


def _found(row: sa.Row[Any], level: Level) -> Found:
    return Found(
        study=FoundStudy(
            study_instance_uid=StudyInstanceUID(row.study_instance_uid),
            patient_id=row.patient_id,
            patient_name=row.patient_name,
            patient_birth_date=row.patient_birth_date,
            patient_sex=row.patient_sex,
            accession_number=row.accession_number,
            study_id=row.study_id,
            study_description=row.study_description,
            study_at=row.study_at,
            modalities=tuple(sorted(filter(None, row.modalities))),
            series_count=row.series_count,
            instance_count=row.instance_count,
        ),
        series=None if level is Level.STUDY else _found_series(row),
        instance=_found_instance(row) if level is Level.INSTANCE else None,
    )


def _found_series(row: sa.Row[Any]) -> FoundSeries:
    return FoundSeries(
        series_instance_uid=SeriesInstanceUID(row.series_instance_uid),
        modality=row.modality,
        body_part_examined=row.body_part_examined,
        series_description=row.series_description,
        series_number=row.series_number,
        instance_count=row.series_instance_count,
    )


def _found_instance(row: sa.Row[Any]) -> FoundInstance:
    return FoundInstance(
        sop_instance_uid=SOPInstanceUID(row.sop_instance_uid),
        sop_class_uid=row.sop_class_uid,
        transfer_syntax_uid=row.transfer_syntax_uid,
        instance_number=row.instance_number,
        number_of_frames=row.number_of_frames,
        rows=row.rows,
        columns=row.columns,
    )
