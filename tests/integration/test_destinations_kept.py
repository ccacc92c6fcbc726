"""Destinations that are removed, come back, move, or choke: what was meant for them, and when."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa

from results.sending.destination import Delivered, Destination
from results.sending.errors import CommitmentNotOffered, DestinationUnavailable
from tests.assessed_site import PATIENCE, AssessedSite
from worklist.deliveries import Asked
from worklist.outbound import DeliveryState, UnknownDestination
from worklist.store.destinations import PostgresDestinations
from worklist.uid import StudyInstanceUID

ARM, LEG = "forearm_fracture", "leg_fracture"
CENTURY = 36500  # days; assessments end by the clock of the database, which no test turns


@pytest.fixture
def site(emptied_engine: sa.Engine, tmp_path: Path) -> AssessedSite:
    site = AssessedSite(emptied_engine, tmp_path)
    site.assess(ARM, site.file(ARM))
    site.make()
    return site


def assessed(site: AssessedSite, phantom: str) -> StudyInstanceUID:
    uid = site.file(phantom)
    site.assess(phantom, uid)
    return uid


def test_what_waits_for_a_destination_that_is_set_no_more_is_withdrawn_and_said(
    site: AssessedSite, tmp_path: Path
) -> None:
    count = len(site.views())
    AssessedSite(site.engine, tmp_path, names=("Other",), now=site.later(hours=1))
    assert {state for _, state in site.states()} == {"withdrawn"}
    [told] = site.events("results_withdrawn")
    assert told.details == {
        "destination": "PACS",
        "objects": count,
        "why": "the destination is set no more",
    }
    assert told.study_instance_uid == site.views()[0].study_instance_uid


def test_a_name_that_comes_back_gets_what_is_assessed_from_then_on(
    site: AssessedSite, tmp_path: Path
) -> None:
    first = site.views()[0].study_instance_uid
    site.send()
    PostgresDestinations(site.engine).note({}, site.later(hours=1))
    meanwhile = assessed(site, LEG)
    again = AssessedSite(site.engine, tmp_path, now=site.later(days=CENTURY))
    again.make()
    assert {one.study_instance_uid for one in again.views()} == {first}
    again.later(minutes=1)
    again.deliveries.make_anew(meanwhile, actor="anna", now=again.now)
    again.make()
    assert again.views(study=meanwhile), "it is sent when it is asked for"


def test_what_was_withdrawn_with_its_destination_goes_there_again_when_it_is_asked_for(
    site: AssessedSite, tmp_path: Path
) -> None:
    [uid] = {one.study_instance_uid for one in site.views()}
    PostgresDestinations(site.engine).note({}, site.later(hours=1))
    again = AssessedSite(site.engine, tmp_path, now=site.later(days=1))
    again.deliveries.make_anew(uid, actor="anna", now=again.now)
    again.make()
    again.send()
    assert {state for _, state in again.states()} == {"sent"}


def test_a_node_without_destinations_ends_those_that_were_set_unless_another_delivers(
    site: AssessedSite,
) -> None:
    destinations = PostgresDestinations(site.engine)
    with site.engine.connect() as other:
        other.execute(sa.text("SELECT pg_advisory_lock(hashtext('vigie deliver'))"))
        destinations.note_none(site.now)
        assert {state for _, state in site.states()} == {"waiting"}
        other.execute(sa.text("SELECT pg_advisory_unlock(hashtext('vigie deliver'))"))
    destinations.note_none(site.now)
    assert {state for _, state in site.states()} == {"withdrawn"}


def test_no_rejection_is_made_for_a_destination_that_is_set_no_more(
    site: AssessedSite, tmp_path: Path
) -> None:
    [uid] = {one.study_instance_uid for one in site.views()}
    site.send()
    other = AssessedSite(site.engine, tmp_path, names=("Other",), now=site.later(hours=1))
    other.deliveries.retract(uid, reason="wrong patient", actor="anna", now=other.now)
    other.make()
    assert "rejection" not in dict(other.states())
    back = AssessedSite(site.engine, tmp_path, names=("PACS",), now=other.later(hours=1))
    back.make()
    assert dict(back.states())["rejection"] == "waiting", "it may still have them"


@pytest.mark.parametrize("address", ["", "elsewhere"])
def test_a_rejection_that_waits_outlasts_its_destination(
    site: AssessedSite, tmp_path: Path, address: str
) -> None:
    [uid] = {one.study_instance_uid for one in site.views()}
    site.send()
    site.deliveries.retract(uid, reason="wrong patient", actor="anna", now=site.later(hours=1))
    site.make()
    assert site.states()[-1] == ("rejection", "waiting")
    AssessedSite(site.engine, tmp_path, names=("Other",), now=site.later(hours=1))
    site.peer.taken.clear()
    site.send()
    assert site.peer.taken == [], "to nobody while it is not set"
    addresses = {"PACS": address} if address else {}
    back = AssessedSite(site.engine, tmp_path, addresses=addresses, now=site.later(hours=1))
    back.make()
    back.send()
    if address:
        assert back.peer.taken == [], "to another machine only when a person says so"
        assert back.deliveries.release("PACS", actor="anna", now=back.now) == 1
        back.send()
    assert len(back.peer.taken) == 1
    assert back.states()[-1] == ("rejection", "sent")


def test_a_delivery_of_a_destination_that_is_set_no_more_is_not_sent_again(
    site: AssessedSite, tmp_path: Path
) -> None:
    site.send()
    number = site.views()[0].delivery.delivery_id
    other = AssessedSite(site.engine, tmp_path, names=("Other",), now=site.later(hours=1))
    with pytest.raises(UnknownDestination, match="PACS is set no more"):
        other.deliveries.resend(Asked(delivery_ids=[number]), actor="anna", now=other.now)
    assert {state for _, state in site.states()} == {"sent"}


def test_what_waits_goes_to_a_new_address_only_when_a_person_says_so(
    site: AssessedSite, tmp_path: Path
) -> None:
    count = len(site.views())
    moved = AssessedSite(
        site.engine, tmp_path, addresses={"PACS": "elsewhere"}, now=site.later(hours=1)
    )
    moved.send()
    assert moved.peer.taken == []
    [shown] = moved.deliveries.destinations()
    assert (shown.counts[DeliveryState.WAITING], shown.held) == (count, count)
    [told] = moved.events("destination_moved")
    assert told.details == {"destination": "PACS", "from": "at PACS", "to": "elsewhere"}
    moved.later(seconds=1)
    new = assessed(moved, LEG)
    moved.make()
    moved.send()
    assert {one.delivery.state for one in moved.views(study=new)} == {DeliveryState.SENT}
    assert {one.state for one in _older(moved, new)} == {DeliveryState.WAITING}
    moved.later(hours=100)
    moved.send()
    assert {one.state for one in _older(moved, new)} == {DeliveryState.WAITING}, "never parked"
    assert moved.deliveries.release("PACS", actor="anna", now=moved.now) == count
    moved.send()
    assert {state for _, state in moved.states()} == {"sent"}
    [said] = moved.events("results_released")
    assert (said.actor, said.details["objects"]) == ("person anna", count)
    assert moved.deliveries.release("PACS", actor="anna", now=moved.now) == 0
    with pytest.raises(UnknownDestination):
        moved.deliveries.release("Nowhere", actor="anna", now=moved.now)


def _older(site: AssessedSite, than: StudyInstanceUID) -> list[object]:
    return [one.delivery for one in site.views() if one.study_instance_uid != than]


def test_a_start_with_the_same_address_holds_nothing(site: AssessedSite, tmp_path: Path) -> None:
    again = AssessedSite(site.engine, tmp_path, now=site.later(hours=1))
    again.send()
    assert {state for _, state in again.states()} == {"sent"}


def test_one_that_answers_and_takes_nothing_is_left_alone_for_longer_each_time(
    site: AssessedSite,
) -> None:
    offered: list[timedelta] = []
    began_at = site.now

    def send(destination: Destination, files: Sequence[Path]) -> Sequence[Delivered]:
        offered.append(site.now - began_at)
        raise DestinationUnavailable("It died.")

    site.peer.send = send  # type: ignore[method-assign]
    for _ in range(720):
        site.send()
        site.later(seconds=5)
    pauses = [(b - a).total_seconds() for a, b in pairwise(offered)]
    assert site.peer.tests > 1, "it answers whenever it is asked"
    assert pauses == sorted(pauses)
    assert pauses[-1] == PATIENCE.longest_pause.total_seconds()
    assert len(offered) < 15


def test_small_objects_go_before_a_big_one_and_a_big_one_goes_alone(site: AssessedSite) -> None:
    first, *others = [one.delivery.sop_instance_uid for one in site.views()]
    with site.engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE result_object SET size_bytes = 50000000 WHERE sop_instance_uid = :uid"),
            {"uid": first},
        )
    taken = site.store.take("PACS", site.now, 16)
    assert [one.delivery.sop_instance_uid for one in taken] == others
    taken = site.store.take("PACS", site.now, 16)
    assert [one.delivery.sop_instance_uid for one in taken] == [first]


def test_a_big_object_has_its_turn_after_a_while(site: AssessedSite) -> None:
    first = site.views()[0].delivery.sop_instance_uid
    with site.engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE result_object SET size_bytes = 50000000 WHERE sop_instance_uid = :uid"),
            {"uid": first},
        )
    site.later(minutes=16)
    assessed(site, LEG)
    site.make()
    taken = site.store.take("PACS", site.now, 16)
    assert taken[0].delivery.sop_instance_uid == first


class TestSafekeeping:
    """Storage commitment that is not offered today, or of what is sent once more."""

    @pytest.fixture
    def site(self, emptied_engine: sa.Engine, tmp_path: Path) -> AssessedSite:
        site = AssessedSite(emptied_engine, tmp_path, commitment=True)
        site.assess(ARM, site.file(ARM))
        site.make()
        return site

    def test_one_that_offered_none_is_asked_again_after_a_day_or_at_a_new_address(
        self, site: AssessedSite, tmp_path: Path
    ) -> None:
        def refuse(*_: object) -> None:
            raise CommitmentNotOffered("PACS has no storage commitment.")

        site.peer.answers_commitment = refuse
        site.send()
        site.senders["PACS"].ask_commitment()
        site.later(hours=23)
        site.senders["PACS"].ask_commitment()
        assert len(site.peer.asked) == 1
        site.later(hours=2)
        site.senders["PACS"].ask_commitment()
        assert len(site.peer.asked) == 2
        moved = AssessedSite(
            site.engine,
            tmp_path,
            addresses={"PACS": "elsewhere"},
            now=site.later(hours=2),
            commitment=True,
        )
        moved.senders["PACS"].ask_commitment()
        assert len(moved.peer.asked) == 1

    def test_what_is_sent_again_is_asked_for_three_times_again(self, site: AssessedSite) -> None:
        site.send()
        for _ in range(4):
            site.senders["PACS"].ask_commitment()
            site.later(hours=1, seconds=1)
        assert len(site.peer.asked) == 3
        [uid] = {one.study_instance_uid for one in site.views()}
        site.deliveries.resend(Asked(study=uid), actor="anna", now=site.now)
        site.send()
        site.later(seconds=1)
        for _ in range(4):
            site.senders["PACS"].ask_commitment()
            site.later(hours=1, seconds=1)
        assert len(site.peer.asked) == 6
