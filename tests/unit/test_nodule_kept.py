"""Simulated scans are kept as they come, so that a run that was interrupted goes on."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from models.card import read_card
from models.nodule import CARD_PATH
from models.training.nodule_froc import Place, Scan
from models.training.nodule_kept import KeptScans, dependencies
from models.training.nodule_simulation import Setting, SimulatedNodule, Texture

MADE_WITH = {"seed": 3, "weights": "abc"}


def scan(suspicion: float = 1.1) -> Scan:
    nodule = SimulatedNodule(
        centre_mm=(1.5, -2.25, 1 / 3),
        diameter_mm=7.1,
        texture=Texture.PART_SOLID,
        setting=Setting.PLEURA,
    )
    hit = Place(hit=0, suspicion=suspicion, logit=0.2, roundness=0.7, diameter_mm=6.9)
    return Scan(nodules=(nodule,), places=(hit, replace(hit, hit=None)))


def never() -> Scan:
    raise AssertionError("it was made before")


def test_what_was_made_is_not_made_again(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "scans.jsonl"
    first = KeptScans(path, MADE_WITH)
    assert first.get("one", 0, scan) == scan() == first.get("one", 0, never)
    first.get("one", 1, lambda: scan(2.0))
    first.get("none", 0, lambda: Scan(nodules=(), places=()))
    again = KeptScans(path, MADE_WITH)
    assert len(again) == 3
    assert again.get("one", 0, never) == scan() and again.get("one", 1, never) == scan(2.0)
    assert again.get("none", 0, never) == Scan(nodules=(), places=())
    assert isinstance(again.get("one", 0, never).nodules[0].texture, Texture)


def test_a_torn_line_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "scans.jsonl"
    kept = KeptScans(path, MADE_WITH)
    for number in range(2):
        kept.get("one", number, scan)
    path.write_bytes(path.read_bytes()[:-20])  # killed while it wrote
    again = KeptScans(path, MADE_WITH)
    assert len(again) == 1
    assert again.get("one", 1, lambda: scan(3.0)) == scan(3.0)
    assert KeptScans(path, MADE_WITH).get("one", 1, never) == scan(3.0)


def test_scans_made_with_something_else_are_not_mixed_in(tmp_path: Path) -> None:
    path = tmp_path / "scans.jsonl"
    KeptScans(path, MADE_WITH).get("one", 0, scan)
    with pytest.raises(ValueError, match=r"made with another weights: name another file"):
        KeptScans(path, {**MADE_WITH, "weights": "def"})
    assert len(KeptScans(path, MADE_WITH)) == 1


def test_a_scan_depends_on_networks_weighing_and_files_but_not_on_the_point(
    tmp_path: Path,
) -> None:
    (tmp_path / "image.dcm").write_bytes(b"one")
    files, card = [tmp_path / "image.dcm"], read_card(CARD_PATH)
    before = dependencies(card, files, {"seed": 3})
    assert json.loads(json.dumps(before)) == before
    assert dependencies(replace(card, operating_point=0.1), files, {"seed": 3}) == before
    study = {**card.calibration, "study": {"weights": [1.0], "bias": 0.0}}
    assert dependencies(replace(card, calibration=study), files, {"seed": 3}) == before
    lesion = {**card.calibration, "lesion": {"weights": [1.0, 1.0], "bias": 0.0}}
    changed = [
        dependencies(replace(card, calibration=lesion), files, {"seed": 3}),
        dependencies(replace(card, weights_sha256="0"), files, {"seed": 3}),
        dependencies(card, files, {"seed": 4}),
    ]
    (tmp_path / "image.dcm").write_bytes(b"other")
    changed.append(dependencies(card, files, {"seed": 3}))
    assert all(other != before for other in changed)
