"""Reports of the RIS: whose they are and what they do to the list, in both stores."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.builders import MINUTE, NOON, STUDY
from tests.contract.conftest import Kept
from tests.contract.ris import LATER, REPORT, Site
from worklist.due_time import DueTargets
from worklist.history import in_a_sentence
from worklist.orders import OrderedPatient, PatientMerge, ReportStatus
from worklist.people import AccountName
from worklist.reading import ReadingState
from worklist.service import Worklist
from worklist.study import Completeness

BEFORE = NOON - timedelta(hours=2)
MERGE = PatientMerge(patient=OrderedPatient(patient_ids=("P9",)), former_ids=("P1",))


@pytest.fixture
def site(worklist: Worklist, kept: Kept) -> Site:
    return Site(worklist, kept)


def complete(site: Site, how: Completeness = Completeness.COMPLETE) -> None:
    site.worklist.complete_study(STUDY, completeness=how, now=LATER)


def state(site: Site) -> ReadingState:
    return site.kept.record(STUDY).reading_state


def test_a_report_before_the_images_is_of_their_study_and_told_in_its_history(site: Site) -> None:
    site.ris(REPORT)
    site.images()
    site.images("1.2.3.1.2")
    assert site.kept.reports() == [
        (None, "final", "No fracture."),
        (STUDY, "final", "No fracture."),
    ]
    [event] = site.kept.events("earlier_report_found")
    assert in_a_sentence(event.kind, event.details) == (
        "the RIS had told of a report at 2026-03-02 12:05:00 UTC: it is final"
    )


def test_a_study_that_was_reported_before_its_images_came_leaves_the_list_when_it_is_complete(
    site: Site,
) -> None:
    """A PACS that was held up for hours sends what the RIS has long reported."""
    site.kept.employ("anna")
    site.ris(REPORT)
    site.images(made_at=BEFORE)
    site.images("1.2.3.1.2", made_at=BEFORE + MINUTE)
    assert state(site) is ReadingState.UNREAD
    site.worklist.claim(STUDY, AccountName("anna"), take_over=False, now=NOON)
    complete(site)
    assert state(site) is ReadingState.READ
    assert site.kept.ended_claims() == [(STUDY, "anna", "read_elsewhere")]
    assert len(site.kept.events("reported_elsewhere")) == 1
    assert site.kept.jobs() == [(STUDY, 1)]  # it is looked at all the same, for quality work


@pytest.mark.parametrize(
    ("made_at", "expected"),
    [
        (NOON - 5 * MINUTE, ReadingState.READ),
        (NOON - 5 * MINUTE + timedelta(seconds=1), ReadingState.UNREAD),
        (NOON + MINUTE, ReadingState.UNREAD),
        (None, ReadingState.UNREAD),
    ],
)
def test_no_report_counts_for_images_that_may_be_newer(
    site: Site, made_at: datetime | None, expected: ReadingState
) -> None:
    """Clocks of modalities and the RIS differ by five minutes at most."""
    site.ris(REPORT)
    site.images(made_at=BEFORE)
    site.images("1.2.3.1.2", made_at=made_at)
    complete(site)
    assert state(site) is expected


@pytest.mark.parametrize(
    "report",
    [
        replace(REPORT, status=ReportStatus.PRELIMINARY),
        replace(REPORT, status=ReportStatus.CANCELLED),
        replace(REPORT, patient_ids=("P2",)),
        replace(REPORT, accession_number="A2"),
    ],
)
def test_only_a_signed_report_of_this_study_counts(site: Site, report: Any) -> None:
    site.ris(report)
    site.images(made_at=BEFORE)
    complete(site)
    assert state(site) is ReadingState.UNREAD


def test_of_several_earlier_reports_the_last_counts(site: Site) -> None:
    withdrawn = replace(REPORT, status=ReportStatus.CANCELLED, said_at=NOON + MINUTE)
    site.ris(withdrawn)
    site.ris(REPORT)
    site.images(made_at=BEFORE)
    complete(site)
    assert state(site) is ReadingState.UNREAD
    assert len(site.kept.events("earlier_report_found")) == 2


def test_a_study_of_which_images_may_be_missing_stays(site: Site) -> None:
    site.ris(REPORT)
    site.images(made_at=BEFORE)
    complete(site, Completeness.INCOMPLETE)
    assert state(site) is ReadingState.UNREAD


def test_images_that_come_after_it_was_complete_bring_it_back_for_good(site: Site) -> None:
    site.ris(REPORT)
    site.images(made_at=BEFORE)
    complete(site)
    site.images("1.2.3.1.2", made_at=BEFORE, received_at=LATER)
    complete(site)
    assert state(site) is ReadingState.UNREAD


@pytest.mark.parametrize("zone", ["Europe/Paris", "America/New_York"])
def test_image_headers_are_in_the_sites_time(kept: Kept, zone: str) -> None:
    """Paris is an hour ahead in March, so that its noon is before noon; New York is behind."""

    def at(_: datetime) -> tzinfo:
        return ZoneInfo(zone)

    site = Site(Worklist(kept.store, DueTargets(), zone=at), kept)
    site.ris(REPORT)
    site.images(made_at=NOON)
    complete(site)
    assert (state(site) is ReadingState.READ) == (zone == "Europe/Paris")


def test_a_merge_that_comes_after_the_report_finds_its_study(site: Site) -> None:
    site.images()
    complete(site)
    site.ris(replace(REPORT, patient_ids=("P9",)))
    assert state(site) is ReadingState.UNREAD
    site.ris(MERGE)
    assert state(site) is ReadingState.READ
    assert site.kept.reports()[-1] == (STUDY, "final", "No fracture.")
    site.ris(MERGE)
    assert len(site.kept.reports()) == 2


def test_a_merge_after_newer_images_marks_nothing_read(site: Site) -> None:
    site.images()
    complete(site)
    site.ris(replace(REPORT, patient_ids=("P9",)))
    site.images("1.2.3.1.2", received_at=LATER + MINUTE)
    site.ris(MERGE, now=LATER + 2 * MINUTE)
    assert state(site) is ReadingState.UNREAD
    assert len(site.kept.events("earlier_report_found")) == 1


def test_what_a_person_put_back_no_earlier_report_takes_away(site: Site) -> None:
    site.images()
    complete(site)
    site.ris(replace(REPORT, patient_ids=("P9",)))
    site.worklist.mark_read(STUDY, actor="anna", reason="seen", now=LATER)
    site.worklist.reopen(STUDY, actor="anna", reason="again", now=LATER)
    site.ris(MERGE)
    assert state(site) is ReadingState.UNREAD


def test_a_second_study_of_the_number_has_the_report_too(site: Site) -> None:
    site.images(made_at=BEFORE)
    site.ris(REPORT)
    site.images("1.2.4.1", study="1.2.4", made_at=BEFORE)
    assert [uid for uid, _, _ in site.kept.reports()] == [STUDY, "1.2.4"]


def test_a_report_that_is_withdrawn_brings_its_study_back(site: Site) -> None:
    """Dictated on the wrong patient: final, then cancelled; nobody has read it."""
    site.images()
    site.ris(REPORT)
    withdrawn = replace(REPORT, status=ReportStatus.CANCELLED, said_at=LATER)
    site.ris(withdrawn)
    assert state(site) is ReadingState.UNREAD
    [event] = site.kept.events("report_withdrawn")
    assert in_a_sentence(event.kind, event.details).startswith("the RIS withdrew its report; due")
    site.ris(withdrawn)
    assert len(site.kept.events("report_withdrawn")) == 1


@pytest.mark.parametrize("is_last_signed", [True, False])
def test_what_was_said_before_and_comes_after_counts_no_more(
    site: Site, is_last_signed: bool
) -> None:
    """A message that was held up, or a dead letter that a person has read again."""
    site.images()
    order = [ReportStatus.FINAL, ReportStatus.CANCELLED]
    late, last = reversed(order) if is_last_signed else order
    site.ris(replace(REPORT, status=last, said_at=LATER))
    site.ris(replace(REPORT, status=late))
    assert (state(site) is ReadingState.READ) == is_last_signed
    assert len(site.kept.reports()) == 2


def test_a_withdrawn_report_does_not_undo_what_a_person_did(site: Site) -> None:
    site.images()
    site.worklist.mark_read(STUDY, actor="anna", reason="seen", now=NOON)
    site.ris(replace(REPORT, status=ReportStatus.CANCELLED))
    assert state(site) is ReadingState.READ


def test_the_hour_that_comes_twice_is_taken_for_the_later(kept: Kept) -> None:
    """At 02:30 on 25 October 2026 in Paris: 00:30 or 01:30 UTC."""

    def paris(_: datetime) -> tzinfo:
        return ZoneInfo("Europe/Paris")

    site = Site(Worklist(kept.store, DueTargets(), zone=paris), kept)
    site.ris(replace(REPORT, said_at=datetime(2026, 10, 25, 1, 34, tzinfo=UTC)))
    site.images(made_at=datetime(2026, 10, 25, 2, 30, tzinfo=UTC))
    complete(site)
    assert state(site) is ReadingState.UNREAD


@pytest.mark.parametrize("is_told_again", [True, False])
def test_a_report_that_is_older_than_an_image_never_takes_its_study_away(
    site: Site, is_told_again: bool
) -> None:
    """An engine sends all of its day once more, or a dead letter is read again."""
    site.images()
    complete(site)
    if is_told_again:
        site.ris(REPORT)
        assert state(site) is ReadingState.READ
    site.images("1.2.3.1.2", received_at=LATER + MINUTE)
    complete(site)
    site.ris(REPORT, now=LATER + 2 * MINUTE)
    assert state(site) is ReadingState.UNREAD
    assert site.kept.reports() == [(STUDY, "final", "No fracture.")]


@pytest.mark.parametrize(
    ("made_at", "expected"),
    [
        (NOON - 5 * MINUTE, ReadingState.READ),
        (NOON - 5 * MINUTE + timedelta(seconds=1), ReadingState.UNREAD),
        (None, ReadingState.UNREAD),
    ],
)
def test_images_that_come_late_and_were_made_before_the_report_are_of_it(
    site: Site, made_at: datetime | None, expected: ReadingState
) -> None:
    site.images(made_at=made_at, received_at=NOON + MINUTE)
    site.ris(REPORT)
    assert state(site) is expected


def test_p7_the_same_report_once_more_does_not_undo_what_a_person_put_back(site: Site) -> None:
    site.images()
    site.ris(REPORT)
    site.worklist.reopen(STUDY, actor="anna", reason="again", now=LATER)
    site.ris(REPORT, now=LATER + MINUTE)
    assert state(site) is ReadingState.UNREAD
    held_up = replace(REPORT, text="No fracture at all.", said_at=LATER)
    site.ris(held_up, now=LATER + 2 * MINUTE)
    assert state(site) is ReadingState.UNREAD
    site.ris(replace(held_up, said_at=LATER + MINUTE), now=LATER + 2 * MINUTE)
    assert state(site) is ReadingState.READ


@pytest.mark.parametrize("was_read", [True, False])
def test_a_merge_brings_no_withdrawn_report_into_force(site: Site, was_read: bool) -> None:
    """Dictated on the wrong patient, withdrawn for the right one, and then the two are merged."""
    site.images(patient_id="P9")
    complete(site)
    site.ris(REPORT)
    right = replace(REPORT, patient_ids=("P9",), text="No bleeding.", said_at=NOON + MINUTE)
    if was_read:
        site.ris(right)
    site.ris(replace(right, status=ReportStatus.CANCELLED, said_at=LATER))
    site.ris(MERGE, now=LATER + MINUTE)
    assert state(site) is ReadingState.UNREAD
    assert len(site.kept.events("earlier_report_found")) == 1


def test_a_merge_finds_no_report_that_was_signed_before_an_image_came(site: Site) -> None:
    """It was held up, and came after the image."""
    site.images(received_at=NOON + MINUTE)
    complete(site)
    site.ris(replace(REPORT, patient_ids=("P9",)))
    site.ris(MERGE)
    assert state(site) is ReadingState.UNREAD
    assert len(site.kept.events("earlier_report_found")) == 1
