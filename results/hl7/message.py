"""One message as segments, fields, repetitions and components; parsed by python-hl7.

The library splits; what it does with hostile input is bounded here before, and its own
un-escaping, which logs values, is not used.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import hl7

from results.hl7.character_sets import codec_of, decode
from results.hl7.errors import REJECT, BadMessage

_MOST_PARTS = 100_000  # fields, repetitions and components; 50 MB once they are objects
_LONGEST_NAME = 100  # characters of an application or facility
_LONGEST_CONTROL_ID = 199  # as in HL7 v2.7; v2.5.1 allows 20
_LEAST_HEADER = 8  # MSH, a field separator and four encoding characters
_USUAL = ("^", "~", "\\", "&")
_NULL = '""'  # a value that is to be deleted


@dataclass(frozen=True, kw_only=True, slots=True)
class Separators:
    """The characters by which this message is divided (MSH-1 and MSH-2)."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"

    @property
    def all(self) -> str:
        """In the order of MSH-1 and MSH-2."""
        return f"{self.field}{self.component}{self.repetition}{self.escape}{self.subcomponent}"


class Segment:
    """One segment; whatever is not there is empty."""

    def __init__(self, fields: "hl7.Segment", separators: Separators, codec: str) -> None:
        self._fields = fields
        self._separators = separators
        self._codec = codec
        self.name = str(fields[0])

    def repetitions(self, number: int) -> int:
        """How often a field is repeated; 0: it is not there."""
        return len(self._fields[number]) if 0 < number < len(self._fields) else 0

    def text(
        self, number: int, component: int = 1, *, subcomponent: int = 1, repetition: int = 1
    ) -> str:
        """A value, un-escaped, without spaces around it; numbers count from 1 as in HL7."""
        return self._unescaped(self._raw(number, component, subcomponent, repetition)).strip()

    def whole(self, number: int, repetition: int = 1) -> str:
        """A field that is text, un-escaped; separators that nobody escaped are part of it."""
        if not 1 <= repetition <= self.repetitions(number):
            return ""
        return self._unescaped(str(self._fields[number][repetition - 1]))

    def _raw(self, number: int, component: int, subcomponent: int, repetition: int) -> str:
        if not 1 <= repetition <= self.repetitions(number):
            return ""
        part = self._fields[number][repetition - 1]
        for index in (component - 1, subcomponent - 1):
            inner = [part] if isinstance(part, str) else part
            if index >= len(inner):
                return ""
            part = inner[index]
        raw = str(part)
        return "" if raw == _NULL else raw

    def _unescaped(self, raw: str) -> str:
        return unescaped(raw, self._separators, self._codec)


@dataclass(frozen=True, slots=True)
class Message:
    """A message that can be read."""

    segments: tuple[Segment, ...]
    codec: str
    is_exact: bool  # every byte was of the declared character set

    def first(self, name: str) -> Segment | None:
        """The first segment of a name; None: there is none."""
        return next(self.all(name), None)

    def all(self, name: str) -> Iterator[Segment]:
        """The segments of a name, in their order."""
        return (one for one in self.segments if one.name == name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope:
    """What the header says of a message, as far as it can be read; empty where it cannot."""

    separators: Separators
    codec: str  # by MSH-18; ascii where that is not known
    sending_application: str = ""
    sending_facility: str = ""
    receiving_application: str = ""
    receiving_facility: str = ""
    code: str = ""  # MSH-9.1: ORM
    event: str = ""  # MSH-9.2: O01
    control_id: str = ""
    processing_id: str = ""
    version: str = ""
    character_sets: tuple[str, ...] = ()

    @property
    def message_type(self) -> str:
        """For example ORM^O01."""
        return f"{self.code}^{self.event}" if self.event else self.code

    @property
    def sender(self) -> str:
        """Application and facility."""
        return f"{self.sending_application}^{self.sending_facility}"


def envelope(raw: bytes, assumed: str) -> Envelope:
    """Read the header alone, whatever the rest is; never fails.

    Parameters
    ----------
    assumed
        The character set of senders that declare none.
    """
    line = re.split(rb"[\r\n]", raw.lstrip()[:65536], maxsplit=1)[0]
    if len(line) < _LEAST_HEADER or not line.startswith(b"MSH"):
        return Envelope(separators=Separators(), codec="ascii")
    try:
        separators = _separators(line[:_LEAST_HEADER].decode("ascii"))
    except (UnicodeDecodeError, BadMessage):
        return Envelope(separators=Separators(), codec="ascii")
    fields = line.split(separators.field.encode())
    sets = _ascii(fields, 17).split(separators.repetition)
    try:
        codec = codec_of(sets, assumed)
    except BadMessage:
        codec = "ascii"
    values = [decode(one, codec).text for one in fields]
    kind = _at(values, 8).split(separators.component)

    def value(index: int) -> str:
        first = _at(values, index).split(separators.component)[0]
        return _plain(unescaped(first, separators, codec))[:_LONGEST_NAME]

    return Envelope(
        separators=separators,
        codec=codec,
        sending_application=value(2),
        sending_facility=value(3),
        receiving_application=value(4),
        receiving_facility=value(5),
        code=_plain(kind[0])[:20],
        event=_plain(_at(kind, 1))[:20],
        control_id=_plain(unescaped(_at(values, 9), separators, codec))[:_LONGEST_CONTROL_ID],
        processing_id=value(10),
        version=value(11),
        character_sets=tuple(one for one in sets if one.strip()),
    )


def parse(raw: bytes, assumed: str) -> Message:
    """Read a message.

    Raises
    ------
    BadMessage
        If it is none, of an unknown character set, or of more parts than any message has.
    """
    bare = raw.lstrip()
    head = decode(bare[:_LEAST_HEADER], "ascii").text
    separators = _separators(head)
    codec = codec_of(envelope(raw, assumed).character_sets, assumed)
    decoded = decode(bare, codec)
    text = _by_carriage_return(decoded.text).rstrip()
    if sum(map(text.count, f"{separators.all}\r")) > _MOST_PARTS:
        raise BadMessage("the message has more parts than are taken", error_code=102)
    _check_lines(text, separators)
    parsed = hl7.parse(text)
    return Message(
        segments=tuple(
            Segment(one, separators, codec) for one in parsed if isinstance(one, hl7.Segment)
        ),
        codec=codec,
        is_exact=decoded.is_exact,
    )


def _separators(head: str) -> Separators:
    """Those of MSH-1 and MSH-2; the sub-component one may be left out (v2.1)."""
    if len(head) < _LEAST_HEADER or not head.startswith("MSH"):
        raise BadMessage("the message does not begin with MSH", error_code=100, code=REJECT)
    field = head[3]
    encoding = head[4:].split(field)[0]
    given = [*encoding, *_USUAL[len(encoding) :]]
    found = [field, *given]
    odd = any(not one.isascii() or one.isalnum() or not one.isprintable() for one in found)
    odd = odd or " " in found
    if len(encoding) < 3 or len(set(found)) < len(found) or odd:
        raise BadMessage(
            "the encoding characters of MSH-2 cannot be meant",
            error_code=102,
            location="MSH^1^2",
            code=REJECT,
        )
    return Separators(
        field=field,
        component=given[0],
        repetition=given[1],
        escape=given[2],
        subcomponent=given[3],
    )


def _check_lines(text: str, separators: Separators) -> None:
    """What the library takes for granted of headers, and batches, which are not taken here."""
    first, *others = text.split("\r")
    if separators.field not in first[4:]:
        raise BadMessage("the header ends after MSH-2", error_code=101, location="MSH^1^9")
    if any(one.startswith(("MSH", "BHS", "FHS")) for one in others):
        raise BadMessage("there is a second header in the message", error_code=100, code=REJECT)


def _by_carriage_return(text: str) -> str:
    """Segments end with a carriage return; some senders end them with a line feed, or both."""
    if "\r" in text:
        return text.replace("\r\n", "\r")
    return text.replace("\n", "\r")


def _plain(text: str) -> str:
    """Without control characters: it goes into logs."""
    return "".join(sign for sign in text if sign.isprintable()).strip()


def _at(values: list[str], index: int) -> str:
    return values[index] if index < len(values) else ""


def _ascii(fields: list[bytes], index: int) -> str:
    return fields[index].decode("ascii", "replace") if index < len(fields) else ""


def unescaped(raw: str, separators: Separators, codec: str) -> str:
    """A value with its escape sequences (HL7 v2.5.1 section 2.7) put back.

    Highlighting and what only a site knows is left out; letters of sets that are switched to
    within a value become U+FFFD; what is no sequence stays as it is.
    """
    escape = separators.escape
    if escape not in raw:
        return raw
    known = {
        "F": separators.field,
        "S": separators.component,
        "T": separators.subcomponent,
        "R": separators.repetition,
        "E": escape,
        "H": "",
        "N": "",
    }

    def meant(found: re.Match[str]) -> str:
        sequence = found[1]
        if sequence in known:
            return known[sequence]
        return _command(sequence, found[0], codec)

    mark = re.escape(escape)
    return re.sub(f"{mark}([^{mark}\r]{{1,200}}){mark}", meant, raw)


def _command(sequence: str, as_it_is: str, codec: str) -> str:
    if sequence.startswith("."):
        return "\n" if sequence[1:3] in ("br", "sp", "ce") else ""
    if sequence.startswith("Z"):
        return ""
    if sequence.startswith(("C", "M")) and _is_hex(sequence[1:]):
        return "\N{REPLACEMENT CHARACTER}"
    if sequence.startswith("X") and _is_hex(sequence[1:]):
        return decode(bytes.fromhex(sequence[1:]), codec).text
    return as_it_is


def _is_hex(digits: str) -> bool:
    return re.fullmatch("(?:[0-9A-Fa-f]{2})+", digits) is not None
