"""What an event of the record costs while several processes write: chained, as before, unchained.

    python benchmarks/events.py [--writers 8] [--seconds 10] [--json FILE]

Makes an embedded PostgreSQL in a temporary folder with three databases: one whose log is not
chained at all (its events are numbered by a sequence), one with the chain as it was before events
said when the database wrote them (migration 0022), and one as it is. Writers, each a thread with a
connection of its own, commit one transaction after the other: each changes a row of its own and
appends one event, as an act in Vigie does. Commits are durable (fsync), as on a node.
"""

import argparse
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from vigie.database import EmbeddedPostgres
from worklist.store.audit import verify_event_log
from worklist.store.engine import connect
from worklist.store.schema import migrate

_UNCHAINED = """
DROP TRIGGER event_chain ON event;
CREATE SEQUENCE event_numbers;
ALTER TABLE event ALTER event_id SET DEFAULT nextval('event_numbers');
"""
_APPEND = """
INSERT INTO event ({column}at, kind, actor, study_instance_uid, details, previous_hash, hash)
VALUES ({value}now(), 'pinned', 'person anna', %s, %s, '', '')
"""
_DETAILS = json.dumps(
    {
        "why": "the ward asks",
        "due_at": "2026-03-02T12:11:00+00:00",
        "due_before": "2026-03-02T14:30:00+00:00",
        "place": 3,
        "place_before": 14,
        "reason": "routine 24 h; haemorrhage 0.91 → 11 min",
    }
)


def databases(server: EmbeddedPostgres) -> Iterator[tuple[str, sa.Engine]]:
    """What is compared, by its name in the table."""
    for number, (what, version) in enumerate(
        (("not chained", "head"), ("chained, as before", "0022"), ("chained", "head"))
    ):
        name = f"bench_{number}"
        administration = server.url.replace("/vigie?", "/postgres?")
        with psycopg.connect(administration, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        engine = connect(server.url.replace("/vigie?", f"/{name}?"))
        migrate(engine, to=version)
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE act (writer int PRIMARY KEY, count int)")
            if what == "not chained":
                for statement in _UNCHAINED.strip().split(";\n"):
                    connection.exec_driver_sql(statement)
        yield what, engine
        if what == "chained" and (broken := verify_event_log(engine)) is not None:
            raise SystemExit(f"the log is broken: {broken.why}")
        engine.dispose()


def write(url: str, writer: int, *, numbered: bool, until: float, took: list[float]) -> None:
    """Commit transactions until a moment (monotonic), noting the seconds that each took."""
    column, value = ("event_id, ", "0, ") if numbered else ("", "")
    append = _APPEND.format(column=column, value=value)
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO act VALUES (%s, 0)", [writer])
        connection.commit()
        while (start := time.perf_counter()) < until:
            connection.execute("UPDATE act SET count = count + 1 WHERE writer = %s", [writer])
            connection.execute(append, [f"1.2.3.{writer}", _DETAILS])
            connection.commit()
            took.append(time.perf_counter() - start)


def measure(what: str, engine: sa.Engine, writers: int, seconds: float) -> dict[str, float | str]:
    """Transactions a second, and how long one takes, in ms."""
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    took: list[list[float]] = [[] for _ in range(writers)]
    until = time.perf_counter() + seconds
    threads = [
        threading.Thread(
            target=write,
            args=[url, number],
            kwargs={"numbered": what != "not chained", "until": until, "took": took[number]},
        )
        for number in range(writers)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    every = sorted(second for one in took for second in one)
    cuts = statistics.quantiles(every, n=100)
    return {
        "log": what,
        "events_per_s": round(len(every) / seconds, 1),
        "median_ms": round(cuts[49] * 1000, 2),
        "p95_ms": round(cuts[94] * 1000, 2),
        "p99_ms": round(cuts[98] * 1000, 2),
    }


@contextmanager
def _server() -> Iterator[EmbeddedPostgres]:
    with tempfile.TemporaryDirectory(prefix="vigie-bench-") as folder:
        server = EmbeddedPostgres(Path(folder) / "data" / "postgres")
        server.start()
        try:
            yield server
        finally:
            server.stop()


def main() -> None:
    """Measure all, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with _server() as server:
        rows = [
            measure(what, engine, given.writers, given.seconds)
            for what, engine in databases(server)
        ]
    table = Table("event log", "events/s", "median ms", "95 % ms", "99 % ms")
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console().print(f"{given.writers} writers, each a transaction with one event", table)
    if given.json:
        given.json.write_text(json.dumps({"writers": given.writers, "logs": rows}, indent=1))


if __name__ == "__main__":
    main()
