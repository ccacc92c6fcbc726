"""`vigie simulate`: what it prints and writes, and what it refuses."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vigie.__main__ import make_app
from vigie.simulating import SimulationSettingError, as_json, setting_from, setting_from_file
from vigie.simulation_plot import plot_trade_off, plot_waits
from worklist.due_time import DueTargets
from worklist.simulation import simulate
from worklist.simulation_ai import OperatingPoint
from worklist.simulation_length import Run
from worklist.simulation_policies import Policy
from worklist.simulation_setting import ReadingTimeShape, Setting
from worklist.simulation_studies import StudyClass
from worklist.study import RequestedPriority

SMALL = ["simulate", "--replications", "2", "--studies", "60"]
SEVERAL = """
traffic = 0.7
readers = 2
interrupting_share = 0.05
hourly_profile = [1, 1, 1, 1, 1, 1, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 2, 2, 2, 2, 1, 1]
priorities = { stat = 0.1, urgent = 0.2, routine = 0.7 }

[[kinds]]
name = "head CT"
share = 0.3
reading = { mean_min = 8, shape = "lognormal", variation = 0.6 }
reading_diseased = { mean_min = 14 }

[[kinds.findings]]
finding = "intracranial_haemorrhage"
prevalence = 0.1
performance = { auc = 0.95, sensitivity = 0.92 }

[[kinds]]
name = "radiographs"
share = 0.5
reading = { mean_min = 3 }

[[kinds.findings]]
finding = "fracture"
prevalence = 0.2
performance = { sensitivity = 0.85, specificity = 0.9 }

[[kinds]]
name = "others"
share = 0.2
findings = []
"""


def run(arguments: list[str], folder: Path, **settings: str) -> tuple[int, str]:
    environment = {"VIGIE_DATA": str(folder), "COLUMNS": "100", **settings}
    done = CliRunner().invoke(make_app(), arguments, env=environment)
    return done.exit_code, done.output


def test_it_prints_every_class_and_order_and_writes_files(tmp_path: Path) -> None:
    figures, plot = tmp_path / "figures.json", tmp_path / "plot.svg"
    wanted = ["--failures", "0.2", "--json", str(figures), "--plot", str(plot)]
    code, told = run([*SMALL, *wanted], tmp_path, VIGIE_ROUTINE_TARGET_MIN="480")
    assert code == 0, told
    for one in ("diseased (", "missed (", "not assessed (", "due times", "highest score", "40.0"):
        assert one in told
    content = json.loads(figures.read_text())
    assert content["setting"]["targets"]["requested"]["routine"] == 480
    assert content["setting"]["ai_failure_share"] == 0.2
    assert content["run"] == {"replications": 2, "studies": 60, "warm_up": 503, "seed": 1}
    diseased = content["policies"]["flagged_first_preemptive"]["diseased"]
    assert diseased["mean"]["low"] <= diseased["mean"]["value"] <= diseased["mean"]["high"]
    drawn = "".join(ET.fromstring(plot.read_text()).itertext())
    assert "due times" in drawn
    assert not any(folder.name == "postgres" for folder in tmp_path.iterdir())


def test_the_published_setting_is_one_command(tmp_path: Path) -> None:
    policy = ["--policy", "flagged_first_preemptive"]
    code, told = run([*SMALL, "--ppv", "0.3431", *policy], tmp_path)
    assert code == 0, told
    for minutes in ("40.0", "7.7", "43.6", "2.7", "53.3"):
        assert f" {minutes} " in told
    assert "due times" not in told


def test_a_file_says_the_whole_setting(tmp_path: Path) -> None:
    file = tmp_path / "several.toml"
    file.write_text(SEVERAL)
    code, told = run([*SMALL, "--setting", str(file)], tmp_path)
    assert code == 0, told
    for one in ("in order of arrival", "requested priority", "no detector (", "interrupting ("):
        assert one in told
    setting = setting_from_file(file, DueTargets())
    assert setting.priorities[RequestedPriority.STAT] == 0.1
    head, bones, others = setting.kinds
    assert head.reading.shape is ReadingTimeShape.LOGNORMAL
    assert bones.findings[0].performance == OperatingPoint(sensitivity=0.85, specificity=0.9)
    assert others.findings == ()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--traffic", "1"], "traffic is 1.0"),
        (["--auc", "0.9", "--ppv", "0.4"], "leave out --auc"),
        (["--ppv", "0.01"], "no specificity gives a PPV"),
        (["--ppv", "0.095"], "no specificity gives a PPV"),
        (["--traffic", "0.999"], "a traffic of 0.99"),
        (["--traffic", "0.9999999999999999"], "too many to simulate"),
        (["--traffic", "1e-9"], "more than 1,000 years"),
        (["--reading-min", "1e6"], "more than 1,000 years"),
        (["--reading-min", "1e8"], "not between 0.001 and 1,000,000"),
        (["--reading-min", "1e308"], "not between 0.001 and 1,000,000"),
        (["--reading-min", "1e-300"], "not between 0.001 and 1,000,000"),
        (["--studies", "1000000000"], "ask for less"),
        (["--delay-min", "inf"], "must be a number of minutes"),
        (["--failures", "1"], "ai_failure_share"),
        (["--setting", "nowhere.toml"], "nowhere.toml"),
        (["--setting", "nowhere.toml", "--traffic", "0.5"], "leave out traffic"),
        (["--policy", "alphabetical"], "alphabetical"),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_a_misuse(arguments: list[str], words: str, tmp_path: Path) -> None:
    code, told = run([*SMALL, *arguments], tmp_path)
    assert code == 2
    assert words in told.replace("\n", " ")


def test_a_file_that_cannot_be_written_is_a_failure(tmp_path: Path) -> None:
    code, told = run([*SMALL, "--json", str(tmp_path / "no" / "folder.json")], tmp_path)
    assert code == 1
    assert "folder.json" in told.replace("\n", "")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"traffick": 0.5}, "traffick"),
        ({"kinds": [{"nam": "x"}]}, "kinds.0.nam"),
        ({"traffic": 1.5}, "setting: traffic is 1.5"),
        ({"readers": 1.5}, "readers"),
        ({"kinds": [{"findings": [{"performance": {"auc": 0.9, "specificity": 0.9}}]}]}, "auc"),
        ({"hourly_profile": [1, 2]}, "24 numbers"),
    ],
    ids=str,
)
def test_an_entry_that_is_unknown_or_wrong_is_named(content: dict[str, object], words: str) -> None:
    with pytest.raises(SimulationSettingError, match=words):
        setting_from(content, DueTargets())


def test_targets_are_the_nodes_and_no_entry_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "targets.toml"
    file.write_text("targets = {}")
    with pytest.raises(SimulationSettingError, match="those of the node"):
        setting_from_file(file, DueTargets())


def test_plots_are_drawn_of_any_figures() -> None:
    run = Run(replications=2, studies=1, warm_up=0)
    figures = simulate(Setting(), (Policy.FIFO,), run=run)  # nobody waits
    for text in (
        plot_waits(figures, [StudyClass.ALL]),
        plot_trade_off({"<a>": (1.0, 20.0), "b": (1.0, 1000.0)}, "x, min", "y, min"),
    ):
        assert ET.fromstring(text).tag.endswith("svg")
    json.dumps(as_json(Setting(), run, figures))
