"""Where the objects of a study lie, read from PostgreSQL."""

from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa

from worklist.archived import ArchivedObject
from worklist.errors import UnknownStudy
from worklist.store import tables as t
from worklist.store.engine import translated
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID
from worklist.views import UnknownInstance


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
        with translated(), self._engine.connect() as connection:
            rows = connection.execute(found).all()
        if not rows and series is None:
            raise UnknownStudy(f"no study {study} has been filed here")
        if not rows:
            if instance is not None:
                raise UnknownInstance(f"no object {instance} has been filed in this series")
            raise UnknownInstance(f"no series {series} has been filed in this study")
        return [self._object(row) for row in rows]

    def _object(self, row: sa.Row[tuple[object, ...]]) -> ArchivedObject:
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
