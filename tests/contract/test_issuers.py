"""Two hospitals at one node that give the same numbers: whose is whose, in both stores."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from tests.builders import MINUTE, NOON, STUDY
from tests.contract.conftest import Kept
from tests.contract.ris import ORDER, REPORT, ROUTINE, STAT, Site
from worklist.due_time import DueTargets
from worklist.orders import OrderedPatient, PatientMerge, PatientUpdate
from worklist.reading import ReadingState
from worklist.service import Worklist

NORTH, SOUTH = ("NORTH",), ("SOUTH",)


@pytest.fixture
def site(kept: Kept) -> Site:
    """One that has named both."""
    return Site(Worklist(kept.store, DueTargets(), issuers=(*NORTH, *SOUTH)), kept)


@pytest.mark.parametrize(
    ("of_images", "of_order", "expected"),
    [
        ("NORTH", NORTH, STAT),
        ("NORTH", SOUTH, ROUTINE),
        ("NORTH", (*NORTH, *SOUTH), STAT),
        ("NORTH", (), STAT),
        ("", SOUTH, STAT),
        ("North General", SOUTH, STAT),  # nobody whom the site has: it says nothing
    ],
)
@pytest.mark.parametrize("order_first", [True, False])
def test_an_order_is_for_images_that_name_its_authority_or_none(
    site: Site, of_images: str, of_order: tuple[str, ...], expected: Any, order_first: bool
) -> None:
    acts = [
        lambda: site.ris(replace(ORDER, issuers=of_order)),
        lambda: site.images(issuer=of_images),
    ]
    for act in acts if order_first else reversed(acts):
        act()
    assert site.priority is expected


def test_orders_of_two_authorities_are_two(site: Site) -> None:
    site.ris(replace(ORDER, issuers=NORTH))
    site.ris(replace(ORDER, issuers=SOUTH, requested_priority=ROUTINE, said_at=NOON + MINUTE))
    site.images(issuer="NORTH")
    assert site.priority is STAT


@pytest.mark.parametrize("report_first", [True, False])
def test_a_report_of_the_other_hospital_hides_nothing(site: Site, report_first: bool) -> None:
    report = replace(REPORT, issuers=SOUTH)
    if report_first:
        site.ris(report)
    site.images(issuer="NORTH")
    if not report_first:
        site.ris(report)
    assert site.kept.record(STUDY).reading_state is ReadingState.UNREAD
    assert [uid for uid, _, _ in site.kept.reports()] == [None]


def test_nobody_is_renamed_by_the_other_hospital(site: Site) -> None:
    site.images(issuer="NORTH")
    for issuers, name in ((SOUTH, "Doe^Jane"), (NORTH, "Roe^Jane")):
        patient = OrderedPatient(patient_ids=("P1",), name="Roe^Jane", issuers=issuers)
        site.ris(PatientUpdate(patient=patient))
        assert site.kept.patient(STUDY) == ("P1", name)


BOTH = OrderedPatient(
    patient_ids=("1", "7"), name="Doe^Jean", birth_date=date(1950, 1, 1), issuers=("NORTH", "SOUTH")
)


def test_a_number_is_of_the_authority_that_gave_it_and_of_no_other_of_the_message(
    site: Site,
) -> None:
    """PID-3 1^^^NORTH~7^^^SOUTH: 7 of NORTH is somebody else."""
    site.images(patient_id="7", issuer="NORTH", patient_name="Roe^Jean")
    site.images("1.2.4.1", study="1.2.4", patient_id="7", issuer="SOUTH", patient_name="Roe^Jean")
    who = {"patient_ids": BOTH.patient_ids, "issuers": BOTH.issuers}
    site.ris(PatientUpdate(patient=BOTH))
    site.ris(replace(ORDER, **who))
    site.ris(replace(REPORT, **who))
    assert site.kept.patient(STUDY) == ("7", "Roe^Jean")
    assert site.kept.patient("1.2.4") == ("7", "Doe^Jean")
    assert site.priority is ROUTINE
    assert site.kept.record("1.2.4").requested_priority is STAT
    assert site.kept.record(STUDY).reading_state is ReadingState.UNREAD
    assert site.kept.record("1.2.4").reading_state is ReadingState.READ


def test_numbers_that_an_order_bears_in_two_messages_stay_with_their_authorities(
    site: Site,
) -> None:
    order = replace(ORDER, patient_ids=("1",), issuers=NORTH)
    site.ris(order)
    both = replace(order, patient_ids=BOTH.patient_ids[::-1], issuers=BOTH.issuers[::-1])
    site.ris(replace(both, said_at=NOON + MINUTE))
    for number, (patient_id, issuer) in enumerate(
        [("1", "NORTH"), ("7", "SOUTH"), ("1", "SOUTH"), ("7", "NORTH")]
    ):
        site.images(f"9.{number}.1", study=f"9.{number}", patient_id=patient_id, issuer=issuer)
    found = [site.kept.record(f"9.{number}").requested_priority for number in range(4)]
    assert found == [STAT, STAT, ROUTINE, ROUTINE]


def merge(issuers: tuple[str, ...], former: str = "P1", into: str = "P9") -> PatientMerge:
    patient = OrderedPatient(patient_ids=(into,), issuers=issuers)
    return PatientMerge(patient=patient, former_ids=(former,))


def test_a_merge_moves_studies_of_its_authority_here_and_those_that_come(site: Site) -> None:
    site.images(issuer="NORTH")
    site.images("1.2.4.1", study="1.2.4", issuer="SOUTH")
    site.ris(merge(SOUTH))
    for number, issuer in ((5, "NORTH"), (6, "SOUTH"), (7, "")):
        site.images(f"1.2.{number}.1", study=f"1.2.{number}", issuer=issuer)
    found = {n: site.kept.record(f"1.2.{n}").patient_id for n in range(3, 8)}
    assert found == {3: "P1", 4: "P9", 5: "P1", 6: "P9", 7: "P9"}


def test_a_merge_of_the_other_hospital_takes_none_back(site: Site) -> None:
    site.ris(merge(NORTH))
    site.ris(merge(SOUTH, "P9", "P1"))
    site.images(issuer="NORTH")
    site.images("1.2.4.1", study="1.2.4", patient_id="P9", issuer="SOUTH")
    assert site.kept.record(STUDY).patient_id == "P9"
    assert site.kept.record("1.2.4").patient_id == "P1"


def test_an_issuer_that_a_later_image_names_counts(site: Site) -> None:
    site.images()
    site.images("1.2.3.1.2", issuer="NORTH")
    site.ris(replace(ORDER, issuers=SOUTH))
    assert site.priority is ROUTINE


def test_a_site_that_names_no_authority_holds_nobody_apart(worklist: Worklist, kept: Kept) -> None:
    """What image headers write there is often not what the RIS does."""
    site = Site(worklist, kept)
    site.images(issuer="NORTH")
    site.ris(replace(ORDER, issuers=SOUTH))
    assert site.priority is STAT
