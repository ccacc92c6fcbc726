"""Deliveries on their way: to a destination that is away, dies, refuses, hangs or keeps."""

import io
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydicom import dcmread

from results.sending.destination import Delivered, Destination
from results.sending.errors import CommitmentNotOffered, DestinationUnavailable
from tests.assessed_site import PATIENCE, AssessedSite
from tests.result_facts import FRACTURE
from vigie import delivering
from vigie.delivering import record_commitment, record_heard
from worklist.commitment import CommitmentAnswer, FailureReason, NotCommitted, ObjectReference
from worklist.deliveries import Asked
from worklist.outbound import (
    CannotResend,
    DeliveryState,
    UnknownDelivery,
    UnknownDestination,
    resent,
)
from worklist.uid import TransactionUID

ARM = "forearm_fracture"


@pytest.fixture
def site(emptied_engine: sa.Engine, tmp_path: Path) -> AssessedSite:
    return made(AssessedSite(emptied_engine, tmp_path))


def made(site: AssessedSite) -> AssessedSite:
    site.assess(ARM, site.file(ARM))
    site.make()
    return site


def uids(site: AssessedSite) -> list[str]:
    return [str(dcmread(io.BytesIO(one)).SOPInstanceUID) for _, one in site.peer.taken]


def test_what_waits_while_nobody_answers_lands_once_when_somebody_does(site: AssessedSite) -> None:
    count = len(site.views())
    site.peer.away = {"PACS"}
    site.send()
    assert {state for _, state in site.states()} == {"waiting"}
    one = site.views()[0].delivery
    assert (one.tries, one.words) == (1, "Nobody answers.")
    assert one.next_try_at == site.now + PATIENCE.first_pause
    site.send()
    assert site.peer.tests == 0, "the pause is kept"
    site.later(seconds=5)
    site.send()
    assert site.peer.tests == 1, "it is asked first whether it is there"
    assert site.views()[0].delivery.tries == 2
    site.peer.away = set()
    site.later(minutes=10)
    site.send()
    assert {state for _, state in site.states()} == {"sent"}
    assert len(uids(site)) == len(set(uids(site))) == count
    [told] = site.events("results_sent")
    assert told.details == {"destination": "PACS", "objects": count}


def test_what_was_never_offered_to_one_who_is_away_needs_no_rejection(site: AssessedSite) -> None:
    site.peer.away = {"PACS"}
    site.send()
    first = len(site.views())
    site.later(seconds=5)
    second = site.file("leg_fracture")
    site.assess("leg_fracture", second)
    site.make()
    site.send()
    new = [one.delivery for one in site.views(study=second)]
    assert {one.tries for one in new} == {1}
    assert not any(one.delivery.may_be_there for one in site.views())
    assert len(site.views()) == first + len(new)


def test_what_landed_unanswered_and_is_then_refused_is_still_rejected_when_retracted(
    site: AssessedSite,
) -> None:
    fake, taken = site.peer.send, len(site.views())
    [uid] = {one.study_instance_uid for one in site.views()}

    def send(destination: Destination, files: Sequence[Path]) -> object:
        fake(destination, files)
        raise DestinationUnavailable("It died before it answered.")

    site.peer.send = send  # type: ignore[assignment, method-assign]
    site.send()
    assert len(site.peer.taken) == taken
    site.peer.send = fake  # type: ignore[method-assign]
    site.peer.refuses = {str(dcmread(io.BytesIO(one)).SOPClassUID) for _, one in site.peer.taken}
    site.later(hours=1)
    site.send()
    assert {state for _, state in site.states()} == {"refused"}
    site.deliveries.retract(uid, reason="wrong patient", actor="anna", now=site.now)
    site.make()
    assert ("rejection", "waiting") in site.states()


def test_what_may_have_been_kept_without_a_word_is_rejected_when_retracted(
    site: AssessedSite,
) -> None:
    fake = site.peer.send
    [uid] = {one.study_instance_uid for one in site.views()}

    def untold(destination: Destination, files: Sequence[Path]) -> Sequence[Delivered]:
        taken = fake(destination, files)
        return [replace(one, state="refused", status=None, may_be_there=True) for one in taken]

    site.peer.send = untold  # type: ignore[method-assign]
    site.send()
    assert {state for _, state in site.states()} == {"refused"}
    site.deliveries.retract(uid, reason="wrong patient", actor="anna", now=site.now)
    site.make()
    assert ("rejection", "waiting") in site.states()


def test_what_nobody_takes_is_parked_and_sent_again_by_hand(site: AssessedSite) -> None:
    site.peer.away = {"PACS"}
    site.send()
    site.later(seconds=PATIENCE.limit.total_seconds())
    site.send()
    assert {state for _, state in site.states()} == {"parked"}
    [told] = site.events("results_parked")
    assert told.details["why"] == "Nobody answers."
    site.peer.away = set()
    site.later(hours=9)
    site.send()
    assert site.peer.taken == []
    count = site.deliveries.resend(Asked(destination="PACS"), actor="anna", now=site.now)
    assert count == len(site.views())
    site.send()
    assert {state for _, state in site.states()} == {"sent"}
    [told] = site.events("results_resent")
    assert (told.actor, told.details["objects"]) == ("person anna", count)


def test_a_destination_that_dies_in_the_middle_gets_the_rest_later(site: AssessedSite) -> None:
    site.peer.dies_after = 1
    site.send()
    states = Counter(state for _, state in site.states())
    assert states == {"sent": 1, "waiting": len(site.views()) - 1}
    site.peer.dies_after = None
    site.later(seconds=5)
    site.send()
    assert {state for _, state in site.states()} == {"sent"}
    assert len(uids(site)) == len(set(uids(site)))


def test_killed_while_sending_all_is_sent_again_under_the_same_uids(
    site: AssessedSite, tmp_path: Path
) -> None:
    taken = site.store.take("PACS", site.now, 16)  # and then kill -9
    assert all(one.delivery.may_be_there for one in taken)
    again = AssessedSite(site.engine, tmp_path, now=site.now, peer=site.peer)
    again.send()
    assert {state for _, state in again.states()} == {"sent"}
    assert sorted(uids(again)) == sorted(one.delivery.sop_instance_uid for one in taken)


def test_what_is_refused_is_said_and_holds_up_nothing(site: AssessedSite) -> None:
    site.peer.refuses = {"1.2.840.10008.5.1.4.1.1.88.34"}
    site.send()
    assert dict(site.states()) == {
        "report": "refused",
        "presentation": "sent",
        "key_image": "sent",
        "selection": "sent",
    }
    [told] = site.events("results_refused")
    assert told.details == {"destination": "PACS", "objects": 1, "why": "not that"}
    site.later(hours=5)
    site.send()
    assert site.events("results_refused") == [told]
    [refused] = [one.delivery for one in site.views(states=[DeliveryState.REFUSED])]
    site.peer.refuses = set()
    asked = Asked(delivery_ids=[refused.delivery_id])
    assert site.deliveries.resend(asked, actor="anna", now=site.now) == 1
    site.send()
    assert {state for _, state in site.states()} == {"sent"}


def test_a_file_that_is_lost_holds_up_nothing(site: AssessedSite) -> None:
    lost = site.views()[0].delivery
    [path] = site.results.rglob(f"{lost.sop_instance_uid}.dcm")
    path.unlink()
    site.send()
    states = {one.delivery.delivery_id: one.delivery for one in site.views()}
    waits = states.pop(lost.delivery_id)
    assert (waits.state, waits.may_be_there) == (DeliveryState.WAITING, False)
    assert {one.state for one in states.values()} == {DeliveryState.SENT}


def test_an_object_that_a_destination_chokes_on_holds_up_no_other(site: AssessedSite) -> None:
    bad = site.views()[0].delivery.sop_instance_uid
    fake = site.peer.send

    def send(destination: Destination, files: Sequence[Path]) -> object:
        if any(bad in one.name for one in files):
            raise RuntimeError("something nobody thought of")
        return fake(destination, files)

    site.peer.send = send  # type: ignore[assignment, method-assign]
    tried = set()
    for _ in range(12):
        site.send()
        site.later(seconds=30)
        tried.add(site.views()[0].delivery.tries)
    states = {one.delivery.sop_instance_uid: one.delivery for one in site.views()}
    choked = states.pop(bad)
    assert {one.state for one in states.values()} == {DeliveryState.SENT}
    assert choked.state is DeliveryState.WAITING
    assert choked.words == "RuntimeError: something nobody thought of"
    assert max(tried) < 9, "its own pauses are kept"


@pytest.mark.parametrize("whole", [False, True])
def test_what_a_stopped_model_found_is_neither_made_nor_sent_until_it_is_started(
    site: AssessedSite, whole: bool
) -> None:
    """Stopped in one action, AI says nothing more to anybody (P7)."""
    names = ["fracture", "haemorrhage"]
    which = None if whole else [FRACTURE.name]
    count, held = len(site.views()), site.file("leg_fracture")
    site.assess("leg_fracture", held)
    site.worklist.stop_ai(which, actor="anna", reason="odd", now=site.now, installed=names)
    site.make()
    site.send()
    assert len(site.views()) == count
    assert site.peer.taken == []
    assert site.store.next_try_at("PACS") is None, "nobody turns round and round for it"
    site.worklist.start_ai(which, actor="anna", reason="well", now=site.now, installed=names)
    site.make()
    site.send()
    assert {one.study_instance_uid for one in site.views()} >= {held}
    assert {state for _, state in site.states()} == {"sent"}


def test_one_destination_that_hangs_holds_up_no_other(
    emptied_engine: sa.Engine, tmp_path: Path
) -> None:
    site = made(AssessedSite(emptied_engine, tmp_path, names=("Fast", "Slow")))
    let_go, stop, may_send = threading.Event(), threading.Event(), threading.Event()
    fake, done = site.peer.send, threading.Event()

    def send(destination: Destination, files: Sequence[Path]) -> object:
        if destination.name == "Slow":
            assert let_go.wait(60)
        answer = fake(destination, files)
        if destination.name == "Fast":
            done.set()
        return answer

    site.peer.send = send  # type: ignore[assignment, method-assign]
    may_send.set()
    threads = [site.run(name, stop, may_send) for name in ("Slow", "Fast")]
    assert done.wait(60)
    assert {name for name, _ in site.peer.taken} == {"Fast"}
    stop.set()
    let_go.set()
    for sender in site.senders.values():
        sender.wake()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert {state for _, state in site.states("Slow")} == {"sent"}


def test_only_the_one_that_may_sends(site: AssessedSite) -> None:
    stop, may_send = threading.Event(), threading.Event()
    thread = site.run("PACS", stop, may_send)
    stop.set()
    thread.join(60)
    assert site.peer.taken == []


def test_one_that_may_send_no_more_ends_between_two_batches(site: AssessedSite) -> None:
    stop, may_send = threading.Event(), threading.Event()
    site.senders["PACS"]._batch = 1
    site.peer.during = may_send.clear
    may_send.set()
    site.senders["PACS"]._round_and_pause(stop, may_send)
    assert len(site.peer.taken) == 1


class TestSafekeeping:
    """Storage commitment of what was sent."""

    @pytest.fixture
    def site(self, emptied_engine: sa.Engine, tmp_path: Path) -> AssessedSite:
        return made(AssessedSite(emptied_engine, tmp_path, commitment=True))

    def answer(
        self, transaction_uid: TransactionUID, references: Sequence[ObjectReference], at: datetime
    ) -> CommitmentAnswer:
        first, *rest = references
        failed = NotCommitted(object=first, failure_reason=FailureReason.NO_SUCH_OBJECT)
        return CommitmentAnswer(
            transaction_uid=transaction_uid,
            committed=tuple(rest),
            failed=(failed,),
            ae_title="PEER",
            heard_at=at,
        )

    def test_what_is_kept_is_committed_and_what_is_not_is_sent_again(
        self, site: AssessedSite
    ) -> None:
        site.peer.answers_commitment = lambda _, uid, references: self.answer(
            uid, references, site.now
        )
        site.send()
        site.senders["PACS"].ask_commitment()
        states = Counter(state for _, state in site.states())
        assert states == {"committed": len(site.views()) - 1, "waiting": 1}
        [again] = site.views(states=[DeliveryState.WAITING])
        assert "no such object" in again.delivery.words
        site.later(minutes=10)
        site.send()
        assert Counter(state for _, state in site.states())["sent"] == 1
        assert len(site.events("results_committed")) == len(site.events("results_not_kept")) == 1
        site.senders["PACS"].ask_commitment()
        assert [len(one) for one in site.peer.asked] == [len(site.views()), 1]

    def test_what_counts_no_more_is_not_sent_again_where_the_archive_has_it_no_more(
        self, site: AssessedSite
    ) -> None:
        heard: list[CommitmentAnswer] = []

        def hides(_: Destination, uid: TransactionUID, asked: Sequence[ObjectReference]) -> None:
            gone = FailureReason.NO_SUCH_OBJECT
            failed = tuple(NotCommitted(object=one, failure_reason=gone) for one in asked)
            heard.append(
                CommitmentAnswer(
                    transaction_uid=uid,
                    committed=(),
                    failed=failed,
                    ae_title="PEER",
                    heard_at=site.now,
                )
            )

        site.peer.answers_commitment = hides
        site.send()
        before = len(site.peer.taken)
        site.senders["PACS"].ask_commitment()
        [uid] = {one.study_instance_uid for one in site.views()}
        site.deliveries.retract(uid, reason="wrong patient", actor="anna", now=site.now)
        site.make()
        site.send()
        record_commitment(site.outbox, heard.pop(), [site.senders["PACS"].destination])
        site.later(hours=1, seconds=1)
        site.send()
        assert len(site.peer.taken) == before + 1, "the rejection, and nothing after it"
        assert {state for _, state in site.states()} == {"sent"}
        site.senders["PACS"].ask_commitment()
        [rejection] = site.peer.asked[-1]
        assert rejection.sop_instance_uid == uids(site)[-1], (
            "of what counts no more it is not asked"
        )

    def test_what_counts_no_more_does_not_leave_however_it_came_to_wait(
        self, site: AssessedSite
    ) -> None:
        [uid] = {one.study_instance_uid for one in site.views()}
        site.send()
        site.peer.taken.clear()
        site.deliveries.retract(uid, reason="wrong patient", actor="anna", now=site.now)
        again = [resent(one.delivery, now=site.now) for one in site.views()]
        with site.store.transaction() as transaction:
            transaction.save_deliveries(again)
        site.send()
        assert site.peer.taken == []

    def test_an_answer_on_another_association_counts_only_from_whom_it_was_asked(
        self, site: AssessedSite, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        site.send()
        heard: list[CommitmentAnswer] = []

        def later(_: Destination, uid: TransactionUID, asked: Sequence[ObjectReference]) -> None:
            heard.append(
                CommitmentAnswer(
                    transaction_uid=uid,
                    committed=tuple(asked),
                    ae_title="PEER",
                    heard_at=site.now,
                )
            )

        site.peer.answers_commitment = later
        site.senders["PACS"].ask_commitment()
        [answer] = heard
        files = [site.folder / f"{number}.json" for number in range(3)]
        for path in files:
            path.touch()
        told = [replace(answer, ae_title="STRANGER"), answer, answer]  # the last: after a kill
        states = []
        for path, one in zip(files, told, strict=True):
            monkeypatch.setattr(delivering, "heard", lambda _, p=path, a=one: [(p, a)])
            record_heard(site.outbox, [site.senders["PACS"].destination], site.folder)
            states.append({state for _, state in site.states()})
        assert states == [{"sent"}, {"committed"}, {"committed"}]
        assert not any(path.exists() for path in files)
        assert len(site.events("results_committed")) == 1

    def test_it_is_asked_again_after_an_hour_and_three_times_at_most(
        self, site: AssessedSite
    ) -> None:
        site.send()
        for _ in range(6):
            site.senders["PACS"].ask_commitment()
            site.senders["PACS"].ask_commitment()
            site.later(hours=1, seconds=1)
        assert len(site.peer.asked) == 3

    def test_who_offers_none_is_asked_once(self, site: AssessedSite) -> None:
        def refuse(*_: object) -> None:
            raise CommitmentNotOffered("PACS has no storage commitment.")

        site.peer.answers_commitment = refuse
        site.send()
        site.senders["PACS"].ask_commitment()
        site.later(hours=2)
        site.senders["PACS"].ask_commitment()
        assert len(site.peer.asked) == 1
        assert {state for _, state in site.states()} == {"sent"}


def test_deliveries_are_listed_by_state_destination_and_study_page_by_page(
    emptied_engine: sa.Engine, tmp_path: Path
) -> None:
    site = made(AssessedSite(emptied_engine, tmp_path, names=("A", "B")))
    site.send("A")
    listed, before = [], None
    while True:
        page = site.deliveries.page(Asked(), before=before, limit=3)
        listed += page.deliveries
        before = page.next_before
        if before is None:
            break
    assert [one.delivery.delivery_id for one in listed] == sorted(
        (one.delivery.delivery_id for one in site.views()), reverse=True
    )
    assert len(site.views(states=[DeliveryState.SENT])) == len(site.views(destination="A"))
    first = listed[0].study_instance_uid
    assert [*site.deliveries.of_study(first)] == [*site.views(study=first)]
    counts = {one.name: one.counts for one in site.deliveries.destinations()}
    assert counts["A"][DeliveryState.SENT] == counts["B"][DeliveryState.WAITING] == 4
    other = AssessedSite(emptied_engine, tmp_path, names=("B",))
    once = {one.name: one.kind for one in other.deliveries.destinations()}
    assert once == {"B": "dimse", "A": ""}


def test_what_is_not_there_cannot_be_sent_again(site: AssessedSite) -> None:
    with pytest.raises(UnknownDelivery):
        site.deliveries.resend(Asked(delivery_ids=[10**6]), actor="anna", now=site.now)
    with pytest.raises(UnknownDestination):
        site.deliveries.resend(Asked(destination="Nowhere"), actor="anna", now=site.now)
    uid = site.views()[0].study_instance_uid
    site.reassess(ARM, uid)
    site.make()
    old = site.views()[0].delivery
    assert old.state is DeliveryState.WITHDRAWN
    with pytest.raises(CannotResend):
        site.deliveries.resend(Asked(delivery_ids=[old.delivery_id]), actor="anna", now=site.now)
