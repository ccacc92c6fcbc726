"""What the event log says of deliveries that came to another state."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from worklist.outbound import Delivery, DeliveryState
from worklist.ports import Event
from worklist.store.destinations import VIGIE
from worklist.uid import StudyInstanceUID

_TOLD = {
    DeliveryState.SENT: "results_sent",
    DeliveryState.COMMITTED: "results_committed",
    DeliveryState.REFUSED: "results_refused",
    DeliveryState.PARKED: "results_parked",
    DeliveryState.WAITING: "results_not_kept",  # taken, and then not there
}


def told(
    changed: Sequence[Delivery], studies: dict[int, StudyInstanceUID], now: datetime
) -> list[Event]:
    """One event for each study, destination and new state."""
    groups = Counter(
        (studies[one.delivery_id], one.destination, _TOLD[one.state], _why(one))
        for one in changed
        if one.state in _TOLD
    )
    return [
        Event(
            kind=kind,
            at=now,
            actor=VIGIE,
            study_instance_uid=study,
            details={
                "destination": destination,
                "objects": count,
                **({"why": why} if why else {}),
            },
        )
        for (study, destination, kind, why), count in groups.items()
    ]


def _why(one: Delivery) -> str:
    return "" if one.state in {DeliveryState.SENT, DeliveryState.COMMITTED} else one.words
