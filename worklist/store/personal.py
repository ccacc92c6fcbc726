"""What each person likes, in PostgreSQL: satisfies `worklist.personal.PersonalStore`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from worklist.people import AccountName
from worklist.personal import (
    Preferences,
    SavedView,
    preferences_as_json,
    preferences_from_json,
)
from worklist.ports import Event
from worklist.store import tables as t
from worklist.store.engine import translated
from worklist.store.rows import storable_text
from worklist.store.transaction import PostgresTransaction

_VIEW = t.saved_view.c


class PostgresPersonalTransaction:
    """One unit of work; see `worklist.personal.PersonalTransaction` for what each promises."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def lock_person(self, account: AccountName) -> None:
        name = t.account.c.name
        self._connection.execute(
            sa.select(name).where(name == account).with_for_update(key_share=True)
        )

    def preferences(self, account: AccountName) -> Preferences:
        chosen = self._connection.scalar(
            sa.select(t.preferences.c.chosen).where(t.preferences.c.account == account)
        )
        return Preferences() if chosen is None else preferences_from_json(chosen)

    def save_preferences(self, account: AccountName, chosen: Preferences) -> None:
        values = {"chosen": preferences_as_json(chosen)}
        self._connection.execute(
            insert(t.preferences)
            .values(account=account, **values)
            .on_conflict_do_update(index_elements=["account"], set_=values)
        )

    def views(self, account: AccountName) -> list[SavedView]:
        rows = self._connection.execute(
            sa.select(t.saved_view).where(_VIEW.account == account).order_by(_VIEW.view_id)
        )
        return [SavedView(view_id=row.view_id, name=row.name, query=row.query) for row in rows]

    def add_view(self, account: AccountName, name: str, query: str) -> int:
        values = {"name": storable_text(name), "query": storable_text(query)}
        added = sa.insert(t.saved_view).values(account=account, **values)
        return int(self._connection.execute(added.returning(_VIEW.view_id)).scalar_one())

    def save_view(self, account: AccountName, view: SavedView) -> None:
        self._connection.execute(
            sa.update(t.saved_view)
            .where(_VIEW.account == account, _VIEW.view_id == view.view_id)
            .values(name=storable_text(view.name), query=storable_text(view.query))
        )

    def remove_view(self, account: AccountName, view_id: int) -> None:
        self._connection.execute(
            sa.delete(t.saved_view).where(_VIEW.account == account, _VIEW.view_id == view_id)
        )

    def append_events(self, events: Sequence[Event]) -> None:
        PostgresTransaction(self._connection).append_events(events)


class PostgresPersonal:
    """What people like, in one PostgreSQL database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @contextmanager
    def transaction(self) -> Iterator[PostgresPersonalTransaction]:
        """One unit of work; raises `StoreUnavailable` when the database does not answer."""
        with translated(), self._engine.begin() as connection:
            yield PostgresPersonalTransaction(connection)
