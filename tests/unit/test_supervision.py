"""The supervisor: what dies is started again, and everything is stopped in order."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import cast

import pytest

from vigie.database import EmbeddedPostgres
from vigie.supervision import Role, Supervisor

_OBEDIENT = "import signal, time; signal.signal(signal.SIGTERM, lambda *_: exit(0)); time.sleep(60)"
_DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"


def running(script: str, folder: Path) -> Callable[[str], Sequence[str]]:
    """Roles that note when they started and when they were asked to stop, then run a script."""
    noted = (
        "import atexit, pathlib, sys, time\n"
        "note = pathlib.Path(sys.argv[1]) / sys.argv[2]\n"
        "note.open('a').write(f'start {time.monotonic()}\\n')\n"
        "atexit.register(lambda: note.open('a').write(f'end {time.monotonic()}\\n'))\n"
    )
    return lambda name: [sys.executable, "-c", noted + script, str(folder), name]


@pytest.fixture
def supervise() -> Iterator[Callable[..., Supervisor]]:
    """Makes supervisors whose roles are ended after the test."""
    made: list[Supervisor] = []

    def make(command: Callable[[str], Sequence[str]], *names: str) -> Supervisor:
        supervisor = Supervisor(
            roles=[Role(name=name) for name in names],
            database=None,
            variables={},
            stop_limit_s=1.5,
            command=command,
        )
        made.append(supervisor)
        return supervisor

    yield make
    for supervisor in made:
        for role in supervisor.roles:
            if role.process is not None:
                role.process.kill()
                role.process.wait()


def await_true(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def starts(note: Path) -> int:
    return note.read_text().count("start") if note.exists() else 0


def test_a_role_that_is_killed_is_started_again(
    supervise: Callable[..., Supervisor], tmp_path: Path
) -> None:
    supervisor = supervise(running(_OBEDIENT, tmp_path), "listen")
    stop = threading.Event()
    supervisor.start()
    keeper = threading.Thread(target=supervisor.run, args=[stop])
    keeper.start()
    await_true(lambda: starts(tmp_path / "listen") == 1)
    process = supervisor.roles[0].process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    await_true(lambda: starts(tmp_path / "listen") == 2)
    stop.set()
    keeper.join()
    assert supervisor.roles[0].restarts == 1


def test_a_role_that_dies_at_once_is_started_less_and_less_often(
    supervise: Callable[..., Supervisor], tmp_path: Path
) -> None:
    supervisor = supervise(lambda _: [sys.executable, "-c", "raise SystemExit(3)"], "work")
    stop = threading.Event()
    supervisor.start()
    threading.Timer(3.0, stop.set).start()
    supervisor.run(stop)
    role = supervisor.roles[0]
    assert 2 <= role.restarts <= 5  # 0.2 s doubles at each restart
    assert role.pauses.pause_s == pytest.approx(0.2 * 2**role.restarts)


def test_roles_stop_one_kind_after_the_other(
    supervise: Callable[..., Supervisor], tmp_path: Path
) -> None:
    supervisor = supervise(running(_OBEDIENT, tmp_path), "listen", "listen", "file", "web")
    supervisor.start()
    for name in ("listen", "file", "web"):
        await_true(lambda name=name: starts(tmp_path / name) == (2 if name == "listen" else 1))
    time.sleep(0.2)  # until each has set its handler
    supervisor.stop()
    ended = {
        name: max(
            float(line.split()[1])
            for line in (tmp_path / name).read_text().splitlines()
            if line.startswith("end")
        )
        for name in ("listen", "file", "web")
    }
    assert ended["listen"] < ended["file"] < ended["web"]
    assert [role.process.returncode for role in supervisor.roles if role.process] == [0, 0, 0, 0]


def test_a_role_that_does_not_stop_in_time_is_killed(
    supervise: Callable[..., Supervisor], tmp_path: Path
) -> None:
    supervisor = supervise(running(_DEAF, tmp_path), "work")
    supervisor.start()
    await_true(lambda: starts(tmp_path / "work") == 1)
    time.sleep(0.2)
    supervisor.stop()
    process = supervisor.roles[0].process
    assert process is not None
    assert process.returncode == -signal.SIGKILL


class DyingDatabase:
    """A database whose process ends as soon as it is started."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.spawned: list[float] = []

    def prepare(self) -> None:
        """Nothing to make."""

    def is_dead(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def spawn(self) -> None:
        self.spawned.append(time.monotonic())
        self.process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(1)"])

    def stop(self) -> None:
        if self.process is not None:
            self.process.wait()


def test_a_database_that_does_not_come_up_neither_spins_nor_holds_up_the_roles(
    supervise: Callable[..., Supervisor], tmp_path: Path
) -> None:
    supervisor = supervise(running(_OBEDIENT, tmp_path), "listen")
    database = DyingDatabase()
    supervisor.database = cast(EmbeddedPostgres, database)
    stop = threading.Event()
    supervisor.start()
    keeper = threading.Thread(target=supervisor.run, args=[stop])
    keeper.start()
    await_true(lambda: starts(tmp_path / "listen") == 1)
    process = supervisor.roles[0].process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    await_true(lambda: starts(tmp_path / "listen") == 2)
    await_true(lambda: len(database.spawned) >= 3)
    stop.set()
    keeper.join()
    gaps = [later - before for before, later in pairwise(database.spawned)]
    assert all(later >= 1.5 * before for before, later in pairwise(gaps))  # they double
