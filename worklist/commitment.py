"""Storage commitment: who answers for the safekeeping of which objects (PS3.4 annex J).

Plain facts, and the one form in which they lie in files between the listener, which hears and
says them on the network, and the processes that ask and answer.
"""

import json
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


def _reference(one: ObjectReference) -> dict[str, Any]:
    return {"sop_class_uid": one.sop_class_uid, "sop_instance_uid": one.sop_instance_uid}


def _referenced(said: Mapping[str, Any]) -> ObjectReference:
    return ObjectReference(
        sop_class_uid=str(said["sop_class_uid"]),
        sop_instance_uid=SOPInstanceUID(said["sop_instance_uid"]),
    )
