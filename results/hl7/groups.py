"""The segments of one order or report, and what those of a report say."""

from dataclasses import dataclass

from results.hl7.errors import BadMessage
from results.hl7.message import Segment
from worklist.orders import Report, ReportStatus

_SIGNED = {"F": ReportStatus.FINAL, "C": ReportStatus.CORRECTED, "X": ReportStatus.CANCELLED}
_TEXTS = frozenset({"", "ST", "TX", "FT", "CE", "CWE", "NM", "SN", "DT", "TM", "TS"})
LONGEST_TEXT = 1_000_000  # characters of a report


@dataclass(frozen=True, slots=True)
class Group:
    """The segments of one order: ORC, OBR and what follows them, in whatever order."""

    segments: tuple[Segment, ...]

    def first(self, name: str) -> Segment | None:
        """The first of this name; None: it has none."""
        return next((one for one in self.segments if one.name == name), None)

    def text(self, name: str, number: int, component: int = 1) -> str:
        """A value of it; empty: it is not there."""
        segment = self.first(name)
        return "" if segment is None else segment.text(number, component)


def status_of(group: Group) -> ReportStatus:
    """That of the result, else of its observations: signed when all of them are."""
    whole = group.text("OBR", 25)
    said = {one.text(11) for one in group.segments if one.name == "OBX"}
    codes = {whole} if whole else said - {""}
    if not codes:
        raise lacks("a result status", "OBR^1^25")
    found = {_SIGNED.get(one.upper(), ReportStatus.PRELIMINARY) for one in codes}
    if ReportStatus.PRELIMINARY in found or (not whole and "" in said):
        return ReportStatus.PRELIMINARY
    signed = found - {ReportStatus.CANCELLED}
    if ReportStatus.CORRECTED in signed:
        return ReportStatus.CORRECTED
    return ReportStatus.FINAL if signed else ReportStatus.CANCELLED


def joined(before: Report, one: Report) -> Report:
    """A report is signed when all its parts are, and corrected when one of them is."""
    both = {before.status, one.status}
    signed = before.is_signed and one.is_signed
    status = ReportStatus.PRELIMINARY
    if signed:
        corrected = ReportStatus.CORRECTED in both
        status = ReportStatus.CORRECTED if corrected else ReportStatus.FINAL
    elif both == {ReportStatus.CANCELLED}:
        status = ReportStatus.CANCELLED
    text = f"{before.text}\n{one.text}".strip()[:LONGEST_TEXT]
    return Report(
        accession_number=one.accession_number,
        patient_ids=one.patient_ids,
        status=status,
        text=text,
        said_at=one.said_at,
        patient=one.patient,
        issuers=one.issuers,
    )


def text_of(group: Group) -> str:
    """The words of the observations, one line each; pictures and documents are not kept."""
    lines = []
    for segment in group.segments:
        if segment.name != "OBX":
            continue
        kind = segment.text(2).upper()
        if kind not in _TEXTS:
            lines.append(f"[{kind[:20]} is not kept]")
            continue
        if kind in ("CE", "CWE"):
            lines.append(segment.text(5, 2) or segment.text(5))
            continue
        lines += [segment.whole(5, index + 1) for index in range(segment.repetitions(5))]
    return "\n".join(lines).strip()


def lacks(what: str, location: str) -> BadMessage:
    """The refusal of a message without something that it must have."""
    return BadMessage(f"the message lacks {what}", error_code=101, location=location)
