"""Dead letters are seen, counted, dismissed by a person with a reason, and end by themselves."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry, generate_latest

from results.hl7.inbound import Site
from tests.browser import Browser, app_of
from tests.builders import NOON, arrival
from tests.hl7_messages import header, message, order, patient, report
from tests.hl7_node import Node, connected_node
from tests.mllp_peers import accepts
from tests.people import PASSWORD, House
from viewer.metrics import NodeCollector
from vigie.doctor import check_dead_letters
from vigie.hl7 import Inbound, MessageDesk
from worklist.errors import MissingReason
from worklist.exchange_views import NoDeadLetter, UnknownMessage
from worklist.orders import MessageState
from worklist.people import Role
from worklist.store.reader import PostgresReader


@pytest.fixture
def node(emptied_engine: sa.Engine, tmp_path: Path) -> Iterator[Node]:
    """One that refused an order and something odd, and whose result the RIS did not take."""
    with connected_node(emptied_engine, tmp_path) as made:
        made.ris.behave = lambda raw, times: accepts(raw, times, "AE")
        made.assessed()
        made.flush()
        take(made, order("ER", control_id="bad"))
        take(made, message(header("SIU^S12\x1b<b>", control_id="odd"), patient()))
        yield made


def take(node: Node, raw: bytes) -> None:
    Inbound(node.worklist, Site(), lambda: node.now).handle(raw)


def desk_of(node: Node) -> MessageDesk:
    return MessageDesk(node.engine, node.worklist, node.settings(), lambda: node.now)


def events(node: Node, kind: str) -> list[tuple[str, dict[str, object]]]:
    asked = sa.text("SELECT actor, details FROM event WHERE kind = :kind ORDER BY event_id")
    with node.engine.connect() as connection:
        return [(row.actor, row.details) for row in connection.execute(asked, {"kind": kind})]


def metrics(node: Node) -> list[str]:
    registry = CollectorRegistry()
    registry.register(
        NodeCollector(PostgresReader(node.engine, archive=node.folder, inbox_objects=lambda: 0))
    )
    lines = generate_latest(registry).decode().splitlines()
    return [one for one in lines if one.startswith("vigie_hl7")]


@pytest.mark.parametrize("message_id", ["in-1", "out-1"])
def test_a_person_dismisses_a_dead_letter_and_says_why(node: Node, message_id: str) -> None:
    desk = desk_of(node)
    with pytest.raises(MissingReason):
        desk.dismiss(message_id, "anna", "  ")
    assert desk.dismiss(message_id, "anna", " a test ").state is MessageState.DISMISSED
    assert message_id not in [one.message_id for one in desk.messages(10, dead=True)]
    assert node.log.message(message_id).raw is None
    assert events(node, "message_dismissed") == [
        ("person anna", {"message": message_id, "why": "a test"})
    ]
    for act in (
        lambda: desk.dismiss(message_id, "anna", "again"),
        lambda: desk.again(message_id, "anna"),
    ):
        with pytest.raises(NoDeadLetter):
            act()
    with pytest.raises(UnknownMessage):
        desk.dismiss("in-99", "anna", "x")
    node.later(days=1)
    node.ris.behave = accepts
    node.flush()
    assert len(node.ris.received) == 1  # what was dismissed is not sent


def test_what_was_dismissed_is_looked_at_anew_when_it_comes_again(node: Node) -> None:
    """For example after the site has explained its priority."""
    desk_of(node).dismiss("in-1", "anna", "a test")
    take(node, order("ER", control_id="bad"))
    assert node.log.message("in-1").state is MessageState.REFUSED


def test_dead_letters_end_after_the_sites_days(node: Node) -> None:
    node.later(days=90)
    assert node.log.expire(node.now - timedelta(days=90), node.now) == 0
    node.later(seconds=1)
    assert node.log.expire(node.now - timedelta(days=90), node.now) == 3
    assert node.log.messages(10, dead=True) == []
    [(actor, details)] = events(node, "dead_letters_expired")
    assert (actor, details["in"], details["out"]) == ("vigie", 2, 1)
    assert node.log.expire(node.now - timedelta(days=90), node.now) == 0
    assert len(events(node, "dead_letters_expired")) == 1


def test_monitoring_counts_them_by_type_and_no_sender_makes_up_a_label(node: Node) -> None:
    assert sorted(metrics(node)) == [
        'vigie_hl7_dead_letters{direction="in",type="ORM^O01"} 1.0',
        'vigie_hl7_dead_letters{direction="in",type="other"} 1.0',
        'vigie_hl7_dead_letters{direction="out",type="ORU^R01"} 1.0',
        "vigie_hl7_messages_waiting 0.0",
    ]
    node.log.send_again("out-1", node.now)
    assert "vigie_hl7_messages_waiting 1.0" in metrics(node)


def test_the_doctor_tells_of_them(node: Node) -> None:
    check = check_dead_letters(node.engine)
    assert check.warns and check.detail == (
        "refused or given up: 1 ORM^O01 in, 1 other in, 1 ORU^R01 out; see vigie hl7 dead-letters"
    )
    node.log.expire(node.now + timedelta(days=1), node.now)
    assert not check_dead_letters(node.engine).warns


def test_an_administrator_dismisses_one_over_http(node: Node, tmp_path: Path) -> None:
    house = House(node.engine)
    house.person("root", Role.ADMINISTRATOR)
    browser = Browser(app_of(house, tmp_path, messages=desk_of(node)))
    assert browser.sign_in("root", PASSWORD).status_code == 200
    path = "/api/hl7/messages/in-1/dismiss"
    for body in ({}, {"reason": ""}, {"reason": " "}, {"reason": "x" * 501}):
        assert browser.ask("POST", path, body).status_code == 422
    answer = browser.ask("POST", path, {"reason": "a test"})
    assert (answer.status_code, answer.json()["state"]) == (200, "dismissed")
    assert browser.ask("POST", path, {"reason": "a test"}).status_code == 409
    unknown = path.replace("in-1", "in-99")
    assert browser.ask("POST", unknown, {"reason": "a test"}).status_code == 404
    assert [actor for actor, _ in events(node, "message_dismissed")] == ["person root"]


def test_a_report_of_somebody_else_waits_for_a_person_who_says_that_it_is_the_same(
    node: Node,
) -> None:
    """Name and birth date differ: a dead letter with plain words; read again, it is taken."""
    born = arrival("1.2.8.1", study="1.2.8", accession_number="A8")
    study = replace(born.study, patient_birth_date=date(1981, 4, 5), patient_name="Roe^Richard")
    node.worklist.record_arrivals([replace(born, study=study)], now=NOON)
    take(node, report(accession="A8", control_id="other"))
    [dead] = [one for one in node.log.messages(10, dead=True) if one.control_id == "other"]
    assert dead.error.startswith("name and birth date are both others than those of the study")
    assert "Doe" not in dead.error and "Roe" not in dead.error
    assert desk_of(node).again(dead.message_id, "anna").state is MessageState.ACCEPTED
    with node.engine.connect() as connection:
        state = sa.text("SELECT reading_state FROM study WHERE study_instance_uid = '1.2.8'")
        assert connection.scalar(state) == "read"
