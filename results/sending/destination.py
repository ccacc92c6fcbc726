"""Where objects are sent, and what became of each."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal
from urllib.parse import urlsplit

from worklist.uid import SOPInstanceUID


@dataclass(frozen=True, kw_only=True, slots=True)
class Tls:
    """How two programs make sure of each other.

    Raises
    ------
    ValueError
        If there is a key without a certificate.
    """

    ca: Path | None = None  # PEM; whose certificates are believed. None: the system's own
    certificate: Path | None = None  # PEM with the chain: our own, if we are asked for one
    key: Path | None = None  # PEM; None: the key is in the certificate file
    check_host_name: bool = True  # whether the peer's certificate must be made out to its host

    def __post_init__(self) -> None:
        if self.key is not None and self.certificate is None:
            raise ValueError("key: there is no certificate to it")


@dataclass(frozen=True, kw_only=True, slots=True)
class DimseDestination:
    """A DICOM node that takes C-STORE (PS3.4 annex B).

    Raises
    ------
    ValueError
        If a value cannot be meant; the message names it.
    """

    kind: ClassVar[Literal["dimse"]] = "dimse"

    name: str  # what people call it
    host: str
    port: int
    called_ae_title: str
    calling_ae_title: str = "VIGIE"
    tls: Tls | None = None  # None: without TLS
    connect_timeout_s: float = 15.0  # to connect, to shake hands and to agree on an association
    answer_timeout_s: float = 60.0  # for one answer: a node that makes sure of bytes takes time

    def __post_init__(self) -> None:
        if not self.host:
            raise ValueError("host: is empty")
        if not 1 <= self.port <= 65535:
            raise ValueError("port: must lie between 1 and 65535")
        for name in ("called_ae_title", "calling_ae_title"):
            if not is_ae_title(getattr(self, name)):
                raise ValueError(f"{name}: is no AE title (1 to 16 ASCII characters)")
        _check_timeouts(self.connect_timeout_s, self.answer_timeout_s)


@dataclass(frozen=True, kw_only=True, slots=True)
class StowDestination:
    """A DICOMweb server that takes STOW-RS (PS3.18 section 10.5).

    Raises
    ------
    ValueError
        If a value cannot be meant; the message names it.
    """

    kind: ClassVar[Literal["stow"]] = "stow"

    name: str  # what people call it
    url: str  # of the service; objects are posted to `<url>/studies`
    bearer_token: str | None = None  # sent as Authorization: Bearer
    bearer_token_file: Path | None = None  # read for each request: tokens are renewed
    tls: Tls | None = None  # None: the system's own CAs for https
    connect_timeout_s: float = 15.0
    answer_timeout_s: float = 60.0  # of silence, after everything was sent

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("url: must begin with https:// or http:// and name a host")
        if parts.username or parts.query or parts.fragment:
            raise ValueError("url: must hold no name of a user, no ? and no #")
        if not self.url.isascii() or not self.url.isprintable() or " " in self.url:
            raise ValueError("url: must be written in ASCII, other signs as %C3%A9")
        _ = self.token
        if self.tls is not None and not self.tls.check_host_name:
            raise ValueError("check_host_name: is always so with https")
        _check_timeouts(self.connect_timeout_s, self.answer_timeout_s)

    @property
    def token(self) -> str | None:
        """The token by now; None: there is none.

        Raises
        ------
        ValueError
            If its file cannot be read, or it cannot be sent.
        """
        token = self.bearer_token
        if self.bearer_token_file is not None:
            try:
                token = self.bearer_token_file.read_text(encoding="utf-8").strip()
            except (OSError, ValueError) as error:
                raise ValueError(
                    f"bearer_token_file: cannot be read ({type(error).__name__})"
                ) from error
        if token is not None and not (token.isascii() and token.isprintable() and token):
            raise ValueError("bearer_token: is empty, or has letters outside ASCII or line breaks")
        return token

    def __repr__(self) -> str:
        """Never the token: logs hold this."""
        return f"StowDestination(name={self.name!r}, url={self.url!r})"


Destination = DimseDestination | StowDestination


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivered:
    """What a destination answered for one object."""

    sop_instance_uid: SOPInstanceUID
    state: Literal["accepted", "refused"]
    status: int | None  # DIMSE status, or Failure or Warning Reason; None: it was never offered
    words: str  # why; of an accepted object: empty, or what the destination changed or warns of
    may_be_there: bool = False  # of a refused one: the answer leaves open whether it was kept


def is_ae_title(text: str) -> bool:
    """PS3.5 table 6.2-1, AE: ASCII without control characters and backslash, not all spaces."""
    printable = text.isascii() and text.isprintable()
    return printable and "\\" not in text and len(text.strip()) > 0 and len(text) <= 16


def _check_timeouts(connect_timeout_s: float, answer_timeout_s: float) -> None:
    for name, value in (
        ("connect_timeout_s", connect_timeout_s),
        ("answer_timeout_s", answer_timeout_s),
    ):
        if not 0 < value <= 3600:
            raise ValueError(f"{name}: must be above 0 and at most 3600")
