"""E-mail to real servers that take, refuse, hang and lie about who they are."""

import socket
from dataclasses import replace
from email import message_from_bytes
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest

from results.notifying.mail import Mail
from results.notifying.message import text_body
from tests.builders import NOON
from tests.notices import NODE, NUMBER, a_notice
from tests.receivers import Postbox, mail_server
from worklist.notifying import Confirmed, Refused, Unanswered

NOTICE = a_notice()
TAKEN = Confirmed("taken by the mail server")


def mail(port: int, **more: Any) -> Mail:
    usual: dict[str, Any] = {
        "host": "localhost",
        "port": port,
        "security": "none",
        "user": None,
        "password": None,
        "sender": "vigie@hospital.example",
        "recipients": ("a@hospital.example", "b@hospital.example"),
        "node": NODE,
        "language": "fr",
        "answer_limit_s": 5.0,
    }
    return Mail(**usual | more)


def signing_in(port: int, certificate: tuple[Path, Path], **more: Any) -> Mail:
    usual: dict[str, Any] = {
        "security": "starttls",
        "user": "vigie",
        "password": "nine green bottles",
        "ca": certificate[0],
    }
    return mail(port, **usual | more)


def test_a_mail_arrives_as_it_was_written() -> None:
    with mail_server() as server:
        assert mail(server.port).send(NOTICE, NOON) == TAKEN
        [envelope] = server.mails
    assert envelope.mail_from == "vigie@hospital.example"
    assert envelope.rcpt_tos == ["a@hospital.example", "b@hospital.example"]
    assert isinstance(envelope.content, bytes)
    read = message_from_bytes(envelope.content, policy=SMTP)
    assert read["Message-ID"] == f"<{NUMBER}@hospital.example>"
    assert read["Subject"] == "Résultat d’IA non relu\u00a0: suspicion (hémorragie)"
    body = read.get_body()
    assert body is not None
    assert body.get_content().replace("\r\n", "\n") == text_body(NOTICE, NODE, "fr")
    assert envelope.content.isascii()


@pytest.mark.parametrize("implicit", [False, True])
def test_over_tls_it_signs_in_and_trusts_only_the_named_authority(
    implicit: bool, certificate: tuple[Path, Path]
) -> None:
    security = "tls" if implicit else "starttls"
    with mail_server(certificate, implicit_tls=implicit) as server:
        sender = signing_in(server.port, certificate, security=security)
        assert sender.send(NOTICE, NOON) == TAKEN
        answer = replace(sender, ca=None).send(NOTICE, NOON)
        assert answer == Unanswered("its certificate is not trusted: self-signed certificate")
        assert server.signed_in == ["vigie"]  # no password to who is not trusted
        answer = replace(sender, password="wrong").send(NOTICE, NOON)
        assert isinstance(answer, Refused)
        assert answer.words.startswith("the mail server answered 535 ")
        assert len(server.mails) == 1


def test_a_server_without_tls_gets_neither_password_nor_mail(
    certificate: tuple[Path, Path],
) -> None:
    with mail_server() as server:
        answer = signing_in(server.port, certificate).send(NOTICE, NOON)
        assert isinstance(answer, Refused)
        assert answer.words.startswith("the mail server cannot do it: ")
        assert (server.mails, server.signed_in) == ([], [])


def refusing(server: Postbox, *replies: str) -> None:
    recipients = ("a@hospital.example", "b@hospital.example")
    server.refused = dict(zip(recipients, replies, strict=False))


def test_refusals_for_good_and_for_now_are_told_apart() -> None:
    with mail_server() as server:
        refusing(server, "550 5.1.1 no such user", "550 5.1.1 no such user")
        answer = mail(server.port).send(NOTICE, NOON)
        assert answer == Refused("the mail server answered 550 5.1.1 no such user")
        refusing(server, "550 no such user", "451 greylisted, come back")
        answer = mail(server.port).send(NOTICE, NOON)
        assert answer == Unanswered("the mail server answered 451 greylisted, come back")
        refusing(server)
        server.data_reply = "452 4.3.1 disk full"
        answer = mail(server.port).send(NOTICE, NOON)
        assert answer == Unanswered("the mail server answered 452 4.3.1 disk full")
        server.data_reply = "554 5.7.1 spam"
        answer = mail(server.port).send(NOTICE, NOON)
        assert answer == Refused("the mail server answered 554 5.7.1 spam")
        assert server.mails == []


def test_who_has_it_is_not_sent_it_again_for_somebody_who_does_not() -> None:
    with mail_server() as server:
        sender = mail(server.port)
        words = "taken by the mail server, but not for a@hospital.example"
        refusing(server, "550 no such user")
        answer = sender.send(NOTICE, NOON)
        assert answer == Refused(words, reached=("b@hospital.example",))  # not green
        refusing(server, "451 greylisted, come back")
        answer = sender.send(NOTICE, NOON)
        assert answer == Unanswered(words, reached=("b@hospital.example",))
        refusing(server)
        rest = replace(NOTICE, reached=answer.reached)
        assert sender.send(rest, NOON) == TAKEN
        b_only, _, a_only = server.mails
        assert b_only.rcpt_tos == ["b@hospital.example"]
        assert a_only.rcpt_tos == ["a@hospital.example"]
        all_have_it = replace(NOTICE, reached=("a@hospital.example", "b@hospital.example"))
        assert sender.send(all_have_it, NOON) == TAKEN  # who lacked it was taken off the list
        assert len(server.mails) == 3


def test_who_is_not_there_or_hangs_is_tried_again(unused_port: int) -> None:
    answer = mail(unused_port).send(NOTICE, NOON)
    assert answer == Unanswered("cannot be reached: Connection refused")
    with socket.create_server(("localhost", 0)) as silent:  # takes connections, says nothing
        port = silent.getsockname()[1]
        answer = mail(port, answer_limit_s=0.3).send(NOTICE, NOON)
    assert answer == Unanswered("no answer within 0.3 s")
