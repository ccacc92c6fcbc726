"""Makes objects of recorded assessments and sends them to the site's destinations."""

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import uuid4

import sqlalchemy as sa
import structlog

from results.facts import Device
from results.sending import transport
from results.sending.destination import Destination
from viewer.decoding import Isolated
from vigie import __version__
from vigie.delivering import Outbox, Sender, record_heard
from vigie.frames import decode_frame
from vigie.making import Maker, Subscription
from vigie.only_one import work_alone
from vigie.processes import stop_event
from vigie.result_facts import Site
from vigie.result_files import ResultFolder
from vigie.settings import Settings
from vigie.wiring import database_url, migrated_engine, site_zone, utc_now, wait_for_database
from worklist.errors import StoreUnavailable, VigieError
from worklist.outbound import rules_of
from worklist.store.committing import PostgresCommitting
from worklist.store.destinations import VIGIE, PostgresDestinations
from worklist.store.making import PostgresMaking
from worklist.store.outbound import PostgresOutbound
from worklist.store.result_files import PostgresResultFiles

log = structlog.get_logger(__name__)

_POLL_S = 10.0
_PAUSE_S = 5.0  # after something went wrong
_RESULTS = "results_"  # what the kinds of events about results begin with
_TO_MAKE = (
    "",
    "ai_started",
    "assessment_finished",
    "marks_revealed",
    "results_asked_again",
    "results_retracted",
)


class NoDestination(VigieError):
    """There is nothing to do."""


def run(settings: Settings) -> None:
    """Make and send until asked to stop."""
    if not settings.destinations:
        raise NoDestination("no destination is set: results go nowhere (see docs/results.md)")
    stop, holding = stop_event(), threading.Event()
    with (
        migrated_engine(settings, pool_size=len(settings.destinations) + 4) as engine,
        Isolated(decode_frame, processes=1) as isolated,
    ):
        if not wait_for_database(engine, stop):
            return
        outbox = make_outbox(settings, engine)
        senders = make_senders(settings, outbox)
        maker = make_maker(settings, engine, isolated)
        made = threading.Event()
        folder = settings.commitments
        works: list[Callable[[], None]] = [
            *(partial(one.run, stop, holding) for one in senders),
            partial(_make, maker, made, stop, holding),
            partial(_record, outbox, [one.destination for one in senders], folder, stop, holding),
        ]
        threads = [threading.Thread(target=work, daemon=True) for work in works]
        for thread in threads:
            thread.start()
        log.info("delivering", destinations=[one.name for one in settings.destinations])
        work_alone(database_url(settings), VIGIE, stop, holding, _waker(senders, made))
        for one in senders:
            one.wake()
        made.set()
        for thread in threads:
            thread.join(settings.stop_limit_s / len(threads))


def _waker(senders: Sequence[Sender], made: threading.Event) -> Callable[[str], None]:
    """What an event wakes."""

    def heard(kind: str) -> None:
        if kind in _TO_MAKE:
            made.set()
        if kind in ("", "ai_started") or kind.startswith(_RESULTS):
            for one in senders:
                one.wake(at_once=kind == "results_resent")

    return heard


def make_outbox(settings: Settings, engine: sa.Engine) -> Outbox:
    """What senders share."""
    return Outbox(
        store=PostgresOutbound(engine),
        committing=PostgresCommitting(engine),
        files=PostgresResultFiles(engine),
        transport=transport,
        patience=settings.patience,
        folder=settings.results,
        now=utc_now,
        rules=rules_of(__version__, settings.highlighting_modes),
    )


def make_senders(settings: Settings, outbox: Outbox) -> list[Sender]:
    """One for each destination."""
    return [
        Sender(outbox, one.destination(settings.ae_title), asks_commitment=one.commitment)
        for one in settings.destinations
    ]


def make_maker(settings: Settings, engine: sa.Engine, isolated: Isolated) -> Maker:
    """What makes objects; from now on the destinations get what is assessed."""
    addresses = {one.name: one.address for one in settings.destinations}
    since = PostgresDestinations(engine).note(addresses, utc_now())
    making = PostgresMaking(engine, settings.archive)
    device = Device(
        uid=making.installation_uid(f"2.25.{uuid4().int}"),
        station_name=settings.ae_title,
        software_version=__version__,
    )
    making.make_again_what_waits(settings.highlighting_modes, min(since.values()))
    site = Site(
        modes=settings.highlighting_modes,
        device=device,
        zone=site_zone(settings.timezone),
        decode_frame=isolated.calling(decode_frame),
    )
    subscriptions = [
        Subscription(wants=one.wants, since=since[one.name]) for one in settings.destinations
    ]
    return Maker(
        making,
        PostgresResultFiles(engine),
        site,
        subscriptions,
        ResultFolder(settings.results, disk_reserve_bytes=settings.disk_reserve_bytes),
        utc_now,
        kept_for=timedelta(days=settings.results_kept_days),
    )


def _make(
    maker: Maker, wake: threading.Event, stop: threading.Event, holding: threading.Event
) -> None:
    times = {maker.tidy: utc_now(), maker.sweep: utc_now()}
    every = {maker.tidy: timedelta(minutes=10), maker.sweep: timedelta(hours=6)}
    while not stop.is_set():
        if not holding.wait(timeout=0.5):
            continue
        wake.clear()
        pause_s = _POLL_S
        try:
            for clean, at in times.items():
                if utc_now() >= at:  # before anything is made: that needs room
                    clean()
                    times[clean] = utc_now() + every[clean]
            maker.make_due(stop.is_set)
        except (StoreUnavailable, OSError) as error:
            log.warning("results_not_made", error=str(error))
            pause_s = _PAUSE_S
        except Exception:
            log.exception("results_not_made")
            pause_s = _PAUSE_S
        wake.wait(timeout=pause_s)


def _record(
    outbox: Outbox,
    destinations: Sequence[Destination],
    folder: Path,
    stop: threading.Event,
    holding: threading.Event,
) -> None:
    """Keep what the listener heard of the safekeeping of our objects."""
    while not stop.wait(1.0):
        if not holding.is_set():
            continue
        try:
            record_heard(outbox, destinations, folder)
        except (StoreUnavailable, OSError) as error:
            log.warning("commitments_not_kept", error=str(error))
        except Exception:
            log.exception("commitments_not_kept")
