"""A list, a RIS, and what carries results from one to the other, in one process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import hl7
import sqlalchemy as sa

from tests.builders import HAEMORRHAGE, NOON, STUDY, arrival, provenance
from tests.mllp_peers import FakeRis
from vigie.hl7 import Outbound
from vigie.settings import Settings, load_settings
from worklist.due_time import DueTargets
from worklist.finding import Flagged, Outcome
from worklist.highlighting import Modes
from worklist.orders import MessageState
from worklist.service import Worklist
from worklist.store.message_log import PostgresMessageLog
from worklist.store.messages import PostgresMessages
from worklist.store.postgres import PostgresStore
from worklist.study import Completeness
from worklist.uid import StudyInstanceUID

NEVER = threading.Event().is_set


@dataclass
class Node:
    """A list, a RIS, and what carries results from one to the other."""

    engine: sa.Engine
    ris: FakeRis
    folder: Path
    now: datetime = NOON
    issuers: tuple[str, ...] = ()  # assigning authorities of the site

    def __post_init__(self) -> None:
        self.worklist = Worklist(PostgresStore(self.engine), DueTargets(), issuers=self.issuers)
        self.log = PostgresMessageLog(self.engine)

    def settings(self, **given: Any) -> Settings:
        peer = f"127.0.0.1:{self.ris.port}"
        usual = {"data": self.folder, "hl7_peer": peer, "hl7_peer_application": "RIS"}
        return load_settings(**{**usual, "hl7_message_timeout_s": 1, **given})

    @property
    def url(self) -> str:
        """Of its database, for what listens there."""
        bare = self.engine.url.set(drivername="postgresql")
        return bare.render_as_string(hide_password=False)

    def messages(self, modes: Modes | None = None) -> PostgresMessages:
        return PostgresMessages(self.engine, modes or Modes(), DueTargets(), self.issuers)

    def begin(self) -> None:
        self.messages().begin(self.now)

    def flush(self, modes: Modes | None = None, **settings: Any) -> None:
        outbound = Outbound(self.messages(modes), self.settings(**settings), lambda: self.now)
        outbound.flush(NEVER)

    def assessed(
        self,
        outcome: Outcome | None = None,
        *,
        number: int = 1,
        study: str = STUDY,
        accession_number: str = "A1",
        issuer: str = "",
    ) -> None:
        """Images come, the detectors look, and are done."""
        uid = StudyInstanceUID(study)
        one = arrival(
            f"{study}.1.{number}",
            study=study,
            accession_number=accession_number,
            received_at=self.now,
            issuer=issuer,
        )
        self.worklist.record_arrivals([one], now=self.now)
        self.worklist.complete_study(uid, completeness=Completeness.COMPLETE, now=self.now)
        self.worklist.begin_assessment(uid, number, now=self.now)
        said = outcome or Flagged(probability=0.9)
        self.worklist.record_outcome(uid, number, said, provenance(HAEMORRHAGE), now=self.now)
        self.worklist.finish_assessment(uid, number, now=self.finished_at)

    @property
    def finished_at(self) -> datetime:
        """The database stamps when an assessment is queued: it ends after that."""
        return max(self.now, datetime.now(UTC))

    def later(self, **pause: float) -> None:
        self.now += timedelta(**pause)

    def states(self) -> list[tuple[str, MessageState, str]]:
        return [(one.message_id, one.state, one.code) for one in self.log.messages(50)]

    def told(self) -> list[hl7.Message]:
        return [hl7.parse(one.decode()) for one in self.ris.received]


@contextmanager
def connected_node(engine: sa.Engine, folder: Path) -> Iterator[Node]:
    """One that tells a RIS from now on."""
    ris = FakeRis()
    with engine.begin() as connection:  # so that numbers are the same in each test
        connection.execute(sa.text("ALTER SEQUENCE hl7_sent_message_id_seq RESTART"))
        connection.execute(sa.text("ALTER SEQUENCE hl7_received_message_id_seq RESTART"))
    made = Node(engine, ris, folder)
    made.begin()
    yield made
    made.ris.close()
