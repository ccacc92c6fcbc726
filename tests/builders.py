"""Values for tests of the worklist, with everything filled in that a test does not care about."""

from datetime import UTC, date, datetime, timedelta

from worklist.due_time import DueTargets
from worklist.finding import DetectorIdentity, Provenance, TargetFinding
from worklist.people import Account, AccountName, Role
from worklist.study import (
    InstanceArrival,
    ObjectRole,
    RequestedPriority,
    SeriesAttributes,
    StudyAttributes,
)
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
STUDY = StudyInstanceUID("1.2.3")

FRACTURE = DetectorIdentity(
    name="fracture",
    version="1.0",
    target=TargetFinding.FRACTURE,
    weights_sha256="f" * 64,
    operating_point=0.4,
)
HAEMORRHAGE = DetectorIdentity(
    name="haemorrhage",
    version="2.0",
    target=TargetFinding.INTRACRANIAL_HAEMORRHAGE,
    weights_sha256="a" * 64,
    operating_point=0.5,
)


def targets(*, requested: float = 1, findings: float = 1) -> DueTargets:
    """The default targets, each multiplied by one of these factors."""
    usual = DueTargets()
    return DueTargets(
        requested={priority: target * requested for priority, target in usual.requested.items()},
        findings={finding: target * findings for finding, target in usual.findings.items()},
    )


def arrival(
    sop: str = "1.2.3.1.1",
    *,
    study: str = STUDY,
    received_at: datetime = NOON,
    content: str = "bytes",
    priority: RequestedPriority | None = None,
    patient_id: str = "P1",
    issuer: str = "",
    patient_name: str = "Doe^Jane",
    birth_date: date | None = None,
    accession_number: str = "",
    series: str = "",
    calling_ae_title: str = "CT1",
    association_id: str = "association-1",
    instance_number: int | None = 1,
    expected_instance_count: int | None = None,
    role: ObjectRole = ObjectRole.IMAGE,
    made_at: datetime | None = None,
) -> InstanceArrival:
    """One object that was filed; `content` stands for its bytes."""
    return InstanceArrival(
        study=StudyAttributes(
            study_instance_uid=StudyInstanceUID(study),
            patient_id=patient_id,
            issuer_of_patient_id=issuer,
            patient_name=patient_name,
            patient_birth_date=birth_date,
            accession_number=accession_number,
            requested_priority=priority,
        ),
        series=SeriesAttributes(
            series_instance_uid=SeriesInstanceUID(series or f"{study}.1"),
            modality="CT",
            body_part_examined="HEAD",
        ),
        sop_instance_uid=SOPInstanceUID(sop),
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        sha256=(content.encode().hex() + "0" * 64)[:64],
        size_bytes=len(content),
        archive_path=f"{study}/{sop}/{content.encode().hex()}.dcm",
        received_at=received_at,
        calling_ae_title=calling_ae_title,
        sender_address="192.0.2.7",
        association_id=association_id,
        instance_number=instance_number,
        rows=512,
        columns=512,
        made_at=made_at,
        expected_instance_count=expected_instance_count,
        role=role,
    )


def provenance(detector: DetectorIdentity = FRACTURE, *, at: datetime = NOON) -> Provenance:
    """What a result of this detector rests on."""
    return Provenance(
        detector=detector,
        instances=((SOPInstanceUID("1.2.3.1.1"), "0" * 64),),
        not_eligible=(("1.2.3.2", "a localizer"),),
        software_version="0.1",
        started_at=at,
        finished_at=at,
    )


def account(name: str, *roles: Role) -> Account:
    """A person who may sign in, with a password that nobody knows."""
    return Account(
        name=AccountName(name),
        display_name=f"Dr {name.title()}",
        roles=frozenset(roles or {Role.RADIOLOGIST}),
        password_hash="kept",
        must_change_password=False,
        password_ends_at=None,
        issuer=None,
        subject=None,
        created_at=NOON,
        disabled_at=None,
    )
