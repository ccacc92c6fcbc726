"""Deliveries for tests that care about something else, and a destination that is never there."""

import sqlalchemy as sa

from worklist.deliveries import Deliveries
from worklist.outbound import UnknownDestination
from worklist.store.outbound import PostgresOutbound


def unasked_deliveries() -> Deliveries:
    """Those of a database that is not there, for what never asks for them."""
    engine = sa.create_engine("postgresql+psycopg://127.0.0.1:1/none")
    return Deliveries(PostgresOutbound(engine), [])


def nothing_is_set(name: str) -> tuple[bool, str]:
    """No destination is set (`viewer.ports.TestDestination`)."""
    raise UnknownDestination(f"no destination {name} is set")
