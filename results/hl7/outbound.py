"""What the RIS is told: preliminary observations of a device, and orders that are more urgent.

No observation is ever final, and none says that a finding is there or is not (P4, P5).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from results.hl7.building import VERSION, codec_of_site, escaped, segment, stamp
from results.hl7.character_sets import encode
from results.hl7.inbound import Site
from results.hl7.message import Separators
from results.outcome_words import UNREVIEWED, outcome_words
from worklist.exchange_views import MessageToSend, ToldResult, ToldStudy
from worklist.finding import Failed, Flagged, NotFlagged, Outcome
from worklist.orders import MessageKind
from worklist.study import Completeness, RequestedPriority

_SEPARATORS = Separators()
_SERVICE = ("AI_TRIAGE", "AI triage, not reviewed", "99VIGIE")
_PRELIMINARY = "P"  # HL7 tables 0123 and 0085
_CODES = {
    RequestedPriority.STAT: "S",
    RequestedPriority.URGENT: "A",
    RequestedPriority.ROUTINE: "R",
}
_NAMES = {RequestedPriority.STAT: "Stat", RequestedPriority.URGENT: "ASAP"}
_ANSWERS = {
    Flagged: ("415684004", "Suspected", "SCT"),
    NotFlagged: ("NOT_FLAGGED", "Not flagged; does not say that there is none", "99VIGIE"),
    Failed: ("FAILED", "Not evaluated: failed", "99VIGIE"),
}
_NOT_APPLICABLE = ("NOT_APPLICABLE", "Not evaluated: does not apply", "99VIGIE")


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipient:
    """Whom messages are for (MSH-5 and MSH-6), and in which message a priority changes."""

    application: str = ""
    facility: str = ""
    priority_message: str = "ORM"  # or OMI


def message_type(kind: MessageKind, recipient: Recipient) -> tuple[str, str, str]:
    """MSH-9."""
    if kind is MessageKind.OBSERVATION:
        return ("ORU", "R01", "ORU_R01")
    return ("OMI", "O23", "OMI_O23") if recipient.priority_message == "OMI" else (
        "ORM", "O01", "ORM_O01",
    )  # fmt: skip


def written(message: MessageToSend, site: Site, recipient: Recipient, now: datetime) -> bytes:
    """The message, in the site's character set."""
    body = _observation if message.kind is MessageKind.OBSERVATION else _priority
    lines = [
        _line(
            "MSH",
            _SEPARATORS.all[1:],
            _e(site.application),
            _e(site.facility),
            _e(recipient.application),
            _e(recipient.facility),
            stamp(now),
            "",
            _coded(*message_type(message.kind, recipient)),
            message.control_id,
            site.processing_id,
            VERSION,
            *[""] * 5,
            _declared(site),
        ),
        _patient(message.study),
        *body(message, site, recipient),
    ]
    return encode("".join(f"{one}\r" for one in lines), codec_of_site(site))


def _observation(message: MessageToSend, site: Site, recipient: Recipient) -> Iterator[str]:
    """OBR with the accession number in OBR-18, and three OBX a detector at most."""
    del recipient
    study = message.study
    finished = stamp(study.finished_at)
    yield _line("ORC", "RE", _e(study.order_number))
    yield _line(
        "OBR",
        "1",
        _e(study.order_number),
        "",
        _coded(*_SERVICE),
        "",
        "",
        finished,
        *[""] * 10,
        _e(study.accession_number),
        *[""] * 3,
        finished,
        "",
        "RAD",
        _PRELIMINARY,
    )
    yield _line("NTE", "1", "", _e(" ".join(_remarks(study))))
    number = 0
    for group, result in enumerate(study.results, start=1):
        for kind, code, value, unit in _observations(result):
            number += 1
            yield _observed(site, study, result, (number, group, kind, code, value, unit))


def _remarks(study: ToldStudy) -> Iterator[str]:
    yield UNREVIEWED
    if study.corrects:
        yield "Correction: takes the place of what was said of an earlier assessment."
    if study.completeness is Completeness.INCOMPLETE:
        yield "The study was not complete when it was looked at."


def _observations(result: ToldResult) -> Iterator[tuple[str, str, str, str]]:
    """Type, code, value and unit of what one detector says."""
    code = result.detector.target.code
    finding = _coded(code.value, code.meaning, "SCT")
    yield "CWE", finding, _coded(*_answer(result.outcome)), ""
    words = f"{outcome_words(result.outcome, result.detector.target)} {UNREVIEWED}"
    yield "TX", _coded("121106", "Comment", "DCM"), _e(words), ""
    if result.says_probability and isinstance(result.outcome, Flagged | NotFlagged):
        share = f"{100 * result.outcome.probability:.4g}"
        yield "NM", _coded("122157", "Probability", "DCM"), share, _coded("%", "Percent", "UCUM")


def _observed(
    site: Site,
    study: ToldStudy,
    result: ToldResult,
    said: tuple[int, int, str, str, str, str],
) -> str:
    number, group, kind, code, value, unit = said
    detector = result.detector
    return _line(
        "OBX",
        str(number),
        kind,
        code,
        str(group),
        value,
        unit,
        *[""] * 4,
        _PRELIMINARY,
        "",
        "",
        stamp(study.finished_at),
        "",
        "",
        _coded(detector.name, f"{detector.name} {detector.version}", "99VIGIE"),
        _coded(f"Vigie {result.software_version}", site.application),
    )


def _answer(outcome: Outcome) -> tuple[str, str, str]:
    return _ANSWERS.get(type(outcome), _NOT_APPLICABLE)


def _priority(message: MessageToSend, site: Site, recipient: Recipient) -> Iterator[str]:
    """A change order: the study is more urgent than it was asked for."""
    del site
    study, priority = message.study, message.requested_priority
    code = _CODES[priority or RequestedPriority.ROUTINE]
    timing = _SEPARATORS.component.join(["", "", "", "", "", code])
    yield _line("ORC", "XO", _e(study.order_number), *[""] * 4, timing)
    if recipient.priority_message == "OMI":
        name = _NAMES.get(priority or RequestedPriority.ROUTINE, "Routine")
        yield _line("TQ1", "1", *[""] * 7, _coded(code, name, "HL70485"))
    yield _line(
        "OBR",
        "1",
        _e(study.order_number),
        "",
        _coded(*_SERVICE),
        *[""] * 13,
        _e(study.accession_number),
        *[""] * 8,
        timing,
    )
    yield _line("NTE", "1", "", _e(f"Asked for by the triage of a device. {UNREVIEWED}"))
    if recipient.priority_message == "OMI":
        uid = study.study_instance_uid
        yield _line("IPC", _e(study.accession_number), _e(study.order_number or "1"), uid, "1")


def _patient(study: ToldStudy) -> str:
    family, given, middle, prefix, suffix = (
        *study.patient_name.split("=")[0].split("^")[:5],
        "",
        "",
        "",
        "",
        "",
    )[:5]
    born = study.patient_birth_date
    return _line(
        "PID",
        "1",
        "",
        _coded(study.patient_id, *([""] * 2), study.issuer_of_patient_id),
        "",
        _coded(family, given, middle, suffix, prefix),
        "",
        "" if born is None else born.strftime("%Y%m%d"),
        _e(study.patient_sex),
    )


def _declared(site: Site) -> str:
    name = site.assumed_character_set.strip()
    return "" if name.upper() == "ASCII" else _e(name)


def _coded(*parts: str) -> str:
    return _SEPARATORS.component.join(map(_e, parts)).rstrip(_SEPARATORS.component)


def _e(text: str) -> str:
    return escaped(text, _SEPARATORS)


def _line(name: str, *fields: str) -> str:
    given: Sequence[str] = fields
    return segment(name, given, _SEPARATORS)
