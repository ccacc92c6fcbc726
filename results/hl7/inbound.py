"""What messages of the RIS say, as the core takes it: orders, patients and reports."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, tzinfo
from types import MappingProxyType

from results.hl7.errors import REJECT, BadMessage
from results.hl7.groups import LONGEST_TEXT, Group, joined, lacks, status_of, text_of
from results.hl7.identifiers import Identifier
from results.hl7.message import Envelope, Message, Segment
from results.hl7.order_control import control_of
from results.hl7.times import parse_date, parse_time
from worklist.orders import (
    Order,
    OrderedPatient,
    PatientMerge,
    PatientUpdate,
    Report,
    Statement,
    more_urgent,
    paired,
)
from worklist.study import RequestedPriority

PRIORITIES = MappingProxyType(  # HL7 table 0485, and what table 0027 adds
    {
        "S": RequestedPriority.STAT,
        "STAT": RequestedPriority.STAT,
        "A": RequestedPriority.URGENT,  # as soon as possible
        "T": RequestedPriority.URGENT,  # timing critical
        "P": RequestedPriority.URGENT,  # before an operation
        "C": RequestedPriority.URGENT,  # call back
        "R": RequestedPriority.ROUTINE,
        "PRN": RequestedPriority.ROUTINE,  # as needed
    }
)
ACCESSION_FIELDS = ("IPC-1", "OBR-18", "OBR-3", "ORC-3")
ORDERS = ("ORM^O01", "OMI^O23")
UPDATES = ("ADT^A08", "ADT^A31")
MERGES = ("ADT^A40",)
REPORTS = ("ORU^R01",)

_PRIORITY_FIELDS = (("TQ1", 9, 1), ("ORC", 7, 6), ("OBR", 27, 6), ("OBR", 5, 1))
_HOSPITALS_OWN = frozenset({"MR", "PI"})  # HL7 table 0203
_CLOCKS_DIFFER = timedelta(minutes=5)
_LONGEST_KEY = 64  # characters of an identifier; DICOM's LO, four times its SH
_MOST_STATEMENTS = 200  # orders, results or merges: filing waits while they are entered


def _utc(_: datetime) -> tzinfo:
    return UTC


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """How this site's RIS writes its messages, and who we are to it."""

    application: str = "VIGIE"  # ours, in MSH-3 of what we send and MSH-5 of what comes
    facility: str = ""
    assumed_character_set: str = "UNICODE UTF-8"  # of messages that declare none
    accession_fields: Sequence[str] = ACCESSION_FIELDS  # the first that is filled counts
    patient_id_issuers: frozenset[str] = frozenset()  # assigning authorities; empty: any
    priorities: Mapping[str, RequestedPriority] = field(default_factory=dict)  # the site's own
    processing_id: str = "P"
    report_senders: frozenset[str] = frozenset()  # applications (MSH-3) that report; empty: any
    zone: Callable[[datetime], tzinfo] = _utc  # of times that are written without one


def statements(
    message: Message, said: Envelope, site: Site, received_at: datetime
) -> tuple[Statement, ...]:
    """What a message says; empty: nothing that matters here.

    Parameters
    ----------
    received_at
        Taken for the message's own time where it tells none.

    Raises
    ------
    BadMessage
        If it is of a type that is not taken, or lacks what one of its type must say.
    """
    _check_header(said, site)
    is_own = (said.sending_application, said.sending_facility) == (site.application, site.facility)
    if is_own:  # what we sent comes back: a loop of somebody's making
        return ()
    if sum(one.name in ("ORC", "OBR", "MRG") for one in message.segments) > _MOST_STATEMENTS:
        raise BadMessage("the message says more at once than is taken", error_code=102)
    reader = _Reader(message, site, _said_at(message, site, received_at))
    kind = said.message_type
    if kind in ORDERS:
        return reader.orders()
    if kind in REPORTS:
        if site.report_senders and said.sending_application not in site.report_senders:
            return ()  # a cart's measurements, a dose report: nobody has read the study by that
        return reader.reports()
    if kind in UPDATES:
        return reader.updates()
    if kind in MERGES:
        return reader.merges()
    if said.code == "ADT":  # senders send all of them or none
        return ()
    raise BadMessage(
        f"messages of this type are not taken; taken are "
        f"{', '.join((*ORDERS, *UPDATES, *MERGES, *REPORTS))}",
        error_code=200,
        location="MSH^1^9",
        code=REJECT,
    )


def _check_header(said: Envelope, site: Site) -> None:
    if not said.control_id:
        raise BadMessage("the message has no control ID", error_code=101, location="MSH^1^10")
    if said.version and not said.version.startswith("2"):
        raise BadMessage(
            "only HL7 version 2 is taken", error_code=203, location="MSH^1^12", code=REJECT
        )
    if said.processing_id and said.processing_id != site.processing_id:
        raise BadMessage(
            f"only messages with the processing ID {site.processing_id} are taken here",
            error_code=202,
            location="MSH^1^11",
            code=REJECT,
        )


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one message."""

    message: Message
    site: Site
    said_at: datetime

    def orders(self) -> tuple[Order, ...]:
        """One for each order of the message."""
        patient = self._patient()
        patient_ids, issuers = self._patient_ids(patient), self._issuers(patient)
        visit = self.message.first("PV1")
        patient_class = "" if visit is None else visit.text(2)[:20]
        return tuple(
            Order(
                accession_number=self._accession_number(group),
                order_number=_key(
                    group.text("ORC", 2)
                    or group.text("OBR", 2)
                    or group.text("ORC", 3)
                    or group.text("OBR", 3),
                    "ORC^1^2",
                ),
                patient_ids=patient_ids,
                control=control,
                requested_priority=self._priority(group),
                patient_class=patient_class,
                said_at=self.said_at,
                issuers=issuers,
            )
            for group in self._groups("ORC", "OBR")
            if (control := control_of(group.text("ORC", 1))) is not None
        )

    def reports(self) -> tuple[Report, ...]:
        """One for each accession number; several results of one are one report."""
        who = self._ordered_patient(self._patient())
        patient_ids = who.patient_ids
        reports: dict[str, Report] = {}
        for group in self._groups("ORC", "OBR", needed="OBR"):
            one = Report(
                accession_number=self._accession_number(group),
                patient_ids=patient_ids,
                status=status_of(group),
                text=text_of(group)[:LONGEST_TEXT],
                said_at=min(self._given_at(group), self.said_at),
                patient=who,
                issuers=who.issuers,
            )
            before = reports.get(one.accession_number)
            reports[one.accession_number] = one if before is None else joined(before, one)
        return tuple(reports.values())

    def _given_at(self, group: Group) -> datetime:
        """When the report was given its status (OBR-22), where that is told."""
        return parse_time(group.text("OBR", 22), self.site.zone) or self.said_at

    def updates(self) -> tuple[PatientUpdate, ...]:
        """Who the patient is now."""
        self._must_be_exact()
        patient = self._patient()
        who = self._ordered_patient(patient)
        return (PatientUpdate(patient=replace(who, patient_ids=self._own_ids(patient))),)

    def merges(self) -> tuple[PatientMerge, ...]:
        """Each MRG belongs to the PID before it; where there is one of each, in any order."""
        self._must_be_exact()
        found = [one for one in self.message.segments if one.name in ("PID", "MRG")]
        if [one.name for one in found] == ["MRG", "PID"]:
            found.reverse()
        names = [one.name for one in found]
        if not names or names != ["PID", "MRG"] * (len(names) // 2):
            raise BadMessage(
                "every patient (PID) needs one MRG segment after it",
                error_code=100,
                location="MRG^1",
            )
        return tuple(
            self._merge(patient, former)
            for patient, former in zip(found[::2], found[1::2], strict=True)
        )

    def _merge(self, patient: Segment, former: Segment) -> PatientMerge:
        """Former and new identifier are of one authority, so that none of another is merged."""
        before, after = self._identifiers(former, 1), self._identifiers(patient, 3)
        if not before:
            raise lacks("a former patient ID", "MRG^1^1")
        if not after:
            raise lacks("a patient ID", "PID^1^3")
        for one in after:
            into = one.value
            ids = tuple(each.value for each in before if each.is_beside(one))
            others = [each for each in after if each.is_beside(one) and each.value != into]
            if ids and not others:
                gave = (one.issuer,) if self.site.patient_id_issuers else ()
                who = self._ordered_patient(patient)
                who = replace(who, patient_ids=(into,), issuers=gave)
                return PatientMerge(patient=who, former_ids=tuple(dict.fromkeys(ids)))
        raise BadMessage(
            "which patient ID takes the place of the former one is not clear: both need the same "
            "assigning authority and type, or hl7_patient_id_issuers has to name it",
            error_code=204,
            location="MRG^1^1",
        )

    def _must_be_exact(self) -> None:
        if not self.message.is_exact:
            raise BadMessage(
                "there are bytes that the declared character set does not have: a name would be "
                "changed",
                error_code=102,
                location="MSH^1^18",
            )

    def _patient(self) -> Segment:
        segment = self.message.first("PID")
        if segment is None:
            raise BadMessage("there is no PID segment", error_code=100, location="PID^1")
        return segment

    def _patient_ids(self, patient: Segment) -> tuple[str, ...]:
        found = self._ids(patient, 3) or self._ids(patient, 2)
        if not found:
            if self.site.patient_id_issuers:
                named = ", ".join(sorted(self.site.patient_id_issuers))
                raise BadMessage(
                    f"there is no patient ID of {named}", error_code=204, location="PID^1^3"
                )
            raise lacks("a patient ID", "PID^1^3")
        return found

    def _own_ids(self, patient: Segment) -> tuple[str, ...]:
        """Those by which studies may be renamed: no visit, insurance or other hospital's number.

        Where the site names its authorities, theirs; else the only one, or that of the type of
        a hospital's own (table 0203).
        """
        found = self._identifiers(patient, 3) or self._identifiers(patient, 2)
        if self.site.patient_id_issuers or len({one.value for one in found}) == 1:
            return self._patient_ids(patient)
        own = {one.value for one in found if one.kind.upper() in _HOSPITALS_OWN}
        if len(own) != 1:
            self._patient_ids(patient)  # there may be none at all
            raise BadMessage(
                "there are several patient IDs, and hl7_patient_id_issuers names none of their "
                "assigning authorities",
                error_code=204,
                location="PID^1^3",
            )
        return tuple(own)

    def _ids(self, segment: Segment, number: int) -> tuple[str, ...]:
        """Identifiers whose assigning authority is one of the site's, or of any."""
        return paired(self._given(segment, number))[0]

    def _given(self, segment: Segment, number: int) -> list[tuple[str, str]]:
        """Identifiers, and who gave each where the site names its authorities."""
        is_named = bool(self.site.patient_id_issuers)
        found = self._identifiers(segment, number)
        return [(one.value, one.issuer if is_named else "") for one in found]

    def _identifiers(self, segment: Segment, number: int) -> list[Identifier]:
        issuers = self.site.patient_id_issuers
        found = []
        for index in range(1, min(segment.repetitions(number), 100) + 1):
            value, issuer, kind = (segment.text(number, n, repetition=index) for n in (1, 4, 5))
            if value and (not issuers or issuer in issuers):
                value = _key(value, f"{segment.name}^1^{number}")
                found.append(Identifier(value=value, issuer=issuer, kind=kind))
        return found

    def _ordered_patient(self, patient: Segment) -> OrderedPatient:
        sex = patient.text(8).upper()
        return OrderedPatient(
            patient_ids=self._patient_ids(patient),
            name=_person_name(patient),
            birth_date=parse_date(patient.text(7)),
            sex=sex if sex in ("M", "F", "O") else None,
            issuers=self._issuers(patient),
        )

    def _issuers(self, patient: Segment) -> tuple[str, ...]:
        """Who gave each of `_patient_ids`; none where the site names no assigning authority."""
        return paired(self._given(patient, 3) or self._given(patient, 2))[1]

    def _groups(self, *starts: str, needed: str = "") -> Iterator[Group]:
        """Segments from each ORC to the next; an OBR without an ORC of its own begins one too."""
        segments: list[Segment] = []
        begun: set[str] = set()
        found = False
        for segment in self.message.segments:
            is_start = segment.name == starts[0] or (
                segment.name == starts[-1] and segment.name in begun
            )
            if is_start and begun:
                if needed in begun or not needed:
                    found = True
                    yield Group(tuple(segments))
                segments, begun = [], set()
            if segment.name in starts:
                begun.add(segment.name)
            segments.append(segment)
        if needed in begun or (begun and not needed):
            found = True
            yield Group(tuple(segments))
        if not found:
            name = needed or starts[0]
            raise BadMessage(f"there is no {name} segment", error_code=100, location=f"{name}^1")

    def _accession_number(self, group: Group) -> str:
        for name in self.site.accession_fields:
            segment, _, number = name.partition("-")
            found = group.text(segment, int(number))
            if found:
                return _key(found, f"{segment}^1^{number}")
        raise lacks(f"an accession number in {', '.join(self.site.accession_fields)}", "OBR^1^18")

    def _priority(self, group: Group) -> RequestedPriority | None:
        """Of the first field that says it, in whichever of its segments it is most urgent."""
        known = {**PRIORITIES, **self.site.priorities}
        for name, number, component in _PRIORITY_FIELDS:
            segments = [one for one in group.segments if one.name == name]
            said = {one.text(number, component).upper() for one in segments} - {""}
            said = {one for one in said if one in known or not one.isdigit()}
            if not said <= known.keys():
                raise BadMessage(
                    "the priority is none of HL7 table 0485, and none that hl7_priorities names",
                    error_code=103,
                    location=f"{name}^1^{number}",
                )
            if said:
                return more_urgent([known[one] for one in said])
        return None


def _person_name(patient: Segment) -> str | None:
    """As DICOM writes it: HL7 has the suffix before the prefix; None: not said."""
    family, given, middle = (patient.text(5, number) for number in (1, 2, 3))
    suffix, prefix = patient.text(5, 4), patient.text(5, 5)
    parts = (family, given, middle, prefix, suffix)
    name = "^".join(one.replace("^", " ").replace("=", " ") for one in parts).rstrip("^")
    return name[:324] or None


def _key(value: str, location: str) -> str:
    if len(value) > _LONGEST_KEY:
        raise BadMessage(
            f"an identifier is longer than {_LONGEST_KEY} characters",
            error_code=102,
            location=location,
        )
    return value


def _said_at(message: Message, site: Site, received_at: datetime) -> datetime:
    """MSH-7, in the site's zone where it tells none.

    It is never much later than when the message came: a clock ahead, or a zone that was left
    out, would let every later message seem an old one.
    """
    header = message.first("MSH")
    said_at = parse_time("" if header is None else header.text(7), site.zone) or received_at
    return min(said_at, received_at + _CLOCKS_DIFFER)
