"""Webhooks to real receivers that take, refuse, redirect, hang and lie about who they are."""

import base64
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from results.notifying.message import payload
from results.notifying.webhook import Webhook
from tests.builders import NOON
from tests.notices import NODE, NUMBER, a_notice
from tests.receivers import Receiver, Reply, passing_on, receiving
from worklist.notifying import Confirmed, Refused, Unanswered

KEY = bytes(range(32))
NOTICE = a_notice()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


@pytest.fixture
def webhook(receiver: Receiver) -> Webhook:
    return Webhook(url=receiver.url, key=KEY, node=NODE)


def test_a_receiver_gets_the_payload_with_an_id_and_a_time(
    receiver: Receiver, webhook: Webhook
) -> None:
    assert webhook.send(NOTICE, NOON) == Confirmed("answered 204 No Content")
    [request] = receiver.received
    assert request.body == payload(NOTICE, NODE, "en")
    assert request.headers["content-type"] == "application/json; charset=utf-8"
    assert request.headers["webhook-id"] == str(NUMBER)
    assert request.headers["idempotency-key"] == f'"{NUMBER}"'
    assert request.headers["webhook-timestamp"] == str(int(NOON.timestamp()))


def test_openssl_computes_the_same_signature(
    receiver: Receiver, webhook: Webhook, program: Callable[[str], str]
) -> None:
    webhook.send(NOTICE, NOON)
    [request] = receiver.received
    number, seconds = request.headers["webhook-id"], request.headers["webhook-timestamp"]
    command = [program("openssl"), "dgst", "-sha256", "-mac", "HMAC", "-binary",
               "-macopt", f"hexkey:{KEY.hex()}"]  # fmt: skip
    signed = f"{number}.{seconds}.".encode() + request.body
    made = subprocess.run(command, input=signed, capture_output=True, check=True, timeout=60)
    assert request.headers["webhook-signature"] == f"v1,{base64.b64encode(made.stdout).decode()}"


def test_a_retry_has_the_same_id_and_another_time(receiver: Receiver, webhook: Webhook) -> None:
    webhook.send(NOTICE, NOON)
    webhook.send(NOTICE, NOON + timedelta(seconds=5))
    first, second = receiver.received
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, Confirmed("answered 200 OK")),
        (299, Confirmed("answered 299 Unknown")),
        (400, Refused("answered 400 Bad Request")),
        (401, Refused("answered 401 Unauthorized")),
        (404, Refused("answered 404 Not Found")),
        (410, Refused("answered 410 Gone")),
        (408, Unanswered("answered 408 Request Timeout")),
        (429, Unanswered("answered 429 Too Many Requests")),
        (500, Unanswered("answered 500 Internal Server Error")),
        (503, Unanswered("answered 503 Service Unavailable")),
    ],
)
def test_each_status_is_a_confirmation_a_refusal_or_a_reason_to_try_again(
    receiver: Receiver,
    webhook: Webhook,
    status: int,
    answer: Confirmed | Refused | Unanswered,
) -> None:
    receiver.reply = Reply(status)
    assert webhook.send(NOTICE, NOON) == answer


@pytest.mark.parametrize(
    ("said", "pause"),
    [
        ("120", timedelta(minutes=2)),
        ("Mon, 02 Mar 2026 12:10:00 GMT", timedelta(minutes=10)),
        ("Mon, 02 Mar 2026 11:00:00 GMT", timedelta()),
        ("99999999999999999999", timedelta(days=1)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", timedelta(days=1)),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_a_receiver_may_say_when_to_come_back(
    receiver: Receiver, webhook: Webhook, said: str, pause: timedelta | None
) -> None:
    receiver.reply = Reply(429, {"Retry-After": said})
    answer = webhook.send(NOTICE, NOON)
    assert answer == Unanswered("answered 429 Too Many Requests", pause=pause)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver: Receiver, webhook: Webhook, status: int) -> None:
    with receiving() as elsewhere:
        receiver.reply = Reply(status, {"Location": elsewhere.url})
        answer = webhook.send(NOTICE, NOON)
        assert isinstance(answer, Refused)
        assert "redirect" in answer.words
        assert elsewhere.received == []


def test_who_hangs_is_left_alone_after_the_limit(receiver: Receiver, webhook: Webhook) -> None:
    receiver.reply = Reply(hangs=True)
    answer = replace(webhook, answer_limit_s=0.3).send(NOTICE, NOON)
    assert answer == Unanswered("no answer within 0.3 s")


def test_who_is_not_there_is_tried_again(unused_port: int) -> None:
    away = Webhook(url=f"http://127.0.0.1:{unused_port}/", key=KEY, node=NODE)
    assert away.send(NOTICE, NOON) == Unanswered("cannot be reached: Connection refused")


def test_a_name_that_is_none_is_said_without_the_address() -> None:
    lost = Webhook(url="https://vigie.invalid/secret-path", key=KEY, node=NODE)
    answer = lost.send(NOTICE, NOON)
    assert isinstance(answer, Unanswered)
    assert answer.words.startswith("cannot be reached: ")
    assert "secret-path" not in answer.words


def test_a_certificate_is_trusted_only_if_the_named_authority_signed_it(
    certificate: tuple[Path, Path],
) -> None:
    with receiving(certificate) as receiver:
        trusting = Webhook(url=receiver.url, key=KEY, node=NODE, ca=certificate[0])
        assert isinstance(trusting.send(NOTICE, NOON), Confirmed)
        answer = replace(trusting, ca=None).send(NOTICE, NOON)
        assert isinstance(answer, Unanswered)
        assert answer.words == "its certificate is not trusted: self-signed certificate"
        other_name = replace(trusting, url=receiver.url.replace("localhost", "127.0.0.1"))
        answer = other_name.send(NOTICE, NOON)
        assert isinstance(answer, Unanswered)
        assert answer.words.startswith("its certificate is not trusted: ")
        assert len(receiver.received) == 1


def test_no_proxy_of_the_environment_is_asked(
    receiver: Receiver, webhook: Webhook, monkeypatch: pytest.MonkeyPatch, unused_port: int
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{unused_port}")
    monkeypatch.delenv("no_proxy", raising=False)
    assert isinstance(webhook.send(NOTICE, NOON), Confirmed)


def test_the_proxy_that_is_set_passes_on_what_it_cannot_read(
    certificate: tuple[Path, Path], unused_port: int
) -> None:
    with receiving(certificate) as receiver, passing_on() as proxy:
        address = f"127.0.0.1:{proxy.server_port}"
        sender = Webhook(
            url=receiver.url,
            key=KEY,
            node=NODE,
            ca=certificate[0],
            proxy=f"http://me:s3cret@{address}",
        )
        assert sender.send(NOTICE, NOON) == Confirmed("answered 204 No Content")
        assert [one.body for one in receiver.received] == [payload(NOTICE, NODE, "en")]
        known = base64.b64encode(b"me:s3cret").decode()
        assert proxy.asked == [(f"localhost:{receiver.server_port}", f"Basic {known}")]
        assert str(NUMBER).encode() not in proxy.overheard
        assert len(proxy.overheard) > len(receiver.received[0].body)
        proxy.refuses = True
        answer = sender.send(NOTICE, NOON)
        words = "Tunnel connection failed: 407 Proxy Authentication Required"
        assert answer == Unanswered(f"through its proxy: cannot be reached: {words}")
        gone = replace(sender, proxy=f"http://127.0.0.1:{unused_port}")
        answer = gone.send(NOTICE, NOON)
        assert answer == Unanswered("through its proxy: cannot be reached: Connection refused")
        assert len(receiver.received) == 1
    assert "s3cret" not in repr(sender)


def test_the_systems_authorities_are_trusted_where_none_is_named(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with receiving(certificate) as receiver:
        sender = Webhook(url=receiver.url, key=KEY, node=NODE)
        assert isinstance(sender.send(NOTICE, NOON), Confirmed)
