"""What an administrator may set, each with its unit, default and help.

In order of weight: command line, ``VIGIE_*`` variables, ``vigie.toml`` in the data folder,
defaults. All are checked before anything starts. (Over 400 lines: it is one list.)
"""

import json
import os
import re
import tomllib
from datetime import timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from results.hl7.character_sets import codec_of
from results.hl7.errors import BadMessage
from vigie.destination_settings import DestinationSettings, check_names
from vigie.notification_settings import AnyChannelSettings
from vigie.processes import SUPERVISOR_VARIABLE
from worklist.highlighting import Highlighting, Modes
from worklist.outbound import Patience
from worklist.people import Role
from worklist.study import RequestedPriority

PREFIX = "VIGIE_"
FILE_NAME = "vigie.toml"
DEFAULT_DATA = Path("vigie-data")
_GIB = 1024**3
_LONGEST_AE_TITLE = 16
_TLS = "tls://"  # before the address of a peer that is told over TLS

Names = Annotated[tuple[str, ...], NoDecode]
"""Several names: a list in TOML, separated by commas in a variable."""


class SettingsError(ValueError):
    """Settings that cannot be meant; each line names one."""


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    data: Path = Field(DEFAULT_DATA, description="Folder that holds everything a node keeps.")
    database_url: str | None = Field(
        None,
        description="PostgreSQL server (postgresql://user@host/name); none: an embedded one.",
        pattern=r"^postgres(ql)?://",
    )
    database_owner_url: str | None = Field(
        None,
        description="The same server as the owner of the tables, for migrations and retention; "
        "none: as database_url.",
        pattern=r"^postgres(ql)?://",
    )

    ae_title: str = Field("VIGIE", description="AE title of this node.")
    dicom_host: str = Field(
        "127.0.0.1", description="Address the DICOM node listens on; 0.0.0.0: every one."
    )
    dicom_port: int = Field(11112, ge=1, le=65535, description="TCP port of the DICOM node.")
    listener_processes: int = Field(
        2, ge=1, le=64, description="Listener processes that share the DICOM port."
    )
    allowed_calling_ae_titles: Names = Field(
        (), description="Senders' AE titles that are let in; none: all."
    )
    allowed_addresses: Names = Field(
        (), description="Senders' addresses or networks (10.1.0.0/16) let in; none: all."
    )
    require_called_ae_title: bool = Field(
        False, description="Refuse senders that call another AE title than ours."
    )
    max_associations: int = Field(
        64, ge=1, description="Associations at once in one listener process."
    )
    max_pdu_bytes: int = Field(
        131072, ge=4096, le=16 * 1024**2, description="Longest PDU accepted, in bytes."
    )
    max_object_bytes: int = Field(
        8 * _GIB, ge=1024, description="Largest object accepted, in bytes."
    )
    acse_timeout_s: float = Field(
        30, gt=0, description="Seconds for a sender to open or close an association."
    )
    dimse_timeout_s: float = Field(
        30, gt=0, description="Seconds of silence allowed in the middle of a message."
    )
    network_timeout_s: float = Field(
        60, gt=0, description="Seconds of silence allowed between messages."
    )
    tls_certificate: Path | None = Field(
        None, description="PEM file with the DICOM node's certificate chain; none: no TLS."
    )
    tls_key: Path | None = Field(
        None, description="PEM file with its key; none: it is in the certificate's file."
    )
    tls_client_ca: Path | None = Field(
        None, description="PEM file; senders must show a certificate that it signed."
    )
    stop_limit_s: float = Field(
        30, gt=0, description="Seconds for associations in hand when the node is stopped."
    )
    disk_reserve_bytes: int = Field(
        2 * _GIB, ge=0, description="Free disk, in bytes, below which objects are refused."
    )

    commitment_peers: Names = Field(
        (),
        description="Where those that ask for storage commitment listen: CT01=10.1.0.5:11112, with "
        "TLS CT02=tls://10.1.0.6:2762.",
    )
    commitment_tls_ca: Path | None = Field(
        None,
        description="PEM file of the authority of their certificates; none: tls_client_ca, or else "
        "the system's.",
    )
    commitment_tls_check_host_name: bool = Field(
        True, description="Whether their certificates must be made out to their hosts."
    )
    commitment_answer_limit_h: float = Field(
        24, gt=0, description="Hours for which they are told the answer again until they take it."
    )

    quality_reviews: int = Field(
        2, ge=1, le=5, description="Blind reviews that must agree until a case has its verdict."
    )
    quality_due_days: float = Field(
        14, gt=0, le=3650, description="Days for the review of a case after it opened."
    )
    quality_sample_percent: float = Field(
        1, ge=0, le=100, description="Unflagged findings, in percent, drawn for review by lot."
    )

    quiet_period_s: float = Field(
        5, gt=0, description="Seconds without a new image until a study counts as complete."
    )
    open_association_quiet_period_s: float = Field(
        30, gt=0, description="The same, in seconds, while its sender's association stays open."
    )
    completion_limit_s: float = Field(
        600, gt=0, description="Seconds after which a study is assessed with what is there."
    )

    stat_target_min: float = Field(60, gt=0, description="Minutes to read a STAT study.")
    urgent_target_min: float = Field(240, gt=0, description="Minutes to read an urgent study.")
    routine_target_min: float = Field(1440, gt=0, description="Minutes to read a routine study.")
    intracranial_haemorrhage_target_min: float = Field(
        10, gt=0, description="Minutes to read a study with a certain haemorrhage."
    )
    fracture_target_min: float = Field(
        120, gt=0, description="Minutes to read a study with a certain fracture."
    )
    pulmonary_nodule_target_min: float = Field(
        720, gt=0, description="Minutes to read a study with a certain nodule."
    )

    intracranial_haemorrhage_prevalence: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Share of the site's head CTs with a haemorrhage; none: as in the "
        "model's data.",
    )
    fracture_prevalence: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Share of the site's limb radiographs with a fracture; none: as in the "
        "model's data.",
    )
    pulmonary_nodule_prevalence: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Share of the site's chest CTs with a nodule; none: as in the model's data.",
    )

    highlighting: Names = Field(
        (),
        description="When a model's marks are shown, MODEL=at_once, after_first_look or "
        "triage_only, several by commas; *: every other model. Not named: at_once.",
    )
    report_address: str | None = Field(
        None,
        description="Page where a study's report is dictated, {accession_number} in it; none: "
        "no link.",
    )
    viewer_links: Names = Field(
        (),
        description="Other viewers a study can be opened in, NAME=ADDRESS with "
        "{study_instance_uid}, several by commas.",
    )

    worker_processes: int = Field(1, ge=1, le=64, description="Workers that run detectors.")
    detector_threads: int = Field(
        0, ge=0, description="CPU threads for one network; 0: one for each core."
    )
    detector_time_limit_s: float = Field(
        120, gt=0, description="Seconds one detector may take for one study."
    )
    assessment_attempts: int = Field(
        3, ge=1, description="Times an assessment is begun before it is given up as failed."
    )
    stalled_worker_s: float = Field(
        15, ge=5, description="Seconds without a sign of life until a worker's job is taken over."
    )

    http_host: str = Field(
        "127.0.0.1", description="Address of the web page; others than the loopback's need TLS."
    )
    http_port: int = Field(8008, ge=1, le=65535, description="TCP port of the web page.")
    allowed_hosts: Names = Field(
        (), description="Host names the page is served under besides the loopback's."
    )
    http_tls_certificate: Path | None = Field(
        None, description="PEM file with the web page's certificate chain; none: no TLS of its own."
    )
    http_tls_key: Path | None = Field(
        None, description="PEM file with its key; none: it is in the certificate's file."
    )
    trusted_proxies: Names = Field(
        (),
        description="Addresses or networks of proxies that speak TLS for the page; believed.",
    )
    session_idle_limit_min: float = Field(
        30, gt=0, le=1440, description="Minutes without a sign of the person until a session ends."
    )
    session_limit_h: float = Field(
        12, gt=0, le=168, description="Hours after which a session ends whatever the person does."
    )

    metadata_cache_bytes: int = Field(
        2 * _GIB, ge=0, description="Descriptions of series kept for viewers, in bytes on disk."
    )
    claim_limit_min: float = Field(
        120, gt=0, le=1440, description="Minutes after which a claimed study is free again."
    )

    sso_issuer: str | None = Field(
        None,
        description="Address of an OpenID Connect provider; none: no single sign-on.",
        pattern=r"^https://|^http://(localhost|127\.0\.0\.1)(:|/|$)",
    )
    sso_client_id: str | None = Field(None, description="This node's name at the provider.")
    sso_client_secret: SecretStr | None = Field(
        None, description="Its secret there; better in a file of its own."
    )
    sso_client_secret_file: Path | None = Field(
        None, description="File that holds the secret and nothing else."
    )
    sso_label: str = Field("Single sign-on", description="What the button on the page says.")
    sso_scopes: Names = Field(
        ("openid", "profile", "email"), description="Scopes asked of the provider."
    )
    sso_role_claim: str = Field(
        "roles", description="Claim that holds a person's groups; realm_access.roles in Keycloak."
    )
    sso_roles: Names = Field(
        (), description="What its values mean here: GROUP=radiologist, several by commas."
    )

    public_address: str | None = Field(
        None,
        description="Address of this node's page as people reach it, https://...; none: "
        "notifications have no link.",
    )
    notifications: Annotated[tuple[AnyChannelSettings, ...], NoDecode] = Field(
        (),
        description="Channels on which flags are told; in a variable as a JSON list. See "
        "docs/notifications.md.",
    )
    notification_limit_min: float = Field(
        60,
        gt=0,
        le=1440,
        description="Minutes after a flag, or after a channel's hours began, within which it is "
        "told.",
    )

    hl7_host: str = Field(
        "127.0.0.1", description="Address on which HL7 messages are taken; 0.0.0.0: every one."
    )
    hl7_port: int | None = Field(
        None, ge=1, le=65535, description="TCP port for HL7 over MLLP; none: nothing is taken."
    )
    hl7_allowed_addresses: Names = Field(
        (),
        description="Senders' addresses or networks let in for HL7; none: all that can reach it.",
    )
    hl7_tls_certificate: Path | None = Field(
        None, description="PEM file with the HL7 port's certificate chain; none: no TLS."
    )
    hl7_tls_key: Path | None = Field(
        None, description="PEM file with its key; none: it is in the certificate's file."
    )
    hl7_tls_client_ca: Path | None = Field(
        None, description="PEM file; HL7 senders must show a certificate that it signed."
    )
    hl7_max_message_bytes: int = Field(
        16 * 1024**2, ge=1024, description="Longest HL7 message taken, in bytes."
    )
    hl7_max_connections: int = Field(32, ge=1, description="HL7 connections at once.")
    hl7_idle_timeout_s: float = Field(
        600, gt=0, description="Seconds without a message until an HL7 connection is closed."
    )
    hl7_message_timeout_s: float = Field(
        30, gt=0, description="Seconds for an HL7 message to come whole, and for an answer to ours."
    )
    hl7_application: str = Field("VIGIE", description="This node's application name in HL7.")
    hl7_facility: str = Field("", description="This node's facility name in HL7.")
    hl7_processing_id: Literal["P", "T", "D"] = Field(
        "P", description="Messages taken and sent: P production, T training, D debugging."
    )
    hl7_character_set: str = Field(
        "UNICODE UTF-8",
        description="Character set of messages that declare none, and of those sent (table 0211).",
    )
    hl7_accession_fields: Names = Field(
        ("IPC-1", "OBR-18", "OBR-3", "ORC-3"),
        description="Where the accession number stands; the first that is filled counts.",
    )
    hl7_patient_id_issuers: Names = Field(
        (), description="Assigning authorities whose patient IDs are those of images; none: any."
    )
    hl7_report_senders: Names = Field(
        (),
        description="Applications (MSH-3) whose ORU^R01 are radiologists' reports; none: all of "
        "them.",
    )
    hl7_timezone: str | None = Field(
        None,
        description="Time zone of HL7 times that tell none (Europe/Paris); none: that of timezone.",
    )
    hl7_priorities: Names = Field(
        (), description="The RIS's own priorities: CODE=stat, urgent or routine."
    )
    hl7_peer: str | None = Field(
        None,
        description="HOST:PORT that HL7 messages are sent to; none: nothing is sent.",
        pattern=r"^.+:[0-9]{1,5}$",
    )
    hl7_peer_tls: bool = Field(False, description="Speak TLS to the peer.")
    hl7_peer_ca: Path | None = Field(
        None, description="PEM file that signed the peer's certificate; none: the machine's own."
    )
    hl7_peer_certificate: Path | None = Field(
        None, description="PEM file with the certificate shown to the peer; none: none is."
    )
    hl7_peer_key: Path | None = Field(
        None, description="PEM file with its key; none: it is in the certificate's file."
    )
    hl7_peer_application: str = Field("", description="The peer's application name in HL7.")
    hl7_peer_facility: str = Field("", description="The peer's facility name in HL7.")
    hl7_observations: bool = Field(
        True, description="Send preliminary results of studies with an accession number (ORU^R01)."
    )
    hl7_priority_changes: bool = Field(
        False, description="Send a changed order when AI makes a study more urgent."
    )
    hl7_priority_message: Literal["ORM", "OMI"] = Field(
        "ORM", description="The message it is sent in: ORM^O01 or OMI^O23."
    )
    hl7_attempts: int = Field(
        60, ge=1, description="Times a message is sent until it is given up as a dead letter."
    )
    hl7_dead_letter_limit_days: float = Field(
        90, gt=0, description="Days that HL7 dead letters are kept; older ones are dismissed."
    )
    destinations: Annotated[tuple[DestinationSettings, ...], NoDecode] = Field(
        (), description="Where results are sent: tables in TOML, JSON in a variable; none: nowhere."
    )
    delivery_first_pause_s: float = Field(
        5, gt=0, description="Seconds until an object is sent again; doubled after each try."
    )
    delivery_longest_pause_s: float = Field(
        600, gt=0, description="Seconds between two tries, at most."
    )
    delivery_limit_h: float = Field(
        72, gt=0, le=8760, description="Hours until an object that nobody takes is parked."
    )
    results_kept_days: float = Field(
        7,
        ge=0,
        le=3650,
        description="Days the file of a result is kept that was taken and is not answered for.",
    )
    timezone: str | None = Field(
        None,
        description="Time zone that results are dated in (Europe/Paris); none: the machine's.",
    )

    audit_retention_months: int = Field(
        24,
        ge=1,
        le=1200,
        description="Months for which the event log is kept; older sealed days go.",
    )

    audit_format: Literal["dicom", "json"] = Field(
        "dicom",
        description="How the event log is exported: PS3.15 A.5 audit messages, or lines of JSON.",
    )
    audit_file: Path | None = Field(
        None, description="File that the event log is exported to as it grows; none: no file."
    )
    audit_syslog: str | None = Field(
        None,
        description="HOST:PORT that the event log is exported to as it grows, by syslog over TLS; "
        "none: nowhere.",
        pattern=r"^.+:[0-9]{1,5}$",
    )
    audit_syslog_ca: Path | None = Field(
        None, description="PEM file that signed its certificate; none: the machine's own."
    )
    audit_syslog_certificate: Path | None = Field(
        None, description="PEM file with the certificate shown to it; none: none is."
    )
    audit_syslog_key: Path | None = Field(
        None, description="PEM file with its key; none: it is in the certificate's file."
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe log lines that are written."
    )
    log_format: Literal["console", "json"] = Field(
        "console", description="Log lines for people, or one JSON object a line."
    )

    @field_validator(
        "allowed_calling_ae_titles",
        "allowed_addresses",
        "allowed_hosts",
        "trusted_proxies",
        "sso_scopes",
        "sso_roles",
        "highlighting",
        "viewer_links",
        "commitment_peers",
        "hl7_allowed_addresses",
        "hl7_accession_fields",
        "hl7_patient_id_issuers",
        "hl7_report_senders",
        "hl7_priorities",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        if isinstance(value, dict):  # a table in TOML
            return tuple(f"{name}={said}" for name, said in value.items())
        return value

    @field_validator("notifications", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise ValueError("it is no JSON list of channels") from None

    @field_validator("notifications")
    @classmethod
    def _named_once(cls, value: tuple[AnyChannelSettings, ...]) -> tuple[AnyChannelSettings, ...]:
        names = [one.name for one in value]
        if len(set(names)) < len(names):
            raise ValueError("two channels have one name")
        return value

    @field_validator("public_address")
    @classmethod
    def _is_reachable(cls, value: str | None) -> str | None:
        if value is None:
            return None
        page = urlsplit(value)
        if page.scheme not in {"http", "https"} or not page.hostname or page.username is not None:
            raise ValueError("a page's address begins with https:// or http://, and has no user")
        if page.query or page.fragment or not (value.isascii() and value.isprintable()):
            raise ValueError("it ends before any ? or #")
        return value

    @field_validator("ae_title", "allowed_calling_ae_titles")
    @classmethod
    def _ae_titles(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for title in (value,) if isinstance(value, str) else value:
            # PS3.5 table 6.2-1, AE
            if not (title.isascii() and title.isprintable() and title.strip()) or "\\" in title:
                raise ValueError(f"{title!r} is no AE title")
            if len(title) > _LONGEST_AE_TITLE:
                raise ValueError(f"{title!r} is longer than {_LONGEST_AE_TITLE} characters")
        return value

    @field_validator("sso_roles")
    @classmethod
    def _roles_there_are(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        roles: dict[str, str] = {}
        for one in value:
            group, _, role = one.rpartition("=")
            if not group.strip() or role.strip() not in set(Role):
                raise ValueError(f"{one!r} is not GROUP=ROLE with a role of {', '.join(Role)}")
            if roles.setdefault(group.strip(), role.strip()) != role.strip():
                raise ValueError(f"the group {group.strip()!r} is given two roles")
        return value

    @field_validator("commitment_peers")
    @classmethod
    def _listen_somewhere(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            title, _, address = one.rpartition("=")
            host, _, port = address.strip().removeprefix(_TLS).rpartition(":")
            cls._ae_titles(title.strip())
            if not host.strip("[]") or "/" in host or not port.isdecimal():
                raise ValueError(f"{one!r} is neither AE-TITLE=HOST:PORT nor with tls:// before it")
            if not 0 < int(port) < 65536:
                raise ValueError(f"{port} is no TCP port")
        titles = [one.rpartition("=")[0].strip() for one in value]
        if len(set(titles)) < len(titles):
            raise ValueError("an AE title is given two addresses")
        return value

    @property
    def commitment_addresses(self) -> dict[str, tuple[str, int, bool]]:
        """Host, port and whether with TLS of those that ask for storage commitment, by AE title."""
        found = {}
        for one in self.commitment_peers:
            title, _, address = one.rpartition("=")
            host, _, port = address.strip().removeprefix(_TLS).rpartition(":")
            is_tls = address.strip().startswith(_TLS)
            found[title.strip()] = (host.strip("[]"), int(port), is_tls)
        return found

    @field_validator("highlighting")
    @classmethod
    def _modes_there_are(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        modes: dict[str, str] = {}
        for one in value:
            model, _, mode = (part.strip() for part in one.rpartition("="))
            if not model or mode not in set(Highlighting):
                raise ValueError(
                    f"{one!r} is not MODEL=MODE with a mode of {', '.join(Highlighting)}"
                )
            if modes.setdefault(model, mode) != mode:
                raise ValueError(f"the model {model!r} is given two modes")
        return value

    @field_validator("report_address")
    @classmethod
    def _is_a_page(cls, value: str | None) -> str | None:
        if value is None:
            return None
        page = urlsplit(value)
        if page.scheme not in {"http", "https"} or not page.hostname:
            raise ValueError("a page's address begins with https:// or http://")
        if "{accession_number}" not in value.removeprefix(f"{page.scheme}://{page.netloc}"):
            raise ValueError("it needs {accession_number} behind the host, where a study's goes")
        return value

    @field_validator("viewer_links")
    @classmethod
    def _open_viewers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        names: set[str] = set()
        for one in value:
            name, is_given, address = one.partition("=")
            page = urlsplit(address.strip())
            if not is_given or not (name.strip().isprintable() and 0 < len(name.strip()) <= 40):
                raise ValueError(f"{one!r} is not NAME=ADDRESS")
            if page.scheme not in {"http", "https", "weasis"}:
                raise ValueError(f"{name.strip()}: it begins with https://, http:// or weasis://")
            if page.scheme != "weasis" and not page.hostname:
                raise ValueError(f"{name.strip()}: the address has no host")
            behind = address.strip().removeprefix(f"{page.scheme}://")
            if page.scheme != "weasis":
                behind = behind.removeprefix(page.netloc)
            if "{study_instance_uid}" not in behind:
                raise ValueError(f"{name.strip()}: it needs {{study_instance_uid}}")
            if name.strip() in names:
                raise ValueError(f"{name.strip()} is given two addresses")
            names.add(name.strip())
        return value

    @field_validator("destinations", mode="before")
    @classmethod
    def _read_json(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value.strip() else ()
        except ValueError:
            raise ValueError("in a variable it is JSON: a list of objects") from None

    @field_validator("destinations")
    @classmethod
    def _destinations_named_once(
        cls, value: tuple[DestinationSettings, ...]
    ) -> tuple[DestinationSettings, ...]:
        check_names(value)
        return value

    @field_validator("timezone", "hl7_timezone")
    @classmethod
    def _zone_there_is(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                ZoneInfo(value)
            except (ZoneInfoNotFoundError, ValueError, OSError):
                raise ValueError("there is no such time zone") from None
        return value

    @property
    def patience(self) -> Patience:
        """How long what cannot be sent is tried."""
        return Patience(
            first_pause=timedelta(seconds=self.delivery_first_pause_s),
            longest_pause=timedelta(seconds=self.delivery_longest_pause_s),
            limit=timedelta(hours=self.delivery_limit_h),
        )

    @property
    def viewers(self) -> dict[str, str]:
        """Addresses of other viewers by their names."""
        pairs = (one.partition("=") for one in self.viewer_links)
        return {name.strip(): address.strip() for name, _, address in pairs}

    @field_validator("hl7_accession_fields")
    @classmethod
    def _are_fields(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        odd = [one for one in value if not re.fullmatch(r"(IPC|OBR|ORC)-[1-9][0-9]?", one)]
        if odd or not value:
            raise ValueError(f"{', '.join(odd) or 'none'}: fields of IPC, OBR or ORC, as OBR-18")
        return value

    @field_validator("hl7_priorities")
    @classmethod
    def _priorities_there_are(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            code, _, meant = one.partition("=")
            if not code.strip() or meant.strip() not in set(RequestedPriority):
                raise ValueError(
                    f"{one!r} is not CODE=PRIORITY with {', '.join(RequestedPriority)}"
                )
        return value

    @field_validator("hl7_character_set")
    @classmethod
    def _is_known(cls, value: str) -> str:
        try:
            codec_of([value], value)
        except BadMessage:
            raise ValueError(f"{value!r} is none of HL7 table 0211 that is known here") from None
        return value

    @field_validator("allowed_addresses", "hl7_allowed_addresses", "trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            ip_network(network, strict=False)
        return value

    @field_validator(
        "tls_certificate",
        "tls_key",
        "tls_client_ca",
        "commitment_tls_ca",
        "http_tls_certificate",
        "http_tls_key",
        "sso_client_secret_file",
        "hl7_tls_certificate",
        "hl7_tls_key",
        "hl7_tls_client_ca",
        "hl7_peer_ca",
        "hl7_peer_certificate",
        "hl7_peer_key",
    )
    @classmethod
    def _there(cls, value: Path | None) -> Path | None:
        if value is not None and not value.is_file():
            raise ValueError("there is no such file")
        return value

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.quiet_period_s > self.open_association_quiet_period_s:
            raise ValueError("quiet_period_s is above open_association_quiet_period_s")
        if self.tls_certificate is None and (self.tls_key or self.tls_client_ca):
            raise ValueError("tls_key and tls_client_ca need tls_certificate")
        if self.delivery_first_pause_s > self.delivery_longest_pause_s:
            raise ValueError("delivery_first_pause_s is above delivery_longest_pause_s")
        self._check_single_sign_on()
        self._check_hl7()
        if self.http_tls_certificate is None and self.http_tls_key:
            raise ValueError("http_tls_key needs http_tls_certificate")
        is_covered = self.http_tls_certificate is not None or bool(self.trusted_proxies)
        if not (is_covered or self.http_host == "localhost" or _is_loopback(self.http_host)):
            raise ValueError(
                f"http_host {self.http_host} can be reached from other machines: set "
                "http_tls_certificate, or trusted_proxies if a proxy speaks TLS"
            )
        return self

    def _check_hl7(self) -> None:
        if self.hl7_tls_certificate is None and (self.hl7_tls_key or self.hl7_tls_client_ca):
            raise ValueError("hl7_tls_key and hl7_tls_client_ca need hl7_tls_certificate")
        if not self.hl7_peer_tls and (self.hl7_peer_ca or self.hl7_peer_certificate):
            raise ValueError("hl7_peer_ca and hl7_peer_certificate need hl7_peer_tls")
        if self.hl7_peer_certificate is None and self.hl7_peer_key:
            raise ValueError("hl7_peer_key needs hl7_peer_certificate")
        if self.hl7_peer and not 0 < int(self.hl7_peer.rpartition(":")[2]) < 65536:
            raise ValueError("hl7_peer needs a port from 1 to 65535")
        is_near = self.hl7_host == "localhost" or _is_loopback(self.hl7_host)
        if (
            self.hl7_port
            and not is_near
            and not (self.hl7_allowed_addresses or self.hl7_tls_client_ca)
        ):
            raise ValueError(
                "hl7_host beyond the loopback needs hl7_allowed_addresses or hl7_tls_client_ca: a "
                "report takes a study off the list, whoever sends it"
            )

    def _check_single_sign_on(self) -> None:
        if self.sso_issuer is None:
            return
        if self.sso_client_id is None:
            raise ValueError("sso_issuer needs sso_client_id")
        if (self.sso_client_secret is None) == (self.sso_client_secret_file is None):
            raise ValueError("sso_issuer needs sso_client_secret or sso_client_secret_file, one")
        if not self.sso_role_map:
            raise ValueError("sso_issuer needs sso_roles: without them it lets nobody in")

    @property
    def sso_secret(self) -> str:
        """The secret by which this node is known to the provider."""
        if self.sso_client_secret_file is not None:
            return self.sso_client_secret_file.read_text(encoding="utf-8").strip()
        return self.sso_client_secret.get_secret_value() if self.sso_client_secret else ""

    @property
    def sso_role_map(self) -> dict[str, Role]:
        """What the values of the provider's claim mean here."""
        pairs = (one.rpartition("=") for one in self.sso_roles)
        return {group.strip(): Role(role.strip()) for group, _, role in pairs}

    @property
    def highlighting_modes(self) -> Modes:
        """When the marks of each model are shown."""
        pairs = (one.rpartition("=") for one in self.highlighting)
        return Modes(chosen={model.strip(): Highlighting(mode.strip()) for model, _, mode in pairs})

    @field_validator("data", mode="after")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line, variables, then the file in the data folder."""
        del dotenv_settings, file_secret_settings
        given = {**env_settings(), **init_settings()}
        data = Path(given.get("data") or DEFAULT_DATA).expanduser()
        return init_settings, env_settings, InitSettingsSource(settings_cls, _from_file(data))

    @property
    def archive(self) -> Path:
        """Filed objects."""
        return self.data / "archive"

    @property
    def inbox(self) -> Path:
        """Objects received and not yet filed."""
        return self.data / "inbox"

    @property
    def results(self) -> Path:
        """Objects that were made to be sent."""
        return self.data / "results"

    @property
    def commitments(self) -> Path:
        """What archives answered to requests for storage commitment, until it is recorded."""
        return self.data / "commitments" / "heard"

    @property
    def record(self) -> Path:
        """The keys of the record, and copies of its day heads."""
        return self.data / "record"

    @property
    def postgres(self) -> Path:
        """The embedded database."""
        return self.data / "postgres"

    @property
    def metadata_cache(self) -> Path:
        """What DICOMweb said of series; may be deleted at any time."""
        return self.data / "cache" / "metadata"

    @property
    def model_cache(self) -> Path:
        """Compiled networks; may be deleted at any time."""
        return self.data / "cache" / "models"


def load_settings(**given: Any) -> Settings:
    """The settings in force.

    Parameters
    ----------
    **given
        From the command line; None where it says nothing.

    Raises
    ------
    SettingsError
        If any cannot be meant, is unknown, or the file cannot be read.
    """
    unknown = sorted(
        name
        for name in os.environ
        if name.startswith(PREFIX)
        and name != SUPERVISOR_VARIABLE
        and name.removeprefix(PREFIX).lower() not in Settings.model_fields
    )
    if unknown:
        raise SettingsError(f"no such setting: {', '.join(unknown)} (see `vigie settings`)")
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        lines = [
            f"{'.'.join(map(str, one['loc'])) or 'settings'}: {_plain(one['msg'])}{_given(one)}"
            for one in error.errors()
        ]
        raise SettingsError("\n".join(lines)) from None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _given(error: ErrorDetails) -> str:
    """What was given, where it is one value and no secret."""
    secret = {
        "database_url",
        "database_owner_url",
        "sso_client_secret",
        "notifications",
        "bearer_token",
    } & set(error["loc"])
    is_value = len(error["loc"]) > 1 and isinstance(error["input"], str | int | float)
    if error["loc"][:1] == ("destinations",) and not is_value:
        return ""  # whole entries, with their secrets
    return "" if secret or not error["loc"] else f" (given: {error['input']!r})"


def _plain(message: str) -> str:
    if message == "Extra inputs are not permitted":
        return "no such setting (see `vigie settings`)"
    return message[0].lower() + message[1:]


def _from_file(data: Path) -> dict[str, Any]:
    path = data / FILE_NAME
    if not path.is_file():
        return {}
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is no TOML: {error}") from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from None
    if "data" in content:
        raise SettingsError(f"{path}: data cannot be set in the folder it names")
    return content
