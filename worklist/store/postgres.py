"""The worklist in PostgreSQL: satisfies `worklist.ports.WorklistStore`."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from worklist.finding import DetectorIdentity
from worklist.store import tables as t
from worklist.store.engine import translated
from worklist.store.rows import storable_json
from worklist.store.transaction import PostgresTransaction
from worklist.study import StudyArrival
from worklist.uid import StudyInstanceUID


class PostgresStore:
    """The worklist's tables in one PostgreSQL database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @contextmanager
    def transaction(self) -> Iterator[PostgresTransaction]:
        """One unit of work; raises `StoreUnavailable` when the database does not answer."""
        with translated(), self._engine.begin() as connection:
            yield PostgresTransaction(connection)

    def arriving_studies(self) -> list[StudyArrival]:
        """Studies whose images may still be coming."""
        with translated(), self._engine.connect() as connection:
            rows = connection.execute(
                sa.select(
                    t.study,
                    sa.func.array_agg(
                        sa.func.jsonb_build_array(
                            t.study_association.c.association_id,
                            t.study_association.c.calling_ae_title,
                            t.study_association.c.sender_address,
                        )
                    ).label("associations"),
                )
                .join(t.study_association)
                .where(t.study.c.arriving)
                .group_by(t.study.c.study_instance_uid)
                .order_by(t.study.c.due_at, t.study.c.study_instance_uid)
            ).all()
        return [
            StudyArrival(
                study_instance_uid=StudyInstanceUID(row.study_instance_uid),
                first_received_at=row.received_at,
                last_received_at=row.last_received_at,
                reopened_at=row.reopened_at,
                instance_count=row.instance_count,
                expected_instance_count=row.expected_instance_count,
                senders=frozenset((title, address) for _, title, address in row.associations),
                association_ids=frozenset(one for one, _, _ in row.associations if one),
            )
            for row in rows
        ]

    def register_detectors(
        self,
        installed: Sequence[DetectorIdentity],
        broken: Mapping[str, str],
        now: datetime,
        *,
        cards: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Say which detectors are installed, so that "not run yet" can be shown (P4).

        Parameters
        ----------
        installed
            All of them.
        broken
            Names of those that could not be loaded, with the reason.
        now
            When.
        cards
            Model cards by name, as plain JSON values; for broken ones there are none.
        """
        rows: list[dict[str, Any]] = [
            {
                **asdict(one),
                "broken": broken.get(one.name),
                "card": storable_json((cards or {}).get(one.name)),
                "registered_at": now,
            }
            for one in installed
        ]
        with translated(), self._engine.begin() as connection:
            connection.execute(
                sa.delete(t.detector).where(t.detector.c.name.not_in([row["name"] for row in rows]))
            )
            if rows:
                statement = insert(t.detector)
                connection.execute(
                    statement.on_conflict_do_update(
                        index_elements=["name"],
                        set_={
                            column.name: statement.excluded[column.name]
                            for column in t.detector.columns
                            if column.name != "name"
                        },
                    ),
                    rows,
                )

    def installed_detectors(self) -> list[str]:
        """Names of the detectors that a worker has registered."""
        with translated(), self._engine.connect() as connection:
            return list(
                connection.scalars(sa.select(t.detector.c.name).order_by(t.detector.c.name))
            )
