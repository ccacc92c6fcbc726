"""What people do about results that go back: look, send again, retract. Each act is an event."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from worklist.errors import MissingReason, UnknownStudy
from worklist.outbound import (
    CannotResend,
    Delivery,
    DeliveryPage,
    DeliveryState,
    DeliveryView,
    DestinationView,
    NothingToRetract,
    UnknownDelivery,
    UnknownDestination,
    resent,
)
from worklist.ports import Event
from worklist.uid import StudyInstanceUID

LONGEST_PAGE = 200
_AGAIN = (DeliveryState.REFUSED, DeliveryState.PARKED, DeliveryState.WAITING)
_ALL_THAT_COUNTS = (*_AGAIN, DeliveryState.SENT, DeliveryState.COMMITTED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """Which deliveries are meant; None: any."""

    delivery_ids: Sequence[int] | None = None
    study: StudyInstanceUID | None = None
    destination: str | None = None
    states: Sequence[DeliveryState] | None = None
    only_what_counts: bool = False  # nothing that was superseded or retracted


class DeliveriesTransaction(Protocol):
    """One unit of work."""

    def knows(self, uid: StudyInstanceUID) -> bool:
        """Whether such a study was filed."""

    def lock_deliveries(self, asked: Asked) -> Sequence[Delivery]:
        """Those that are meant, in their order, held until the end."""

    def save_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """Keep what they have become."""

    def retract(self, uid: StudyInstanceUID, now: datetime) -> int:
        """Let no result of a study count; how many objects that makes."""

    def make_anew(self, uid: StudyInstanceUID) -> bool:
        """Let the results of a study be made again.

        False: no assessment of it has ended, or what was made of its newest one is retracted.
        """

    def append_events(self, events: Sequence[Event]) -> None:
        """Add to the log, and wake who listens to it."""


class DeliveriesStore(Protocol):
    """Where deliveries are kept; every method may raise StoreUnavailable."""

    def transaction(self) -> AbstractContextManager[DeliveriesTransaction]:
        """One unit of work."""
        ...

    def page(self, asked: Asked, *, before: int | None, limit: int) -> DeliveryPage:
        """The last made first."""
        ...

    def of_study(self, uid: StudyInstanceUID) -> Sequence[DeliveryView]:
        """Everything of one study, in the order it was made."""
        ...

    def counts(self) -> Mapping[str, Mapping[DeliveryState, int]]:
        """How many are in which state, by destination; only states that there are."""
        ...


class Deliveries:
    """The part of the service about what goes back.

    Parameters
    ----------
    destinations
        Those that are set, without their counts.
    """

    def __init__(self, store: DeliveriesStore, destinations: Sequence[DestinationView]) -> None:
        self._store = store
        self._destinations = destinations

    def destinations(self) -> Sequence[DestinationView]:
        """Those that are set, then those that were set once and for which something is kept."""
        counts = self._store.counts()
        known = {one.name for one in self._destinations}
        once = [
            DestinationView(
                name=name, kind="", address="", objects=(), worth=None, counts=counts[name]
            )
            for name in sorted(counts.keys() - known)
        ]
        return [_counted(one, counts.get(one.name, {})) for one in (*self._destinations, *once)]

    def page(self, asked: Asked, *, before: int | None = None, limit: int = 50) -> DeliveryPage:
        """Deliveries, the last made first."""
        return self._store.page(asked, before=before, limit=min(max(limit, 1), LONGEST_PAGE))

    def of_study(self, uid: StudyInstanceUID) -> Sequence[DeliveryView]:
        """What was made of a study and where each object stands.

        Raises
        ------
        UnknownStudy
            If no such study was filed.
        """
        with self._store.transaction() as transaction:
            _require_study(transaction, uid)
        return self._store.of_study(uid)

    def resend(self, asked: Asked, *, actor: str, now: datetime) -> int:
        """Send again what was refused, was parked or waits; of a study also what was sent.

        What is named by its number is sent again in whatever state it is.

        Returns
        -------
        int
            How many are sent again.

        Raises
        ------
        UnknownDelivery, UnknownStudy, UnknownDestination
            If what is named is not there.
        CannotResend
            If the one that is named counts no more.
        """
        with self._store.transaction() as transaction:
            self._require(transaction, asked)
            again = _ALL_THAT_COUNTS if asked.study else _AGAIN
            found = transaction.lock_deliveries(replace(asked, only_what_counts=True))
            if asked.delivery_ids is None:
                found = [one for one in found if one.state in again]
            elif not found and not transaction.lock_deliveries(asked):
                raise UnknownDelivery(f"there is no delivery {asked.delivery_ids[0]}")
            elif not found:
                raise CannotResend("it was superseded or retracted, and is not sent again")
            waiting = [resent(one, now=now) for one in found]
            transaction.save_deliveries(waiting)
            if waiting:
                transaction.append_events([_resent_event(asked, waiting, actor, now)])
        return len(waiting)

    def retract(self, uid: StudyInstanceUID, *, reason: str, actor: str, now: datetime) -> int:
        """Let no result of a study count any more: what was sent is rejected.

        Returns
        -------
        int
            How many objects it concerns.

        Raises
        ------
        UnknownStudy, MissingReason
        NothingToRetract
            If nothing was made, or all was retracted already.
        """
        if not reason.strip():
            raise MissingReason("say why: the reason stands in the event log")
        with self._store.transaction() as transaction:
            _require_study(transaction, uid)
            count = transaction.retract(uid, now)
            if count == 0:
                raise NothingToRetract("no result of this study counts")
            details = {"objects": count, "why": reason}
            transaction.append_events([_event("results_retracted", uid, details, actor, now)])
        return count

    def make_anew(self, uid: StudyInstanceUID, *, actor: str, now: datetime) -> None:
        """Make the results of a study again of its newest assessment, for every destination.

        Raises
        ------
        UnknownStudy
            If it was never filed.
        CannotResend
            If no assessment of it has ended, or its results were retracted.
        """
        with self._store.transaction() as transaction:
            _require_study(transaction, uid)
            if not transaction.make_anew(uid):
                raise CannotResend("no assessment has ended, or its results were retracted")
            transaction.append_events([_event("results_asked_again", uid, {}, actor, now)])

    def _require(self, transaction: DeliveriesTransaction, asked: Asked) -> None:
        if asked.study is not None:
            _require_study(transaction, asked.study)
        known = {one.name for one in self._destinations}
        if asked.destination is not None and asked.destination not in known:
            raise UnknownDestination(f"no destination {asked.destination} is set")


def _require_study(transaction: DeliveriesTransaction, uid: StudyInstanceUID) -> None:
    if not transaction.knows(uid):
        raise UnknownStudy(f"no study {uid} has been filed here")


def _counted(one: DestinationView, counts: Mapping[DeliveryState, int]) -> DestinationView:
    return DestinationView(
        name=one.name,
        kind=one.kind,
        address=one.address,
        objects=one.objects,
        worth=one.worth,
        counts={state: counts.get(state, 0) for state in DeliveryState},
    )


def _resent_event(asked: Asked, deliveries: Sequence[Delivery], actor: str, now: datetime) -> Event:
    names = sorted({one.destination for one in deliveries})
    details = {"objects": len(deliveries), "destinations": names}
    return _event("results_resent", asked.study, details, actor, now)


def _event(
    kind: str, uid: StudyInstanceUID | None, details: Mapping[str, Any], actor: str, now: datetime
) -> Event:
    return Event(
        kind=kind, at=now, actor=f"person {actor}", study_instance_uid=uid, details=details
    )
