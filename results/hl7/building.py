"""Messages as they are written: version 2.5.1, strict, in the character set that was agreed."""

from collections.abc import Sequence
from datetime import UTC, datetime

from results.hl7.character_sets import codec_of, encode
from results.hl7.errors import BadMessage
from results.hl7.inbound import Site
from results.hl7.message import Envelope, Separators

VERSION = "2.5.1"
_ERRORS = {
    100: "Segment sequence error",
    101: "Required field missing",
    102: "Data type error",
    103: "Table value not found",
    200: "Unsupported message type",
    202: "Unsupported processing id",
    203: "Unsupported version id",
    204: "Unknown key identifier",
    207: "Application internal error",
}


def escaped(text: str, separators: Separators) -> str:
    """A value with its separators escaped (section 2.7); line ends become ``\\.br\\``."""
    escape = separators.escape
    known = {
        separators.field: "F",
        separators.component: "S",
        separators.subcomponent: "T",
        separators.repetition: "R",
        escape: "E",
        "\n": ".br",
    }
    said = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(
        f"{escape}{known[sign]}{escape}" if sign in known else sign
        for sign in said
        if sign == "\n" or sign.isprintable()
    )


def segment(name: str, fields: Sequence[str], separators: Separators) -> str:
    """One segment; trailing empty fields are left out."""
    return separators.field.join([name, *fields]).rstrip(separators.field)


def stamp(at: datetime) -> str:
    """A time with its zone, to the second."""
    return at.astimezone(UTC).strftime("%Y%m%d%H%M%S+0000")


def acknowledgement(
    said: Envelope,
    site: Site,
    *,
    code: str,
    now: datetime,
    problem: BadMessage | None = None,
) -> bytes:
    """ACK: MSA, and ERR where there is something to say, in the sender's own separators.

    Parameters
    ----------
    said
        The header of the message that is answered, as far as it could be read.
    code
        AA, AE or AR (HL7 table 0008).
    """
    separators = said.separators

    def own(text: str) -> str:
        return escaped(text, separators)

    words = "" if problem is None else str(problem)
    known = said.character_sets if said.codec != "ascii" else ()
    declared = separators.repetition.join(map(own, known))
    event = f"{separators.component}{own(said.event)}" if said.event else ""
    kind = f"ACK{event}{separators.component if event else ''}{'ACK' if event else ''}"
    header = [
        separators.all[1:],
        own(said.receiving_application or site.application),
        own(said.receiving_facility or site.facility),
        own(said.sending_application),
        own(said.sending_facility),
        stamp(now),
        "",
        kind,
        own(f"A{said.control_id}"[:199]),
        own(said.processing_id or site.processing_id),
        VERSION,
        *[""] * 5,
        declared,
    ]
    lines = [
        segment("MSH", header, separators),
        segment("MSA", [code, own(said.control_id), own(words)[:80]], separators),
    ]
    if problem is not None:
        between = separators.component
        error = f"{problem.error_code}{between}{_ERRORS[problem.error_code]}{between}HL70357"
        location = problem.location.replace("^", between)
        lines.append(segment("ERR", ["", location, error, "E", "", "", "", own(words)], separators))
    return encode("".join(f"{line}\r" for line in lines), said.codec)


def codec_of_site(site: Site) -> str:
    """The character set of what we send by ourselves."""
    return codec_of([], site.assumed_character_set)
