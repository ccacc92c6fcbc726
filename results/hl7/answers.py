"""Acknowledgements of what we sent: only codes are kept of them, for words may name a patient."""

from dataclasses import dataclass

from results.hl7.errors import BadMessage
from results.hl7.message import parse


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a receiver answered."""

    code: str  # MSA-1: AA, AE, AR, or CA, CE, CR; empty: no acknowledgement
    control_id: str  # MSA-2: of the message that is answered
    error_code: str  # ERR-3, of HL7 table 0357; empty: none

    @property
    def is_accepted(self) -> bool:
        """Whether the receiver has the message."""
        return self.code in ("AA", "CA")


def read_answer(raw: bytes, assumed: str) -> Answer:
    """The acknowledgement; without a code where the bytes are none."""
    try:
        message = parse(raw, assumed)
    except BadMessage:
        return Answer(code="", control_id="", error_code="")
    answer, error = message.first("MSA"), message.first("ERR")
    number = "" if error is None else error.text(3)
    return Answer(
        code="" if answer is None else answer.text(1).upper()[:10],
        control_id="" if answer is None else answer.text(2),
        error_code=number if number.isdigit() and len(number) < 10 else "",
    )
