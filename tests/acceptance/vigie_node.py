"""A whole node as a user runs it: `vigie serve` in a process of its own."""

import functools
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa

from tests.networks import compiled_networks
from vigie.database import EmbeddedPostgres
from vigie.wiring import make_api_tokens, utc_now
from worklist.api_tokens import Scope
from worklist.errors import StoreUnavailable
from worklist.people import AccountName
from worklist.store.engine import connect

ENDED = {"flagged", "not_flagged", "not_applicable"}


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(
    condition: Callable[[], Any],
    what: str,
    limit_s: float = 60,
    more: Callable[[], str] = str,
) -> Any:
    """The condition's first true value; fails the test, saying what it waited for, and `more`."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.1)
    raise AssertionError(f"not within {limit_s:g} s: {what}\n{more()}")


class Node:
    """A node on free ports of the loopback; ends with its test."""

    def __init__(self, data: Path, **settings: object) -> None:
        self.data = data
        self.dicom_port = free_port()
        self.http_port = free_port()
        self.url = f"http://127.0.0.1:{self.http_port}"
        self.log = data.with_suffix(".log")
        self._settings = {f"VIGIE_{name.upper()}": str(value) for name, value in settings.items()}
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the node, and commands about it, run with."""
        own = {
            "VIGIE_DATA": str(self.data),
            "VIGIE_DICOM_PORT": str(self.dicom_port),
            "VIGIE_HTTP_PORT": str(self.http_port),
            "VIGIE_QUIET_PERIOD_S": "1",
            "VIGIE_STALLED_WORKER_S": "5",
            **self._settings,
        }
        others = {name: v for name, v in os.environ.items() if not name.startswith("VIGIE_")}
        return others | own

    def start(self) -> None:
        """Start it and wait until it is up."""
        self.take_networks()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "vigie", "serve"],
                env=self.environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )
        wait_until(self.is_up, "the node is up", 120, self.tail)

    def take_networks(self) -> None:
        """Use the networks that were compiled for all nodes."""
        if not (self.data / "cache").exists():
            (self.data / "cache").mkdir(parents=True)
            (self.data / "cache" / "models").symlink_to(compiled_networks())

    def is_up(self) -> bool:
        """Whether it receives and serves."""
        assert self.process is not None
        assert self.process.poll() is None, f"the node ended\n{self.tail()}"
        try:
            socket.create_connection(("127.0.0.1", self.dicom_port), timeout=1).close()
            return bool(self.api("/health/ready")["ready"])
        except OSError:
            return False

    def stop(self) -> int:
        """Stop it as an administrator does; its exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=60)
        finally:
            if self.process.poll() is None:
                self.process.kill()

    def api(self, path: str) -> Any:
        """An answer of the HTTP API; OSError while there is none."""
        with self.ask(path) as response:
            return json.load(response)

    def ask(self, path: str, timeout_s: float = 10) -> http.client.HTTPResponse:
        """The answer, as a machine with a token gets it."""
        request = urllib.request.Request(self.url + path)
        if path.startswith("/api/"):
            request.add_header("Authorization", f"Bearer {self._token}")
        response = urllib.request.urlopen(request, timeout=timeout_s)
        assert isinstance(response, http.client.HTTPResponse)
        return response

    @functools.cached_property
    def _token(self) -> str:
        with self.engine() as engine:
            return make_api_tokens(engine).add(
                AccountName(f"test-{uuid.uuid4()}"),
                [Scope.READ],
                lasts=None,
                actor="person test",
                now=utc_now(),
            )

    @contextmanager
    def engine(self) -> Iterator[sa.Engine]:
        """The node's own database."""
        own = EmbeddedPostgres(self.data / "postgres").url
        engine = connect(self._settings.get("VIGIE_DATABASE_URL", own))
        try:
            yield engine
        except StoreUnavailable as error:
            raise OSError(str(error)) from error
        finally:
            engine.dispose()

    def rows(self) -> list[dict[str, Any]]:
        """The reading worklist."""
        rows: list[dict[str, Any]] = self.api("/api/worklist?limit=500")["rows"]
        return rows

    def all_assessed(self, count: int) -> list[dict[str, Any]]:
        """The list, once it holds this many studies and every detector has seen each."""

        def assessed() -> list[dict[str, Any]] | None:
            try:
                rows = self.rows()
            except OSError:
                return None
            done = len(rows) >= count and all(
                not row["arriving"]
                and row["detectors"]
                and all(one["state"] not in ("not_run_yet", "running") for one in row["detectors"])
                for row in rows
            )
            return rows if done else None

        found: list[dict[str, Any]] = wait_until(
            assessed, f"{count} studies are assessed", 180, self.tail
        )
        return found

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command of ours about this node."""
        return subprocess.run(
            [sys.executable, "-m", "vigie", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def role_pids(self, name: str) -> list[int]:
        """Process ids of a role of this node (``listen``, ``file``, ``work``, ``web``)."""
        assert self.process is not None
        return [
            child.pid
            for child in psutil.Process(self.process.pid).children()
            if _arguments(child) == ["-m", "vigie.roles", name]
        ]

    def database_pid(self) -> int:
        """Process id of the embedded PostgreSQL."""
        pid = (self.data / "postgres" / "postmaster.pid").read_text().split()[0]
        return int(pid)

    def tail(self, lines: int = 30) -> str:
        """The last lines of its log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def _arguments(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()[1:]
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []
