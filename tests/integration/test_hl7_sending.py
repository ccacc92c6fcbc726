"""What goes to the RIS: nothing lost, nothing doubled, whatever the receiver does."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from results.hl7.framing import framed
from tests.builders import FRACTURE, HAEMORRHAGE, STUDY, arrival, provenance
from tests.contract.ris import ORDER
from tests.contract.ris import header as ris_header
from tests.hl7_messages import order
from tests.hl7_node import NEVER, Node, connected_node
from tests.mllp_peers import FakeRis, accepts, asked, serving
from vigie.hl7 import MessageDesk, Outbound
from worklist.exchange_views import NoDeadLetter, UnknownMessage
from worklist.finding import Flagged, NotFlagged
from worklist.highlighting import Highlighting, Modes
from worklist.orders import MessageState
from worklist.study import RequestedPriority


@pytest.fixture
def node(emptied_engine: sa.Engine, tmp_path: Path) -> Iterator[Node]:
    with connected_node(emptied_engine, tmp_path) as made:
        yield made


def test_a_result_is_told_once(node: Node) -> None:
    node.assessed()
    for _ in range(3):
        node.flush()
    [message] = node.told()
    assert str(message.segment("OBR")(18)) == "A1"
    assert str(message.segment("MSH")(5)) == "RIS"
    assert str(message.segment("OBX")(5)).endswith("^Suspected^SCT")
    assert node.states() == [("out-1", MessageState.ACCEPTED, "AA")]
    with node.engine.connect() as connection:
        kinds = connection.scalars(sa.text("SELECT kind FROM event ORDER BY event_id")).all()
    assert kinds[-1] == "result_told_to_ris"


def test_what_was_there_before_the_interface_is_not_told(
    emptied_engine: sa.Engine, node: Node
) -> None:
    with emptied_engine.begin() as connection:
        connection.execute(sa.text("UPDATE hl7_start SET since = now() + interval '1 day'"))
    node.assessed()
    node.flush()
    assert node.states() == []


def test_what_finished_more_than_a_week_ago_is_not_told_when_a_peer_is_set_again(
    node: Node,
) -> None:
    node.assessed()
    finished_at, node.now = node.finished_at, node.finished_at + timedelta(days=7, minutes=1)
    node.flush()
    assert node.ris.received == []
    node.now = finished_at + timedelta(days=6)
    node.flush()
    assert len(node.ris.received) == 1


@pytest.mark.parametrize("what", ["no number", "read", "stopped", "reopened", "not wanted"])
def test_what_nobody_asked_for_or_is_not_true_any_more_is_not_told(node: Node, what: str) -> None:
    node.assessed(accession_number="" if what == "no number" else "A1")
    by = {"actor": "anna", "reason": "x", "now": node.now}
    if what == "read":
        node.worklist.mark_read(STUDY, **by)
    if what == "stopped":
        node.worklist.stop_ai(None, installed=[HAEMORRHAGE.name], **by)
    if what == "reopened":
        node.worklist.record_arrivals([arrival("1.2.3.1.9")], now=node.now)
    node.flush(hl7_observations=what != "not wanted")
    assert node.ris.received == []


@pytest.mark.parametrize("what", ["read", "stopped", "reopened", "overridden"])
@pytest.mark.parametrize("was", ["waiting", "parked"])
def test_what_waited_and_is_not_true_any_more_does_not_go_out(
    node: Node, what: str, was: str
) -> None:
    node.ris.behave = lambda raw, times: None if was == "waiting" else accepts(raw, times, "AE")
    node.assessed(Flagged(probability=0.99))
    node.flush(hl7_priority_changes=True)
    by: dict[str, Any] = {"actor": "anna", "reason": "x", "now": node.now}
    match what:
        case "read":
            node.worklist.mark_read(STUDY, **by)
        case "stopped":
            node.worklist.stop_ai(None, installed=[HAEMORRHAGE.name], **by)
        case "reopened":
            node.worklist.record_arrivals([arrival("1.2.3.1.9")], now=node.now)
        case "overridden":
            node.worklist.override_priority(STUDY, RequestedPriority.ROUTINE, **by)
    node.later(days=1)
    for one in node.log.messages(10, dead=True):
        node.log.send_again(one.message_id, node.now)
    node.ris.behave, before = accepts, len(node.ris.received)
    node.flush(hl7_priority_changes=True)
    told = node.told()[before:]
    assert [str(one["MSH.F9.R1.C1"]) for one in told] == ["ORU"] * (what == "overridden")
    gone = [one for one in node.log.messages(10) if one.state is MessageState.SUPERSEDED]
    assert len(gone) == 2 - len(told)
    assert all(one.error for one in gone)


def test_a_later_assessment_corrects_what_went_out(node: Node) -> None:
    node.assessed()
    node.flush()
    node.later(minutes=1)
    node.assessed(NotFlagged(probability=0.1), number=2)
    node.flush()
    first, second = node.told()
    assert "Correction" not in str(first) and "Correction" in str(second)
    assert node.ris.control_ids() == sorted(set(node.ris.control_ids()))


def test_what_waits_of_an_earlier_assessment_gives_way_to_the_later(node: Node) -> None:
    node.ris.behave = lambda _raw, _times: None
    node.assessed()
    node.flush()
    node.ris.behave = accepts
    node.later(minutes=1)
    node.assessed(NotFlagged(probability=0.1), number=2)
    node.flush()
    assert [state for _, state, _ in node.states()] == [
        MessageState.ACCEPTED, MessageState.SUPERSEDED,
    ]  # fmt: skip
    assert "Correction" in str(node.told()[-1])  # the RIS may have the first: it never said


@pytest.mark.parametrize("misbehaves", ["hangs up", "is silent", "talks of another", "garbles"])
def test_until_the_ris_acknowledges_the_same_message_is_sent(node: Node, misbehaves: str) -> None:
    """Dropped, delayed or garbled: tried again later, under the same control ID."""

    def behave(raw: bytes, times: int) -> bytes | None:
        if len(node.ris.received) > 2:
            return accepts(raw, times)
        match misbehaves:
            case "hangs up":
                return None
            case "is silent":
                node.ris._stop.wait(1.5)
                return None
            case "talks of another":
                return accepts(raw, times).replace(b"MSA|AA|", b"MSA|AA|9")
        return b"\xff\x00 nonsense"

    node.ris.behave = behave
    node.assessed()
    node.flush()
    assert node.states() == [("out-1", MessageState.WAITING, "")]
    node.flush()  # too early: nothing is sent
    assert len(node.ris.received) == 1
    for _ in range(2):
        node.later(minutes=1)
        node.flush()
    assert node.states() == [("out-1", MessageState.ACCEPTED, "AA")]
    assert len(node.ris.received) == 3
    assert len(set(node.ris.control_ids())) == 1
    node.later(days=1)
    node.flush()
    assert len(node.ris.received) == 3


def test_a_ris_that_is_away_for_days_gets_everything_when_it_is_back(node: Node) -> None:
    node.ris.close()
    for number in range(5):
        node.assessed(study=f"1.2.{number}", accession_number=f"A{number}")
    for _ in range(10):
        node.flush(hl7_attempts=3)
        node.later(days=1)
    waiting = node.log.messages(10)
    assert {(one.state, one.attempts) for one in waiting} == {(MessageState.WAITING, 0)}
    assert all("cannot connect" in one.error for one in waiting)
    node.ris = FakeRis()
    node.flush()
    told = [str(one.segment("OBR")(18)) for one in node.told()]
    assert sorted(told) == ["A0", "A1", "A2", "A3", "A4"]
    assert "Correction" not in str(node.told())


def test_while_it_is_away_it_is_not_asked_at_every_event(node: Node) -> None:
    node.ris.close()
    node.assessed()
    outbound = Outbound(node.messages(), node.settings(), lambda: node.now)
    waits = []
    for _ in range(9):
        outbound.flush(NEVER)
        [one] = node.log.messages(10)
        assert one.next_try_at is not None
        waits.append((one.next_try_at - node.now).total_seconds())
        node.now = one.next_try_at
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_an_error_parks_a_message_at_once_and_a_person_sends_it_again(node: Node) -> None:
    error = "ERR||OBR^1^18|204^Unknown key^HL70357|E||||Jane Doe is not known\r"
    node.ris.behave = lambda raw, times: accepts(raw, times, "AE", error)
    node.assessed()
    node.flush()
    [dead] = node.log.messages(10, dead=True)
    assert (dead.state, dead.error) == (
        MessageState.PARKED, "the receiver answered AE with error 204",
    )  # fmt: skip
    assert "Jane" not in str(dead)
    assert b"PID|1||P1||Doe^Jane" in (node.log.message("out-1").raw or b"")
    node.ris.behave = accepts
    node.later(days=1)
    node.flush()
    assert len(node.ris.received) == 1
    desk = MessageDesk(node.engine, node.worklist, node.settings(), lambda: node.now)
    assert desk.again("out-1", "anna").state is MessageState.WAITING
    node.flush()
    assert node.states() == [("out-1", MessageState.ACCEPTED, "AA")]
    assert node.log.message("out-1").raw is None
    with pytest.raises(NoDeadLetter):
        desk.again("out-1", "anna")
    for unknown in ("out-99", "in-1", "x", "out-9" + "9" * 30, "out-١"):
        with pytest.raises(UnknownMessage):
            desk.again(unknown, "anna")


def test_a_rejection_is_tried_again_and_parked_at_the_limit(node: Node) -> None:
    node.ris.behave = lambda raw, times: accepts(raw, times, "AR")
    node.assessed()
    for _ in range(5):
        node.flush(hl7_attempts=3)
        node.later(minutes=10)
    assert len(node.ris.received) == 3
    [dead] = node.log.messages(10, dead=True)
    assert (dead.attempts, dead.code) == (3, "AR")


def test_one_refused_message_holds_up_no_other(node: Node) -> None:
    def refuses_one(raw: bytes, times: int) -> bytes:
        return accepts(raw, times, "AE" if b"|A1|" in raw else "AA")

    node.ris.behave = refuses_one
    for number in range(3):
        node.assessed(study=f"1.2.{number}", accession_number=f"A{number}")
    node.flush()
    assert sorted(code for _, _, code in node.states()) == ["AA", "AA", "AE"]


def test_a_more_urgent_study_changes_its_order_where_the_site_wants_it(node: Node) -> None:
    node.assessed(Flagged(probability=0.99))
    node.flush(hl7_observations=False, hl7_priority_changes=True, hl7_priority_message="OMI")
    [message] = node.told()
    assert str(message.segment("ORC")(1)) == "XO"
    assert str(message.segment("TQ1")(9)) == "S^Stat^HL70485"


@pytest.mark.parametrize(
    ("issuer", "number", "patient", "kinds"),
    [("NORTH", "O2", "P1^^^NORTH", ["ORM", "ORU"]), ("", "", "P1", ["ORU"])],
)
def test_of_two_hospitals_the_order_of_the_studys_own_is_named_and_changed_and_no_other(
    node: Node, issuer: str, number: str, patient: str, kinds: list[str]
) -> None:
    """Both gave P1 and A1; where images do not say whose they are, no order is."""
    node = replace(node, issuers=("NORTH", "SOUTH"))
    routine = replace(ORDER, requested_priority=RequestedPriority.ROUTINE)
    south, north = (
        replace(routine, order_number=one, issuers=(gave,))
        for one, gave in (("O1", "SOUTH"), ("O2", "NORTH"))
    )
    node.worklist.receive(ris_header(), (south, north), now=node.now)
    node.assessed(Flagged(probability=0.99), issuer=issuer)
    node.flush(hl7_priority_changes=True)
    assert sorted(str(one.segment("MSH")(9)(0)(0)) for one in node.told()) == kinds
    for one in node.told():
        assert str(one.segment("OBR")(2)) == number
        assert str(one.segment("PID")(3)) == patient


def test_a_study_that_is_not_more_urgent_changes_no_order(node: Node) -> None:
    node.assessed(NotFlagged(probability=0.0001))
    node.flush(hl7_observations=False, hl7_priority_changes=True)
    assert node.ris.received == []


def test_p8_a_model_whose_marks_are_not_shown_at_once_tells_no_probability(node: Node) -> None:
    node.assessed(Flagged(probability=0.912))
    node.flush(modes=Modes(chosen={"haemorrhage": Highlighting.AFTER_FIRST_LOOK}))
    [message] = node.told()
    said = [str(one(5)) for one in message.segments("OBX")]
    assert "Suspected" in said[0] and "91" not in " ".join(said)


def test_a_dead_letter_that_came_in_is_read_again(node: Node) -> None:
    node.assessed(accession_number="A1")
    with serving(node.engine) as server:
        assert b"MSA|AE|" in asked(server.port, framed(order("ER")))
    desk = MessageDesk(
        node.engine, node.worklist, node.settings(hl7_priorities=("ER=stat",)), lambda: node.now
    )
    assert desk.again("in-1", "anna").state is MessageState.ACCEPTED
    with node.engine.connect() as connection:
        asked_for = connection.scalar(sa.text("SELECT requested_priority FROM study"))
        last = connection.execute(
            sa.text("SELECT kind, actor FROM event ORDER BY event_id DESC LIMIT 1")
        ).one()
    assert asked_for == "stat"
    assert tuple(last) == ("message_resent", "person anna")


def test_detectors_that_a_person_stopped_say_nothing_the_others_do(node: Node) -> None:
    node.assessed()
    node.worklist.record_outcome(
        STUDY, 1, NotFlagged(probability=0.1), provenance(FRACTURE), now=node.now
    )
    node.worklist.stop_ai(
        ["haemorrhage"],
        installed=["haemorrhage", "fracture"],
        actor="anna",
        reason="x",
        now=node.now,
    )
    node.flush()
    [message] = node.told()
    assert {str(one(17)).partition("^")[0] for one in message.segments("OBX")} == {"fracture"}
