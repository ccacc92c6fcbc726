"""What `benchmarks/worklist.py` does."""

import argparse
import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from benchmarks.long_list_studies import DETECTORS, browsers_of, fill
from vigie.database import EmbeddedPostgres
from worklist.due_time import DueTargets
from worklist.finding import Flagged, Provenance
from worklist.people import AccountName
from worklist.service import Worklist
from worklist.store.engine import connect
from worklist.store.postgres import PostgresStore
from worklist.store.schema import migrate
from worklist.uid import StudyInstanceUID

PAGE_ROWS = 100  # what /api/worklist answers where nothing is said
GATHER_S = 0.4  # a burst of changes is one question (viewer/web/src/live.ts)
TARGET_MS = 100.0
TARGET_SEEN_S = 1.0
_START_LIMIT_S = 120.0
out = Console()


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One kind of request."""

    name: str
    queries: tuple[str, ...]  # asked in turn


def requests_of(unread: int) -> list[Asked]:
    """What people ask of the list."""
    middle = unread // 2
    return [
        Asked(name="first page", queries=("",)),
        Asked(name="middle of the list", queries=tuple(f"offset={middle + n}" for n in range(7))),
        Asked(name="end of the list", queries=(f"offset={unread - PAGE_ROWS}",)),
        Asked(name="modality, frequent", queries=("modality=CT", "modality=DX")),
        Asked(name="modality, rare", queries=("modality=XA", "modality=NM")),
        Asked(name="body part", queries=("body_part=HEAD", "body_part=WRIST")),
        Asked(name="priority", queries=("priority=stat", "priority=urgent")),
        Asked(name="state of any detector", queries=("state=flagged", "state=failed")),
        Asked(name="state of one", queries=("state=haemorrhage:flagged", "state=nodule:failed")),
        Asked(name="not run yet", queries=("state=fracture:not_run_yet", "state=running")),
        Asked(name="mine, unclaimed", queries=("mine=true", "unclaimed=true")),
        Asked(name="filtered, far down", queries=(f"modality=CT&offset={unread // 5}",)),
        Asked(name="two filters", queries=("modality=CT&body_part=HEAD&priority=urgent",)),
        Asked(name="search, a name", queries=("q=m%C3%BCller+anna", "q=okafor", "q=garcia")),
        Asked(name="search, a letter", queries=("q=m", "q=a")),
        Asked(name="search, a number", queries=("q=A0042", "q=P-77")),
        Asked(name="search, nothing found", queries=("q=xyzzy", "q=nobody+here")),
        Asked(name="read ones", queries=("unread=false",)),
        Asked(name="read ones, filtered", queries=("unread=false&modality=XA",)),
        Asked(name="read ones, search", queries=("unread=false&q=garcia+anna", "unread=false&q=m")),
    ]


@contextmanager
def database(folder: Path, arguments: argparse.Namespace) -> Iterator[str]:
    """A filled database; one that was kept is taken as it is."""
    server = EmbeddedPostgres(folder / "postgres")
    server.start()
    try:
        engine = connect(server.url)
        migrate(engine)
        with engine.connect() as connection:
            kept = connection.scalar(sa.text("SELECT count(*) FROM worklist_entry")) or 0
        if not kept:
            fill(server.url, engine, unread=arguments.unread, read=arguments.read, console=out)
        engine.dispose()
        yield server.url
    finally:
        server.stop()


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def web(folder: Path, database_url: str) -> Iterator[str]:
    """The page's process, as a node runs it; its address."""
    port = free_port()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("VIGIE_")}
    environment |= {"VIGIE_DATABASE_URL": database_url, "VIGIE_HTTP_PORT": str(port)}
    environment["PYTHONPATH"] = str(Path(__file__).parent.parent)
    command = [sys.executable, "-m", "vigie", "web", "--data", str(folder / "data")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + _START_LIMIT_S
        while not _is_up(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError((folder / "log").read_text(errors="replace"))
            time.sleep(0.2)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def _is_up(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/live", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


class Changes:
    """Changes the list as people and workers do, past the page."""

    def __init__(self, engine: sa.Engine) -> None:
        self.worklist = Worklist(PostgresStore(engine), DueTargets())
        with engine.connect() as connection:
            rows = connection.scalars(
                sa.text(
                    "SELECT study_instance_uid FROM worklist_entry WHERE unpinned"
                    " AND study_instance_uid NOT IN (SELECT study_instance_uid FROM claim)"
                    " AND facets && ARRAY['state:haemorrhage:not_applicable']"
                    " ORDER BY due_at DESC LIMIT 2000"
                )
            )
            self._uids = [StudyInstanceUID(uid) for uid in rows]

    def change_something(self) -> None:
        """One event that changes no place."""
        uid = self._uids.pop()
        self.worklist.claim(uid, AccountName("reader1"), take_over=True, now=datetime.now(UTC))

    def flag(self) -> StudyInstanceUID:
        """An outcome that brings a study from the end of the list to its top."""
        uid, now = self._uids.pop(0), datetime.now(UTC)
        pinned = {"actor": "reader1", "reason": "so that its place is known"}
        self.worklist.pin(uid, True, **pinned, now=now)
        time.sleep(2 * GATHER_S)  # until the browsers have shown that
        return uid

    def record(self, uid: StudyInstanceUID) -> None:
        """The outcome."""
        now = datetime.now(UTC)
        provenance = Provenance(
            detector=DETECTORS[1],
            instances=(),
            not_eligible=(),
            software_version="benchmark",
            started_at=now,
            finished_at=now,
        )
        self.worklist.record_outcome(uid, 1, Flagged(probability=0.9876), provenance, now=now)


def processor_ms(postgres: Path) -> float:
    """What the page's process and the database have used so far; 0 where it cannot be known."""
    used = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            command = stat.with_name("cmdline").read_bytes()
            of_postgres = command.startswith(b"postgres")
            if (
                of_postgres and stat.with_name("cwd").readlink() == postgres
            ) or b"\0-m\0vigie\0web\0" in command:
                used += sum(map(int, stat.read_text().rpartition(")")[2].split()[11:13]))
        except OSError:  # it has ended
            continue
    return used * 1000 / os.sysconf("SC_CLK_TCK")


def measure_requests(
    url: str, cookie: str, changes: Changes, unread: int, count: int, postgres: Path
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Milliseconds of each request, and of processors for one, by kind."""
    figures: dict[str, list[float]] = {}
    processor: dict[str, float] = {}
    headers = {"Cookie": cookie, "Accept": "application/json"}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        for asked in requests_of(unread):
            taken, used = [], 0.0
            for number in range(count + 1):
                query = asked.queries[number % len(asked.queries)]
                changes.change_something()
                used -= processor_ms(postgres)
                begun = time.perf_counter()
                answer = client.get(f"/api/worklist?limit={PAGE_ROWS}&{query}")
                taken.append((time.perf_counter() - begun) * 1000)
                used += processor_ms(postgres)
                answer.raise_for_status()
            processor[asked.name] = used / (count + 1)
            figures[asked.name] = taken[1:]  # the first warms up
            out.print(f"  {asked.name}: {np.percentile(taken[1:], 95):.0f} ms", style="dim")
    return figures, processor


class Browser:
    """One open page: hears the stream, gathers changes, asks for its page anew."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._changed = asyncio.Event()
        self.body = b""
        self.seen_at: dict[str, float] = {}
        self._awaited = ""

    def await_flag(self, uid: str) -> None:
        """From now on, look for this study's flag."""
        self._awaited = uid

    async def hear(self) -> None:
        """Read the stream."""
        async with self._client.stream("GET", "/api/events", timeout=None) as stream:
            async for line in stream.aiter_lines():
                if line.startswith("event: "):
                    self._changed.set()

    async def show(self) -> None:
        """Ask whenever something changed, as the page does."""
        while True:
            await self._changed.wait()
            await asyncio.sleep(GATHER_S)
            self._changed.clear()
            answer = await self._client.get(f"/api/worklist?limit={PAGE_ROWS}", timeout=60)
            answer.raise_for_status()
            self._look(answer.content)

    def _look(self, body: bytes) -> None:
        uid = self._awaited
        if uid and uid not in self.seen_at:
            row = body.partition(f'"study_instance_uid":"{uid}"'.encode())[2]
            if b'"probability":0.9876' in row.partition(b'"study_instance_uid"')[0]:
                self.seen_at[uid] = time.perf_counter()


async def measure_seen(
    url: str, cookies: list[str], changes: Changes, outcomes: int
) -> list[float]:
    """Seconds from the moment an outcome is recorded until each browser has it."""
    clients = [httpx.AsyncClient(base_url=url, headers={"Cookie": one}) for one in cookies]
    browsers = [Browser(client) for client in clients]
    tasks = [asyncio.create_task(work) for one in browsers for work in (one.hear(), one.show())]
    await asyncio.sleep(5)  # every page is open
    taken: list[float] = []
    for _ in range(outcomes):
        uid = await asyncio.to_thread(changes.flag)
        for one in browsers:
            one.await_flag(uid)
        begun = time.perf_counter()
        await asyncio.to_thread(changes.record, uid)
        deadline = begun + 30
        while any(uid not in one.seen_at for one in browsers):
            if time.perf_counter() > deadline:
                raise TimeoutError("a browser has not seen an outcome for 30 s")
            for task in tasks:
                if task.done():
                    task.result()
            await asyncio.sleep(0.1)
        taken += [one.seen_at[uid] - begun for one in browsers]
        await asyncio.sleep(1)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for client in clients:
        await client.aclose()
    return taken


def show(figures: dict[str, list[float]], processor: dict[str, float], seen: list[float]) -> bool:
    """Print what was measured; whether every target is met."""
    table = Table("request", "p50 ms", "p95 ms", "most ms", "processor ms", "target p95 ms", "")
    met = True
    for name, taken in figures.items():
        p50, p95 = np.percentile(taken, [50, 95])
        fits = p95 <= TARGET_MS
        met &= bool(fits)
        table.add_row(
            name,
            f"{p50:.0f}",
            f"{p95:.0f}",
            f"{max(taken):.0f}",
            f"{processor[name]:.0f}",
            f"{TARGET_MS:.0f}",
            "ok" if fits else "MISSED",
        )
    out.print(table)
    out.print(
        "processor: of the page's process and PostgreSQL for one request; on a machine that does "
        "nothing else it is about the time taken",
        style="dim",
    )
    table = Table("outcome seen by", "p50 s", "p95 s", "most s", "target s", "")
    fits = max(seen) <= TARGET_SEEN_S
    p50, p95 = np.percentile(seen, [50, 95])
    table.add_row(
        "all open browsers",
        f"{p50:.2f}",
        f"{p95:.2f}",
        f"{max(seen):.2f}",
        f"{TARGET_SEEN_S:.0f}",
        "ok" if fits else "MISSED",
    )
    out.print(table)
    out.print(f"of which the page's own pause to gather changes: {GATHER_S} s", style="dim")
    return met and fits


def main(description: str) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--unread", type=int, default=100_000)
    parser.add_argument("--read", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=40, help="of each kind")
    parser.add_argument("--browsers", type=int, default=50)
    parser.add_argument("--outcomes", type=int, default=10)
    parser.add_argument("--json", type=Path, help="write the figures here, too")
    parser.add_argument("--folder", type=Path, help="keep the database here, for another run")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vigie-worklist-") as temporary:
        folder = arguments.folder or Path(temporary)
        with database(folder, arguments) as database_url:
            engine = connect(database_url)
            cookies = browsers_of(engine, arguments.browsers, datetime.now(UTC))
            changes = Changes(engine)
            with web(folder, database_url) as url:
                out.print("asking ...")
                figures, processor = measure_requests(
                    url,
                    cookies[-1],
                    changes,
                    arguments.unread,
                    arguments.requests,
                    (folder / "postgres").resolve(),
                )
                seen = asyncio.run(measure_seen(url, cookies, changes, arguments.outcomes))
            engine.dispose()
    met = show(figures, processor, seen)
    if arguments.json:
        written: dict[str, Any] = {
            "requests_ms": figures,
            "processor_ms": processor,
            "seen_s": seen,
        }
        arguments.json.write_text(json.dumps(written, indent=1), encoding="utf-8")
    sys.exit(0 if met else 1)
