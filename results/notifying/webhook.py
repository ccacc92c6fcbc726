"""A channel to programs: an HTTP POST of JSON, signed as Standard Webhooks 1.0 has it.

https://www.standardwebhooks.com: the receiver's libraries for it can verify what Vigie sends.
"""

import base64
import hashlib
import hmac
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path

import requests

from results.notifying.message import Language, Node, payload
from results.notifying.reasons import in_words
from worklist.notifying import Answer, Confirmed, Notice, Refused, Unanswered

CONNECT_LIMIT_S = 5.0
ANSWER_LIMIT_S = 10.0
_COME_BACK = frozenset({408, 421, 425, 429})  # besides all of 500 and above
_LONGEST_PAUSE = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """Where a webhook's requests go.

    Parameters
    ----------
    url
        ``https://`` to another machine.
    key
        The secret as bytes, shared with the receiver.
    ca
        PEM file of the authority that vouches for the receiver; None: those of the system.
    proxy
        ``http://[user:password@]host:port`` of a proxy that passes connections on (RFC 9110 9.3.6,
        CONNECT): it sees the receiver's name and no word of what is said; None: none.
    """

    url: str
    key: bytes
    node: Node
    language: Language = "en"
    ca: Path | None = None
    proxy: str | None = field(default=None, repr=False)
    connect_limit_s: float = CONNECT_LIMIT_S
    answer_limit_s: float = ANSWER_LIMIT_S

    def send(self, notice: Notice, now: datetime) -> Answer:
        """Ask once; whatever goes wrong is an answer too."""
        body = payload(notice, self.node, self.language)
        with requests.Session() as session:
            session.trust_env = False  # no proxy, password or authority that no setting names
            try:
                with session.post(
                    self.url,
                    data=body,
                    headers=self._headers(notice, body, now),
                    timeout=(self.connect_limit_s, self.answer_limit_s),
                    verify=_authorities() if self.ca is None else str(self.ca),
                    proxies={} if self.proxy is None else {"https": self.proxy},
                    allow_redirects=False,
                    stream=True,  # what it says beyond the first lines is of no interest
                ) as response:
                    return _answer(response, now)
            except (requests.RequestException, OSError) as error:
                return Unanswered(self._in_words(error))

    def _headers(self, notice: Notice, body: bytes, now: datetime) -> dict[str, str]:
        number, seconds = str(notice.notification_id), str(int(now.timestamp()))
        return {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": f"Vigie/{self.node.software_version}",
            "Idempotency-Key": f'"{number}"',  # a string of structured fields (RFC 8941)
            "webhook-id": number,
            "webhook-timestamp": seconds,
            "webhook-signature": signature(self.key, number, seconds, body),
        }

    def _in_words(self, error: Exception) -> str:
        match error:
            case requests.ConnectTimeout():
                return f"no connection within {self.connect_limit_s:g} s"
            case requests.Timeout():
                return f"no answer within {self.answer_limit_s:g} s"
            case requests.exceptions.ProxyError():
                return f"through its proxy: {in_words(error)}"
        return in_words(error)


def _authorities() -> str | bool:
    """Where the system keeps the authorities it trusts; True, where it says none: certifi's."""
    paths = ssl.get_default_verify_paths()
    return paths.cafile or paths.capath or True


def signature(key: bytes, number: str, seconds: str, body: bytes) -> str:
    """HMAC-SHA256 over what is sent, and when: an old request sent anew can be told by its time."""
    signed = b".".join((number.encode(), seconds.encode(), body))
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


def _answer(response: requests.Response, now: datetime) -> Answer:
    status = response.status_code
    said = f"answered {status} {_phrase(status)}"
    if 200 <= status < 300:
        return Confirmed(said)
    if 300 <= status < 400:
        return Refused(f"answered {status} {_phrase(status)}, a redirect: none is followed")
    if status in _COME_BACK or status >= 500:
        return Unanswered(said, pause=_pause(response.headers.get("Retry-After", ""), now))
    return Refused(said)


def _phrase(status: int) -> str:
    """The standard's own words; the receiver's are anything."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _pause(retry_after: str, now: datetime) -> timedelta | None:
    """What Retry-After asks for (RFC 9110 10.2.3): seconds, or a date; None: nothing clear."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), _LONGEST_PAUSE)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max(until - now, timedelta()), _LONGEST_PAUSE)
