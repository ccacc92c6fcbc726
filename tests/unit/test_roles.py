"""What an object is to its study: image, document, or a result of a Vigie."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.uid import ImplicitVRLittleEndian

from dicom_listener.attributes import WANTED, identity, instance_arrival
from dicom_listener.received_object import Digest, open_received
from dicom_listener.roles import role_of
from results.document import ResultObject
from results.facts import AssessmentFacts
from results.key_image import build_key_image
from results.presentation import build_presentations
from results.report import build_report
from results.segmentation import build_segmentations
from results.selection import Rejection, build_rejection, build_selections
from tests.result_facts import AT, PHANTOMS, grey_pictures, usual_facts
from worklist.study import ObjectRole

IMAGE, DOCUMENT, RESULT = ObjectRole
CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
CT = "1.2.840.10008.5.1.4.1.1.2"

KINDS: dict[str, Callable[[AssessmentFacts], list[ResultObject]]] = {
    "report": lambda facts: [build_report(facts)],
    "segmentation": build_segmentations,
    "presentation": build_presentations,
    "key image": lambda facts: [build_key_image(facts, grey_pictures(facts))],
    "selection": build_selections,
    "rejection": lambda facts: [
        build_rejection(facts, [build_report(facts).reference], Rejection.WITHDRAWN, now=AT)
    ],
}


@pytest.fixture(scope="module")
def facts() -> AssessmentFacts:
    return usual_facts(PHANTOMS / "head_ct_bleed")


def role_when_filed(path: Path) -> ObjectRole:
    received = open_received(path, WANTED)
    return instance_arrival(
        received,
        identity(received),
        Digest("0" * 64, 1),
        archive_path="a",
        received_at=AT,
        association_id="",
    ).role


@pytest.mark.parametrize("changed", ["as it was made", "implicit", "another version", "moved"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_object_that_we_make_is_known_again(
    facts: AssessmentFacts, tmp_path: Path, kind: str, changed: str
) -> None:
    for built in KINDS[kind](facts):
        back = built.dataset()
        if changed == "another version":
            back.SoftwareVersions = "99.1"
        elif changed == "moved":  # an archive reconciles patient, study and station
            back.PatientID, back.PatientName = "other", "Other"
            back.StationName, back.DeviceSerialNumber = "OTHER", "1.2.3"
            back.SOPInstanceUID = back.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
        if changed == "implicit" and not back.file_meta.TransferSyntaxUID.is_compressed:
            back.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        back.save_as(tmp_path / "back.dcm", enforce_file_format=True)
        assert role_when_filed(tmp_path / "back.dcm") is RESULT


@pytest.mark.parametrize(
    ("sop_class_uid", "said", "role"),
    [
        (CT, {}, IMAGE),
        ("1.2.840.10008.5.1.4.1.1.4.1", {}, IMAGE),
        ("1.2.826.0.1.3680043.9.9", {}, IMAGE),  # private, with pixels
        ("1.2.826.0.1.3680043.9.9", {"has_pixels": False}, DOCUMENT),
        ("1.2.840.10008.5.1.4.1.1.88.33", {"has_pixels": False}, DOCUMENT),  # SR
        ("1.2.840.10008.5.1.4.1.1.88.59", {"has_pixels": False}, DOCUMENT),  # key objects
        ("1.2.840.10008.5.1.4.1.1.11.1", {"has_pixels": False}, DOCUMENT),  # presentation
        ("1.2.840.10008.5.1.4.1.1.104.1", {"has_pixels": False}, DOCUMENT),  # PDF
        ("1.2.840.10008.5.1.4.1.1.66.4", {}, DOCUMENT),  # segmentation
        ("1.2.840.10008.5.1.4.1.1.66.7", {}, DOCUMENT),
        ("1.2.840.10008.5.1.4.1.1.30", {}, DOCUMENT),  # parametric map
        ("1.2.840.10008.5.1.4.1.1.481.2", {}, DOCUMENT),  # dose
        (CAPTURE, {"conversion_type": "WSD"}, DOCUMENT),
        (f"{CAPTURE}.4", {"conversion_type": "syn"}, DOCUMENT),
        (CAPTURE, {"conversion_type": "WSD", "image_type": "DERIVED\\SECONDARY"}, DOCUMENT),
        (CAPTURE, {"conversion_type": "WSD", "image_type": "ORIGINAL\\PRIMARY"}, IMAGE),
        (f"{CAPTURE}.4", {"conversion_type": "SYN", "image_type": "original "}, IMAGE),
        (
            CAPTURE,
            {"manufacturer": "Vigie", "model_name": "Vigie triage", "image_type": "ORIGINAL"},
            IMAGE,
        ),
        (CAPTURE, {"conversion_type": "DF"}, IMAGE),  # a film that was digitised
        (CAPTURE, {"conversion_type": "SD"}, IMAGE),
        (CAPTURE, {}, IMAGE),
        (f"{CAPTURE}7", {"conversion_type": "WSD"}, IMAGE),  # another class, not below it
        (CT, {"conversion_type": "WSD"}, IMAGE),
        (CT, {"manufacturer": "Vigie", "model_name": "Vigie triage"}, IMAGE),  # we make no CT
        (CAPTURE, {"manufacturer": "Vigie", "model_name": "Vigie triage"}, RESULT),
        (CAPTURE, {"manufacturer": "Vigie", "model_name": "Simulated phantom"}, IMAGE),
        (CAPTURE, {"manufacturer": "Other", "model_name": "Vigie triage"}, IMAGE),
    ],
)
def test_what_an_object_is_to_its_study(
    sop_class_uid: str, said: dict[str, Any], role: ObjectRole
) -> None:
    usual: dict[str, Any] = {
        "has_pixels": True,
        "manufacturer": "Other",
        "model_name": "",
        "conversion_type": "",
        "image_type": "",
    }
    assert role_of(sop_class_uid=sop_class_uid, **{**usual, **said}) is role


@pytest.mark.parametrize(
    ("image_type", "role"),
    [(["ORIGINAL", "PRIMARY"], IMAGE), (["DERIVED", "SECONDARY"], DOCUMENT), (None, DOCUMENT)],
)
def test_a_radiograph_that_an_importer_wrapped_is_an_image(
    tmp_path: Path, image_type: list[str] | None, role: ObjectRole
) -> None:
    wrapped = dcmread(min(PHANTOMS.glob("*/*.dcm")))
    wrapped.SOPClassUID = wrapped.file_meta.MediaStorageSOPClassUID = CAPTURE
    wrapped.ConversionType = "WSD"
    if image_type is None:
        del wrapped.ImageType
    else:
        wrapped.ImageType = image_type
    wrapped.save_as(tmp_path / "wrapped.dcm", enforce_file_format=True)
    assert role_when_filed(tmp_path / "wrapped.dcm") is role


def test_no_image_of_a_phantom_is_taken_for_a_result() -> None:
    roles = {role_when_filed(path) for path in sorted(PHANTOMS.glob("*/*.dcm"))[:200]}
    assert roles == {IMAGE}
