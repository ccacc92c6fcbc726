"""Whether a header says that the patient is an animal.

Veterinary equipment often leaves the attributes for it empty and names the animal in the exposure
programme or the protocol alone, so those texts are read too, for a few words that do not also
belong to people: a dog's bite, a cat scan, a bovine arch do.
"""

import re
from collections.abc import Iterator

from pydicom.dataset import Dataset

from models.data_set import items_of, text_of
from models.header_words import plain, words

KEYWORDS = (
    "PatientSpeciesDescription", "PatientSpeciesCodeSequence", "PatientBreedDescription",
    "PatientBreedCodeSequence", "StrainDescription", "AnatomicalOrientationType",
    "ResponsiblePersonRole", "AcquisitionDeviceProcessingDescription",
    "PerformedProtocolCodeSequence", "BodyPartExamined", "StudyDescription", "SeriesDescription",
    "ProtocolName",
)  # fmt: skip
_LONGEST = 40  # characters of a header that a reason quotes
_HUMAN_CODES = frozenset({"337915000", "L-85B00", "9606"})  # SNOMED CT, SNOMED RT, NCBI taxonomy
_HUMAN = re.compile(
    r"HOMO|SAPIENS?|HUMANS?|HUMAIN|HUMAINE|HUMANO|HUMANA|UMANO|UMANA|MENSCH|MENS|PERSON|PERSONS?"
    r"|BEING|PEOPLE|HOMME|FEMME|ENFANT|ETRE|MANN|FRAU|KIND|HOMBRE|MUJER|UOMO|DONNA|MAN|WOMAN"
    r"|ADULTS?|ADULTE|CHILD|CHILDREN|INFANT|MALE|FEMALE|PATIENT"
)
_PEOPLES = re.compile(
    r"CAUCASIAN|CAUCASIEN|CAUCASIENNE|KAUKASISCH|WHITE|BLACK|ASIAN|AFRICAN|AMERICAN|EUROPEAN"
    r"|HISPANIC|LATINO|LATINA|ARAB|INDIAN"
)
_HUMAN_ELSEWHERE = frozenset({"人", "人类", "人類", "ヒト", "человек"})
_UNSAID = re.compile(r"UNKNOWN|UNSPECIFIED|UNDEFINED|NONE|NOT|APPLICABLE|N|A|NA|NULL|OTHER")
_ROLES = frozenset({"OWNER", "VETERINARIAN"})  # PS3.3 C.7.1.1.1.2, of those who answer for animals
_OF_PEOPLE = r"(?!\W+(?:BITES?|TOOTH|TEETH|FOSSAE?)\b)"  # what a person may have of an animal's
_ANIMAL = re.compile(
    rf"(?<!BITE )(?<!BITE, )\b(CANINE|FELINE)\b{_OF_PEOPLE}"
    r"|\bEQUINE(?= (?:CARPUS|TARSUS|HOCK|HOOF)\b)"  # alone it is a person's foot, in French
    r"|\b(?:VETERINAR\w*|STIFLE|FETLOCK|PASTERN)\b"
)
_TEXTS = (
    "AcquisitionDeviceProcessingDescription", "BodyPartExamined", "StudyDescription",
    "SeriesDescription", "ProtocolName",
)  # fmt: skip


def animal_of(data_set: Dataset) -> str:
    """What a header calls a patient that is an animal; empty: a person, for all it says.

    Species and breed (PS3.3 C.7.1.1) count first, and a species that is human settles it; a breed
    that names people counts for nothing. Then Anatomical Orientation Type, Responsible Person Role,
    and the texts that name what was exposed.
    """
    species = [text for text in _species(data_set) if not _is_unsaid(text)]
    if species:
        return next((_quoted(text) for text in species if not _is_human(text)), "")
    for text in _breeds(data_set):
        if not _is_unsaid(text) and not _is_people(text):
            return _quoted(text)
    if text_of(data_set, "AnatomicalOrientationType").upper() == "QUADRUPED":
        return "a quadruped"
    role = text_of(data_set, "ResponsiblePersonRole").upper()
    if role in _ROLES:
        return f"the responsible person is the {role.lower()}"
    named = (_ANIMAL.search(plain(text)) for text in _texts(data_set))
    return next((match.group(0).lower() for match in named if match), "")


def why_not_a_person(animal: str) -> str | None:
    """Why a detector made for people does not look, a sentence; None if nothing names an animal.

    Parameters
    ----------
    animal
        As ``animal_of`` says it.
    """
    if not animal:
        return None
    return f"By its header the patient is an animal ({animal}); the detector was made for people."


def _species(data_set: Dataset) -> Iterator[str]:
    for item in items_of(data_set, "PatientSpeciesCodeSequence"):
        if text_of(item, "CodeValue") in _HUMAN_CODES:
            yield "HUMAN"
        else:
            yield text_of(item, "CodeMeaning") or text_of(item, "CodeValue")
    yield text_of(data_set, "PatientSpeciesDescription")


def _breeds(data_set: Dataset) -> Iterator[str]:
    yield text_of(data_set, "PatientBreedDescription")
    for item in items_of(data_set, "PatientBreedCodeSequence"):
        yield text_of(item, "CodeMeaning") or text_of(item, "CodeValue")
    yield text_of(data_set, "StrainDescription")


def _texts(data_set: Dataset) -> Iterator[str]:
    for keyword in _TEXTS:
        yield text_of(data_set, keyword)
    for item in items_of(data_set, "PerformedProtocolCodeSequence"):
        yield text_of(item, "CodeMeaning")


def _is_human(text: str) -> bool:
    named = words(text)
    if not named:
        return text.strip().casefold() in _HUMAN_ELSEWHERE
    return all(_HUMAN.fullmatch(word) for word in named)


def _is_people(text: str) -> bool:
    """Whether what stands for a breed are words for people alone."""
    named = [word for word in words(text) if _PEOPLES.fullmatch(word) is None]
    return _is_human(text) or (bool(words(text)) and all(map(_HUMAN.fullmatch, named)))


def _is_unsaid(text: str) -> bool:
    """Whether a text is empty, or only a way to say nothing."""
    if not any(character.isalnum() for character in text):
        return True
    named = words(text)
    return bool(named) and all(_UNSAID.fullmatch(word) for word in named)


def _quoted(text: str) -> str:
    short = " ".join(text.split())
    return short if len(short) <= _LONGEST else short[: _LONGEST - 3] + "..."
