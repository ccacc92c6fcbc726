"""Made-up studies for `benchmarks/worklist.py`, written by COPY: many, varied, nobody's."""

import io
import json
import random
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
import sqlalchemy as sa
from rich.console import Console
from rich.progress import Progress, TaskID

from worklist.due_time import DueTargets, due_time
from worklist.finding import DetectorIdentity, TargetFinding
from worklist.people import Account, AccountName, Role
from worklist.search import study_words
from worklist.sessions import Session, digest_of
from worklist.store.people import PostgresPeople
from worklist.store.postgres import PostgresStore
from worklist.study import RequestedPriority

_AT_ONCE = 5000
_FINDINGS = {
    "fracture": TargetFinding.FRACTURE,
    "haemorrhage": TargetFinding.INTRACRANIAL_HAEMORRHAGE,
    "nodule": TargetFinding.PULMONARY_NODULE,
}
DETECTORS = [
    DetectorIdentity(
        name=name, version="1.0", target=target, weights_sha256="ab" * 32, operating_point=0.5
    )
    for name, target in _FINDINGS.items()
]
# Modality, body part, description, the detector that looks at it, weight.
_KINDS = [
    ("CT", "HEAD", "CT Schädel nativ", "haemorrhage", 18),
    ("CT", "CHEST", "CT Thorax mit Kontrastmittel", "nodule", 14),
    ("CT", "ABDOMEN", "CT Abdomen", None, 10),
    ("DX", "WRIST", "Handgelenk rechts 2 Ebenen", "fracture", 12),
    ("DX", "CHEST", "Thorax p.a. und seitlich", None, 18),
    ("DX", "ANKLE", "Sprunggelenk", "fracture", 8),
    ("MR", "BRAIN", "MRT Hirn", None, 8),
    ("US", "ABDOMEN", "Sonographie Oberbauch", None, 9),
    ("MG", "BREAST", "Mammographie", None, 2),
    ("XA", "HEART", "Koronarangiographie", None, 0.6),
    ("NM", "BONE", "Skelettszintigraphie", None, 0.4),
]
_FAMILIES = """
    Müller Schmidt García Okafor Nguyen Dupont Rossi Kowalski Andersson Ødegård Novák Horváth
    Ivanova Yılmaz Haddad Cohen Papadopoulos Silva Fernández Lefèvre Meyer Weber Fischer Bauer
    Keller Brunner Schneider Zimmermann Lehmann Krause Huber Kaiser Fuchs Peters Lang Jung Hahn
    O'Brien McDonald Johnson Williams Brown Jones Miller Davis Moore Taylor 山田 佐藤 王 김
"""
_GIVEN = """
    Anna Maria Peter Hans Jean-François Léa Sofia Mohammed Fatima Wei Yuki Olga Ivan Lars Ingrid
    Paul Emma Noah Mia Louis Chloé Ahmed Aisha Carlos Lucía Marco Giulia Piotr Zofia 太郎 花子
"""


@dataclass(frozen=True, slots=True)
class _Study:
    uid: str
    kind: tuple[str, str, str, str | None, float]
    received_at: datetime
    is_read: bool
    outcomes: dict[str, tuple[str, float | None]]  # kind of outcome and probability, by detector
    series: int
    priority: RequestedPriority


def _studies(seed: int, unread: int, read: int, now: datetime) -> Iterator[_Study]:
    """The same studies each time they are asked for."""
    dice = random.Random(seed)
    weights = [kind[-1] for kind in _KINDS]
    kinds = dice.choices(_KINDS, weights, k=unread + read)
    for number, kind in enumerate(kinds):
        is_read = number < read
        age_s = dice.uniform(0, 2.6e5) if not is_read else dice.uniform(2.6e5, 9e7)
        yield _Study(
            uid=f"1.2.826.0.1.3680043.8.498.{seed}.{number + 10**9}",
            kind=kind,
            received_at=now - timedelta(seconds=age_s),
            is_read=is_read,
            outcomes=_outcomes(dice, kind[3], is_new=not is_read and dice.random() < 0.02),
            series=dice.choice((1, 1, 2, 2, 3, 5)),
            priority=dice.choices(list(RequestedPriority), (5, 15, 80))[0],
        )


def _outcomes(
    dice: random.Random, looks: str | None, *, is_new: bool
) -> dict[str, tuple[str, float | None]]:
    if is_new:
        return {}
    said: dict[str, tuple[str, float | None]] = dict.fromkeys(_FINDINGS, ("not_applicable", None))
    if looks is not None and dice.random() < 0.01:
        said[looks] = ("failed", None)
    elif looks is not None:
        probability = dice.betavariate(0.3, 2.5)
        said[looks] = ("flagged" if probability >= 0.5 else "not_flagged", probability)
    return said


def fill(url: str, engine: sa.Engine, *, unread: int, read: int, console: Console) -> None:
    """Write everything, then let the database count it."""
    now = datetime.now(UTC)
    PostgresStore(engine).register_detectors(DETECTORS, {}, now)
    with Progress(console=console) as progress, psycopg.connect(url) as connection:
        # What hangs on studies first, unchecked; the studies' own triggers then enter the list.
        for table, columns, lines in _TABLES:
            is_study = table == "study"
            role = "origin" if is_study else "replica"
            connection.execute(f"SET session_replication_role = {role}")
            task = progress.add_task(f"{table:<10}", total=unread + read)
            studies = _studies(1, unread, read, now)
            _copy(
                connection, f"COPY {table} ({columns}) FROM STDIN", studies, lines, progress, task
            )
        connection.commit()
        connection.autocommit = True
        task = progress.add_task("analyse   ", total=None)
        connection.execute("VACUUM (ANALYZE)")
        progress.update(task, total=1, completed=1)


Lines = Callable[[_Study, io.StringIO], None]


def _copy(
    connection: psycopg.Connection,
    statement: str,
    studies: Iterator[_Study],
    lines: Lines,
    progress: Progress,
    task: TaskID,
) -> None:
    with connection.cursor().copy(statement.encode()) as copy:
        written = io.StringIO()
        for number, study in enumerate(studies, start=1):
            lines(study, written)
            if number % _AT_ONCE == 0:
                copy.write(written.getvalue())
                written = io.StringIO()
                progress.update(task, completed=number)
        copy.write(written.getvalue())
        progress.update(task, completed=number)


def _series_lines(study: _Study, out: io.StringIO) -> None:
    modality, body_part, *_ = study.kind
    out.writelines(
        f"{study.uid}.{number}\t{study.uid}\t{modality}\t{body_part}\tSerie {number}\t{number}\n"
        for number in range(study.series)
    )


def _assessment_lines(study: _Study, out: io.StringIO) -> None:
    done = study.received_at + timedelta(seconds=20)
    ended = done.isoformat() if study.outcomes else "\\N"
    started = done.isoformat() if study.outcomes else "\\N"
    out.write(f"{study.uid}\t1\t{study.received_at.isoformat()}\t{started}\t{ended}\t1\n")


_REGIONS = json.dumps(
    [
        {
            "sop_instance_uid": "1.2.3",
            "frame_number": 1,
            "polygon": [[10.5 * n, 7.25 * n] for n in range(12)],
            "score": 0.9,
            "polygon_mm": None,
            "kind": "",
            "lesion": 1,
        }
    ]
    * 4
)
_PROVENANCE = json.dumps(
    {
        "instances": [[f"1.2.826.0.1.3680043.8.498.{n}", "ab" * 32] for n in range(3)],
        "not_eligible": [],
        "software_version": "benchmark",
        "started_at": "2026-03-02T12:00:00+00:00",
        "finished_at": "2026-03-02T12:00:00+00:00",
    }
)


def _outcome_lines(study: _Study, out: io.StringIO) -> None:
    at = (study.received_at + timedelta(seconds=20)).isoformat()
    for name, (kind, probability) in study.outcomes.items():
        reason = {"not_applicable": "no such body part", "failed": "out of memory"}.get(kind, "\\N")
        said = "\\N" if probability is None else f"{probability:.6f}"
        regions = _REGIONS if kind == "flagged" else "[]"
        out.write(
            f"{study.uid}\t1\t{name}\t1.0\t{'ab' * 32}\t{_FINDINGS[name]}\t0.5\t{kind}\t{said}"
            f"\t{reason}\t{regions}\t{{}}\t{_PROVENANCE}\tf\tt\t{at}\n"
        )


_TARGETS = DueTargets()


def _study_lines(study: _Study, out: io.StringIO) -> None:
    modality, _, description, _, _ = study.kind
    dice = random.Random(study.uid)
    name = f"{dice.choice(_FAMILIES.split())}^{dice.choice(_GIVEN.split())}"
    patient, accession = f"P-{dice.randrange(10**7):07}", f"A{dice.randrange(10**8):08}"
    words = study_words((name, patient, accession, description))
    probabilities = {
        _FINDINGS[detector]: said for detector, (_, said) in study.outcomes.items() if said
    }
    due = due_time(study.received_at, study.priority, _TARGETS, probabilities)
    without = due_time(study.received_at, study.priority, _TARGETS)
    born = f"19{dice.randrange(30, 100)}-{dice.randrange(1, 13):02}-{dice.randrange(1, 28):02}"
    preview = {
        "series_instance_uid": f"{study.uid}.0",
        "sop_instance_uid": f"{study.uid}.0.7",
        "frame_number": 1,
        "window": [40.0, 80.0] if modality == "CT" else None,
    }
    at = study.received_at.isoformat()
    out.write(
        f"{study.uid}\t{patient}\t{name}\t{born}\t{dice.choice('MFO')}\t{accession}\t\t{description}"
        f"\t{at}\t{at}\t{at}\t{study.series * 40}\tf\tcomplete\t1\t{study.priority}\tt"
        f"\t{'read' if study.is_read else 'unread'}\t{due.due_at.isoformat()}"
        f"\t{without.due_at.isoformat()}\t{due.reason}\t{' '.join(words)}\t{json.dumps(preview)}\n"
    )


_TABLES: list[tuple[str, str, Lines]] = [
    (
        "series",
        "series_instance_uid, study_instance_uid, modality, body_part_examined,"
        " series_description, series_number",
        _series_lines,
    ),
    (
        "assessment",
        "study_instance_uid, number, queued_at, started_at, finished_at, attempts",
        _assessment_lines,
    ),
    (
        "outcome",
        "study_instance_uid, assessment_number, detector, detector_version, weights_sha256, target,"
        " operating_point, kind, probability, reason, regions, evidence, provenance, too_late,"
        " current, finished_at",
        _outcome_lines,
    ),
    (
        "study",
        "study_instance_uid, patient_id, patient_name, patient_birth_date, patient_sex,"
        " accession_number, study_id, study_description, study_at, received_at, last_received_at,"
        " instance_count, arriving, completeness, assessment_number, requested_priority, unpinned,"
        " reading_state, due_at, due_without_ai_at, reason, search, preview",
        _study_lines,
    ),
]


def browsers_of(engine: sa.Engine, count: int, now: datetime) -> list[str]:
    """Cookies of people who are signed in, each in a browser of her own."""
    cookies = []
    with PostgresPeople(engine).transaction() as transaction:
        for number in range(1, count + 1):
            name, secret = AccountName(f"reader{number}"), secrets.token_urlsafe(32)
            transaction.save_account(
                Account(
                    name=name,
                    display_name=f"Reader {number}",
                    roles=frozenset({Role.RADIOLOGIST}),
                    password_hash="none",
                    must_change_password=False,
                    password_ends_at=None,
                    issuer=None,
                    subject=None,
                    created_at=now,
                    disabled_at=None,
                )
            )
            transaction.save_session(
                Session(
                    digest=digest_of(secret),
                    account=name,
                    csrf_token="none",
                    address="127.0.0.1",
                    started_at=now,
                    last_seen_at=now,
                    ended_at=None,
                )
            )
            cookies.append(f"vigie_session={secret}")
    return cookies
