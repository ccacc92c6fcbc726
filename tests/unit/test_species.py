"""Whether a header says that the patient is an animal, and what the detectors make of it."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydicom.dataset import Dataset

from models import fracture_rules, haemorrhage_rules, nodule_rules
from models.detector import SeriesHeader
from models.headers import read_series_headers
from models.species import animal_of, why_not_a_person
from tests.archived import image, writer
from tests.haemorrhage_heads import header_of
from tests.nodule_scans import header


def code(value: str, meaning: str) -> list[Dataset]:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SCT", meaning
    return [item]


DOG = code("448771007", "Canis lupus familiaris")
HUMAN = code("337915000", "Homo sapiens")


def said_of(**attributes: Any) -> str:
    return animal_of(image(**attributes))


@pytest.mark.parametrize(
    ("attributes", "named"),
    [
        ({"PatientSpeciesDescription": "Canine"}, "Canine"),
        ({"PatientSpeciesDescription": "NON-HUMAN PRIMATE"}, "NON-HUMAN PRIMATE"),
        ({"PatientSpeciesDescription": "犬", "SpecificCharacterSet": "ISO_IR 192"}, "犬"),
        ({"PatientSpeciesCodeSequence": DOG}, "Canis lupus familiaris"),
        ({"PatientSpeciesCodeSequence": code("448771007", "")}, "448771007"),
        ({"PatientBreedDescription": "Beagle"}, "Beagle"),
        ({"PatientBreedCodeSequence": code("132481005", "Beagle dog")}, "Beagle dog"),
        ({"StrainDescription": "C57BL/6"}, "C57BL/6"),
        ({"AnatomicalOrientationType": "QUADRUPED"}, "a quadruped"),
        ({"ResponsiblePersonRole": "OWNER"}, "the responsible person is the owner"),
        ({"ResponsiblePersonRole": "VETERINARIAN"}, "the responsible person is the veterinarian"),
        ({"AcquisitionDeviceProcessingDescription": "CANINE LATERAL THORAX"}, "canine"),
        ({"PerformedProtocolCodeSequence": code("1", "FELINE PELVIS")}, "feline"),
        ({"BodyPartExamined": "STIFLE"}, "stifle"),
        ({"SeriesDescription": "Equine_carpus"}, "equine"),
        ({"SeriesDescription": "CANINE, STIFLE"}, "canine"),
        ({"PatientBreedDescription": "White Shepherd"}, "White Shepherd"),
        ({"PatientSpeciesDescription": "Human rat"}, "Human rat"),
    ],
)
def test_an_animal_is_known_by_species_breed_role_or_what_was_exposed(
    attributes: dict[str, Any], named: str
) -> None:
    assert said_of(**attributes) == named


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"PatientSpeciesDescription": ""},
        {"PatientSpeciesDescription": "Homo sapiens"},
        {"PatientSpeciesDescription": "HUMAN"},
        {"PatientSpeciesDescription": "人", "SpecificCharacterSet": "ISO_IR 192"},
        {"PatientSpeciesDescription": "UNKNOWN", "PatientBreedDescription": "N/A"},
        {"PatientSpeciesCodeSequence": HUMAN},
        {"PatientSpeciesCodeSequence": HUMAN, "PatientBreedDescription": "mixed"},
        {"PatientSpeciesCodeSequence": []},
        {"ResponsiblePerson": "Doe^Jane", "ResponsiblePersonRole": "PARENT"},
        {"AnatomicalOrientationType": "BIPED"},
        {"PatientSexNeutered": "UNALTERED"},
        {"StudyDescription": "CAT scan head", "SeriesDescription": "dog bite, bovine arch"},
        {"StudyDescription": "Talipes equinus"},
        {"StudyDescription": "HAND, CANINE BITE"},
        {"SeriesDescription": "Feline bite wrist"},
        {"SeriesDescription": "BITE, FELINE"},
        {"SeriesDescription": "upper canine tooth"},
        {"SeriesDescription": "canine_fossa"},
        {"StudyDescription": "pied varus équine", "SpecificCharacterSet": "ISO_IR 192"},
        {"PatientSpeciesDescription": "Human, adult"},
        {"PatientSpeciesDescription": "Homme"},
        {"PatientSpeciesDescription": "Homo Sapien"},
        {"PatientBreedDescription": "Caucasian"},
        {"PatientBreedDescription": "Human, white"},
        {"PatientName": "Canine^Mr"},
    ],
)
def test_people_are_no_animals(attributes: dict[str, Any]) -> None:
    assert said_of(**attributes) == ""


def test_a_long_text_is_quoted_in_short_and_on_one_line() -> None:
    said = said_of(PatientSpeciesDescription="Canis\r\n" + "x" * 50)
    assert said == "Canis " + "x" * 31 + "..."
    assert "\n" not in (why_not_a_person(said) or "")


def _radiograph(**changed: Any) -> SeriesHeader:
    return header_of(modality="DX", body_part_examined="HAND", **changed)


@pytest.mark.parametrize(
    ("rules", "series"),
    [
        (fracture_rules, _radiograph),
        (haemorrhage_rules, header_of),
        (nodule_rules, header),
    ],
    ids=["fracture", "haemorrhage", "nodule"],
)
def test_no_detector_looks_at_an_animal(rules: ModuleType, series: Any) -> None:
    if rules is fracture_rules:
        assert rules.why_not_usable(series()) is None
    assert rules.why_not_usable(series(animal="Beagle")) == why_not_a_person("Beagle")


def test_the_species_is_read_from_the_files(tmp_path: Path) -> None:
    write = writer(tmp_path)
    dog = image(PatientSpeciesCodeSequence=DOG)
    archived = [write(image(), "1.2.3.1"), write(dog, "1.2.3.2")]
    said = [one.animal for one in read_series_headers(archived, tmp_path).series]
    assert said == ["", "Canis lupus familiaris"]
