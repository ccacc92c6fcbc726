"""Other studies of the same patient: who counts as the same."""

from dataclasses import dataclass
from datetime import date, datetime

from worklist.uid import StudyInstanceUID


@dataclass(frozen=True, kw_only=True, slots=True)
class Patient:
    """As one study names a patient; empty where it does not say."""

    patient_id: str
    name: str  # family^given^..., as received
    birth_date: date | None
    sex: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Prior:
    """Another study of the same patient."""

    study_instance_uid: StudyInstanceUID
    study_at: datetime | None  # None: its header does not say
    received_at: datetime
    modalities: tuple[str, ...]
    study_description: str
    body_part: str
    accession_number: str
    instance_count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Priors:
    """Other studies of the same patient, newest first."""

    studies: tuple[Prior, ...]
    limited: bool = False  # there are older ones that are left out


def is_same_patient(one: Patient, other: Patient) -> bool:
    """Whether two studies are of one person, as far as their headers can tell.

    A patient ID is unique only within its issuer, which few headers name, so it does not do
    alone: another person's images beside a patient's own would be worse than none. The birth date
    must be the same; where one study does not say it, the name must be. Nothing may contradict.
    """
    if not one.patient_id.strip() or one.patient_id.strip() != other.patient_id.strip():
        return False
    if one.sex and other.sex and one.sex != other.sex:
        return False
    if one.birth_date and other.birth_date:
        return one.birth_date == other.birth_date
    return bool(_plain(one.name)) and _plain(one.name) == _plain(other.name)


def alphabetic(name: str) -> str:
    """A person's name as it is written in letters, without its other writings."""
    return name.partition("=")[0]


def _plain(name: str) -> str:
    """Without what differs between two ways to write one name (PS3.5 section 6.2.1)."""
    return " ".join(alphabetic(name).replace("^", " ").casefold().split())
