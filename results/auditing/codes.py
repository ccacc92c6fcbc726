"""What each kind of event is in the standard's words: its codes (PS3.16 CID 400, 401, 402)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any


@dataclass(frozen=True, slots=True)
class Coded:
    """A code."""

    value: str
    meaning: str
    system: str = "DCM"


class Role(Enum):
    """What a participant is to an event (CID 402)."""

    APPLICATION = Coded("110150", "Application")
    DESTINATION = Coded("110152", "Destination Role ID")
    SOURCE = Coded("110153", "Source Role ID")


ACTIVITY = Coded("110100", "Application Activity")
LOG_USED = Coded("110101", "Audit Log Used")
ACCESSED = Coded("110103", "DICOM Instances Accessed")
TRANSFERRED = Coded("110104", "DICOM Instances Transferred")
ORDER = Coded("110109", "Order Record")
PATIENT = Coded("110110", "Patient Record")
PROCEDURE = Coded("110111", "Procedure Record")
ALERT = Coded("110113", "Security Alert")
AUTHENTICATION = Coded("110114", "User Authentication")

_LOGIN = Coded("110122", "Login")
_LOGOUT = Coded("110123", "Logout")
_NETWORK = Coded("110128", "Network Configuration")
_SOFTWARE = Coded("110131", "Software Configuration")
_RESTRICTED = Coded("110132", "Use of Restricted Function")
_RECORDING = Coded("110134", "Audit Recording Started")
_OBJECT_CHANGED = Coded("110135", "Object Security Attributes Changed")
_ROLES_CHANGED = Coded("110136", "Security Roles Changed")
_USER_CHANGED = Coded("110137", "User Security Attributes Changed")

_SUCCESS, _MINOR, _SERIOUS = "0", "4", "8"


@dataclass(frozen=True, kw_only=True, slots=True)
class Meaning:
    """One kind of event."""

    event_id: Coded
    action: str  # C, R, U, D or E
    event_type: Coded | None = None
    outcome: str = _SUCCESS
    role_of_node: Role = Role.APPLICATION
    role_of_other: Role | None = None
    other: tuple[str, ...] = ()  # details that may name the other side's AE title
    object_name: str = "Event log"

    def other_of(self, details: Mapping[str, Any]) -> str | None:
        """The other side, where the event names one."""
        for name in self.other:
            said = details.get(name)
            if isinstance(said, list) and said:
                said = said[0]
            if isinstance(said, str) and said:
                return said
        return None


_RECEIVED = Meaning(
    event_id=TRANSFERRED,
    action="C",
    role_of_node=Role.DESTINATION,
    role_of_other=Role.SOURCE,
    other=("calling_ae_title", "senders"),
)
_SENT = Meaning(
    event_id=TRANSFERRED,
    action="R",
    role_of_node=Role.SOURCE,
    role_of_other=Role.DESTINATION,
    other=("destination", "destinations"),
)
_READ = Meaning(event_id=ACCESSED, action="R")
_CHANGED = Meaning(event_id=ACCESSED, action="U")
_LIST = Meaning(event_id=PROCEDURE, action="U")
_ORDERED = Meaning(event_id=ORDER, action="U")
_RENAMED = Meaning(event_id=PATIENT, action="U")
_OPENED = Meaning(event_id=AUTHENTICATION, action="E", event_type=_LOGIN)
_CLOSED = Meaning(event_id=AUTHENTICATION, action="E", event_type=_LOGOUT)
_SEALED = Meaning(event_id=ALERT, action="E", event_type=_OBJECT_CHANGED)
_SET_UP = Meaning(event_id=ALERT, action="E", event_type=_SOFTWARE)
_PEOPLE = Meaning(event_id=ALERT, action="E", event_type=_USER_CHANGED)
_OTHER = Meaning(event_id=ALERT, action="E", event_type=_RESTRICTED)


def _failed(meaning: Meaning, how: str = _MINOR) -> Meaning:
    return replace(meaning, outcome=how)


_MEANINGS: Mapping[str, Meaning] = {
    "study_arrived": _RECEIVED,
    "study_reopened": _RECEIVED,
    "objects_kept": _RECEIVED,
    "instance_conflict": _failed(_RECEIVED),
    "object_quarantined": _failed(_RECEIVED),
    "patient_id_differs": _failed(_RECEIVED),
    "study_complete": _LIST,
    "assessment_started": _READ,
    "assessment_finished": _READ,
    "outcome_recorded": _READ,
    "results_made": Meaning(event_id=ACCESSED, action="C"),
    "results_sent": _SENT,
    "results_committed": _SENT,
    "results_resent": _SENT,
    "results_refused": _failed(_SENT),
    "results_parked": _failed(_SENT),
    "results_not_kept": _failed(_SENT),
    "results_rejected": _SENT,
    "results_not_rejected": _failed(_SENT),
    "results_retracted": Meaning(event_id=ACCESSED, action="D"),
    "results_asked_again": _CHANGED,
    "marks_revealed": _READ,
    "claimed": _READ,
    "claim_taken_over": _READ,
    "claim_released": _READ,
    "claim_ended": _READ,
    "first_look": _CHANGED,
    "finding_judged": _CHANGED,
    "finding_drawn": _CHANGED,
    "drawn_withdrawn": _CHANGED,
    "order_priority_changed": _ORDERED,
    "order_cancelled": _ORDERED,
    "older_order_ignored": _failed(_ORDERED),
    "ris_names_another_patient": _failed(_ORDERED),
    "message_to_ris_parked": _failed(_ORDERED),
    "patient_updated": _RENAMED,
    "patient_merged": _RENAMED,
    "signed_in": _OPENED,
    "sign_in_failed": _failed(_OPENED),
    "sign_in_held": _failed(_OPENED, _SERIOUS),
    "signed_out": _CLOSED,
    "sessions_ended": _CLOSED,
    "roles_changed": Meaning(event_id=ALERT, action="E", event_type=_ROLES_CHANGED),
    "account_added": _PEOPLE,
    "account_disabled": _PEOPLE,
    "account_enabled": _PEOPLE,
    "administrator_kept": _PEOPLE,
    "password_changed": _PEOPLE,
    "password_reset": _PEOPLE,
    "api_token_added": _PEOPLE,
    "api_token_revoked": _PEOPLE,
    "ai_stopped": _SET_UP,
    "ai_started": _SET_UP,
    "model_added": _SET_UP,
    "model_removed": _SET_UP,
    "message_resent": Meaning(event_id=ALERT, action="E", event_type=_NETWORK),
    "notification_tested": Meaning(event_id=ALERT, action="E", event_type=_NETWORK),
    "notification_parked": _failed(_LIST),
    "notification_not_sent": _failed(_LIST),
    "day_sealed": _SEALED,
    "record_key_made": Meaning(event_id=ALERT, action="E", event_type=_RECORDING),
    "record_key_changed": _SEALED,
    "days_removed": Meaning(event_id=LOG_USED, action="R"),
}


def meaning_of(kind: str, details: Mapping[str, Any], *, of_study: bool) -> Meaning:
    """What an event is; one that has no code of its own is a change of the list, or an alert.

    Every kind has a meaning: an audit trail has no holes.
    """
    found = _MEANINGS.get(kind) or (_LIST if of_study else _OTHER)
    return _failed(found) if details.get("outcome") == "failed" else found
