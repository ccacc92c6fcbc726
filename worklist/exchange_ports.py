"""What the exchange with the RIS needs from a store; a part of `worklist.ports.Transaction`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from worklist.identity import KnownPatient
from worklist.orders import MessageHeader, MessageState, Order, OrderedPatient, OrderedStudy, Report
from worklist.uid import StudyInstanceUID


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedMessage:
    """A message that came in, with what became of it."""

    header: MessageHeader
    state: MessageState
    code: str  # of the acknowledgement: AA, AE or AR
    error: str  # a sentence for the administrator, without a patient's name; empty: none
    received_at: datetime
    raw: bytes | None = None  # of dead letters only
    is_whole: bool = True  # otherwise its beginning alone is kept


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptAnswer:
    """How a message was acknowledged when it came first."""

    code: str
    error: str


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptReport:
    """A report that the RIS told of."""

    report: Report
    received_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadingTurn:
    """An event that took a study off the list, or brought it back."""

    kind: str
    at: datetime


class OrderTransaction(Protocol):
    """The methods of a transaction that orders, patients and reports need."""

    def orders_with(self, accession_number: str) -> list[Order]:
        """Every order that bears it."""
        ...

    def save_order(self, order: Order, before: Order | None) -> None:
        """Insert an order, or put it in place of what was known of it."""
        ...

    def accession_numbers_of(
        self, uids: Sequence[StudyInstanceUID]
    ) -> Mapping[StudyInstanceUID, str]:
        """Those of these studies that have one which an order bears."""
        ...

    def studies_with(self, accession_number: str) -> list[OrderedStudy]:
        """Every study that bears it."""
        ...

    def studies_of_patients(self, patient_ids: Sequence[str]) -> list[StudyInstanceUID]:
        """Every study with one of these patient IDs."""
        ...

    def update_patient(
        self, uids: Sequence[StudyInstanceUID], patient: OrderedPatient, patient_id: str | None
    ) -> list[StudyInstanceUID]:
        """Write what is said of a patient into studies; those of them in which it was otherwise.

        Parameters
        ----------
        patient_id
            The identifier to be put in place of the former; None: it stays.
        """
        ...

    def patients_of(self, uids: Collection[StudyInstanceUID]) -> Collection[KnownPatient]:
        """Who these studies are of, as the list shows them."""
        ...

    def add_merges(
        self, former_ids: Sequence[str], patient_id: str, issuers: Collection[str], now: datetime
    ) -> None:
        """Note what images with a former identifier of these authorities are to be filed under.

        The identifier is in use again, if it was not: what it became before counts no more.
        """
        ...

    def merges_of(self, patient_id: str, issuers: Collection[str]) -> list[tuple[str, str]]:
        """Merges that begin with this identifier or follow from it, oldest first.

        Parameters
        ----------
        issuers
            Those of other authorities are left out; empty: none is.
        """
        ...

    def add_report(
        self, report: Report, uid: StudyInstanceUID | None, received_at: datetime
    ) -> None:
        """Insert what the RIS says of a report; rows are only ever added."""
        ...

    def reports_of(self, uid: StudyInstanceUID) -> list[KeptReport]:
        """Reports that are of this study."""
        ...

    def missed_reports(
        self, uids: Collection[StudyInstanceUID]
    ) -> Mapping[StudyInstanceUID, Sequence[KeptReport]]:
        """Reports of these studies' accession numbers that are not noted as theirs."""
        ...

    def newest_image_at(self, uid: StudyInstanceUID) -> datetime | None:
        """When the last of its images was made, as headers write it; None: one does not say."""
        ...

    def last_reading_act(self, uid: StudyInstanceUID) -> ReadingTurn | None:
        """The last event that took a study off the list or brought it back; None: none did."""
        ...

    def answer_to(self, header: MessageHeader) -> KeptAnswer | None:
        """How this very message was acknowledged before; None: it is new, or was refused."""
        ...

    def add_received(self, message: ReceivedMessage) -> int:
        """Insert a message that came in; its number."""
        ...
