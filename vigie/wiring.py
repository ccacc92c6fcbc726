"""The parts, put together as the settings say."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import sqlalchemy as sa
import structlog

from vigie import __version__
from vigie.database import EmbeddedPostgres
from vigie.passwords import Argon2Passwords
from vigie.people import People
from vigie.processes import is_supervised
from vigie.settings import Settings
from worklist.accounts import Accounts
from worklist.api_tokens import ApiTokens
from worklist.cases import Cases, QualityRules
from worklist.deliveries import Deliveries
from worklist.due_time import DueTargets
from worklist.finding import TargetFinding
from worklist.outbound import rules_of
from worklist.personal import Personal
from worklist.service import Worklist
from worklist.sessions import SessionLimits
from worklist.sign_in import SignIn
from worklist.store.engine import connect
from worklist.store.outbound import PostgresOutbound
from worklist.store.people import PostgresPeople
from worklist.store.personal import PostgresPersonal
from worklist.store.postgres import PostgresStore
from worklist.store.quality import PostgresQuality
from worklist.store.reader import PostgresReader
from worklist.store.schema import migrate, schema_is_current
from worklist.study import RequestedPriority

log = structlog.get_logger(__name__)


def utc_now() -> datetime:
    """The clock of everything that needs one."""
    return datetime.now(UTC)


def site_zone(name: str | None) -> Callable[[datetime], tzinfo]:
    """The site's clock at a time, also one on a clock face: that of the zone, or this machine's."""
    zone = None if name is None else ZoneInfo(name)

    def at_a_time(at: datetime) -> tzinfo:
        return zone or at.astimezone().tzinfo or UTC

    return at_a_time


def due_targets(settings: Settings) -> DueTargets:
    """The site's targets."""
    return DueTargets(
        requested={
            kind: timedelta(minutes=getattr(settings, f"{kind}_target_min"))
            for kind in RequestedPriority
        },
        findings={
            kind: timedelta(minutes=getattr(settings, f"{kind}_target_min"))
            for kind in TargetFinding
        },
    )


def site_prevalence(settings: Settings) -> dict[TargetFinding, float]:
    """Share of the site's studies with a finding, where the site has said it."""
    said = {kind: getattr(settings, f"{kind}_prevalence") for kind in TargetFinding}
    return {kind: share for kind, share in said.items() if share is not None}


def database_url(settings: Settings) -> str:
    """Where the application finds the database, whether or not it runs."""
    return settings.database_url or EmbeddedPostgres(settings.postgres).application_url


def owner_url(settings: Settings) -> str:
    """Where the owner of the tables does."""
    if settings.database_url is not None:
        return settings.database_owner_url or settings.database_url
    return EmbeddedPostgres(settings.postgres).url


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """The database's URL, with the embedded server running where nobody else keeps it so.

    A supervisor keeps the embedded server for its roles, which then do not wait for it.
    """
    if settings.database_url is None and not is_supervised():
        embedded = EmbeddedPostgres(settings.postgres)
        embedded.start()
        try:
            yield embedded.application_url
        finally:
            embedded.stop()
    else:
        yield database_url(settings)


@contextmanager
def migrated_engine(settings: Settings, *, pool_size: int = 5) -> Iterator[sa.Engine]:
    """An engine on a database that is running and has the schema this software needs."""
    with database(settings) as url:
        if not is_supervised():
            bring_up_to_date(settings)
        engine = connect(url, pool_size=pool_size)
        try:
            yield engine
        finally:
            engine.dispose()


def bring_up_to_date(settings: Settings) -> None:
    """Migrate as the owner, and let the application's role in."""
    with owner_engine(settings) as owner:
        migrate(owner, application=application_role(settings))


@contextmanager
def owner_engine(settings: Settings) -> Iterator[sa.Engine]:
    """An engine that may change tables, for migrations and retention only."""
    engine = connect(owner_url(settings), pool_size=1)
    try:
        yield engine
    finally:
        engine.dispose()


def application_role(settings: Settings) -> str | None:
    """The role that the application connects as; None: its URL does not name one."""
    return sa.make_url(database_url(settings)).username


def wait_for_database(engine: sa.Engine, stop: threading.Event) -> bool:
    """Wait until the database answers; False if asked to stop before it did."""
    while not stop.is_set():
        try:
            if schema_is_current(engine):
                return True
        except sa.exc.SQLAlchemyError:
            log.warning("database_unavailable")
        stop.wait(1.0)
    return False


def model_folder(settings: Settings) -> Path:
    """Third-party models that were added."""
    return settings.data / "models"


def make_accounts(engine: sa.Engine) -> Accounts:
    """The accounts of people."""
    return Accounts(PostgresPeople(engine), Argon2Passwords())


def make_api_tokens(engine: sa.Engine) -> ApiTokens:
    """The tokens of machines."""
    return ApiTokens(PostgresPeople(engine), Argon2Passwords())


def make_door(settings: Settings, engine: sa.Engine) -> SignIn:
    """Signing in, with the site's limits."""
    limits = SessionLimits(
        idle=timedelta(minutes=settings.session_idle_limit_min),
        absolute=timedelta(hours=settings.session_limit_h),
    )
    return SignIn(PostgresPeople(engine), Argon2Passwords(), limits=limits)


def make_people(
    settings: Settings, engine: sa.Engine, *, left: Callable[[], None] = lambda: None
) -> People:
    """Who may use the web page and the API; `left` is called when somebody has signed out."""
    return People(make_door(settings, engine), make_api_tokens(engine), left)


def make_worklist(settings: Settings, engine: sa.Engine) -> Worklist:
    """The service over the database."""
    claim_limit = timedelta(minutes=settings.claim_limit_min)
    return Worklist(
        PostgresStore(engine),
        due_targets(settings),
        claim_limit=claim_limit,
        modes=settings.highlighting_modes,
        zone=site_zone(settings.timezone),
        issuers=settings.hl7_patient_id_issuers,
    )


def make_personal(engine: sa.Engine) -> Personal:
    """What people like."""
    return Personal(PostgresPersonal(engine))


def make_deliveries(settings: Settings, engine: sa.Engine) -> Deliveries:
    """What goes back."""
    views = [one.view for one in settings.destinations]
    rules = rules_of(__version__, settings.highlighting_modes)
    return Deliveries(PostgresOutbound(engine), views, rules)


def make_cases(settings: Settings, engine: sa.Engine) -> Cases:
    """Cases of quality assurance."""
    rules = QualityRules(
        reviews=settings.quality_reviews,
        due_after=timedelta(days=settings.quality_due_days),
        sampled_share=settings.quality_sample_percent / 100,
    )
    return Cases(PostgresQuality(engine), rules)


def make_reader(settings: Settings, engine: sa.Engine) -> PostgresReader:
    """What people are shown."""
    return PostgresReader(
        engine, archive=settings.archive, inbox_objects=lambda: waiting_in_inbox(settings)
    )


def waiting_in_inbox(settings: Settings) -> int:
    """How many objects were received and are not yet filed."""
    try:
        with os.scandir(settings.inbox) as entries:
            return sum(entry.name.endswith(".dcm") for entry in entries)
    except FileNotFoundError:
        return 0
