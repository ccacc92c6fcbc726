"""A RIS that tells a list things, in the fake and in PostgreSQL."""

import hashlib
from datetime import datetime
from typing import Any

from tests.builders import MINUTE, NOON, STUDY, arrival
from tests.contract.conftest import Kept
from worklist.exchange_ports import KeptAnswer
from worklist.orders import MessageHeader, Order, OrderControl, Report, ReportStatus, Statement
from worklist.service import Worklist
from worklist.study import RequestedPriority

STAT, URGENT, ROUTINE = RequestedPriority
LATER = NOON + 5 * MINUTE
ORDER = Order(
    accession_number="A1",
    order_number="O1",
    patient_ids=("P1",),
    control=OrderControl.PLACED,
    requested_priority=STAT,
    patient_class="E",
    said_at=NOON,
)
REPORT = Report(
    accession_number="A1",
    patient_ids=("P1",),
    status=ReportStatus.FINAL,
    text="No fracture.",
    said_at=NOON,
)


def header(content: str = "1", *, control_id: str = "1") -> MessageHeader:
    return MessageHeader(
        sender="RIS^H",
        control_id=control_id,
        message_type="ORM^O01",
        sha256=hashlib.sha256(content.encode()).hexdigest(),
        accession_number="A1",
    )


class Site:
    """A list that is told things, each in a message of its own."""

    def __init__(self, worklist: Worklist, kept: Kept) -> None:
        self.worklist = worklist
        self.kept = kept
        self.count = 0

    def images(self, sop: str = "1.2.3.1.1", **given: Any) -> None:
        given = {"accession_number": "A1", **given}
        self.worklist.record_arrivals([arrival(sop, **given)], now=given.get("received_at", NOON))

    def ris(self, *said: Statement, now: datetime = LATER) -> KeptAnswer:
        self.count += 1
        return self.worklist.receive(header(str(self.count)), said, now=now)

    @property
    def priority(self) -> RequestedPriority:
        return self.kept.record(STUDY).requested_priority

    def kinds(self) -> list[str]:
        return [one.kind for one in self.kept.events()]
