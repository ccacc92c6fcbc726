"""Orders, patients and reports of the RIS, in the fake and in PostgreSQL."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from tests.builders import HAEMORRHAGE, NOON, STUDY, arrival, provenance
from tests.contract.conftest import Kept
from tests.contract.ris import LATER, ORDER, REPORT, ROUTINE, STAT, URGENT, Site, header
from worklist.exchange_ports import KeptAnswer
from worklist.finding import Flagged
from worklist.history import in_a_sentence
from worklist.orders import (
    OrderControl,
    OrderedPatient,
    PatientMerge,
    PatientUpdate,
    ReportStatus,
)
from worklist.people import AccountName
from worklist.reading import ReadingState
from worklist.service import Worklist
from worklist.study import Completeness


@pytest.fixture
def site(worklist: Worklist, kept: Kept) -> Site:
    return Site(worklist, kept)


def test_an_order_before_the_images_raises_them_when_they_come(site: Site) -> None:
    assert site.ris(ORDER).code == "AA"
    site.images()
    record = site.kept.record(STUDY)
    assert record.requested_priority is STAT
    assert record.due_at == NOON + timedelta(minutes=60)
    assert record.reason == "stat 1 h by the order"
    assert site.kinds() == ["study_arrived", "order_priority_changed"]


def test_an_order_after_the_images_raises_them_with_its_reason_p3(site: Site) -> None:
    site.images()
    site.ris(ORDER)
    assert site.kept.record(STUDY).due_at == NOON + timedelta(minutes=60)
    [event] = site.kept.events("order_priority_changed")
    assert event.actor == "vigie"
    assert (event.details["requested_before"], event.details["requested_priority"]) == (
        "routine", "stat",
    )  # fmt: skip
    assert event.details["accession_number"] == "A1"
    assert in_a_sentence(event.kind, event.details).startswith(
        "the order asks for it as stat; due 2026-03-02 13:00:00 UTC (stat 1 h by the order), place"
    )


def test_an_accession_number_that_comes_with_a_later_object_finds_its_order(site: Site) -> None:
    site.ris(ORDER)
    site.images(accession_number="", patient_id="")
    assert site.priority is ROUTINE
    site.images("1.2.3.1.2")
    assert site.priority is STAT


@pytest.mark.parametrize(
    "other",
    [{"patient_ids": ("P2",)}, {"accession_number": "A2"}],
)
@pytest.mark.parametrize("order_first", [True, False])
def test_an_order_of_another_patient_or_number_changes_nothing(
    site: Site, other: dict[str, Any], order_first: bool
) -> None:
    if order_first:
        site.ris(replace(ORDER, **other))
    site.images()
    if not order_first:
        site.ris(replace(ORDER, **other))
    site.images("1.2.3.1.2")
    assert site.priority is ROUTINE
    told = site.kept.events("ris_names_another_patient")
    assert len(told) == ("patient_ids" in other)


def test_that_an_order_names_another_patient_is_told_once_however_many_images_come(
    site: Site,
) -> None:
    site.ris(replace(ORDER, patient_ids=("P2",)))
    images = [arrival(f"1.2.3.1.{n}", accession_number="A1") for n in range(3)]
    for batch in (images[:2], images[2:]):
        site.worklist.record_arrivals(batch, now=NOON)
    [event] = site.kept.events("ris_names_another_patient")
    assert in_a_sentence(event.kind, event.details) == (
        "the RIS names another patient for A1; nothing was done"
    )


def test_a_study_without_an_identity_is_of_no_order(site: Site) -> None:
    site.ris(ORDER)
    site.images(patient_id="", accession_number="A1")
    assert site.priority is ROUTINE


@pytest.mark.parametrize("order_first", [True, False])
def test_an_order_that_was_placed_never_lowers_what_images_say(
    site: Site, order_first: bool
) -> None:
    acts = [
        lambda: site.ris(replace(ORDER, requested_priority=ROUTINE)),
        lambda: site.images(priority=URGENT),
    ]
    for act in acts if order_first else reversed(acts):
        act()
    assert site.priority is URGENT


@pytest.mark.parametrize("order_first", [True, False])
def test_a_changed_order_lowers_too_and_headers_that_repeat_the_old_one_count_no_more(
    site: Site, order_first: bool
) -> None:
    changed = replace(ORDER, control=OrderControl.CHANGED, requested_priority=ROUTINE)
    if order_first:
        site.ris(changed)
        site.images(priority=STAT)
    else:
        site.images(priority=STAT)
        site.ris(changed)
    assert site.priority is ROUTINE
    site.images("1.2.3.1.2", priority=STAT)
    record = site.kept.record(STUDY)
    assert record.requested_priority is ROUTINE
    assert record.due_at == NOON + timedelta(hours=24)


def test_another_priority_of_the_same_order_is_a_change_whatever_it_is_called(site: Site) -> None:
    site.images()
    site.ris(ORDER)
    site.ris(replace(ORDER, requested_priority=URGENT, said_at=LATER))
    assert site.priority is URGENT


def test_an_older_message_that_comes_late_changes_nothing(site: Site) -> None:
    site.images()
    site.ris(replace(ORDER, said_at=NOON + timedelta(hours=2)))
    site.ris(replace(ORDER, control=OrderControl.CHANGED, requested_priority=ROUTINE))
    assert site.priority is STAT
    [event] = site.kept.events("older_order_ignored")
    assert in_a_sentence(event.kind, event.details) == (
        "an older message on the order A1 changed nothing"
    )


def test_of_several_orders_of_one_number_the_most_urgent_counts(site: Site) -> None:
    site.images()
    site.ris(ORDER, replace(ORDER, order_number="O2", requested_priority=ROUTINE))
    assert site.priority is STAT


def test_a_cancelled_order_is_told_and_moves_nothing(site: Site) -> None:
    site.images()
    site.ris(ORDER)
    before = site.kept.record(STUDY)
    site.ris(replace(ORDER, control=OrderControl.CANCELLED, said_at=LATER))
    assert site.kept.record(STUDY) == before
    [event] = site.kept.events("order_cancelled")
    assert in_a_sentence(event.kind, event.details) == "the RIS cancelled the order A1"


def test_an_order_that_is_left_when_another_is_cancelled_counts_at_once(site: Site) -> None:
    """Not with the next image: what images do never makes a study wait."""
    site.images()
    changed = replace(ORDER, order_number="O2", control=OrderControl.CHANGED)
    site.ris(ORDER, replace(changed, requested_priority=ROUTINE))
    assert site.priority is STAT
    site.ris(replace(ORDER, control=OrderControl.CANCELLED, said_at=LATER))
    assert site.priority is ROUTINE


def test_p7_a_persons_priority_stands_over_every_order(site: Site) -> None:
    site.images()
    site.worklist.override_priority(STUDY, URGENT, actor="anna", reason="seen", now=NOON)
    before = site.kept.record(STUDY)
    site.ris(ORDER)
    record = site.kept.record(STUDY)
    assert (record.priority_in_force, record.due_at, record.reason) == (
        URGENT, before.due_at, before.reason,
    )  # fmt: skip
    site.worklist.override_priority(STUDY, None, actor="anna", reason="done", now=LATER)
    assert site.kept.record(STUDY).due_at == NOON + timedelta(minutes=60)


def test_p2_an_order_moves_a_study_with_ai_no_later_than_one_without(site: Site) -> None:
    site.images()
    site.worklist.complete_study(STUDY, completeness=Completeness.COMPLETE, now=NOON)
    site.worklist.record_outcome(
        STUDY, 1, Flagged(probability=0.9), provenance(HAEMORRHAGE), now=NOON
    )
    for said in (ORDER, replace(ORDER, requested_priority=ROUTINE, said_at=LATER)):
        before = site.kept.record(STUDY)
        site.ris(said)
        record = site.kept.record(STUDY)
        assert record.due_at <= record.due_without_ai_at
        assert (record.due_at < before.due_at) == (said is ORDER)
        assert "haemorrhage 0.90" in record.reason


def test_the_same_message_again_changes_nothing(site: Site) -> None:
    site.images()
    for _ in range(2):
        answer = site.worklist.receive(header(), (ORDER,), now=LATER)
        assert answer == KeptAnswer(code="AA", error="")
    site.worklist.override_priority(STUDY, None, actor="anna", reason="x", now=LATER)
    assert site.kinds().count("order_priority_changed") == 1


def test_a_control_id_that_comes_with_other_words_is_another_message(site: Site) -> None:
    site.images()
    site.worklist.receive(header("a"), (replace(ORDER, requested_priority=URGENT),), now=LATER)
    site.worklist.receive(header("b"), (replace(ORDER, said_at=LATER),), now=LATER)
    assert site.priority is STAT


def test_a_refused_message_can_be_taken_when_it_comes_again(site: Site) -> None:
    site.images()
    refusal = site.worklist.refuse(
        header(), code="AE", error="no such priority", raw=b"MSH|", now=NOON
    )
    assert refusal == KeptAnswer(code="AE", error="no such priority")
    assert site.worklist.receive(header(), (ORDER,), now=LATER).code == "AA"
    assert site.priority is STAT
    again = site.worklist.refuse(header(), code="AE", error="x", raw=b"MSH|", now=LATER)
    assert again.code == "AA"


def test_an_update_renames_every_study_of_the_patient(site: Site) -> None:
    site.images()
    site.images("1.2.4.1", study="1.2.4", patient_id="P2")
    new = OrderedPatient(patient_ids=("P1",), name="Roe^Jane", birth_date=date(1970, 1, 2))
    site.ris(PatientUpdate(patient=new))
    assert site.kept.patient(STUDY) == ("P1", "Roe^Jane")
    assert site.kept.patient("1.2.4") == ("P2", "Doe^Jane")
    [event] = site.kept.events("patient_updated")
    assert event.study_instance_uid == STUDY
    assert "Roe" not in str(event.details)
    site.ris(PatientUpdate(patient=new))
    assert len(site.kept.events("patient_updated")) == 1


def test_a_merge_moves_studies_that_are_here_and_those_that_come(site: Site) -> None:
    site.images()
    merge = PatientMerge(
        patient=OrderedPatient(patient_ids=("P9",), name="Roe^Jane"), former_ids=("P1", "P9")
    )
    site.ris(merge)
    assert site.kept.patient(STUDY) == ("P9", "Roe^Jane")
    site.images("1.2.4.1", study="1.2.4")
    assert site.kept.record("1.2.4").patient_id == "P9"
    site.images("1.2.3.1.2")  # with the former identifier in its header
    assert "patient_id_differs" not in site.kinds()
    [event] = site.kept.events("patient_merged")
    assert in_a_sentence(event.kind, event.details) == (
        "the RIS put the patient ID P9 in place of P1"
    )


def test_an_order_for_the_identifier_in_use_is_for_images_with_the_former_one(site: Site) -> None:
    site.ris(PatientMerge(patient=OrderedPatient(patient_ids=("P9",)), former_ids=("P1",)))
    site.ris(replace(ORDER, patient_ids=("P9",)))
    site.images()
    assert site.priority is STAT


def test_merges_in_a_circle_come_to_an_end(site: Site) -> None:
    for former, in_use in (("P1", "P2"), ("P2", "P3"), ("P3", "P1")):
        patient = OrderedPatient(patient_ids=(in_use,))
        site.ris(PatientMerge(patient=patient, former_ids=(former,)))
    site.images()
    assert site.kept.record(STUDY).patient_id == "P1"


@pytest.mark.parametrize("status", [ReportStatus.FINAL, ReportStatus.CORRECTED])
def test_a_signed_report_marks_its_study_reported_elsewhere_p5(
    site: Site, status: ReportStatus
) -> None:
    site.images()
    site.kept.employ("anna")
    site.worklist.claim(STUDY, AccountName("anna"), take_over=False, now=NOON)
    site.ris(replace(REPORT, status=status))
    assert site.kept.record(STUDY).reading_state is ReadingState.READ
    assert site.kept.reports() == [(STUDY, status, "No fracture.")]
    assert site.kept.ended_claims() == [(STUDY, "anna", "read_elsewhere")]
    [event] = site.kept.events("reported_elsewhere")
    assert (event.actor, event.details["place_before"], event.details["place"]) == (
        "vigie", 1, None,
    )  # fmt: skip
    assert "fracture" not in str(event.details)


@pytest.mark.parametrize("status", [ReportStatus.PRELIMINARY, ReportStatus.CANCELLED])
def test_a_report_that_nobody_signed_is_kept_and_the_study_stays(
    site: Site, status: ReportStatus
) -> None:
    site.images()
    site.ris(replace(REPORT, status=status))
    assert site.kept.record(STUDY).reading_state is ReadingState.UNREAD
    assert site.kept.reports() == [(STUDY, status, "No fracture.")]
    [event] = site.kept.events("report_observed")
    assert in_a_sentence(event.kind, event.details) == f"the RIS told of a report: it is {status}"


def test_an_addendum_is_kept_beside_the_report(site: Site) -> None:
    site.images()
    site.ris(REPORT)
    site.ris(replace(REPORT, status=ReportStatus.CORRECTED, text="A fracture."))
    assert [text for _, _, text in site.kept.reports()] == ["No fracture.", "A fracture."]
    assert site.kinds().count("reported_elsewhere") == 1


def test_images_after_the_report_bring_the_study_back(site: Site) -> None:
    site.images()
    site.ris(REPORT)
    site.images("1.2.3.1.2", received_at=LATER)
    assert site.kept.record(STUDY).reading_state is ReadingState.UNREAD


def test_a_report_of_another_patient_marks_nothing(site: Site) -> None:
    site.images()
    site.ris(replace(REPORT, patient_ids=("P2",)))
    assert len(site.kept.events("ris_names_another_patient")) == 1
    assert site.kept.record(STUDY).reading_state is ReadingState.UNREAD


def test_p9_odd_characters_are_kept_as_data(site: Site) -> None:
    site.images(accession_number="A\0<script>")
    odd = replace(ORDER, accession_number="A\0<script>", order_number="\0", patient_class="\ud800")
    assert site.ris(odd).code == "AA"
    update = PatientUpdate(patient=OrderedPatient(patient_ids=("P1",), name="\0" * 3))
    assert site.ris(update).code == "AA"
