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
    MakingProblem,
    NothingToRetract,
    UnknownDelivery,
    UnknownDestination,
    resent,
)
from worklist.ports import Event
from worklist.uid import StudyInstanceUID

LONGEST_PAGE = 200
_MOST_NAMED = 50  # deliveries in one event
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

    def make_anew_by_other_rules(self, delivery_ids: Sequence[int], rules: str) -> None:
        """Let be made again, before it is sent, what other software or modes made."""

    def studies_of(self, delivery_ids: Sequence[int]) -> Mapping[int, StudyInstanceUID]:
        """Of which study each is."""

    def release(self, destination: str) -> int:
        """Let go to its new address what was held for a destination; how many objects."""

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

    def held(self) -> Mapping[str, int]:
        """How many wait until a person says that they may go to a new address."""
        ...

    def problems(self, limit: int) -> Sequence[MakingProblem]:
        """Newest assessments of which something could not be made, the last tried first."""
        ...


class Deliveries:
    """The part of the service about what goes back.

    Parameters
    ----------
    destinations
        Those that are set, without their counts.
    rules
        How results are made by now (`worklist.outbound.rules_of`).
    """

    def __init__(
        self, store: DeliveriesStore, destinations: Sequence[DestinationView], rules: str = ""
    ) -> None:
        self._store = store
        self._destinations = destinations
        self._rules = rules

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
        held = self._store.held()
        return [
            _counted(one, counts.get(one.name, {}), held.get(one.name, 0))
            for one in (*self._destinations, *once)
        ]

    def problems(self, *, limit: int = LONGEST_PAGE) -> Sequence[MakingProblem]:
        """What could not be made, the last tried first."""
        return self._store.problems(min(max(limit, 1), LONGEST_PAGE))

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

        What is named by its number is sent again in whatever state it is. What was made by other
        software or modes than hold now is made anew, and takes the place of what was sent.

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
            known = {one.name for one in self._destinations}
            waiting = [resent(one, now=now) for one in found if one.destination in known]
            if found and not waiting:
                raise UnknownDestination(f"{found[0].destination} is set no more")
            ids = [one.delivery_id for one in waiting]
            transaction.save_deliveries(waiting)
            transaction.make_anew_by_other_rules(ids, self._rules)
            studies = transaction.studies_of(ids)
            transaction.append_events(_resent_events(waiting, studies, actor, now))
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
        _require_reason(reason)
        with self._store.transaction() as transaction:
            _require_study(transaction, uid)
            count = transaction.retract(uid, now)
            if count == 0:
                raise NothingToRetract("no result of this study counts")
            details = {"objects": count, "why": reason}
            transaction.append_events([_event("results_retracted", uid, details, actor, now)])
        return count

    def release(self, destination: str, *, actor: str, now: datetime) -> int:
        """Let go to its new address what was held since the address of a destination changed.

        Returns
        -------
        int
            How many objects it concerns.

        Raises
        ------
        UnknownDestination
            If it is not set.
        """
        asked = Asked(destination=destination)
        with self._store.transaction() as transaction:
            self._require(transaction, asked)
            count = transaction.release(destination)
            if count:
                details = {"destination": destination, "objects": count}
                event = _event("results_released", None, details, actor, now)
                transaction.append_events([event])
        return count

    def make_anew(
        self, uid: StudyInstanceUID, *, actor: str, now: datetime, reason: str | None = None
    ) -> None:
        """Make the results of a study again of its newest assessment, for every destination.

        Raises
        ------
        UnknownStudy
            If it was never filed.
        CannotResend
            If no assessment of it has ended, or its results were retracted.
        MissingReason
            If the reason is blank.
        """
        if reason is not None:
            _require_reason(reason)
        with self._store.transaction() as transaction:
            _require_study(transaction, uid)
            if not transaction.make_anew(uid):
                raise CannotResend("no assessment has ended, or its results were retracted")
            details = {} if reason is None else {"why": reason}
            transaction.append_events([_event("results_asked_again", uid, details, actor, now)])

    def _require(self, transaction: DeliveriesTransaction, asked: Asked) -> None:
        if asked.study is not None:
            _require_study(transaction, asked.study)
        known = {one.name for one in self._destinations}
        if asked.destination is not None and asked.destination not in known:
            raise UnknownDestination(f"no destination {asked.destination} is set")


def _require_study(transaction: DeliveriesTransaction, uid: StudyInstanceUID) -> None:
    if not transaction.knows(uid):
        raise UnknownStudy(f"no study {uid} has been filed here")


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise MissingReason("say why: the reason stands in the event log")


def _counted(
    one: DestinationView, counts: Mapping[DeliveryState, int], held: int
) -> DestinationView:
    every = {state: counts.get(state, 0) for state in DeliveryState}
    return replace(one, counts=every, held=held)


def _resent_events(
    deliveries: Sequence[Delivery],
    studies: Mapping[int, StudyInstanceUID],
    actor: str,
    now: datetime,
) -> list[Event]:
    """One for each study."""
    of_study: dict[StudyInstanceUID, list[Delivery]] = {}
    for one in deliveries:
        of_study.setdefault(studies[one.delivery_id], []).append(one)
    return [
        _event(
            "results_resent",
            uid,
            {
                "objects": len(found),
                "destinations": sorted({one.destination for one in found}),
                "deliveries": [one.delivery_id for one in found][:_MOST_NAMED],
            },
            actor,
            now,
        )
        for uid, found in of_study.items()
    ]


def _event(
    kind: str, uid: StudyInstanceUID | None, details: Mapping[str, Any], actor: str, now: datetime
) -> Event:
    return Event(
        kind=kind, at=now, actor=f"person {actor}", study_instance_uid=uid, details=details
    )
