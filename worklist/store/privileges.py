"""What the application's role may do: everything it needs, and never change the record (P10)."""

import sqlalchemy as sa

_APPENDED = frozenset({"SELECT", "INSERT"})
_USED = _APPENDED | {"UPDATE", "DELETE"}
_OF_THE_RECORD = frozenset({"event", "event_day"})
_VERSION = "alembic_version"

_HELD = sa.text(
    """
    SELECT relname, ARRAY(
        SELECT privilege
        FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES',
                          'TRIGGER']) AS privilege
        WHERE has_table_privilege(:role, oid, privilege)
    ) AS held
    FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
    ORDER BY relname
    """
)
_SEQUENCES_LACKING = sa.text(
    """
    SELECT count(*) FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace
        AND CASE relkind WHEN 'S' THEN NOT has_sequence_privilege(:role, oid, 'USAGE') END
    """
)
_CHANGES = sa.text(
    """
    SELECT bool_or(
        has_table_privilege(current_user, oid, 'UPDATE')
        OR has_table_privilege(current_user, oid, 'DELETE')
        OR has_table_privilege(current_user, oid, 'TRUNCATE')
        OR has_table_privilege(current_user, oid, 'TRIGGER')
        OR pg_has_role(current_user, relowner, 'MEMBER')
    )
    FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relname IN ('event', 'event_day')
    """
)


def let_in(connection: sa.Connection, role: str) -> None:
    """Give a role what the application needs of each table, and take what it must not have.

    Nothing is written where all is as it should be; nothing is done for the role of this
    connection, which owns the tables.
    """
    if role == connection.scalar(sa.text("SELECT current_user")):
        return
    quote = connection.dialect.identifier_preparer.quote
    for name, held in connection.execute(_HELD, {"role": role}).all():
        wanted = _wanted(name)
        if set(held) != wanted:
            connection.exec_driver_sql(f"REVOKE ALL ON {quote(name)} FROM {quote(role)}")
            connection.exec_driver_sql(
                f"GRANT {', '.join(sorted(wanted))} ON {quote(name)} TO {quote(role)}"
            )
    if connection.scalar(_SEQUENCES_LACKING, {"role": role}):
        schema = quote(str(connection.scalar(sa.text("SELECT current_schema()"))))
        connection.exec_driver_sql(
            f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {quote(role)}"
        )


def can_change_record(connection: sa.Connection) -> bool:
    """Whether the role of this connection could change or remove what the record holds."""
    return bool(connection.scalar(_CHANGES))


def _wanted(table: str) -> frozenset[str]:
    if table in _OF_THE_RECORD:
        return _APPENDED
    return frozenset({"SELECT"}) if table == _VERSION else _USED
