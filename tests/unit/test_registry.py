"""Finding and loading detectors: a broken one is a value, never an exception."""

from importlib.metadata import EntryPoint

import pytest

from models import registry
from models.registry import GROUP, BrokenDetector, installed_detectors, load_detector
from worklist.finding import TargetFinding


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, GROUP)


@pytest.mark.parametrize("value", ["no.such.module:load", "models.card:no_such_function"])
def test_p4_a_detector_that_cannot_be_imported_is_broken_and_says_why(value: str) -> None:
    loaded = load_detector(point("fracture", value), threads=1, cache=None)
    assert isinstance(loaded, BrokenDetector)
    assert loaded.name == "fracture"
    assert "cannot be loaded" in loaded.reason
    assert "no" in loaded.reason


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("fracture", TargetFinding.FRACTURE),
        ("fracture.acme", TargetFinding.FRACTURE),
        ("haemorrhage.acme", TargetFinding.INTRACRANIAL_HAEMORRHAGE),
        ("pulmonary_nodule", TargetFinding.PULMONARY_NODULE),
    ],
)
def test_a_broken_detector_is_known_by_the_finding_its_name_begins_with(
    name: str, target: TargetFinding
) -> None:
    identity = BrokenDetector(name=name, reason="broken").identity
    assert identity is not None
    assert (identity.name, identity.target) == (name, target)


def test_a_broken_detector_whose_name_gives_no_finding_has_no_identity() -> None:
    assert BrokenDetector(name="acme", reason="broken").identity is None


def test_of_two_detectors_with_one_name_one_is_taken_and_the_clash_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    points = [point("fracture", "b:load"), point("fracture", "a:load"), point("nodule", "c:load")]
    monkeypatch.setattr(registry, "entry_points", lambda *, group: points if group == GROUP else ())
    found = installed_detectors()
    assert [(name, each.value) for name, each in found.items()] == [
        ("fracture", "a:load"),
        ("nodule", "c:load"),
    ]
    assert "the name is taken by a:load" in caplog.text
