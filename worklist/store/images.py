"""A study's objects in PostgreSQL: the part of `worklist.ports.Transaction` about them."""

from dataclasses import asdict

import sqlalchemy as sa

from worklist.preview import Preview, StudyImage
from worklist.store import tables as t
from worklist.study import ArchivedInstance
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID


class ImageRows:
    """See `worklist.ports.Transaction` for what each method promises."""

    _connection: sa.Connection

    def assessment_instances(self, uid: StudyInstanceUID) -> tuple[ArchivedInstance, ...]:
        columns = t.instance.c
        rows = self._connection.execute(
            sa.select(t.instance)
            .where(columns.study_instance_uid == uid, columns.made_by_vigie.is_(False))
            .order_by(
                columns.series_instance_uid,
                columns.instance_number.nulls_last(),
                columns.sop_instance_uid,
            )
        )
        return tuple(
            ArchivedInstance(
                sop_instance_uid=SOPInstanceUID(row.sop_instance_uid),
                series_instance_uid=SeriesInstanceUID(row.series_instance_uid),
                sha256=row.sha256,
                archive_path=row.archive_path,
            )
            for row in rows
        )

    def study_images(self, uid: StudyInstanceUID) -> list[StudyImage]:
        rows = self._connection.execute(
            sa.select(
                t.instance.c.sop_instance_uid,
                t.instance.c.instance_number,
                t.instance.c.number_of_frames,
                t.series,
            )
            .join(t.series)
            .where(
                t.instance.c.study_instance_uid == uid,
                t.instance.c.rows.is_not(None),
                t.instance.c.made_by_vigie.is_(False),
            )
        )
        return [
            StudyImage(
                sop_instance_uid=SOPInstanceUID(row.sop_instance_uid),
                instance_number=row.instance_number,
                number_of_frames=row.number_of_frames,
                series_instance_uid=SeriesInstanceUID(row.series_instance_uid),
                series_number=row.series_number,
                modality=row.modality,
                body_part=row.body_part_examined,
                description=row.series_description,
            )
            for row in rows
        ]

    def save_preview(self, uid: StudyInstanceUID, preview: Preview | None) -> None:
        self._connection.execute(
            sa.update(t.study)
            .where(t.study.c.study_instance_uid == uid)
            .values(preview=None if preview is None else asdict(preview))
        )
