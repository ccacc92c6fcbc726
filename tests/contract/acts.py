"""Anything that can happen to a list of three studies, as data that hypothesis can make up."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from hypothesis import strategies as st

from tests.builders import FRACTURE, HAEMORRHAGE, arrival, provenance
from tests.contract.conftest import Kept
from worklist.errors import UnknownStudy
from worklist.finding import (
    DetectorIdentity,
    Failed,
    Flagged,
    NotApplicable,
    NotFlagged,
    Outcome,
)
from worklist.orders import MessageHeader, Order, OrderControl, Report, ReportStatus
from worklist.reading import WrongReadingState
from worklist.service import Worklist
from worklist.study import Completeness, RequestedPriority
from worklist.uid import StudyInstanceUID

STUDIES = tuple(StudyInstanceUID(uid) for uid in ("1.9", "1.10", "1.2"))
INSTALLED = [FRACTURE.name, HAEMORRHAGE.name]


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrives:
    """An object comes in."""

    study: StudyInstanceUID
    number: int
    priority: RequestedPriority | None


@dataclass(frozen=True, kw_only=True, slots=True)
class IsComplete:
    """The study is handed to the detectors."""

    study: StudyInstanceUID


@dataclass(frozen=True, kw_only=True, slots=True)
class IsAssessed:
    """One detector looks, for the newest assessment or an older one, and says this."""

    study: StudyInstanceUID
    older: bool
    detector: DetectorIdentity
    outcome: Outcome


@dataclass(frozen=True, kw_only=True, slots=True)
class IsRead:
    """A person has read it elsewhere."""

    study: StudyInstanceUID


@dataclass(frozen=True, kw_only=True, slots=True)
class Overrides:
    """A person gives it another priority, or takes that back."""

    study: StudyInstanceUID
    priority: RequestedPriority | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Pins:
    """A person pins it, or lets go of it."""

    study: StudyInstanceUID
    pinned: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Switches:
    """A person stops or starts detectors; None: all of them."""

    stop: bool
    detectors: tuple[str, ...] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class IsOrdered:
    """The RIS says something of an order of the study."""

    study: StudyInstanceUID
    order: int
    control: OrderControl
    priority: RequestedPriority | None


@dataclass(frozen=True, kw_only=True, slots=True)
class IsReported:
    """The RIS says that the study's report is signed, or begun."""

    study: StudyInstanceUID
    status: ReportStatus


ByItself = Arrives | IsComplete | IsAssessed
ByRis = IsOrdered | IsReported
ByPerson = IsRead | Overrides | Pins | Switches

studies = st.sampled_from(STUDIES)
maybe_a_priority = st.none() | st.sampled_from(RequestedPriority)
detectors = st.sampled_from([FRACTURE, HAEMORRHAGE])
probabilities = st.floats(0, 1)
outcomes: st.SearchStrategy[Outcome] = st.one_of(
    st.builds(Flagged, probability=probabilities),
    st.builds(NotFlagged, probability=probabilities),
    st.just(NotApplicable(reason="a chest, not a head")),
    st.just(Failed(reason="out of memory")),
)
by_itself: st.SearchStrategy[ByItself] = st.one_of(
    st.builds(Arrives, study=studies, number=st.integers(1, 4), priority=maybe_a_priority),
    st.builds(IsComplete, study=studies),
    st.builds(IsAssessed, study=studies, older=st.booleans(), detector=detectors, outcome=outcomes),
)
by_ris: st.SearchStrategy[ByRis] = st.one_of(
    st.builds(
        IsOrdered,
        study=studies,
        order=st.integers(1, 2),
        control=st.sampled_from(OrderControl),
        priority=maybe_a_priority,
    ),
    st.builds(IsReported, study=studies, status=st.sampled_from(ReportStatus)),
)
by_person: st.SearchStrategy[ByPerson] = st.one_of(
    st.builds(IsRead, study=studies),
    st.builds(Overrides, study=studies, priority=maybe_a_priority),
    st.builds(Pins, study=studies, pinned=st.booleans()),
    st.builds(
        Switches,
        stop=st.booleans(),
        detectors=st.none() | st.sampled_from([(name,) for name in INSTALLED]),
    ),
)
# Every history begins with all studies filed and complete: most acts need one.
histories = st.lists(by_itself | by_person | by_ris, max_size=25).map(
    lambda acts: [
        *(Arrives(study=one, number=0, priority=None) for one in STUDIES),
        *(IsComplete(study=one) for one in STUDIES),
        *acts,
    ]
)


def play(act: ByItself | ByPerson | ByRis, kept: Kept, worklist: Worklist, now: datetime) -> None:
    """Do it; what the state of the study forbids does nothing."""
    try:
        if isinstance(act, Arrives | IsComplete | IsAssessed):
            _by_itself(act, kept, worklist, now)
        elif isinstance(act, IsOrdered | IsReported):
            _by_ris(act, worklist, now)
        else:
            _by_person(act, worklist, now)
    except (UnknownStudy, WrongReadingState):
        return


def _by_itself(act: ByItself, kept: Kept, worklist: Worklist, now: datetime) -> None:
    match act:
        case Arrives(study=study, number=number, priority=priority):
            one = arrival(
                f"{study}.{number}",
                study=study,
                priority=priority,
                received_at=now,
                accession_number=f"A{study}",
            )
            worklist.record_arrivals([one], now=now)
        case IsComplete(study=study):
            worklist.complete_study(study, completeness=Completeness.COMPLETE, now=now)
        case IsAssessed(study=study, older=older, detector=detector, outcome=outcome):
            newest = kept.record(study).assessment_number
            number = max(newest - older, 1)
            worklist.begin_assessment(study, number, now=now)
            worklist.record_outcome(study, number, outcome, provenance(detector), now=now)
            worklist.finish_assessment(study, number, now=now)


def _by_ris(act: ByRis, worklist: Worklist, now: datetime) -> None:
    common = {"accession_number": f"A{act.study}", "patient_ids": ("P1",), "said_at": now}
    said: Order | Report
    match act:
        case IsOrdered(order=order, control=control, priority=priority):
            said = Order(
                order_number=f"O{order}",
                control=control,
                requested_priority=priority,
                patient_class="",
                **common,  # type: ignore[arg-type]
            )
        case IsReported(status=status):
            said = Report(status=status, text="", **common)  # type: ignore[arg-type]
    header = MessageHeader(
        sender="RIS",
        control_id=now.isoformat(),
        message_type="ORM^O01",
        sha256=hashlib.sha256(repr((act, now)).encode()).hexdigest(),
    )
    worklist.receive(header, [said], now=now)


def _by_person(act: ByPerson, worklist: Worklist, now: datetime) -> None:
    why = {"actor": "anna", "reason": "because"}
    match act:
        case IsRead(study=study):
            worklist.mark_read(study, **why, now=now)
        case Overrides(study=study, priority=priority):
            worklist.override_priority(study, priority, **why, now=now)
        case Pins(study=study, pinned=pinned):
            worklist.pin(study, pinned, **why, now=now)
        case Switches(stop=True, detectors=detectors):
            worklist.stop_ai(detectors, installed=INSTALLED, **why, now=now)
        case Switches(stop=False, detectors=detectors):
            worklist.start_ai(detectors, installed=INSTALLED, **why, now=now)
