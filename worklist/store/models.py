"""The installed detectors for people, read from what workers registered and people stopped."""

from typing import Any

import sqlalchemy as sa

from worklist.oversight import AISwitch
from worklist.store import tables as t
from worklist.store.transaction import PostgresTransaction
from worklist.views import ModelState, ModelView


def model_views(connection: sa.Connection, name: str | None = None) -> list[ModelView]:
    """The installed detectors by name; with a name, that one or none."""
    wanted = sa.select(t.detector).order_by(t.detector.c.name)
    if name is not None:
        wanted = wanted.where(t.detector.c.name == name)
    switch = PostgresTransaction(connection).ai_switch()
    return [_model(connection, row, switch) for row in connection.execute(wanted).all()]


def _model(connection: sa.Connection, row: sa.Row[Any], switch: AISwitch) -> ModelView:
    state = ModelState.ON if row.broken is None else ModelState.BROKEN
    stop = None
    if switch.is_stopped(row.name):
        state = ModelState.STOPPED
        stop = _stop_of(connection, row.name, switch)
    return ModelView(
        name=row.name,
        target=row.target,
        title=row.name if row.card is None else row.card["title"],
        version=row.version,
        weights_sha256=row.weights_sha256,
        operating_point=row.operating_point,
        state=state,
        broken=row.broken,
        stopped_by=None if stop is None else stop.actor.removeprefix("person "),
        stopped_at=None if stop is None else stop.at,
        stopped_because=None if stop is None else stop.details["why"],
        registered_at=row.registered_at,
        card=row.card,
    )


def _stop_of(connection: sa.Connection, name: str, switch: AISwitch) -> sa.Row[Any] | None:
    """The act by which it was stopped: the newest, of AI as a whole where that is stopped."""
    stopped = t.event.c.details["detectors"]
    everything = stopped.astext == "all"
    mine = everything if switch.whole else sa.or_(everything, stopped.contains([name]))
    return connection.execute(
        sa.select(t.event)
        .where(t.event.c.kind == "ai_stopped", mine)
        .order_by(t.event.c.event_id.desc())
        .limit(1)
    ).first()
