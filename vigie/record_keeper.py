"""Keeps the record: seals its days, and takes away those that a site keeps no longer (P10)."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import SQLAlchemyError

from vigie.database import DatabaseStartFailed
from vigie.record_export import Exports
from vigie.record_keys import RecordKeys, signature_fault
from vigie.settings import Settings
from vigie.wiring import database_url, owner_engine, utc_now
from worklist.errors import VigieError
from worklist.placement import VIGIE
from worklist.ports import Event
from worklist.record import SignedHead
from worklist.store.audit import heads
from worklist.store.engine import connect, translated
from worklist.store.postgres import PostgresStore
from worklist.store.schema import schema_is_current
from worklist.store.sealing import BrokenRecord, Removed, remove_days, seal_days

log = structlog.get_logger(__name__)

_LOOK_S = 60.0  # between two looks whether a day is over
_EXPORT_S = 2.0  # between two looks whether there is something to export
_START_S = 2.0  # while the database is not there yet


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """What one look at the record did."""

    sealed: tuple[SignedHead, ...]
    removed: Removed | None


def keep_record(settings: Settings, stop: threading.Event) -> None:
    """Look at the record until asked to stop; a database that is away is tried again."""
    keeper = _Keeper(settings)
    engine = connect(database_url(settings), pool_size=2)
    try:
        while not stop.is_set():
            pause_s = _START_S
            try:
                if schema_is_current(engine):
                    pause_s = keeper.look(engine)
            except sa.exc.SQLAlchemyError as error:  # the database is not there yet, or no more
                log.debug("record_not_looked_at", why=str(error).splitlines()[0])
            stop.wait(pause_s)
    finally:
        engine.dispose()


class _Keeper:
    """What is to be done for the record, and what was said of it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._exports = Exports(settings=settings)
        self._sealed_s = -_LOOK_S  # monotonic
        self._told: dict[str, str] = {}

    def look(self, engine: sa.Engine) -> float:
        """Do what is due; the seconds until the next look."""
        if time.monotonic() - self._sealed_s >= _LOOK_S:
            self._try("record_not_kept", lambda: look_once(self._settings, engine))
            self._sealed_s = time.monotonic()
        if not self._exports.any:
            return _LOOK_S
        self._try("record_not_exported", lambda: self._exports.go_on(engine))
        return _EXPORT_S

    def _try(self, failure: str, act: Callable[[], object]) -> None:
        """What fails is said once for each reason, and tried again at the next look."""
        try:
            act()
        except (VigieError, BrokenRecord, DatabaseStartFailed, OSError, SQLAlchemyError) as error:
            why = str(error).splitlines()[0]
            if self._told.get(failure) != why:
                log.error(failure, why=why)
            self._told[failure] = why
        else:
            self._told.pop(failure, None)


def look_once(settings: Settings, engine: sa.Engine) -> Kept:
    """Seal the days that are over, and take away those that are too old.

    Raises
    ------
    BrokenRecord
        If a day is not what was written; it is not sealed, and nothing goes.
    """
    keys = RecordKeys(settings.record)
    ensure_key(settings, engine)
    _mend_copies(keys, engine)
    sealed = []
    for one in seal_days(engine, keys.signer(), utc_now()):
        keys.add_head(one)
        sealed.append(one)
        log.info("day_sealed", day=one.head.day.isoformat(), events_to=one.head.last_event_id)
    return Kept(sealed=tuple(sealed), removed=remove_old(settings))


def ensure_key(settings: Settings, engine: sa.Engine) -> None:
    """Make the key of this node at its first start, and tell of it in the record."""
    made = RecordKeys(settings.record).make()
    if made is not None:
        log.info("record_key_made", key_id=made.key_id, folder=str(settings.record))
        details = {"key_id": made.key_id, "public_key": made.public_pem}
        _tell(engine, "record_key_made", VIGIE, details)


def rotate_key(settings: Settings, engine: sa.Engine, *, actor: str) -> str:
    """Put a new key in the place of the one in force, which vouches for it; the new one's name.

    Raises
    ------
    KeyUnreadable
        If there is no key yet, or it cannot be read.
    """
    keys = RecordKeys(settings.record)
    before = keys.signer()
    made = keys.make(anew=True)
    assert made is not None  # noqa: S101  (it always makes one anew)
    details = {
        "key_id": made.key_id,
        "public_key": made.public_pem,
        "key_before": before.key_id,
        "signature_of_key_before": before.sign(made.public_pem.encode()).hex(),
    }
    _tell(engine, "record_key_changed", f"person {actor}", details)
    return made.key_id


def remove_old(settings: Settings) -> Removed | None:
    """Take away what the site keeps no longer, as the owner of the tables."""
    now = utc_now()
    with owner_engine(settings) as owner:
        removed = remove_days(
            owner,
            months=settings.audit_retention_months,
            today=now.date(),
            now=now,
            exports=Exports(settings=settings).names,
        )
    if removed is not None:
        log.info("record_days_removed", events_to=removed.last_event_id)
    return removed


def _mend_copies(keys: RecordKeys, engine: sa.Engine) -> None:
    """Copy heads that were signed when a crash kept them from being copied."""
    copies = keys.heads()
    newest = copies[-1].head.last_event_id if copies else 0
    public = keys.public_keys()
    with translated(), engine.connect() as connection:
        missing = [one for one in heads(connection) if one.head.last_event_id > newest]
    for one in missing:
        if signature_fault(one, public) is None:
            keys.add_head(one)


def _tell(engine: sa.Engine, kind: str, actor: str, details: dict[str, str]) -> None:
    event = Event(kind=kind, at=utc_now(), actor=actor, study_instance_uid=None, details=details)
    with PostgresStore(engine).transaction() as transaction:
        transaction.append_events([event])
