"""Where the objects of a study lie, read from PostgreSQL."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from worklist.archive_search import ArchiveQuery, Found
from worklist.archived import ArchivedObject
from worklist.errors import UnknownStudy, VigieError
from worklist.store import tables as t
from worklist.store.archive_search import search
from worklist.store.engine import translated
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID
from worklist.views import UnknownInstance

_TEXTS = sa.ARRAY(sa.Text(collation="C"))


class PostgresArchive:
    """Finds archived objects; called from many threads.

    Parameters
    ----------
    engine
        The database.
    folder
        The folder that archive paths are relative to.
    """

    def __init__(self, engine: sa.Engine, folder: Path) -> None:
        self._engine = engine
        self._folder = folder

    def objects(
        self,
        study: StudyInstanceUID,
        series: SeriesInstanceUID | None = None,
        instance: SOPInstanceUID | None = None,
    ) -> Sequence[ArchivedObject]:
        """Those of a study, of a series of it, or one; see `viewer.dicomweb.ports.Archive`."""
        with translated(), self._engine.connect() as connection:
            rows = connection.execute(_in_order(study, series, instance)).all()
        if not rows:
            raise _unknown(study, series, instance)
        return [self._object(row) for row in rows]

    def by_uid(self, uids: Sequence[SOPInstanceUID]) -> dict[SOPInstanceUID, ArchivedObject]:
        """Those of these objects that were filed."""
        found = sa.select(t.instance).where(
            t.instance.c.sop_instance_uid == sa.any_(sa.literal(list(uids), _TEXTS))
        )
        with translated(), self._engine.connect() as connection:
            objects = [self._object(row) for row in connection.execute(found)]
        return {one.sop_instance_uid: one for one in objects}

    def shown_for(
        self,
        study: StudyInstanceUID,
        series: SeriesInstanceUID | None = None,
        instance: SOPInstanceUID | None = None,
    ) -> ArchivedObject:
        """One object that stands for all of them; see `viewer.dicomweb.ports.Archive`."""
        found = _in_order(study, series, instance).subquery()
        # Objects with pixels first, of the series with most of them its middle one.
        has_pixels = found.c.rows.is_not(None)
        in_series = sa.func.count().over(partition_by=(has_pixels, found.c.series_instance_uid))
        place = sa.func.row_number().over(
            partition_by=(has_pixels, found.c.series_instance_uid),
            order_by=(found.c.instance_number.nulls_last(), found.c.sop_instance_uid),
        )
        ranked = sa.select(found, in_series.label("n"), place.label("place")).subquery()
        best = (
            sa.select(ranked)
            .where(ranked.c.place == ranked.c.n // 2 + 1)
            .order_by(ranked.c.rows.is_(None), ranked.c.n.desc(), ranked.c.series_instance_uid)
            .limit(1)
        )
        with translated(), self._engine.connect() as connection:
            row = connection.execute(best).one_or_none()
        if row is None:
            raise _unknown(study, series, instance)
        return self._object(row)

    def search(self, query: ArchiveQuery) -> Sequence[Found]:
        """What is found, the newest studies first; see `viewer.dicomweb.ports.Archive`."""
        with translated(), self._engine.connect() as connection:
            return search(connection, query)

    def _object(self, row: sa.Row[Any]) -> ArchivedObject:
        return ArchivedObject(
            study_instance_uid=StudyInstanceUID(row.study_instance_uid),
            series_instance_uid=SeriesInstanceUID(row.series_instance_uid),
            sop_instance_uid=SOPInstanceUID(row.sop_instance_uid),
            sop_class_uid=row.sop_class_uid,
            transfer_syntax_uid=row.transfer_syntax_uid,
            sha256=row.sha256,
            path=self._folder / row.archive_path,
            instance_number=row.instance_number,
            number_of_frames=row.number_of_frames,
            rows=row.rows,
            columns=row.columns,
        )


def _in_order(
    study: StudyInstanceUID, series: SeriesInstanceUID | None, instance: SOPInstanceUID | None
) -> sa.Select[Any]:
    one, of = t.instance.c, t.series.c
    found = (
        sa.select(t.instance)
        .join(
            t.series,
            (of.series_instance_uid == one.series_instance_uid)
            & (of.study_instance_uid == one.study_instance_uid),
        )
        .where(one.study_instance_uid == study)
        .order_by(
            of.series_number.nulls_last(),
            of.series_instance_uid,
            one.instance_number.nulls_last(),
            one.sop_instance_uid,
        )
    )
    if series is not None:
        found = found.where(one.series_instance_uid == series)
    if instance is not None:
        found = found.where(one.sop_instance_uid == instance)
    return found


def _unknown(
    study: StudyInstanceUID, series: SeriesInstanceUID | None, instance: SOPInstanceUID | None
) -> VigieError:
    if series is None:
        return UnknownStudy(f"no study {study} has been filed here")
    if instance is not None:
        return UnknownInstance(f"no object {instance} has been filed in this series")
    return UnknownInstance(f"no series {series} has been filed in this study")
