"""A flag on a running node is told once by webhook and e-mail, also when its process is killed.

And an administrator sees what became of it, at the page.
"""

import json
import os
import signal
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from axe_core import serious
from pages import open_list
from playwright.sync_api import Browser, expect
from radiographs import MadeStudy, make_study, send_to
from recorded import flag, record
from signed_in import person
from vigie_node import Node, wait_until

from tests.receivers import Postbox, Receiver, Reply, mail_server, receiving
from worklist.finding import NotFlagged, TargetFinding
from worklist.people import Role

SECRET = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture(scope="module")
def postbox() -> Iterator[Postbox]:
    with mail_server() as one:
        yield one


@pytest.fixture(scope="module")
def node(
    tmp_path_factory: pytest.TempPathFactory, receiver: Receiver, postbox: Postbox
) -> Iterator[Node]:
    channels = [
        {"kind": "webhook", "name": "pager", "url": receiver.url, "secret": SECRET},
        {
            "kind": "email",
            "name": "on-call",
            "host": "127.0.0.1",
            "port": postbox.port,
            "security": "none",
            "sender": "vigie@hospital.example",
            "recipients": ["anna@hospital.example", "ben@hospital.example"],
        },
    ]
    node = Node(
        tmp_path_factory.mktemp("notifications") / "node",
        notifications=json.dumps(channels),
        public_address="https://vigie.example.org",
    )
    try:
        node.start()
        yield node
    finally:
        code = node.stop()
    assert code == 0, node.tail()


def listed(node: Node) -> list[dict[str, Any]]:
    """What `vigie notifications` tells a program."""
    shown = node.run("notifications", "--json")
    assert shown.returncode == 0, shown.stderr
    content: list[dict[str, Any]] = json.loads(shown.stdout)
    return content


def delivered(node: Node, channel: str, finding: TargetFinding) -> bool:
    """Whether a channel was told of a finding."""
    return any(
        (one["channel"], one["target"], one["state"]) == (channel, finding, "delivered")
        for one in listed(node)
    )


def test_a_flag_is_told_once_by_webhook_and_mail_also_when_its_process_is_killed(
    node: Node, receiver: Receiver, postbox: Postbox, tmp_path: Path
) -> None:
    for name in ("pager", "on-call"):
        tried = node.run("notifications", "test", name)
        assert tried.returncode == 0, tried.stderr
    [test] = receiver.received
    assert json.loads(test.body)["type"] == "test"
    assert len(postbox.mails) == 1

    study = make_study(tmp_path, 1, name="Doe^Jane")
    send_to(node, study)
    node.all_assessed(1)
    receiver.reply = Reply(hangs=True)
    postbox.refused = {"ben@hospital.example": "451 greylisted, come back"}
    flag(node, study, 0.93)
    _killed_in_between(node, receiver, postbox)
    _told_once(receiver, postbox, study)
    _nothing_new_is_told_again(node, receiver, postbox, study)


def _killed_in_between(node: Node, receiver: Receiver, postbox: Postbox) -> None:
    """The receiver and Anna have it, and the process that tells dies before it is answered."""
    wait_until(lambda: len(receiver.received) == 2, "the receiver is told", more=node.tail)
    reached = ["anna@hospital.example"]
    wait_until(lambda: reached in [one["reached"] for one in listed(node)], "Anna has the mail")
    [before] = node.role_pids("notify")
    receiver.reply = Reply(204)
    postbox.refused = {}
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: delivered(node, "on-call", TargetFinding.FRACTURE), "the mail is delivered")
    wait_until(
        lambda: delivered(node, "pager", TargetFinding.FRACTURE),
        "the receiver has confirmed it",
        more=node.tail,
    )
    assert node.role_pids("notify") != [before]


def _told_once(receiver: Receiver, postbox: Postbox, study: MadeStudy) -> None:
    """Each by one ID, and without a name."""
    _, *told = receiver.received
    assert len(told) == 2
    assert len({one.headers["webhook-id"] for one in told}) == 1  # a receiver can tell the repeat
    assert told[0].body == told[1].body
    content = json.loads(told[0].body)
    assert content["study"] == {"study_instance_uid": study.study_instance_uid}
    assert content["probability"] == 0.93
    assert content["link"].endswith(f"/#/studies/{study.study_instance_uid}")
    _, mail, rest = postbox.mails
    assert mail.rcpt_tos == ["anna@hospital.example"]
    assert rest.rcpt_tos == ["ben@hospital.example"]  # Anna is not told again
    assert isinstance(mail.content, bytes)
    read = message_from_bytes(mail.content, policy=SMTP)
    assert read["Subject"] == "AI result, not reviewed: fracture suspected"
    assert b"Doe" not in mail.content + told[0].body


def _nothing_new_is_told_again(
    node: Node, receiver: Receiver, postbox: Postbox, study: MadeStudy
) -> None:
    record(node, study, NotFlagged(probability=0.1))
    flag(node, study, 0.97)
    # Another finding, flagged after it, is told: so the one before it was looked at.
    blood = TargetFinding.INTRACRANIAL_HAEMORRHAGE
    flag(node, study, 0.8, detector="blood", target=blood)
    for channel in ("pager", "on-call"):
        wait_until(lambda name=channel: delivered(node, name, blood), f"{channel} is told")
    assert len(receiver.received) == 4
    assert len(postbox.mails) == 4
    assert len(listed(node)) == 4
    events = node.api(f"/api/studies/{study.study_instance_uid}")["events"]
    told = [one["words"] for one in events if one["kind"] == "notification_delivered"]
    assert sorted(told) == [
        "told the channel on-call that this is suspected: fracture",
        "told the channel on-call that this is suspected: haemorrhage",
        "told the channel pager that this is suspected: fracture",
        "told the channel pager that this is suspected: haemorrhage",
    ]


def hurry(node: Node) -> None:
    """Let what waits be tried again at the next look."""
    with node.engine() as engine, engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE notification SET due_at = now() WHERE state = 'waiting'")
        )


def test_an_administrator_sees_what_was_given_up_tries_the_channel_and_sends_it_again(
    node: Node, browser: Browser, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.reply = Reply(404)
    study = make_study(tmp_path, 2)
    known = len(node.rows())
    send_to(node, study)
    node.all_assessed(known + 1)
    flag(node, study, 0.93)
    person(node, "boss", Role.ADMINISTRATOR)
    with open_list(browser, node, "boss", locale="en-GB") as page:
        page.get_by_role("button", name="Account of Dr Boss").click()
        page.get_by_role("menuitem", name="Notification channels").click()
        page.get_by_role("combobox", name="Which are shown").select_option("parked")
        parked = page.locator('tr[data-state="parked"]')

        def is_given_up() -> bool:
            hurry(node)  # it would be tried every five minutes
            return parked.count() == 1

        wait_until(is_given_up, "it is given up", 180, node.tail)
        expect(parked).to_contain_text("answered 404 Not Found")
        assert serious(page) == []

        page.get_by_role("button", name="Test the channel pager").click()
        tried = page.get_by_test_id("tried")
        expect(tried).to_have_text("pager: answered 404 Not Found")
        receiver.reply = Reply(204)
        page.get_by_role("button", name="Test the channel pager").click()
        expect(tried).to_have_text("pager: answered 204 No Content")

        parked.get_by_role("button", name="Send again").click()
        page.get_by_role("combobox", name="Which are shown").select_option("delivered")
        row = page.locator('tr[data-state="delivered"]').filter(has_text="pager").first
        expect(row).to_contain_text("answered 204 No Content", timeout=60_000)
        expect(row.get_by_role("cell").nth(4)).to_have_text("4")
        row.get_by_role("link", name="open").click()
        page.wait_for_url(f"**/#/studies/{study.study_instance_uid}")
