"""Outcomes recorded on a running node, as its own detectors would."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from radiographs import MadeStudy
from vigie_node import Node

from vigie.database import EmbeddedPostgres
from vigie.settings import load_settings
from vigie.wiring import due_targets
from worklist.finding import (
    DetectorIdentity,
    Flagged,
    Outcome,
    Provenance,
    Region,
    TargetFinding,
)
from worklist.service import Worklist
from worklist.store.engine import connect
from worklist.store.postgres import PostgresStore
from worklist.uid import SOPInstanceUID, StudyInstanceUID

REGION = ((100.0, 150.0), (300.0, 150.0), (300.0, 260.0), (100.0, 260.0))  # (column, row)


@contextmanager
def service_of(node: Node) -> Iterator[Worklist]:
    """The worklist service on a running node's database."""
    engine = connect(EmbeddedPostgres(node.data / "postgres").url)
    try:
        yield Worklist(PostgresStore(engine), due_targets(load_settings(data=node.data)))
    finally:
        engine.dispose()


def flag(
    node: Node,
    study: MadeStudy,
    probability: float,
    *,
    detector: str = "fracture",
    target: TargetFinding = TargetFinding.FRACTURE,
) -> None:
    """Record that a detector, fracture's if none is named, flagged one known region of a study."""
    region = Region(
        sop_instance_uid=SOPInstanceUID(study.sop_instance_uid),
        frame_number=1,
        polygon=REGION,
        score=0.9,
    )
    outcome = Flagged(probability=probability, regions=(region,))
    record(node, study, outcome, detector=detector, target=target)


def record(
    node: Node,
    study: MadeStudy,
    outcome: Outcome,
    *,
    detector: str = "fracture",
    target: TargetFinding = TargetFinding.FRACTURE,
) -> None:
    """Record an outcome of a detector, fracture's if none is named."""
    now = datetime.now(UTC)
    provenance = Provenance(
        detector=DetectorIdentity(
            name=detector,
            version="0.0.0-test",
            target=target,
            weights_sha256="0" * 64,
            operating_point=0.5,
        ),
        instances=(),
        not_eligible=(),
        software_version="test",
        started_at=now,
        finished_at=now,
    )
    uid = StudyInstanceUID(study.study_instance_uid)
    with service_of(node) as service:
        service.record_outcome(uid, 1, outcome, provenance, now=now)
