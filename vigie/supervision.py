"""One process that starts all roles, restarts those that die, and stops them in order."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from vigie.database import EmbeddedPostgres
from vigie.processes import SUPERVISOR_VARIABLE

log = structlog.get_logger(__name__)

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 15.0
_STEADY_S = 30.0  # a role that ran this long is restarted at once
_TICK_S = 0.1
_LONGEST_DATABASE_PAUSE_S = 5.0


def role_command(name: str) -> Sequence[str]:
    """How a role's process is started."""
    return [sys.executable, "-m", "vigie.roles", name]


@dataclass(slots=True)
class Pauses:
    """How long to wait before something that died is started again."""

    longest_s: float
    pause_s: float = _FIRST_PAUSE_S
    started_s: float = field(default_factory=lambda: -_STEADY_S)  # monotonic

    def started(self) -> None:
        """It is being started; if it dies soon, the next start waits twice as long."""
        steady = time.monotonic() - self.started_s > _STEADY_S
        self.pause_s = _FIRST_PAUSE_S if steady else min(self.pause_s * 2, self.longest_s)
        self.started_s = time.monotonic()

    def is_over(self) -> bool:
        """Whether it may be started again now."""
        return time.monotonic() - self.started_s >= self.pause_s


@dataclass(slots=True)
class Role:
    """One supervised process."""

    name: str
    process: subprocess.Popen[bytes] | None = None
    pauses: Pauses = field(default_factory=lambda: Pauses(longest_s=_LONGEST_PAUSE_S))
    restarts: int = 0


@dataclass(slots=True)
class Supervisor:
    """Keeps roles running until asked to stop.

    Parameters
    ----------
    roles
        In the order in which they are started, and stopped.
    database
        The embedded server to keep running under them; None: somebody else does.
    variables
        Set for every role, besides this process's own.
    stop_limit_s
        How long a role may take to stop before it is killed.
    command
        How a role's process is started, from its name.
    """

    roles: list[Role]
    database: EmbeddedPostgres | None
    variables: Mapping[str, str]
    stop_limit_s: float
    command: Callable[[str], Sequence[str]] = role_command
    _database_pauses: Pauses = field(
        default_factory=lambda: Pauses(longest_s=_LONGEST_DATABASE_PAUSE_S), init=False
    )

    def start(self) -> None:
        """Start everything; listeners receive before the database answers."""
        if self.database is not None:
            self.database.prepare()
            self._keep_database()
        for role in self.roles:
            self._start(role)

    def run(self, stop: threading.Event) -> None:
        """Restart what dies until `stop` is set, then stop everything in order."""
        try:
            self.keep(stop)
        finally:
            self.stop()

    def keep(self, stop: threading.Event) -> None:
        """Restart what dies until `stop` is set."""
        while not stop.wait(_TICK_S):
            self._keep_database()
            for role in self.roles:
                self._keep(role)

    def stop(self) -> None:
        """Stop roles one kind after the other, then the database."""
        for name in dict.fromkeys(role.name for role in self.roles):
            of_a_kind = [role for role in self.roles if role.name == name]
            for role in of_a_kind:
                if role.process is not None and role.process.poll() is None:
                    role.process.send_signal(signal.SIGTERM)
            deadline = time.monotonic() + self.stop_limit_s
            for role in of_a_kind:
                self._await_end(role, deadline)
        if self.database is not None:
            self.database.stop()

    def _start(self, role: Role) -> None:
        role.pauses.started()
        role.process = subprocess.Popen(
            list(self.command(role.name)),
            stdin=subprocess.DEVNULL,
            env={**os.environ, **self.variables, SUPERVISOR_VARIABLE: str(os.getpid())},
            start_new_session=True,  # a Ctrl-C reaches the supervisor, which stops them in order
        )
        log.info("role_started", name=role.name, pid=role.process.pid)

    def _keep(self, role: Role) -> None:
        if role.process is None or (code := role.process.poll()) is None:
            return
        if role.pauses.is_over():
            log.warning("role_died", name=role.name, pid=role.process.pid, exit_code=code)
            role.restarts += 1
            self._start(role)

    def _keep_database(self) -> None:
        """Start the database unless it runs; never waits for it, for receiving needs none."""
        if self.database is None or not self.database.is_dead():
            return
        if self._database_pauses.is_over():
            if self.database.process is not None:
                log.warning("database_died", exit_code=self.database.process.returncode)
            self._database_pauses.started()
            self.database.spawn()

    def _await_end(self, role: Role, deadline: float) -> None:
        if role.process is None:
            return
        try:
            role.process.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.warning("role_killed", name=role.name, pid=role.process.pid)
            role.process.kill()
            role.process.wait()
