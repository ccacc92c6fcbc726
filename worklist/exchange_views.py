"""What is told to the RIS, and the log of messages as administrators see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from worklist.errors import VigieError
from worklist.finding import DetectorIdentity, Outcome
from worklist.orders import MessageKind, MessageState
from worklist.study import Completeness, RequestedPriority
from worklist.uid import StudyInstanceUID


class UnknownMessage(VigieError, LookupError):
    """No message of this number is kept."""


class NoDeadLetter(VigieError):
    """Only a message that was refused or given up can be sent or read again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ToldResult:
    """What one detector came to, as far as the RIS may know (P8)."""

    detector: DetectorIdentity
    outcome: Outcome
    software_version: str
    says_probability: bool  # the site shows this detector's marks at once


@dataclass(frozen=True, kw_only=True, slots=True)
class ToldStudy:
    """A study of which the RIS is told."""

    study_instance_uid: StudyInstanceUID
    assessment_number: int
    accession_number: str
    order_number: str  # empty: no order of it is known, or it is not clear which
    is_order_clear: bool  # otherwise orders of several hospitals may be its own
    patient_id: str
    issuer_of_patient_id: str  # one of the site's assigning authorities; empty: not known
    patient_name: str  # family^given^..., as DICOM has it
    patient_birth_date: date | None
    patient_sex: str
    completeness: Completeness | None
    finished_at: datetime
    results: Sequence[ToldResult]
    corrects: bool  # one of an earlier assessment went out before


def control_id(message_id: int, queued_at: datetime) -> str:
    """The control ID of a message that goes out (MSH-10): 20 characters."""
    return f"{queued_at:%y%m%d%H%M%S}{message_id % 10**8:08d}"


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageToSend:
    """A message that is due."""

    message_id: int
    kind: MessageKind
    study: ToldStudy
    requested_priority: RequestedPriority | None  # of a change of priority
    attempts: int  # so far
    queued_at: datetime

    @property
    def control_id(self) -> str:
        """The same at each attempt, so that the receiver knows it again."""
        return control_id(self.message_id, self.queued_at)


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedMessage:
    """One line of the log of messages; no patient's name is in it."""

    message_id: str  # in-12 or out-12
    at: datetime  # received, or queued
    control_id: str
    message_type: str
    state: MessageState
    code: str  # of its acknowledgement: AA, AE, AR; empty: none yet
    error: str  # empty: none
    accession_number: str
    sender: str  # application and facility; empty: this node
    attempts: int
    next_try_at: datetime | None
    raw: bytes | None = None  # of dead letters, one at a time
    is_whole: bool = True  # otherwise only its beginning was kept

    @property
    def is_dead(self) -> bool:
        """Whether somebody has to look after it."""
        return self.state in (MessageState.REFUSED, MessageState.PARKED)
