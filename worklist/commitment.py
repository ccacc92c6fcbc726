"""Storage commitment: who answers for the safekeeping of which objects (PS3.4 annex J).

Plain facts, and the one form in which they lie in files between the listener, which hears and
says them on the network, and the processes that ask and answer.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any, Self

from worklist.uid import SOPInstanceUID, TransactionUID


class FailureReason(IntEnum):
    """Why an object is not kept: Failure Reason (0008,1197), PS3.3 C.14.1.1."""

    PROCESSING_FAILURE = 0x0110
    NO_SUCH_OBJECT = 0x0112
    CLASS_INSTANCE_CONFLICT = 0x0119
    SOP_CLASS_NOT_SUPPORTED = 0x0122
    DUPLICATE_TRANSACTION_UID = 0x0131
    RESOURCE_LIMITATION = 0x0213

    @property
    def words(self) -> str:
        """The same for people."""
        return self.name.lower().replace("_", " ").replace("sop", "SOP").replace("uid", "UID")


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectReference:
    """An object, as storage commitment names it."""

    sop_class_uid: str
    sop_instance_uid: SOPInstanceUID


@dataclass(frozen=True, kw_only=True, slots=True)
class NotCommitted:
    """An object that is not kept, and why."""

    object: ObjectReference
    failure_reason: int  # one of `FailureReason`, or whatever else the peer says


@dataclass(frozen=True, kw_only=True, slots=True)
class CommitmentAnswer:
    """What an archive answers to one request: an N-EVENT-REPORT (PS3.4 J.3.3)."""

    transaction_uid: TransactionUID
    committed: tuple[ObjectReference, ...]
    failed: tuple[NotCommitted, ...] = ()
    ae_title: str  # of who answers
    heard_at: datetime

    @property
    def event_type_id(self) -> int:
        """Of the N-EVENT-REPORT: 1 all are kept, 2 some are not (PS3.4 J.3.3.1)."""
        return 2 if self.failed else 1

    def as_json(self) -> str:
        """The answer as text."""
        return json.dumps(
            {
                "transaction_uid": self.transaction_uid,
                "committed": [_reference(one) for one in self.committed],
                "failed": [
                    {**_reference(one.object), "failure_reason": one.failure_reason}
                    for one in self.failed
                ],
                "ae_title": self.ae_title,
                "heard_at": self.heard_at.isoformat(),
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `as_json` wrote.

        Raises
        ------
        ValueError
            If it is something else.
        """
        try:
            said = json.loads(text)
            return cls(
                transaction_uid=TransactionUID(said["transaction_uid"]),
                committed=tuple(_referenced(one) for one in said["committed"]),
                failed=tuple(
                    NotCommitted(object=_referenced(one), failure_reason=int(one["failure_reason"]))
                    for one in said["failed"]
                ),
                ae_title=str(said["ae_title"]),
                heard_at=datetime.fromisoformat(said["heard_at"]),
            )
        except (LookupError, TypeError) as error:
            raise ValueError(f"no answer of storage commitment: {error}") from error


@dataclass(frozen=True, kw_only=True, slots=True)
class CommitmentMessage:
    """An N-ACTION or N-EVENT-REPORT as the listener heard it, not decoded."""

    data_set: bytes
    transfer_syntax_uid: str
    calling_ae_title: str
    called_ae_title: str
    address: str  # IP address of the peer
    association_id: str  # of the listener
    received_at: datetime

    def as_json(self) -> str:
        """The message as text."""
        return json.dumps(
            {
                "data_set": b64encode(self.data_set).decode("ascii"),
                "transfer_syntax_uid": self.transfer_syntax_uid,
                "calling_ae_title": self.calling_ae_title,
                "called_ae_title": self.called_ae_title,
                "address": self.address,
                "association_id": self.association_id,
                "received_at": self.received_at.isoformat(),
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `as_json` wrote.

        Raises
        ------
        ValueError
            If it is something else.
        """
        try:
            said = json.loads(text)
            return cls(
                data_set=b64decode(said["data_set"], validate=True),
                transfer_syntax_uid=str(said["transfer_syntax_uid"]),
                calling_ae_title=str(said["calling_ae_title"]),
                called_ae_title=str(said["called_ae_title"]),
                address=str(said["address"]),
                association_id=str(said["association_id"]),
                received_at=datetime.fromisoformat(said["received_at"]),
            )
        except (LookupError, TypeError) as error:
            raise ValueError(f"no message of storage commitment: {error}") from error


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedAnswer:
    """Our answer to a peer, and its data set in the transfer syntax it asked in."""

    answer: CommitmentAnswer
    data_set: bytes

    def as_json(self) -> str:
        """The answer as text."""
        encoded = b64encode(self.data_set).decode("ascii")
        return json.dumps({"answer": self.answer.as_json(), "data_set": encoded})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `as_json` wrote.

        Raises
        ------
        ValueError
            If it is something else.
        """
        try:
            said = json.loads(text)
            return cls(
                answer=CommitmentAnswer.from_json(said["answer"]),
                data_set=b64decode(said["data_set"], validate=True),
            )
        except (LookupError, TypeError) as error:
            raise ValueError(f"no prepared answer of storage commitment: {error}") from error


def _reference(one: ObjectReference) -> dict[str, Any]:
    return {"sop_class_uid": one.sop_class_uid, "sop_instance_uid": one.sop_instance_uid}


def _referenced(said: Mapping[str, Any]) -> ObjectReference:
    return ObjectReference(
        sop_class_uid=str(said["sop_class_uid"]),
        sop_instance_uid=SOPInstanceUID(said["sop_instance_uid"]),
    )
