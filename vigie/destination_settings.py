"""Where results go, as an administrator sets it: the entries of ``destinations``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from results.sending.destination import Destination, DimseDestination, StowDestination, Tls
from worklist.outbound import DestinationView, ObjectKind, Wants, Worth

_LONGEST_NAME = 64
_OF_DIMSE = ("host", "port", "called_ae_title", "calling_ae_title")
_OF_STOW = ("url", "bearer_token", "bearer_token_file")
_BY_DEFAULT = (ObjectKind.REPORT, ObjectKind.PRESENTATION, ObjectKind.KEY_IMAGE)


class DestinationSettings(BaseModel):
    """One destination: a DICOM node, or a DICOMweb server that takes STOW-RS."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str = Field(min_length=1, max_length=_LONGEST_NAME)
    kind: Literal["dimse", "stow"] = "dimse"
    objects: tuple[ObjectKind, ...] = _BY_DEFAULT
    studies: Worth = Worth.EVALUATED
    host: str | None = None
    port: int | None = None
    called_ae_title: str | None = None
    calling_ae_title: str | None = None  # none: this node's AE title
    commitment: bool = True  # asked for what was sent; a node without it is asked once
    url: str | None = None
    bearer_token: SecretStr | None = None
    bearer_token_file: Path | None = None
    tls: bool = False  # of a DICOM node; a url says it itself
    tls_ca: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_check_host_name: bool = True
    connect_timeout_s: float = 15
    answer_timeout_s: float = 60

    def __str__(self) -> str:
        """As `vigie settings` lists it; never a secret."""
        return f"{self.name} ({self.kind}, {self.address})"

    @property
    def address(self) -> str:
        """Where it is, for people."""
        if self.kind == "stow":
            return self.url or ""
        return f"{self.called_ae_title} at {self.host}:{self.port}"

    @field_validator("name")
    @classmethod
    def _printable(cls, value: str) -> str:
        if not value.isprintable() or value != value.strip():
            raise ValueError("it holds signs that cannot be printed, or blanks at an end")
        return value

    @field_validator("objects")
    @classmethod
    def _some_objects(cls, value: tuple[ObjectKind, ...]) -> tuple[ObjectKind, ...]:
        if not value:
            raise ValueError("a destination that gets nothing is none")
        if ObjectKind.REJECTION in value:
            raise ValueError("rejections go wherever what they name was sent; leave it out")
        return tuple(one for one in ObjectKind if one in value)

    @field_validator("bearer_token_file", "tls_ca", "tls_certificate", "tls_key")
    @classmethod
    def _there(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError("there is no such file")
        return value

    @model_validator(mode="after")
    def _can_be_meant(self) -> Self:
        needed, others = (
            (_OF_DIMSE[:3], _OF_STOW) if self.kind == "dimse" else (_OF_STOW[:1], _OF_DIMSE)
        )
        missing = [name for name in needed if getattr(self, name) is None]
        if missing:
            raise ValueError(f"{self.name}: {self.kind} needs {', '.join(missing)}")
        odd = [name for name in others if getattr(self, name) is not None]
        if odd:
            raise ValueError(f"{self.name}: {', '.join(odd)} is not for {self.kind}")
        if self.bearer_token is not None and self.bearer_token_file is not None:
            raise ValueError(f"{self.name}: bearer_token or bearer_token_file, not both")
        try:
            self.destination("VIGIE")
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}") from None
        return self

    def destination(self, ae_title: str) -> Destination:
        """As it is sent to by the node of this AE title."""
        if self.kind == "stow":
            return StowDestination(
                name=self.name,
                url=self.url or "",
                bearer_token=self.bearer_token.get_secret_value() if self.bearer_token else None,
                bearer_token_file=self.bearer_token_file,
                tls=self._tls,
                connect_timeout_s=self.connect_timeout_s,
                answer_timeout_s=self.answer_timeout_s,
            )
        return DimseDestination(
            name=self.name,
            host=self.host or "",
            port=self.port or 0,
            called_ae_title=self.called_ae_title or "",
            calling_ae_title=self.calling_ae_title or ae_title,
            tls=self._tls,
            connect_timeout_s=self.connect_timeout_s,
            answer_timeout_s=self.answer_timeout_s,
        )

    @property
    def _tls(self) -> Tls | None:
        files = (self.tls_ca, self.tls_certificate, self.tls_key)
        if not self.tls and not any(files):
            return None
        return Tls(
            ca=self.tls_ca,
            certificate=self.tls_certificate,
            key=self.tls_key,
            check_host_name=self.tls_check_host_name,
        )

    @property
    def wants(self) -> Wants:
        """What it gets."""
        return Wants(name=self.name, kinds=frozenset(self.objects), worth=self.studies)

    @property
    def view(self) -> DestinationView:
        """As people are shown it, without counts."""
        return DestinationView(
            name=self.name,
            kind=self.kind,
            address=self.address,
            objects=self.objects,
            worth=self.studies,
            counts={},
        )


def check_names(destinations: Sequence[DestinationSettings]) -> None:
    """Raise ValueError if two have one name: deliveries are kept by it."""
    names = [one.name for one in destinations]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"two destinations are named {', '.join(twice)}")
