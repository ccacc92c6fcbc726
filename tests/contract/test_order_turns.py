"""Orders that come back, messages about strangers, and by whom a priority was asked for."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from tests.builders import MINUTE, NOON, STUDY
from tests.contract.conftest import Kept
from tests.contract.ris import LATER, ORDER, REPORT, ROUTINE, STAT, URGENT, Site, header
from worklist.history import in_a_sentence
from worklist.identity import AnotherPatient
from worklist.orders import (
    MessageState,
    OrderControl,
    OrderedPatient,
    PatientMerge,
    PatientUpdate,
)
from worklist.service import Worklist


@pytest.fixture
def site(worklist: Worklist, kept: Kept) -> Site:
    return Site(worklist, kept)


def test_an_order_that_was_cancelled_and_is_ordered_again_counts_again(site: Site) -> None:
    site.images()
    site.ris(ORDER)
    cancelled = replace(ORDER, control=OrderControl.CANCELLED, requested_priority=None)
    for minute, said in enumerate(
        (
            cancelled,
            cancelled,
            replace(ORDER, requested_priority=URGENT),
            cancelled,
            replace(ORDER, control=OrderControl.CHANGED, requested_priority=ROUTINE),
        ),
        start=1,
    ):
        site.ris(replace(said, said_at=NOON + minute * MINUTE))
    assert site.priority is ROUTINE
    turns = [one for one in site.kinds() if one in ("order_cancelled", "ordered_again")]
    assert turns == ["order_cancelled", "ordered_again"] * 2  # cancelled twice is told once
    [event, _] = site.kept.events("ordered_again")
    assert in_a_sentence(event.kind, event.details) == "the RIS ordered A1 again"


def test_the_reason_says_by_whom_a_priority_was_asked_for_p3(site: Site) -> None:
    def reason() -> str:
        return site.kept.record(STUDY).reason

    site.images(priority=URGENT)
    assert reason() == "urgent 4 h"
    site.ris(replace(ORDER, requested_priority=URGENT))
    assert reason() == "urgent 4 h"  # as the images have it
    site.ris(replace(ORDER, said_at=LATER))
    assert reason() == "stat 1 h by the order"
    site.worklist.override_priority(STUDY, ROUTINE, actor="anna", reason="x", now=LATER)
    assert reason() == "routine 24 h"
    site.worklist.override_priority(STUDY, None, actor="anna", reason="x", now=LATER)
    assert reason() == "stat 1 h by the order"


def test_images_that_ask_more_urgently_than_the_order_are_the_reason(site: Site) -> None:
    site.ris(replace(ORDER, requested_priority=URGENT))
    site.images()
    assert site.kept.record(STUDY).reason == "urgent 4 h by the order"
    site.images("1.2.3.1.2", priority=STAT)
    assert site.kept.record(STUDY).reason == "stat 1 h"


def test_a_changed_order_that_says_no_priority_lowers_nothing(site: Site) -> None:
    """The room or the time is another: the usual reason of a change."""
    site.images(priority=URGENT)
    site.ris(replace(ORDER, requested_priority=ROUTINE))
    silent = replace(ORDER, control=OrderControl.CHANGED, requested_priority=None)
    site.ris(replace(silent, said_at=NOON + MINUTE))
    assert site.priority is URGENT
    site.images("1.2.3.1.2", priority=STAT)
    assert site.priority is STAT
    assert site.kept.record(STUDY).reason == "stat 1 h"


@pytest.mark.parametrize("others", [0, 1])
def test_a_message_that_changed_nothing_for_its_age_is_outdated(site: Site, others: int) -> None:
    """Not when something else that it says counts."""
    site.images()
    site.ris(replace(ORDER, said_at=NOON + timedelta(hours=2)))
    late = replace(ORDER, control=OrderControl.CHANGED, requested_priority=ROUTINE)
    site.ris(late, *[replace(ORDER, order_number="O2")][:others])
    expected = MessageState.ACCEPTED if others else MessageState.OUTDATED
    assert site.kept.message_states()[-1] is expected


BORN = date(1970, 1, 2)
ROE = OrderedPatient(patient_ids=("P9",), name="Roe^Jane", birth_date=BORN)
STRANGER = OrderedPatient(patient_ids=("P1",), name="Roe^Richard", birth_date=date(1981, 4, 5))


@pytest.mark.parametrize(
    "said",
    [
        replace(REPORT, patient=STRANGER),
        PatientUpdate(patient=STRANGER),
        PatientMerge(patient=replace(STRANGER, patient_ids=("P9",)), former_ids=("P1",)),
    ],
)
def test_a_message_about_somebody_else_is_refused_until_a_person_says_that_it_is_the_same(
    site: Site, said: Any
) -> None:
    site.images(birth_date=BORN)
    before = (site.kept.record(STUDY), site.kept.patient(STUDY))
    with pytest.raises(AnotherPatient, match="name and birth date are both others"):
        site.ris(said)
    assert (site.kept.record(STUDY), site.kept.patient(STUDY)) == before
    assert site.kept.reports() == [] and site.kinds() == ["study_arrived"]
    assert site.worklist.receive(header(), (said,), same_patient=True, now=LATER).code == "AA"
    assert (site.kept.record(STUDY), site.kept.patient(STUDY)) != before


def test_nobody_is_merged_into_the_patient_id_of_somebody_else(site: Site) -> None:
    """A slip in PID-3: the priors of one would stand beside the images of the other."""
    site.images(patient_name="Roe^Jane", birth_date=BORN)
    smith = date(1950, 1, 1)
    site.images(
        "9.1", study="9", patient_id="P9", patient_name="Smith^John", birth_date=smith,
        accession_number="A9",
    )  # fmt: skip
    merge = PatientMerge(patient=ROE, former_ids=("P1",))
    with pytest.raises(AnotherPatient):
        site.ris(merge)
    assert site.kept.patient(STUDY) == ("P1", "Roe^Jane")
    assert site.kept.patient("9") == ("P9", "Smith^John")
    assert site.worklist.receive(header(), (merge,), same_patient=True, now=LATER).code == "AA"
    assert site.kept.patient(STUDY) == ("P9", "Roe^Jane")


def test_an_order_is_for_its_number_and_patient_id_whatever_he_is_called(site: Site) -> None:
    """Somebody without a name: he is asked for before his registration is put right."""
    site.images(birth_date=BORN)
    site.ris(ORDER)
    assert site.priority is STAT
