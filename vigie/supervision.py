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

from vigie.database import DatabaseStartFailed, EmbeddedPostgres
from vigie.processes import SUPERVISOR_VARIABLE

log = structlog.get_logger(__name__)

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 15.0
_STEADY_S = 30.0  # a role that ran this long is restarted at once
_TICK_S = 0.1
_LOOK_S = 1.0  # between looks at a database that somebody else started


def role_command(name: str) -> Sequence[str]:
    """How a role's process is started."""
    return [sys.executable, "-m", "vigie.roles", name]


@dataclass(slots=True)
class Role:
    """One supervised process."""

    name: str
    process: subprocess.Popen[bytes] | None = None
    started_s: float = 0.0  # monotonic
    pause_s: float = _FIRST_PAUSE_S  # before it is started again
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
    _next_look_s: float = field(default=0.0, init=False)  # monotonic

    def start(self) -> None:
        """Start every role; the database must be running."""
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
        role.process = subprocess.Popen(
            self.command(role.name),
            stdin=subprocess.DEVNULL,
            env={**os.environ, **self.variables, SUPERVISOR_VARIABLE: str(os.getpid())},
            start_new_session=True,  # a Ctrl-C reaches the supervisor, which stops them in order
        )
        role.started_s = time.monotonic()
        log.info("role_started", name=role.name, pid=role.process.pid)

    def _keep(self, role: Role) -> None:
        if role.process is None or (code := role.process.poll()) is None:
            return
        lasted_s = time.monotonic() - role.started_s
        if lasted_s > _STEADY_S:
            role.pause_s = _FIRST_PAUSE_S
        if lasted_s < role.pause_s:
            return
        log.warning("role_died", name=role.name, pid=role.process.pid, exit_code=code)
        role.pause_s = min(role.pause_s * 2, _LONGEST_PAUSE_S)
        role.restarts += 1
        self._start(role)

    def _keep_database(self) -> None:
        if self.database is None:
            return
        process = self.database.process
        if process is None:
            # Another command had started the server, and stops it when it ends.
            if time.monotonic() < self._next_look_s:
                return
            self._next_look_s = time.monotonic() + _LOOK_S
            if self.database.answers():
                return
        elif process.poll() is None:
            return
        else:
            log.warning("database_died", exit_code=process.returncode)
        try:
            self.database.start()
        except DatabaseStartFailed as error:  # tried again at the next tick; receiving goes on
            log.error("database_not_started", error=str(error))

    def _await_end(self, role: Role, deadline: float) -> None:
        if role.process is None:
            return
        try:
            role.process.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.warning("role_killed", name=role.name, pid=role.process.pid)
            role.process.kill()
            role.process.wait()
