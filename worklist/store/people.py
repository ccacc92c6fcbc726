"""Accounts, sessions and tokens in PostgreSQL.

Satisfies `worklist.people_ports.PeopleStore` and `worklist.api_tokens.TokenStore`.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from worklist.api_tokens import ApiToken
from worklist.people import Account, AccountName, Tries
from worklist.ports import Event
from worklist.sessions import Handshake, Session
from worklist.store import tables as t
from worklist.store.engine import translated
from worklist.store.rows import storable_text
from worklist.store.transaction import PostgresTransaction


class PostgresPeopleTransaction:
    """One unit of work; see `worklist.people_ports.PeopleTransaction` for what each promises."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def lock_people(self) -> None:
        self._connection.execute(
            sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext("vigie people")))
        )

    def account(self, name: AccountName) -> Account | None:
        row = self._connection.execute(sa.select(t.account).where(t.account.c.name == name)).first()
        return None if row is None else _account(row)

    def accounts(self) -> Sequence[Account]:
        rows = self._connection.execute(sa.select(t.account).order_by(t.account.c.name))
        return [_account(row) for row in rows]

    def save_account(self, account: Account) -> None:
        values = asdict(account) | {
            "display_name": storable_text(account.display_name),
            "roles": sorted(account.roles),
        }
        self._save(t.account, values)

    def tries(self, keys: Collection[str]) -> dict[str, Tries]:
        rows = self._connection.execute(
            sa.select(t.sign_in_tries).where(t.sign_in_tries.c.key.in_(keys))
        )
        return {
            row["key"]: Tries(**{name: row[name] for name in ("count", "last_at", "wait_until")})
            for row in rows.mappings()
        }

    def save_tries(self, tries: Mapping[str, Tries]) -> None:
        for key, one in tries.items():
            self._save(t.sign_in_tries, {"key": key, **asdict(one)})

    def forget_tries(self, keys: Collection[str]) -> None:
        self._connection.execute(sa.delete(t.sign_in_tries).where(t.sign_in_tries.c.key.in_(keys)))

    def forget_tries_of(self, name: AccountName) -> None:
        # A key is a word, then the name and the address, or the browser and the name.
        words = sa.func.string_to_array(t.sign_in_tries.c.key, " ", type_=sa.ARRAY(sa.Text))
        self._connection.execute(
            sa.delete(t.sign_in_tries).where(
                words[1].in_(["account", "here", "browser"]),
                sa.literal(str(name)) == sa.any_(words[2:3]),
            )
        )

    def forget_tries_before(self, when: datetime) -> None:
        self._connection.execute(sa.delete(t.sign_in_tries).where(t.sign_in_tries.c.last_at < when))

    def people_of_browser(self, digest: bytes, since: datetime) -> set[AccountName]:
        names = self._connection.scalars(
            sa.select(t.known_browser.c.account).where(
                t.known_browser.c.digest == digest, t.known_browser.c.last_used_at >= since
            )
        )
        return {AccountName(name) for name in names}

    def save_browser(self, digest: bytes, name: AccountName, now: datetime) -> None:
        self._save(t.known_browser, {"digest": digest, "account": name, "last_used_at": now})

    def forget_browsers_before(self, when: datetime) -> None:
        self._connection.execute(
            sa.delete(t.known_browser).where(t.known_browser.c.last_used_at < when)
        )

    def forget_browsers(self, name: AccountName) -> None:
        self._connection.execute(
            sa.delete(t.known_browser).where(t.known_browser.c.account == name)
        )

    def session(self, digest: bytes) -> tuple[Session, Account] | None:
        return _session_of(self._connection, digest)

    def save_session(self, session: Session) -> None:
        self._save(t.session, asdict(session))

    def end_sessions(self, name: AccountName, now: datetime) -> int:
        ended = self._connection.execute(
            sa.update(t.session)
            .where(t.session.c.account == name, t.session.c.ended_at.is_(None))
            .values(ended_at=now)
        )
        return ended.rowcount

    def account_of_subject(self, issuer: str, subject: str) -> Account | None:
        row = self._connection.execute(
            sa.select(t.account).where(t.account.c.issuer == issuer, t.account.c.subject == subject)
        ).first()
        return None if row is None else _account(row)

    def add_handshake(self, handshake: Handshake) -> None:
        self._connection.execute(sa.insert(t.handshake).values(asdict(handshake)))

    def take_handshake(self, state_digest: bytes) -> Handshake | None:
        row = self._connection.execute(
            sa.delete(t.handshake)
            .where(t.handshake.c.state_digest == state_digest)
            .returning(t.handshake)
        ).first()
        return None if row is None else Handshake(**row._mapping)

    def forget_handshakes_before(self, when: datetime) -> None:
        self._connection.execute(sa.delete(t.handshake).where(t.handshake.c.started_at < when))

    def tokens(self) -> Sequence[ApiToken]:
        rows = self._connection.execute(sa.select(t.api_token).order_by(t.api_token.c.name))
        return [_token(row) for row in rows]

    def save_token(self, token: ApiToken) -> None:
        self._save(t.api_token, asdict(token) | {"scopes": sorted(token.scopes)})

    def forget_sessions_before(self, when: datetime) -> None:
        self._connection.execute(sa.delete(t.session).where(t.session.c.last_seen_at < when))

    def append_events(self, events: Sequence[Event]) -> None:
        PostgresTransaction(self._connection).append_events(events)

    def _save(self, table: sa.Table, values: Mapping[str, Any]) -> None:
        keys = [column.name for column in table.primary_key]
        rest = {name: value for name, value in values.items() if name not in keys}
        self._connection.execute(
            insert(table).values(values).on_conflict_do_update(index_elements=keys, set_=rest)
        )


class PostgresPeople:
    """The accounts in one PostgreSQL database."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @contextmanager
    def transaction(self) -> Iterator[PostgresPeopleTransaction]:
        """One unit of work; raises `StoreUnavailable` when the database does not answer."""
        with translated(), self._engine.begin() as connection:
            yield PostgresPeopleTransaction(connection)

    def session(self, digest: bytes) -> tuple[Session, Account] | None:
        """The session of this secret and whose it is, ended or not."""
        with translated(), self._engine.connect() as connection:
            return _session_of(connection, digest)

    def open_sessions(self, names: Collection[AccountName]) -> list[Session]:
        """The sessions of these people that nobody has ended; time may have."""
        with translated(), self._engine.connect() as connection:
            rows = connection.execute(
                sa.select(t.session).where(
                    t.session.c.account.in_(names), t.session.c.ended_at.is_(None)
                )
            ).all()
        return list(map(_session, rows))

    def note_seen(self, digest: bytes, now: datetime) -> None:
        """The person is still there."""
        with translated(), self._engine.begin() as connection:
            connection.execute(
                sa.update(t.session)
                .where(t.session.c.digest == digest, t.session.c.last_seen_at < now)
                .values(last_seen_at=now)
            )

    def token(self, digest: bytes) -> ApiToken | None:
        """The token of this secret, whether it holds or not."""
        with translated(), self._engine.connect() as connection:
            row = connection.execute(
                sa.select(t.api_token).where(t.api_token.c.digest == digest)
            ).first()
        return None if row is None else _token(row)

    def note_used(self, token: ApiToken, now: datetime) -> None:
        """It was used."""
        with translated(), self._engine.begin() as connection:
            connection.execute(
                sa.update(t.api_token)
                .where(t.api_token.c.digest == token.digest)
                .values(last_used_at=now)
            )


def _session_of(connection: sa.Connection, digest: bytes) -> tuple[Session, Account] | None:
    session = connection.execute(sa.select(t.session).where(t.session.c.digest == digest)).first()
    if session is None:
        return None
    account = connection.execute(
        sa.select(t.account).where(t.account.c.name == session.account)
    ).one()
    return _session(session), _account(account)


def _session(row: sa.Row[Any]) -> Session:
    return Session(**dict(row._mapping) | {"account": AccountName(row.account)})


def _token(row: sa.Row[Any]) -> ApiToken:
    values = dict(row._mapping)
    return ApiToken(
        **values | {"name": AccountName(values["name"]), "scopes": frozenset(values["scopes"])}
    )


def _account(row: sa.Row[Any]) -> Account:
    values = dict(row._mapping)
    return Account(
        **values | {"name": AccountName(values["name"]), "roles": frozenset(values["roles"])}
    )
