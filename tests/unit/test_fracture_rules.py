"""Which series the fracture detector looks at."""

from pathlib import Path

import pytest

from models.detector import InstanceHeader, SeriesHeader
from models.fracture_rules import why_not_usable
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID

DX_FOR_PRESENTATION = "1.2.840.10008.5.1.4.1.1.1.1"
DX_FOR_PROCESSING = "1.2.840.10008.5.1.4.1.1.1.1.1"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def _instance(
    *, sop_class_uid: str = DX_FOR_PRESENTATION, image_type: str = "ORIGINAL", side: int = 2000
) -> InstanceHeader:
    return InstanceHeader(
        sop_instance_uid=SOPInstanceUID("1.2.3.4"),
        sop_class_uid=sop_class_uid,
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        path=Path("image.dcm"),
        sha256="0" * 64,
        image_type=(image_type, "PRIMARY"),
        rows=side,
        columns=side,
    )


def _series(
    *,
    modality: str = "DX",
    body_part: str = "",
    series_description: str = "",
    study_description: str = "",
    instances: tuple[InstanceHeader, ...] | None = None,
) -> SeriesHeader:
    return SeriesHeader(
        study_instance_uid=StudyInstanceUID("1.2.3"),
        series_instance_uid=SeriesInstanceUID("1.2.3.1"),
        modality=modality,
        body_part_examined=body_part,
        study_description=study_description,
        series_description=series_description,
        protocol_name="",
        convolution_kernel="",
        contrast_bolus_agent="",
        manufacturer="",
        patient_sex="",
        patient_age_years=None,
        instances=(_instance(),) if instances is None else instances,
    )


@pytest.mark.parametrize("modality", ["DX", "CR", "RG"])
def test_radiographs_are_looked_at(modality: str) -> None:
    assert why_not_usable(_series(modality=modality, body_part="HAND")) is None


@pytest.mark.parametrize("modality", ["CT", "MR", "MG", "RF", "XA", "IO", "PX", "OT", ""])
def test_other_modalities_are_not(modality: str) -> None:
    reason = why_not_usable(_series(modality=modality, body_part="HAND"))
    assert reason is not None and reason.startswith("The modality is")


@pytest.mark.parametrize(
    "part",
    ["LEG", "SHOULDER", "HIP", "PELVIS", "ANKLE", "FOOT", "WRIST", "CLAVICLE", "EXTREMITY", "ARM"],
)
def test_limbs_pelvis_and_shoulder_are_looked_at(part: str) -> None:
    assert why_not_usable(_series(body_part=part)) is None


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ("CHEST", "chest"),
        ("THORAX", "chest"),
        ("RIB", "chest"),
        ("ABDOMEN", "abdomen"),
        ("SKULL", "head"),
        ("HEAD", "head"),
        ("CSPINE", "spine"),
        ("LSPINE", "spine"),
        ("TSPINE", "spine"),
        ("SPINE", "spine"),
        ("BREAST", "breast"),
        ("TEETH", "teeth"),
        ("JAW", "teeth"),
        ("TORAX", "chest"),
        ("TORACE", "chest"),
        ("CXR", "chest"),
        ("COSTILLAS", "chest"),
        ("GRIL COSTAL", "chest"),
        ("ABD", "abdomen"),
        ("AXR", "abdomen"),
        ("ADDOME", "abdomen"),
        ("KOPF", "head"),
        ("CRANIO", "head"),
        ("COLUMNA", "spine"),
        ("COLONNA", "spine"),
        ("LWK", "spine"),
        ("THORACIC SPINE", "spine"),
        ("OPG", "teeth"),
    ],
)
def test_trunk_spine_head_breast_and_teeth_are_not(part: str, named: str) -> None:
    reason = why_not_usable(_series(body_part=part))
    assert reason is not None and named in reason


def test_a_silent_header_is_looked_at_by_its_modality() -> None:
    assert why_not_usable(_series()) is None


@pytest.mark.parametrize(
    "text",
    [
        "XR CHEST 2 VIEWS",
        "Thorax p.a.",
        "Röntgen Schädel",
        "BWS seitl.",
        "CXR PA",
        "RAYOS X DE TORAX",
        "Rx torace",
        "ABD SUPINE",
        "Orthopantomogram",
    ],
)
def test_descriptions_count_where_the_body_part_is_missing(text: str) -> None:
    assert why_not_usable(_series(series_description=text)) is not None
    assert why_not_usable(_series(study_description=text)) is not None


@pytest.mark.parametrize(
    "text", ["Épaule face", "Aspect lateral", "XR shoulder and chest", "Hand links", "Knie"]
)
def test_descriptions_of_limbs_are_looked_at(text: str) -> None:
    assert why_not_usable(_series(series_description=text)) is None


@pytest.mark.parametrize(
    "text",
    [
        "MAINTENANCE ABDOMEN",
        "Army recruit chest",
        "Abdomen handheld",
        "Legacy thorax",
        "Hippel-Lindau abdomen",
        "Lungs, Beinahe",
        "Chest footprint",
        "Chest toeholds",
    ],
)
def test_a_word_that_only_begins_like_a_limb_is_none(text: str) -> None:
    assert why_not_usable(_series(series_description=text)) is not None


@pytest.mark.parametrize(
    "text", ["CHEST ARMS UP", "Chest, left arm raised", "ABDOMEN ERECT LEG", "Thorax bras levés"]
)
def test_arms_and_legs_beside_a_trunk_are_how_the_patient_lay(text: str) -> None:
    assert why_not_usable(_series(series_description=text)) is not None


@pytest.mark.parametrize("text", ["Arm", "both legs", "Bein links", "Brazo", "Avant-bras face"])
def test_arms_and_legs_by_themselves_are_limbs(text: str) -> None:
    both = _series(series_description=text, study_description="Thorax")
    assert why_not_usable(both) is None


@pytest.mark.parametrize(
    "text",
    [
        "Chest and both hands",
        "Thorax, mains",
        "Skull and feet",
        "Schädel, Schultergelenk",
        "Tórax y hombro",
        "Radial head",
        "Femoral neck",
        "Abdomen, both clavicles",
        "Chest, lower extremities",
        "Thorax und Hüfte",
    ],
)
def test_limbs_in_the_plural_and_in_compounds_are_limbs(text: str) -> None:
    assert why_not_usable(_series(series_description=text)) is None


def test_the_body_part_counts_before_the_descriptions() -> None:
    assert why_not_usable(_series(body_part="HAND", study_description="CHEST AND HAND")) is None
    assert why_not_usable(_series(body_part="CHEST", study_description="hand")) is not None


@pytest.mark.parametrize(
    ("instance", "words"),
    [
        (_instance(sop_class_uid=DX_FOR_PROCESSING), "raw detector data"),
        (_instance(sop_class_uid=SECONDARY_CAPTURE), "secondary capture"),
        (_instance(sop_class_uid=SECONDARY_CAPTURE + ".4"), "secondary capture"),
        (_instance(image_type="LOCALIZER"), "localizer"),
        (_instance(side=99), "smaller than"),
    ],
)
def test_images_that_are_not_radiographs_for_reading_are_left_out(
    instance: InstanceHeader, words: str
) -> None:
    reason = why_not_usable(_series(instances=(instance,)))
    assert reason is not None and words in reason
    assert why_not_usable(_series(instances=(instance, _instance()))) is None


def test_an_image_of_just_the_least_size_is_looked_at() -> None:
    assert why_not_usable(_series(instances=(_instance(side=100),))) is None


def test_a_series_without_images_is_not_looked_at() -> None:
    assert why_not_usable(_series(instances=())) == "The series has no images."
