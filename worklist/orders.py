"""What the RIS says: orders, patients and reports, and what each does to a study.

An order is for the studies that bear its accession number and one of its patient's identifiers,
whether their images came before it or come later. A person's priority stands over the ordered
one (P7), and what is merged, renamed or reported never changes a stored object (P1).
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from worklist.study import RequestedPriority
from worklist.uid import StudyInstanceUID

_CLOCKS_DIFFER = timedelta(hours=1)
_URGENCY = {priority: rank for rank, priority in enumerate(RequestedPriority)}


class OrderControl(StrEnum):
    """What a message does with an order (HL7 table 0119, as far as it matters here)."""

    PLACED = "placed"
    CHANGED = "changed"
    CANCELLED = "cancelled"


class ReportStatus(StrEnum):
    """How far a report is (HL7 table 0123)."""

    PRELIMINARY = "preliminary"
    FINAL = "final"
    CORRECTED = "corrected"  # amended or addended after it was final
    CANCELLED = "cancelled"


class MessageKind(StrEnum):
    """What goes to the RIS."""

    OBSERVATION = "observation"  # ORU^R01: what the detectors came to, preliminary
    PRIORITY = "priority"  # a changed order: the study is more urgent than it was asked for


class MessageState(StrEnum):
    """What became of a message."""

    ACCEPTED = "accepted"  # in: what it says is in the database; out: the receiver has it
    IGNORED = "ignored"  # in: of a kind that says nothing here, or our own
    REFUSED = "refused"  # in: a dead letter, with the reason
    WAITING = "waiting"  # out: not acknowledged yet
    PARKED = "parked"  # out: a dead letter; given up, or refused by the receiver
    SUPERSEDED = "superseded"  # out: a newer one took its place before it was sent
    OUTDATED = "outdated"  # in: older than what is known of its orders; it changed nothing
    DISMISSED = "dismissed"  # a dead letter that nobody has to look after any more


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderedPatient:
    """Who a message is about."""

    patient_ids: tuple[str, ...]  # those that may stand in images; the first is the one in use
    name: str | None = None  # family^given^..., None: not said
    birth_date: date | None = None
    sex: str | None = None  # M, F, O; None: not said
    issuers: tuple[str, ...] = ()  # the site's authority that gave each of them; empty: any

    def may_be(self, patient_id: str) -> bool:
        """Whether a study with this patient ID is of this patient."""
        return patient_id in self.patient_ids


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """One order of the RIS, as its newest message has it."""

    accession_number: str
    order_number: str  # the placer's, else the filler's; empty where neither is said
    patient_ids: tuple[str, ...]
    control: OrderControl
    requested_priority: RequestedPriority | None  # None: the message does not say
    patient_class: str  # HL7 table 0004: E emergency, I inpatient, O outpatient, ...
    said_at: datetime  # when the RIS said so
    issuers: tuple[str, ...] = ()  # one for each patient ID, as in `OrderedPatient`


@dataclass(frozen=True, kw_only=True, slots=True)
class PatientUpdate:
    """Name, birth date and sex of a patient as they are now (ADT^A08)."""

    patient: OrderedPatient


@dataclass(frozen=True, kw_only=True, slots=True)
class PatientMerge:
    """One patient had two identifiers (ADT^A40): what has the former gets the one in use."""

    patient: OrderedPatient
    former_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What the RIS says of a report; Vigie only observes it (P5)."""

    accession_number: str
    patient_ids: tuple[str, ...]
    status: ReportStatus
    text: str
    said_at: datetime  # when it was given this status, else when the RIS said so
    patient: OrderedPatient | None = None  # as the message describes him; None: it does not
    issuers: tuple[str, ...] = ()  # of the patient IDs, as in `OrderedPatient`

    @property
    def is_signed(self) -> bool:
        """Whether a person has finished reading."""
        return self.status in (ReportStatus.FINAL, ReportStatus.CORRECTED)


Statement = Order | PatientUpdate | PatientMerge | Report
"""One thing that a message says."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageHeader:
    """What is kept of every message: who, what and when, and nothing of a patient but a number."""

    sender: str  # sending application and facility
    control_id: str
    message_type: str  # for example ORM^O01
    sha256: str  # hex, over the message as received
    accession_number: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderedStudy:
    """A study that bears an accession number."""

    study_instance_uid: StudyInstanceUID
    patient_id: str


def taken(order: Order, before: Order | None) -> Order | None:
    """The order as it is known after a message; None: an older message changes nothing.

    Most senders tell local time without its zone, and when clocks go back, the newer of two
    messages may seem an hour older: one that does is in doubt, and can make a study more urgent
    but never less.

    Another priority than the same order had before is a change, whatever the message calls it;
    a change of the room or the time, which says no priority, is none of it. Once changed, an
    order stays so.
    """
    if before is None:
        return replace(order, control=_control(order, None))
    if order.said_at < before.said_at - _CLOCKS_DIFFER:
        return None
    if order.said_at < before.said_at and not _raises(order, before):
        return None
    priority = order.requested_priority or before.requested_priority
    given = [*_given(order.patient_ids, order.issuers), *_given(before.patient_ids, before.issuers)]
    patient_ids, issuers = paired(given)
    return replace(
        order,
        control=_control(order, before),
        requested_priority=priority,
        patient_ids=patient_ids,
        issuers=issuers,
        patient_class=order.patient_class or before.patient_class,
        said_at=max(order.said_at, before.said_at),
    )


def _control(order: Order, before: Order | None) -> OrderControl:
    """What a message does with the priority that is asked for."""
    said = order.requested_priority
    if order.control is OrderControl.CANCELLED:
        return order.control
    if before is not None and before.control is OrderControl.CHANGED:
        return before.control
    if said is None:
        return OrderControl.PLACED
    known = None if before is None else before.requested_priority
    return OrderControl.CHANGED if known not in (None, said) else order.control


def _raises(order: Order, before: Order) -> bool:
    if order.requested_priority is None or OrderControl.CANCELLED in (
        order.control,
        before.control,
    ):
        return False
    return before.requested_priority is None or is_more_urgent(
        order.requested_priority, before.requested_priority
    )


def paired(given: Iterable[tuple[str, str]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Identifiers and who gave each, of pairs of both.

    Parameters
    ----------
    given
        Identifier and authority; empty: anybody.

    Returns
    -------
    tuple of tuple of str
        Each pair once, in order; the authorities are left out where none is known.
    """
    pairs = list(dict.fromkeys(given))
    issuers = tuple(issuer for _, issuer in pairs)
    return tuple(value for value, _ in pairs), issuers if any(issuers) else ()


def given_by(
    issuers: Collection[str], patient_ids: Sequence[str], gave: Sequence[str]
) -> list[str]:
    """Those identifiers that one of these authorities gave, or may have given.

    Parameters
    ----------
    issuers
        Empty: it is not known whose are looked for.
    gave
        One for each identifier; otherwise each may have given any. Empty: anybody may.
    """
    pairs = _given(patient_ids, gave)
    return [value for value, one in pairs if not issuers or not one or one in issuers]


def _given(patient_ids: Sequence[str], gave: Sequence[str]) -> list[tuple[str, str]]:
    if len(gave) == len(patient_ids):
        return list(zip(patient_ids, gave, strict=True))
    return [(value, one) for value in patient_ids for one in gave or ("",)]


InUse = Callable[[str], str]
"""Gives the identifier that is in use for one that may have been merged into another."""


def same_order(one: Order, other: Order, in_use: InUse) -> bool:
    """Whether two messages are about one order."""
    numbers = (one.accession_number, one.order_number)
    if numbers != (other.accession_number, other.order_number):
        return False
    return any(
        is_named(value, given_by([gave] if gave else (), other.patient_ids, other.issuers), in_use)
        for value, gave in _given(one.patient_ids, one.issuers)
    )


def are_of_several(orders: Collection[Order]) -> bool:
    """Whether two of them are of different authorities, so that only one can be the study's."""
    gave = [set(one.issuers) for one in orders if one.issuers and all(one.issuers)]
    return any(one.isdisjoint(other) for one in gave for other in gave)


def is_named(patient_id: str, patient_ids: Collection[str], in_use: InUse) -> bool:
    """Whether a patient is one of those that a message names, by the identifiers now in use."""
    return bool(patient_id) and in_use(patient_id) in {in_use(one) for one in patient_ids}


def is_changed(orders: Collection[Order]) -> bool:
    """Whether the RIS has changed what it asked for: then image headers count no more."""
    return any(one.control is OrderControl.CHANGED and one.requested_priority for one in orders)


def requested_by(orders: Collection[Order], said_by_images: RequestedPriority) -> RequestedPriority:
    """How urgently a study is asked for.

    Of several orders the most urgent counts. An order that was only placed raises what the
    images say and never lowers it; a changed one replaces it. A cancelled order changes nothing:
    the images are there, and somebody has to look at them.

    Parameters
    ----------
    said_by_images
        The requested priority of the study so far.
    """
    asked = [
        one.requested_priority
        for one in orders
        if one.requested_priority and one.control is not OrderControl.CANCELLED
    ]
    if not asked:
        return said_by_images
    ordered = more_urgent(asked)
    return ordered if is_changed(orders) else more_urgent([ordered, said_by_images])


def more_urgent(priorities: Sequence[RequestedPriority]) -> RequestedPriority:
    """The most urgent of several."""
    return min(priorities, key=_URGENCY.__getitem__)


def is_more_urgent(one: RequestedPriority, other: RequestedPriority) -> bool:
    """Whether the first is more urgent than the second."""
    return _URGENCY[one] < _URGENCY[other]


def merged_into(patient_id: str, merges: Sequence[tuple[str, str]]) -> str:
    """The identifier in use for one that images name.

    Parameters
    ----------
    merges
        Former identifier and the one it became, oldest first. One that is in use again was
        merged by mistake: what was said of it before counts no more, so that no circle is left.
    """
    became: dict[str, str] = {}
    for former, into in merges:
        became[former] = into
        became.pop(into, None)
    while (following := became.get(patient_id)) is not None:
        patient_id = following
    return patient_id


def priority_for(
    wait: timedelta,
    targets: Mapping[RequestedPriority, timedelta],
    in_force: RequestedPriority,
) -> RequestedPriority | None:
    """The priority that an order would need for its study to be read as soon as the list says.

    Parameters
    ----------
    wait
        From the arrival of the study to its due time.

    Returns
    -------
    RequestedPriority or None
        The least urgent class within whose target the due time lies; None: it is not more
        urgent than what is in force, and there is nothing to say.
    """
    needed = next(
        (one for one in RequestedPriority if wait <= targets[one]), RequestedPriority.ROUTINE
    )
    return needed if is_more_urgent(needed, in_force) else None
