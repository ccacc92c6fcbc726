"""Third-party models are added, tried, run and taken away; what is wrong is said in words."""

import shutil
import time
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from models.assessment import look, select
from models.card import CardError
from models.detector import Assessment, SeriesImages
from models.headers import read_series_headers
from models.images import load_series
from models.registry import added_models
from models.runner import AssessmentRunner
from models.third_party import load_folder
from models.third_party_adding import Added, CannotAdd, add_model, remove_model
from models.third_party_record import noted_down
from tests.dicom_series import archived, write_series
from tests.onnx_files import write_brightest
from tests.third_party import (
    HEAT_MAP,
    RADIOGRAPH,
    SCORE,
    card,
    metadata,
    tried_here,
    write_bundle,
    write_wheel,
    zipped,
)
from worklist.finding import (
    DetectorIdentity,
    Flagged,
    NotApplicable,
    NotFlagged,
    Outcome,
    TargetFinding,
)
from worklist.uid import StudyInstanceUID

STUDY = StudyInstanceUID("1.2.3")
Assess = Callable[..., Outcome]


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


def add(source: Path, models: Path) -> Added:
    """As `vigie models add` does, but tried in this process."""
    return add_model(source, models, trial=tried_here)


@pytest.fixture
def assess(tmp_path: Path, models: Path) -> Assess:
    """One added model's outcome on a made series."""
    archive = tmp_path / "archive"

    def outcome(name: str, values: list[int], **header: Any) -> Outcome:
        shutil.rmtree(archive, ignore_errors=True)
        instances = archived(write_series(archive, values, **header), archive)
        detector = load_folder(models / name, threads=1, cache=None)
        selection = select(detector, read_series_headers(instances, archive))
        return look(detector, selection, limit_bytes=2**20).outcome

    return outcome


def onnx(folder: Path, text: str, shape: tuple[int, ...] = (1, 1, 4, 4), **more: object) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "bright.toml").write_text(text)
    return write_brightest(folder / "bright.onnx", shape, **more)  # type: ignore[arg-type]


def _of_volumes() -> str:
    """The card of a model that takes a chest as a whole."""
    volume = (
        'modality = ["CT"]\nbody_parts = ["CHEST"]\nsize = [6, 4, 4]\n'
        "spacing_mm = [2.0, 1.0, 1.0]\nwindow = [500, 1000]"
    )
    output = HEAT_MAP.replace('"score"\nmeaning = "probability"', '"heat_map"')
    return card("nodule.bright", target="pulmonary_nodule", taken=volume, given=output)


def test_an_onnx_file_with_a_card_looks_at_studies_as_its_card_says(
    tmp_path: Path, models: Path, assess: Assess
) -> None:
    added = add(onnx(tmp_path / "vendor", card(given=HEAT_MAP)), models)
    assert added.identity.name == "fracture.bright"
    assert (added.identity.version, added.identity.operating_point) == ("1.2", 0.5)
    assert len(added.identity.weights_sha256) == 64
    flagged = assess("fracture.bright", [750])
    assert isinstance(flagged, Flagged)
    assert flagged.probability == pytest.approx(0.75, abs=1e-6)
    [region] = flagged.regions  # the one bright pixel, at row 1 and column 2
    assert region.polygon == ((2.0, 1.0), (3.0, 1.0), (3.0, 2.0), (2.0, 2.0))
    assert [one.score for one in flagged.evidence.image_scores] == pytest.approx([0.75])
    below = assess("fracture.bright", [499])
    assert isinstance(below, NotFlagged)
    assert below.regions == ()
    why = assess("fracture.bright", [750], modality="CT")
    assert isinstance(why, NotApplicable)
    assert "the model is for DX or CR" in why.reason


def test_the_score_of_a_study_is_the_mean_of_its_highest_images_calibrated(
    tmp_path: Path, models: Path, assess: Assess
) -> None:
    calibration = 'method = "logistic"\nweight = 2.0\nbias = 0.0'
    text = card(given=SCORE + "\nhighest = 2", calibration=calibration)
    add(onnx(tmp_path / "vendor", text), models)
    outcome = assess("fracture.bright", [100, 900, 700])
    assert isinstance(outcome, Flagged)
    assert outcome.probability == pytest.approx(0.8**2 / (0.8**2 + 0.2**2), abs=1e-5)


def test_boxes_are_drawn_where_they_lie_on_the_image_itself(
    tmp_path: Path, models: Path, assess: Assess
) -> None:
    text = card(
        taken=RADIOGRAPH.replace("[4, 4]", "[8, 8]"),
        given=SCORE + '\nboxes = "boxes"\nkind = "displaced"',
    )
    boxes = [[2, 4, 6, 8, 0.9], [0, 0, 2, 2, 0.4]]
    add(onnx(tmp_path / "vendor", text, (1, 1, 8, 8), boxes=boxes), models)
    outcome = assess("fracture.bright", [750])
    assert isinstance(outcome, NotFlagged)  # enlarged, the bright pixel is less bright
    [region] = outcome.regions
    assert region.polygon == ((1.0, 2.0), (3.0, 2.0), (3.0, 4.0), (1.0, 4.0))
    assert (region.kind, region.score) == ("displaced", pytest.approx(0.9))


def test_a_volume_goes_in_as_a_whole_and_its_lesions_have_a_size_and_slices(
    tmp_path: Path, models: Path, assess: Assess
) -> None:
    add(onnx(tmp_path / "vendor", _of_volumes(), (1, 1, 6, 4, 4)), models)
    values = [0, 0, 800, 950, 0, 0]
    outcome = assess("nodule.bright", values, modality="CT", body_part="CHEST", gap_mm=2.0)
    assert isinstance(outcome, Flagged)
    assert outcome.probability == pytest.approx(0.95)
    [lesion] = outcome.evidence.lesions
    assert (lesion.number, lesion.score) == (1, pytest.approx(0.95))
    assert (lesion.first_image, lesion.last_image) == ("1.2.3.3", "1.2.3.4")
    assert lesion.diameter_mm == pytest.approx((6 * 2 * 2.0 / 3.141592653589793) ** (1 / 3))
    assert {one.sop_instance_uid: one.lesion for one in outcome.regions} == {
        "1.2.3.3": 1,
        "1.2.3.4": 1,
    }
    scores = [one.score for one in outcome.evidence.image_scores]
    assert scores == pytest.approx([0, 0, 0.8, 0.95, 0, 0])
    gap = assess("nodule.bright", values, modality="CT", body_part="CHEST", gap_mm=2.0, missing=3)
    assert isinstance(gap, NotApplicable)
    assert "slices are missing" in gap.reason
    head = assess("nodule.bright", values, modality="CT", body_part="HEAD")
    assert isinstance(head, NotApplicable)
    assert "the model is for chest" in head.reason


def test_p4_a_series_that_does_not_fit_is_refused_and_not_taken_for_looked_at(
    tmp_path: Path, models: Path
) -> None:
    add(onnx(tmp_path / "vendor", _of_volumes(), (1, 1, 6, 4, 4)), models)
    detector = load_folder(models / "nodule.bright", threads=1, cache=None)

    def series(name: str, missing: int | None) -> SeriesImages:
        archive = tmp_path / name
        paths = write_series(
            archive,
            [0, 0, 100, 0, 0, 0],
            modality="CT",
            body_part="CHEST",
            missing=missing,
            gap_mm=2.0,
        )
        (header,) = read_series_headers(archived(paths, archive), archive).series
        return load_series(header, limit_bytes=2**20)

    answer = detector.assess([series("whole", None), series("gap", 3)])
    assert isinstance(answer, Assessment)
    assert answer.probability < 0.5
    assert [one.sop_instance_uid for one in answer.refused] == [
        f"1.2.3.{n}" for n in (1, 2, 4, 5, 6)
    ]
    assert "slices are missing" in answer.refused[0].reason


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_a_bundle_brings_its_size_and_range_and_the_card_the_rest(
    tmp_path: Path, models: Path, assess: Assess, kind: str
) -> None:
    text = card(taken='modality = ["DX"]\nwindow = [500, 1000]')
    bundle = write_bundle(tmp_path / "vendor", card=text)
    source = bundle if kind == "folder" else zipped(bundle, tmp_path / "vendor.zip")
    identity = add(source, models).identity
    assert identity.name == "fracture.bright"
    outcome = assess("fracture.bright", [750])
    assert isinstance(outcome, Flagged)
    assert outcome.probability == pytest.approx(0.75, abs=1e-6)


def test_a_python_package_is_installed_by_pip_into_a_folder_of_its_own(
    tmp_path: Path, models: Path
) -> None:
    identity = add_model(write_wheel(tmp_path), models).identity
    assert (identity.name, identity.version) == ("fracture.sure", "3")
    package = models / "fracture.sure" / "python"
    assert (package / "acme_sure.py").is_file()
    with AssessmentRunner(
        archive=tmp_path, software_version="test", detectors={}, model_folder=models
    ) as runner:
        instances = archived(write_series(tmp_path / "archive", [0]), tmp_path)
        [result] = runner.assess(STUDY, instances, detectors=["fracture.sure"], time_limit_s=60)
    assert result.outcome == Flagged(probability=0.75)


WRONG_BUNDLES = {
    "weights alone": (metadata(), "model.pt", "never loads.*ckpt_export"),
    "no network": (metadata(), None, "no exported network"),
    "patches": (metadata(is_patch_data=True), "model.ts", "patches"),
    "two inputs": (metadata(inputs=2), "model.ts", "2 inputs"),
    "a latent": (metadata(type="latent"), "model.ts", "takes latent"),
    "any size": (metadata(shape=("16*n", "16*n")), "model.ts", "lacks size"),
    "another size": (metadata(shape=(8, 8)), "model.ts", r"size is \[4, 4\].*says \[8, 8\]"),
    "no schema": ({"network_data_format": []}, "model.ts", "not as MONAI's schema"),
    "no TorchScript": (metadata(), "model.onnx", "cannot be loaded"),
}


@pytest.mark.parametrize("what", WRONG_BUNDLES)
def test_a_bundle_that_cannot_be_served_is_refused_and_says_why(
    tmp_path: Path, models: Path, what: str
) -> None:
    said, network, why = WRONG_BUNDLES[what]
    rest = 'modality = ["DX"]\nwindow = [500, 1000]'
    text = card(taken=rest + "\nsize = [4, 4]" if what == "another size" else rest)
    bundle = write_bundle(tmp_path / "vendor", said=said, card=text, network=network)
    refused(bundle, models, why)


def refused(source: Path, models: Path, why: str) -> None:
    """Nothing is left of what was refused."""
    with pytest.raises(CannotAdd, match=f"(?s){why}"):
        add(source, models)
    assert list(models.iterdir()) == []


WRONG_CARDS = {
    "no table": (card().split("[input]")[0], r"lacks the table \[input\]"),
    "no licence": (card().replace("licence", "license"), "must say licence"),
    "no target": (card(target="tumour"), "tumour"),
    "a name of nothing": (card("bright"), "FINDING.bright"),
    "a name that is a path": (card("fracture/../../x"), "no name of a model"),
    "another finding": (card("nodule.bright"), "named for another finding"),
    "our own": (card("fracture"), "name of an installed detector"),
    "another file": (card(first='weights_sha256 = "00"\n'), "its card says 00"),
    "a misspelt key": (card(taken=RADIOGRAPH + "\nspacing = 1"), "has no spacing"),
    "another size": (card(taken=RADIOGRAPH.replace("[4, 4]", "[5, 4]")), "cannot be loaded"),
    "no such output": (card(given=SCORE.replace('"score"', '"s"')), "no output 's'"),
    "no such element": (card(given=SCORE + "\nelement = 1"), "element 1 is asked of 1"),
    "a point of 0": (card().replace("point = 0.5", "point = 0.0"), "operating_point must be"),
    "no meaning": (card(given='score = "score"'), "lacks meaning"),
    "no TOML": ("name = ", "bright.toml"),
    "uncalibrated in silence": (card(calibration='method = "none"'), "lacks reason"),
    "above 1": (
        card(taken=RADIOGRAPH + "\nrange = [2.0, 3.0]"),
        "says probabilities, and the network's are not",
    ),
}


@pytest.mark.parametrize("what", WRONG_CARDS)
def test_a_card_that_does_not_fit_is_refused_and_says_why(
    tmp_path: Path, models: Path, what: str
) -> None:
    text, why = WRONG_CARDS[what]
    refused(onnx(tmp_path / "vendor", text), models, why)


def test_what_is_no_model_at_all_is_refused(tmp_path: Path, models: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "nowhere.onnx", models, "does not exist")
    refused(tmp_path / "notes.txt", models, "no wheel, no source folder")
    refused(tmp_path / "empty", models, "no MONAI bundle")
    refused(write_brightest(tmp_path / "bare.onnx", (1, 1, 4, 4)), models, "no model card beside")
    two = onnx(tmp_path / "vendor", card(), inputs=2)
    refused(two, models, "has 2 inputs")
    broken = tmp_path / "vendor" / "bright.onnx"
    broken.write_bytes(b"no network")
    refused(broken, models, "cannot be loaded")


def test_what_a_model_said_of_itself_as_it_was_added_is_known_before_a_worker_loads_it(
    tmp_path: Path, models: Path
) -> None:
    add_model(write_wheel(tmp_path), models)
    add(onnx(tmp_path / "vendor", card()), models)
    said = noted_down(models)
    assert {name: one.identity.version for name, one in said.items()} == {
        "fracture.sure": "3",
        "fracture.bright": "1.2",
    }
    assert said["fracture.sure"].identity.target is TargetFinding.FRACTURE
    assert said["fracture.sure"].card["training_data"] == ["None."]
    assert said["fracture.bright"].card["licence"] == "Apache-2.0"
    (models / "fracture.sure" / "said.json").write_text("{")
    (models / "fracture.bright" / "said.json").unlink()
    assert noted_down(models) == {}


def test_a_package_that_ends_its_process_is_refused(tmp_path: Path, models: Path) -> None:
    deadly = write_wheel(tmp_path, module="import os\nos._exit(3)\n")
    with pytest.raises(CannotAdd, match="cannot be loaded"):
        add_model(deadly, models)
    assert list(models.iterdir()) == []


def test_a_package_under_the_name_of_another_is_refused(tmp_path: Path, models: Path) -> None:
    refused(write_wheel(tmp_path, package="rich"), models, "rich.*load|name of another one")
    refused(write_wheel(tmp_path, name="sure", package="acme_nameless"), models, "FINDING.sure")


def test_p6_a_network_that_was_exchanged_after_it_was_added_does_not_run(
    tmp_path: Path, models: Path, assess: Assess
) -> None:
    folder = add(onnx(tmp_path / "vendor", card()), models).folder
    with (folder / "network.onnx").open("ab") as file:
        file.write(b"\x00")
    with pytest.raises(CardError, match="was added"):
        assess("fracture.bright", [750])


def test_a_running_worker_notices_what_is_added_replaced_and_removed(
    tmp_path: Path, models: Path
) -> None:
    gone = EntryPoint("fracture.gone", "no.such.module:load", "vigie.detectors")
    with AssessmentRunner(
        archive=tmp_path,
        software_version="test",
        detectors={gone.name: gone},
        model_folder=models,
    ) as runner:

        def versions() -> dict[str, str]:
            assert runner.notice_changes()
            return {
                one.name: one.version
                for one in runner.identities()
                if isinstance(one, DetectorIdentity)
            }

        assert versions() == {}
        add_model(onnx(tmp_path / "vendor", card()), models)
        assert versions() == {"fracture.bright": "1.2"}
        assert runner.cards()["fracture.bright"]["licence"] == "Apache-2.0"
        with pytest.raises(CannotAdd, match="was added already"):
            add(onnx(tmp_path / "vendor", card()), models)
        remove_model("fracture.bright", models)
        time.sleep(0.01)  # a folder of another time
        add(onnx(tmp_path / "vendor", card().replace("1.2", "1.3")), models)
        assert versions() == {"fracture.bright": "1.3"}
        remove_model("fracture.bright", models)
        assert versions() == {}
        assert list(added_models(models)) == []
        with pytest.raises(CannotAdd, match="no model named fracture"):
            remove_model("fracture.bright", models)
