"""Finding and loading detectors: a broken one is a value, never an exception."""

from importlib.metadata import EntryPoint

import pytest

from models import registry
from models.registry import (
    GROUP,
    BrokenDetector,
    LoadingDeaths,
    installed_detectors,
    load_detector,
)
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


def test_a_deadly_detector_is_tried_again_at_once_and_then_after_longer_and_longer_pauses() -> None:
    deaths = LoadingDeaths((0.0, 30.0, 300.0))
    now_s = 1000.0
    for pause_s in (0.0, 30.0, 300.0, 300.0):
        deaths.record("fracture", "killed by SIGKILL", now_s=now_s)
        if pause_s:
            waiting = deaths.waiting(now_s + pause_s - 0.001)["fracture"]
            assert waiting.reason == "the detector cannot be loaded: killed by SIGKILL"
            assert not deaths.is_retry_due(now_s + pause_s - 0.001)
        now_s += pause_s
        assert deaths.waiting(now_s) == {}
        assert deaths.is_retry_due(now_s)


def test_a_success_forgets_the_deaths_before_it() -> None:
    deaths = LoadingDeaths((0.0, 30.0))
    deaths.record("fracture", "killed", now_s=0)
    deaths.forget("fracture")
    assert not deaths.is_retry_due(1e9)
    deaths.record("fracture", "killed", now_s=10)
    assert deaths.is_retry_due(10)


def test_a_detector_that_hung_by_loading_is_not_tried_again_at_once() -> None:
    deaths = LoadingDeaths((0.0, 30.0))
    deaths.record("fracture", "it took too long", now_s=0, at_once=False)
    assert not deaths.is_retry_due(29.9)
    assert deaths.is_retry_due(30)


@pytest.mark.parametrize("pauses_s", [(), (0.0,), (30.0, 0.0)])
def test_pauses_that_never_end_the_trying_are_refused(pauses_s: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="for ever"):
        LoadingDeaths(pauses_s)
