"""Whether a message of the RIS may be about the patient of a study, by name and birth date."""

from dataclasses import dataclass
from datetime import date, datetime

from worklist.errors import VigieError
from worklist.orders import OrderedPatient
from worklist.search import words_of

_LONGEST_LIFE_Y = 120  # who is older was given a date for want of one, like 1900-01-01


class AnotherPatient(VigieError, ValueError):
    """A message names a patient who is neither by name nor by birth date that of its study."""

    def __init__(self) -> None:
        super().__init__(
            "name and birth date are both others than those of the study; if it is the same "
            "patient, have the message read again"
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownPatient:
    """Who a study is of, as the list shows it."""

    name: str  # family^given^..., perhaps in several scripts; empty: not known
    birth_date: date | None  # None: not known


def is_another(told: OrderedPatient, known: KnownPatient, now: datetime) -> bool:
    """Whether both name and birth date are other ones.

    One that differs is a marriage, a correction or a slip of the pen. Names differ when they have
    no word in common. A birth date that makes a patient older than people become was made up, as
    for somebody who was brought in without a name.
    """
    dates = [told.birth_date, known.birth_date]
    if dates[0] == dates[1] or any(one is None or _is_made_up(one, now) for one in dates):
        return False
    words = [set(words_of(one)) for one in (told.name or "", known.name)]
    return all(words) and not words[0] & words[1]


def _is_made_up(birth_date: date, now: datetime) -> bool:
    return now.year - birth_date.year > _LONGEST_LIFE_Y
