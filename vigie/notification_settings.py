"""What an administrator may set of each notification channel."""

import base64
import binascii
import re
from datetime import time
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)

from worklist.finding import TargetFinding
from worklist.hours import EVERY_DAY, Hours
from worklist.notifying import Channel, PatientDatum

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SHORTEST_KEY_BYTES = 24  # as Standard Webhooks asks
_KEY_PREFIX = "whsec_"
_CLOCK = re.compile(r"\d\d:\d\d")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_ADDRESS = rf"^{_ATOM}(\.{_ATOM})*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$"

MailAddress = Annotated[str, StringConstraints(pattern=_ADDRESS, max_length=254)]


class ChannelSettings(BaseModel):
    """What channels of both kinds have."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str = Field(
        description="Its name: letters, digits, - and _; another name is another channel.",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$",
    )
    findings: frozenset[TargetFinding] = Field(
        frozenset(TargetFinding),
        description="What is told; none named: every finding.",
        min_length=1,
    )
    least_probability: float | None = Field(
        None, gt=0, le=1, description="Of flags, only those at or above; none: every flag."
    )
    begins: time | None = Field(
        None, description="When its hours begin on the wall, 07:30; none: at midnight."
    )
    ends: time | None = Field(
        None, description="When they end; not after `begins`: on the next day."
    )
    weekdays: frozenset[Weekday] = Field(
        frozenset(WEEKDAYS), description="Days on which they begin; none named: all.", min_length=1
    )
    time_zone: str | None = Field(
        None, description="Of its hours, as Europe/Paris; hours and weekdays need it."
    )
    outside_hours: Literal["wait", "drop"] = Field(
        "wait", description="wait: told when they begin; drop: not told at all."
    )
    tells: frozenset[PatientDatum] = Field(
        frozenset({PatientDatum.ACCESSION_NUMBER}),
        description="What of the patient it tells beside the Study Instance UID.",
    )
    language: Literal["en", "fr"] = Field("en", description="Of its words.")
    ca: Path | None = Field(
        None, description="PEM file of the authority of its certificate; none: the system's."
    )

    @field_validator("time_zone")
    @classmethod
    def _there_is_one(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                ZoneInfo(value)
            except (KeyError, ValueError, OSError):  # unknown, no name, no file
                raise ValueError("there is no such time zone") from None
        return value

    @field_validator("begins", "ends", mode="before")
    @classmethod
    def _on_the_wall(cls, value: object) -> object:
        # A number would be taken for seconds, and a text may name an offset.
        if isinstance(value, str) and _CLOCK.fullmatch(value):
            return value
        if value is None or (isinstance(value, time) and value.tzinfo is None):
            return value
        raise ValueError("write a time on the wall as 07:30; its zone is time_zone")

    @field_validator("ca")
    @classmethod
    def _is_there(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError("there is no such file")
        return value

    @model_validator(mode="after")
    def _hours_fit_together(self) -> Self:
        limited = self.begins is not None or self.ends is not None or len(self.weekdays) < 7
        if limited and self.time_zone is None:
            raise ValueError("begins, ends and weekdays need time_zone")
        if not limited and self.time_zone is not None:
            raise ValueError("time_zone needs begins, ends or weekdays")
        return self

    @property
    def hours(self) -> Hours | None:
        """The site's hours; None: always."""
        if self.time_zone is None:
            return None
        return Hours(
            zone=ZoneInfo(self.time_zone),
            begins=self.begins or time(0),
            ends=self.ends or time(0),
            weekdays=frozenset(day for day in EVERY_DAY if WEEKDAYS[day] in self.weekdays),
        )

    @property
    def channel(self) -> Channel:
        """As the rules see it."""
        return Channel(
            name=self.name,
            findings=self.findings,
            least_probability=self.least_probability,
            hours=self.hours,
            waits=self.outside_hours == "wait",
            tells=self.tells,
        )


class WebhookSettings(ChannelSettings):
    """A channel to a program."""

    kind: Literal["webhook"] = Field(description="webhook or email.")
    url: str = Field(  # whoever knows some receivers' addresses may write to them
        description="Where to; https://, or http:// on this machine.", repr=False
    )
    secret: SecretStr = Field(
        description="Shared with the receiver: 24 bytes or more in base64, as `openssl rand "
        "-base64 32` makes them."
    )
    proxy: str | None = Field(  # it may hold a password
        None,
        description="HTTP proxy on the way there, http://[user:password@]host:port; none: no "
        "proxy, whatever the environment says.",
        repr=False,
    )

    def __str__(self) -> str:
        """As `vigie settings` shows it."""
        return f"{self.name} (webhook)"

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        try:
            page = urlsplit(value)
            host, _ = page.hostname, page.port
        except ValueError:
            raise ValueError("it is no address") from None
        if not host or page.username is not None or page.fragment or not value.isprintable():
            raise ValueError("it needs a host, and neither a user nor a #")
        if page.scheme != "https" and not (page.scheme == "http" and is_this_machine(host)):
            raise ValueError("it begins with https://; http:// is for this machine only")
        return value

    @field_validator("proxy")
    @classmethod
    def _is_a_proxy(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            page = urlsplit(value)
            host, port = page.hostname, page.port
        except ValueError:
            raise ValueError("it is no address") from None
        if page.scheme != "http" or not host or port is None or not value.isprintable():
            raise ValueError("a proxy is http://host:port")
        if page.path not in ("", "/") or page.query or page.fragment or not value.isascii():
            raise ValueError("a proxy is http://host:port and nothing beyond, in ASCII")
        return value

    @model_validator(mode="after")
    def _goes_through_it(self) -> Self:
        if self.proxy is not None and not self.url.startswith("https://"):
            raise ValueError("proxy is for https:// only: it must not read what it passes on")
        return self

    @field_validator("secret")
    @classmethod
    def _is_a_key(cls, value: SecretStr) -> SecretStr:
        if len(_key(value)) < _SHORTEST_KEY_BYTES:
            raise ValueError(f"it needs {_SHORTEST_KEY_BYTES} bytes in base64 at least")
        return value

    @property
    def key(self) -> bytes:
        """The secret as bytes."""
        return _key(self.secret)


class EmailSettings(ChannelSettings):
    """A channel to people."""

    kind: Literal["email"] = Field(description="webhook or email.")
    host: str = Field(description="Mail server.", pattern=r"^[A-Za-z0-9.:_-]{1,255}$")
    port: int | None = Field(
        None, ge=1, le=65535, description="Its TCP port; none: 587, with tls 465, without TLS 25."
    )
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="How its connection is kept private."
    )
    user: str | None = Field(None, description="Name to sign in by; none: nobody signs in.")
    password: SecretStr | None = Field(None, description="Password to sign in by.")
    sender: MailAddress = Field(description="Address that mails come from.")
    recipients: tuple[MailAddress, ...] = Field(
        description="Addresses that they go to.", min_length=1, max_length=50
    )

    def __str__(self) -> str:
        """As `vigie settings` shows it."""
        return f"{self.name} (email)"

    @model_validator(mode="after")
    def _can_sign_in(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password go together")
        if self.security == "none" and self.user is not None and not is_this_machine(self.host):
            raise ValueError("a password needs security starttls or tls")
        named = self.tells & {PatientDatum.PATIENT_NAME, PatientDatum.PATIENT_ID}
        if self.security == "none" and named and not is_this_machine(self.host):
            raise ValueError("a patient's name or ID in tells needs security starttls or tls")
        password = "" if self.password is None else self.password.get_secret_value()
        if not f"{self.user}{password}".isascii():
            raise ValueError("user and password are ASCII: SMTP carries no other sign-in")
        return self

    @property
    def tcp_port(self) -> int:
        """Where the server listens."""
        return self.port or {"starttls": 587, "tls": 465, "none": 25}[self.security]


AnyChannelSettings = Annotated[WebhookSettings | EmailSettings, Field(discriminator="kind")]


def is_this_machine(host: str) -> bool:
    """Whether a name or address is the loopback's."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _key(secret: SecretStr) -> bytes:
    text = secret.get_secret_value().strip().removeprefix(_KEY_PREFIX)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
