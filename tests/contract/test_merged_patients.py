"""Orders, reports and images across merges of patients, in the fake and in PostgreSQL."""

from dataclasses import replace

import pytest

from tests.builders import MINUTE, NOON, STUDY
from tests.contract.conftest import Kept
from tests.contract.ris import ORDER, REPORT, STAT, URGENT, Site
from worklist.orders import OrderControl, OrderedPatient, PatientMerge
from worklist.reading import ReadingState
from worklist.service import Worklist

MERGE = PatientMerge(patient=OrderedPatient(patient_ids=("P9",)), former_ids=("P1",))


@pytest.fixture
def site(worklist: Worklist, kept: Kept) -> Site:
    return Site(worklist, kept)


@pytest.mark.parametrize(
    "acts",
    [
        ("order P1", "merge", "images P1"),
        ("order P1", "merge", "images P9"),
        ("images P1", "order P9", "merge"),
        ("images P9", "order P1", "merge"),
        ("images P1", "merge", "order P1"),
        ("order P1", "images P1", "merge", "changed P9", "changed P1"),
        ("merge", "order P1", "images P9"),
    ],
)
def test_an_order_finds_its_study_across_a_merge_whatever_came_first(
    site: Site, acts: tuple[str, ...]
) -> None:
    for number, act in enumerate(acts):
        what, _, patient_id = act.partition(" ")
        order = replace(ORDER, patient_ids=(patient_id,), said_at=NOON + number * MINUTE)
        match what:
            case "merge":
                site.ris(MERGE)
            case "images":
                site.images(patient_id=patient_id)
            case "changed":
                to = URGENT if patient_id == "P9" else STAT
                site.ris(replace(order, requested_priority=to, control=OrderControl.CHANGED))
            case _:
                site.ris(order)
    assert site.priority is STAT
    assert site.kept.record(STUDY).patient_id == "P9"
    assert len(site.kept.events("order_priority_changed")) == (3 if len(acts) > 4 else 1)


def test_a_report_that_still_names_the_former_identifier_is_for_the_merged_study(
    site: Site,
) -> None:
    site.images()
    site.ris(MERGE)
    site.ris(REPORT)
    assert site.kept.record(STUDY).reading_state is ReadingState.READ


def test_a_merge_that_is_taken_back_counts_no_more_for_images_that_come(site: Site) -> None:
    site.ris(MERGE)
    site.ris(PatientMerge(patient=OrderedPatient(patient_ids=("P1",)), former_ids=("P9",)))
    site.ris(ORDER)
    site.images()
    assert (site.kept.record(STUDY).patient_id, site.priority) == ("P1", STAT)


def test_a_patient_id_that_only_a_later_object_has_is_the_one_in_use(site: Site) -> None:
    site.ris(MERGE)
    site.ris(replace(ORDER, patient_ids=("P9",)))
    site.images(patient_id="")
    site.images("1.2.3.1.2")
    assert (site.kept.record(STUDY).patient_id, site.priority) == ("P9", STAT)
