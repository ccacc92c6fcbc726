"""A whole node on one machine: the database, the roles, and their supervisor."""

import fcntl
import os
import socket
import ssl
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
import structlog

from vigie.database import EmbeddedPostgres
from vigie.first_start import make_first_administrator
from vigie.processes import stop_event
from vigie.settings import PREFIX, Settings
from vigie.supervision import Role, Supervisor
from vigie.wiring import bring_up_to_date, database_url, utc_now
from worklist.errors import StoreUnavailable, VigieError
from worklist.store.destinations import PostgresDestinations
from worklist.store.engine import connect

log = structlog.get_logger(__name__)

_START_LIMIT_S = 120.0
_STOP_MARGIN_S = 5.0
_DATABASE_LOOK_S = 0.2
_PRIVATE = 0o077  # umask: what a node keeps is for its account alone


class CannotStart(VigieError):
    """The node cannot start here; the message says why and what to do."""


def run_node(settings: Settings, *, started: Callable[[], None]) -> None:
    """Run a node until SIGTERM or Ctrl-C.

    Parameters
    ----------
    started
        Called once, when the DICOM node and the web page answer.

    Raises
    ------
    CannotStart
        If a port is taken or another node uses the folder.
    DatabaseStartFailed
        If the embedded database does not come up.
    """
    os.umask(_PRIVATE)
    stop = stop_event()
    with only_node_of(settings.data):
        supervisor = prepare_node(settings)
        beside = [
            threading.Thread(target=migrate_when_it_answers, args=[settings, stop], daemon=True),
            threading.Thread(target=_keep_record, args=[settings, stop], daemon=True),
            threading.Thread(target=_announce, args=[settings, stop, started], daemon=True),
        ]
        try:
            supervisor.start()
            for thread in beside:
                thread.start()
        except BaseException:
            supervisor.stop()
            raise
        supervisor.run(stop)


def _keep_record(settings: Settings, stop: threading.Event) -> None:
    from vigie.record_keeper import keep_record  # commands need no cryptography

    keep_record(settings, stop)


def _announce(settings: Settings, stop: threading.Event, started: Callable[[], None]) -> None:
    if wait_until_up(settings, stop):
        started()


def prepare_node(settings: Settings) -> Supervisor:
    """Check the ports and put the node together; nothing is started yet."""
    check_port_is_free("dicom_port", settings.dicom_host, settings.dicom_port)
    check_port_is_free("http_port", settings.http_host, settings.http_port)
    if settings.hl7_port is not None:
        check_port_is_free("hl7_port", settings.hl7_host, settings.hl7_port)
    return Supervisor(
        roles=[
            Role(name=name) for name, count in _processes(settings).items() for _ in range(count)
        ],
        database=None if settings.database_url else EmbeddedPostgres(settings.postgres),
        variables=_variables(settings),
        stop_limit_s=settings.stop_limit_s + _STOP_MARGIN_S,
    )


def _processes(settings: Settings) -> dict[str, int]:
    """How many of each role; what is not set up costs nothing."""
    kinds = {"listen": settings.listener_processes, "file": 1, "work": settings.worker_processes}
    exchanges = settings.hl7_port is not None or settings.hl7_peer is not None
    optional = {
        "deliver": int(bool(settings.destinations)),
        "notify": int(bool(settings.notifications)),
        "exchange": int(exchanges),
    }
    return {**kinds, "web": 1, **optional}


def note_if_none_is_set(settings: Settings, engine: sa.Engine) -> None:
    """Let destinations end where none is set any more; else who delivers notes them."""
    if not settings.destinations:
        PostgresDestinations(engine).note_none(utc_now())


def migrate_when_it_answers(
    settings: Settings,
    stop: threading.Event,
    people: Callable[[sa.Engine], None] = make_first_administrator,
    destinations: Callable[[Settings, sa.Engine], None] = note_if_none_is_set,
) -> None:
    """Bring the database to the schema this software needs, however late it comes up.

    Parameters
    ----------
    people
        Sees to it that somebody can sign in; called after that.
    destinations
        Sees to it that nothing waits for a destination that is set no more; called last.
    """
    engine = connect(database_url(settings))
    embedded = None if settings.database_url else EmbeddedPostgres(settings.postgres)
    told = False
    try:
        while not stop.is_set():
            try:
                if embedded is None or embedded.is_ready():
                    bring_up_to_date(settings)
                    people(engine)
                    destinations(settings, engine)
                    return
            except (sa.exc.OperationalError, StoreUnavailable) as error:
                if not told:
                    log.warning("database_unavailable", error=str(error))
                told = True
            stop.wait(_DATABASE_LOOK_S)
    finally:
        engine.dispose()


def _variables(settings: Settings) -> dict[str, str]:
    """What the command line may have changed, for the roles; the rest they read themselves."""
    names = ("data", "dicom_port", "http_port", "ae_title", "log_level")
    return {f"{PREFIX}{name.upper()}": str(getattr(settings, name)) for name in names}


@contextmanager
def only_node_of(data: Path) -> Iterator[None]:
    """Hold the data folder; a second node on it would supervise the same database."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (data / "node.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStart(
                f"another Vigie runs on {data}: stop it, or choose another folder with --data"
            ) from None
        yield


def check_port_is_free(setting: str, host: str, port: int) -> None:
    """Raise `CannotStart`, naming the setting, if the port cannot be listened on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CannotStart(
                f"cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}; "
                f"set another {setting} (VIGIE_{setting.upper()} or --{setting.replace('_', '-')})"
            ) from None


def wait_until_up(settings: Settings, stop: threading.Event) -> bool:
    """Wait until DICOM answers and the web page says ready; False if stopped or too late."""
    deadline = time.monotonic() + _START_LIMIT_S
    while not stop.is_set() and time.monotonic() < deadline:
        # The web page first: it comes up last, and each question to the DICOM node is logged.
        if _web_is_ready(settings) and _dicom_answers(settings):
            return True
        stop.wait(0.1)
    if not stop.is_set():
        log.error("node_not_ready", limit_s=_START_LIMIT_S, see="/health/ready")
    return False


def reachable(host: str) -> str:
    """An address at which a node that listens on `host` can be reached from this machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


def web_address(settings: Settings, path: str) -> str:
    """The address of a page of this node."""
    host = reachable(settings.http_host)
    host = f"[{host}]" if ":" in host else host
    scheme = "http" if settings.http_tls_certificate is None else "https"
    return f"{scheme}://{host}:{settings.http_port}{path}"


def ask_web(settings: Settings, path: str) -> bytes:
    """What this node's own web page answers; OSError if it does not, or not with success.

    The certificate is not looked at: it names the address that browsers use, not this one, and
    nothing secret is asked.
    """
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with urllib.request.urlopen(  # noqa: S310  (our own address)
        web_address(settings, path), timeout=5, context=context
    ) as answer:
        return bytes(answer.read())


def _dicom_answers(settings: Settings) -> bool:
    try:
        address = (reachable(settings.dicom_host), settings.dicom_port)
        socket.create_connection(address, timeout=1).close()
    except OSError:
        return False
    return True


def _web_is_ready(settings: Settings) -> bool:
    try:
        ask_web(settings, "/health/ready")
    except OSError:
        return False
    return True
