"""Whether a message of the RIS may be about the patient of a study."""

from datetime import date

import pytest

from tests.builders import NOON
from worklist.identity import KnownPatient, is_another
from worklist.orders import OrderedPatient

BORN, OTHER = date(1970, 1, 2), date(1981, 4, 5)


def another(told: str | None, born: date | None, name: str, known_born: date | None) -> bool:
    patient = OrderedPatient(patient_ids=("P1",), name=told, birth_date=born)
    return is_another(patient, KnownPatient(name=name, birth_date=known_born), NOON)


def test_somebody_else_has_another_name_and_another_birth_date() -> None:
    assert another("Roe^Richard", OTHER, "Doe^Jane", BORN)


@pytest.mark.parametrize(
    ("told", "born", "name", "known_born"),
    [
        ("Roe^Richard", BORN, "Doe^Jane", BORN),  # renamed
        ("Doe^Jane", OTHER, "Doe^Jane", BORN),  # a birth date put right
        ("ROE^JANE", OTHER, "Doe^Jane", BORN),  # married, and a slip of the pen
        ("Müller^Ülkü", OTHER, "MUELLER^ULKU", BORN),
        ("Yamada^Taro=山田^太郎", OTHER, "山田^太郎", BORN),
        ("Roe^Richard", None, "Doe^Jane", BORN),
        ("Roe^Richard", OTHER, "Doe^Jane", None),
        (None, OTHER, "Doe^Jane", BORN),
        ("", OTHER, "Doe^Jane", BORN),
        ("Roe^Richard", OTHER, "", BORN),
        ("Roe^Richard", OTHER, "^^", BORN),
    ],
)
def test_one_that_differs_or_is_not_known_makes_nobody_a_stranger(
    told: str | None, born: date | None, name: str, known_born: date | None
) -> None:
    assert not another(told, born, name, known_born)


@pytest.mark.parametrize(("year", "expected"), [(1905, False), (1906, True), (1900, False)])
def test_a_birth_date_before_anybody_was_born_is_none(year: int, expected: bool) -> None:
    """Brought in without a name: UNKNOWN^MALE, born on the first of January 1900."""
    made_up = date(year, 1, 1)
    assert another("Doe^Jane", BORN, "UNKNOWN^MALE", made_up) is expected
    assert another("UNKNOWN^MALE", made_up, "Doe^Jane", BORN) is expected
