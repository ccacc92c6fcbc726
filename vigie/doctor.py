"""`vigie doctor`: what an administrator checks first, one line each."""

import json
import socket
import time
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import sqlalchemy as sa

from models.registry import (
    BrokenDetector,
    Loadable,
    added_models,
    installed_detectors,
    load_detector,
)
from viewer.ports import Check
from vigie.database import DatabaseStartFailed
from vigie.node import CannotStart, ask_web, check_port_is_free, reachable
from vigie.readiness import check_database, check_disk, check_record
from vigie.sending import echo
from vigie.settings import Settings
from vigie.testing_destinations import tester
from vigie.wiring import (
    make_deliveries,
    migrated_engine,
    model_folder,
    site_prevalence,
    utc_now,
)
from worklist.errors import VigieError
from worklist.finding import TargetFinding
from worklist.highlighting import ALL_OTHERS
from worklist.notifying import NotificationState
from worklist.outbound import DeliveryState
from worklist.store.message_log import dead_letters
from worklist.store.notifying import PostgresNotifications

_TOLERATED_S = 2.0
_RECENT = timedelta(days=1)  # somebody should look at what was parked since
_SILENT = timedelta(minutes=2)  # channels are looked after several times a minute


def examine(settings: Settings) -> Iterator[Check]:
    """Every check, as it is done."""
    yield from _database_and_clock(settings)
    yield check_disk(settings)
    yield _port(
        "dicom_port",
        settings.dicom_host,
        settings.dicom_port,
        lambda: _dicom_is_ours(settings),
    )
    yield _port("http_port", settings.http_host, settings.http_port, lambda: _web_is_ours(settings))
    if settings.hl7_port is not None:
        host, port = settings.hl7_host, settings.hl7_port
        yield _port("hl7_port", host, port, lambda: _listens(host, port))
    yield check_prevalence(settings)
    yield from _detectors(settings)


def check_prevalence(settings: Settings) -> Check:
    """Where findings are rarer than in the models' data, probabilities and places are too high."""
    known = site_prevalence(settings)
    unset = [f"{kind}_prevalence" for kind in TargetFinding if kind not in known]
    if unset:
        detail = (
            f"not set: {', '.join(unset)}; probabilities and due times are those of the models' "
            "own data, where findings are more common than at most sites"
        )
        return Check(name="prevalence", ok=True, warns=True, detail=detail)
    shares = ", ".join(f"{kind} {share:g}" for kind, share in known.items())
    return Check(name="prevalence", ok=True, detail=shares)


def _database_and_clock(settings: Settings) -> Iterator[Check]:
    try:
        with migrated_engine(settings) as engine:
            yield check_database(engine)
            yield check_record(engine)
            yield _clock(engine)
            if settings.notifications:
                yield check_channels(settings, engine, utc_now())
            if settings.hl7_port is not None or settings.hl7_peer is not None:
                yield check_dead_letters(engine)
            if settings.destinations:
                yield from check_destinations(settings, engine)
    except (VigieError, DatabaseStartFailed, sa.exc.SQLAlchemyError, psycopg.Error) as error:
        yield Check(name="database", ok=False, detail=str(error).splitlines()[0])


def check_channels(settings: Settings, engine: sa.Engine, now: datetime) -> Check:
    """Whether flags are looked for, for each notification channel."""
    kept = PostgresNotifications(engine)
    looked_at = kept.looked_at()
    names = [one.name for one in settings.notifications]
    known = {name: looked_at[name] for name in names if name in looked_at}
    silent = [name for name in names if name not in known or abs(now - known[name]) > _SILENT]
    if silent:
        detail = f"nobody looks for flags for {', '.join(silent)}: is a node running?"
        return Check(name="notifications", ok=True, warns=True, detail=detail)
    parked = kept.newest(before=None, limit=1, state=NotificationState.PARKED)
    if any(now - one.notification.changed_at < _RECENT for one in parked):
        detail = "people were not told of a flag: vigie notifications --state parked"
        return Check(name="notifications", ok=True, warns=True, detail=detail)
    return Check(name="notifications", ok=True, detail=f"{', '.join(names)}: flags are looked for")


def check_dead_letters(engine: sa.Engine) -> Check:
    """Whether messages of the RIS need looking after."""
    with engine.connect() as connection:
        counts = dead_letters(connection)
    if not counts:
        return Check(name="hl7_messages", ok=True, detail="nothing needs looking after")
    said = ", ".join(f"{count} {kind} {way}" for (way, kind), count in sorted(counts.items()))
    detail = f"refused or given up: {said}; see vigie hl7 dead-letters"
    return Check(name="hl7_messages", ok=True, warns=True, detail=detail)


def check_destinations(settings: Settings, engine: sa.Engine) -> Iterator[Check]:
    """Whether each destination answers, and what needs a person there."""
    test = tester(settings)
    for one in make_deliveries(settings, engine).destinations():
        if not one.kind:
            continue
        answers, words = test(one.name)
        stuck = [
            f"{one.counts[state]} {state}"
            for state in (DeliveryState.REFUSED, DeliveryState.PARKED)
            if one.counts[state]
        ]
        if one.held:
            stuck.append(f"{one.held} held since its address changed")
        detail = "; ".join((words.removesuffix("."), *stuck))
        yield Check(name=f"destination {one.name}", ok=answers, warns=bool(stuck), detail=detail)


def _clock(engine: sa.Engine) -> Check:
    """Due times come from this machine's clock; the database's is the second opinion."""
    with engine.connect() as connection:
        before = time.time()
        theirs: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
        ours = datetime.fromtimestamp((before + time.time()) / 2, UTC)
    apart_s = abs((theirs - ours).total_seconds())
    detail = f"{ours:%Y-%m-%d %H:%M:%S} UTC, {apart_s:.1f} s from the database's"
    sane = ours.year >= 2025
    return Check(name="clock", ok=sane and apart_s <= _TOLERATED_S, detail=detail)


def _port(name: str, host: str, port: int, is_ours: Callable[[], bool]) -> Check:
    try:
        check_port_is_free(name, host, port)
    except CannotStart as error:
        if is_ours():
            return Check(name=name, ok=True, detail=f"{host}:{port}: a node answers")
        return Check(name=name, ok=False, detail=f"{error} (and it is no Vigie that listens there)")
    return Check(name=name, ok=True, detail=f"{host}:{port} is free: no node is running")


def _dicom_is_ours(settings: Settings) -> bool:
    if settings.tls_certificate is not None:
        return True  # our own C-ECHO speaks no TLS: somebody listens, and that is all we know
    return echo(reachable(settings.dicom_host), settings.dicom_port, settings.ae_title)


def _listens(host: str, port: int) -> bool:
    """MLLP has no question that changes nothing: somebody listens, and that is all we know."""
    try:
        socket.create_connection((reachable(host), port), timeout=5).close()
    except OSError:
        return False
    return True


def _web_is_ours(settings: Settings) -> bool:
    try:
        return bool(json.loads(ask_web(settings, "/health/live")) == {"alive": True})
    except (OSError, ValueError):
        return False


def check_highlighting(settings: Settings, present: Collection[str]) -> Iterator[Check]:
    """A model misspelt there would show its marks at once."""
    named = set(settings.highlighting_modes.chosen) - {ALL_OTHERS}
    unknown = sorted(named - set(present))
    if unknown:
        detail = f"no installed model is named {', '.join(unknown)}"
        yield Check(name="highlighting", ok=False, detail=detail)
    elif settings.highlighting:
        yield Check(name="highlighting", ok=True, detail=", ".join(settings.highlighting))


def _detectors(settings: Settings) -> Iterator[Check]:
    # What workers have compiled is used; whoever examines leaves no files of his own there.
    cache = settings.model_cache if settings.model_cache.is_dir() else None
    added = added_models(model_folder(settings))
    present: dict[str, Loadable] = {**added, **installed_detectors()}
    yield from check_highlighting(settings, present)
    for name, entry_point in present.items():
        detector = load_detector(entry_point, threads=0, cache=cache)
        if isinstance(detector, BrokenDetector):
            yield Check(name=f"detector {name}", ok=False, detail=detector.reason)
        else:
            card = detector.card
            yield Check(
                name=f"detector {name}",
                ok=True,
                detail=f"version {card.version}, weights as its card says",
            )
