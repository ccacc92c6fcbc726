"""The runner with real child processes: whatever a detector does, the worker gets a result."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import EntryPoint
from itertools import count
from pathlib import Path

import psutil
import pytest

from models.registry import BrokenDetector
from models.runner import AssessmentRunner
from tests.tiny_archive import STUDY, archived, file_image
from worklist.finding import (
    DetectorIdentity,
    Failed,
    Flagged,
    NotApplicable,
    NotFlagged,
    TargetFinding,
)
from worklist.study import ArchivedInstance
from worklist.uid import SeriesInstanceUID, SOPInstanceUID

HERE = Path(__file__).parent
START = datetime(2026, 1, 1, tzinfo=UTC)


Start = Callable[..., AssessmentRunner]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start a runner with some of the detectors of runner_detectors.py."""
    monkeypatch.syspath_prepend(HERE)
    runners: list[AssessmentRunner] = []

    def with_detectors(*names: str, **settings: object) -> AssessmentRunner:
        ticks = count()
        runner = AssessmentRunner(
            archive=tmp_path,
            software_version="0.1.test",
            detectors={
                f"fracture.{name}": EntryPoint(
                    f"fracture.{name}", f"runner_detectors:{name}", "vigie.detectors"
                )
                for name in names
            },
            clock=lambda: START + timedelta(seconds=next(ticks)),
            cache=tmp_path,
            **settings,  # type: ignore[arg-type]
        )
        runners.append(runner)
        return runner

    yield with_detectors
    for runner in runners:
        runner.close()


def test_a_probability_at_the_operating_point_is_flagged_and_just_below_it_is_not(
    start: Start, tmp_path: Path
) -> None:
    runner = start("honest")
    at = [archived(file_image(tmp_path, 1, value=500))]
    below = [archived(file_image(tmp_path, 2, value=499))]
    (flagged,) = runner.assess(STUDY, at, detectors=["fracture.honest"], time_limit_s=60)
    (unflagged,) = runner.assess(STUDY, below, detectors=["fracture.honest"], time_limit_s=60)
    assert isinstance(flagged.outcome, Flagged)
    assert flagged.outcome.probability == 0.5
    assert flagged.outcome.regions[0].sop_instance_uid == "1.2.3.1"
    assert isinstance(unflagged.outcome, NotFlagged)
    assert unflagged.outcome.probability == pytest.approx(0.499)


def test_p6_provenance_names_what_was_seen_what_was_not_and_when(
    start: Start, tmp_path: Path
) -> None:
    runner = start("honest")
    ct = [archived(file_image(tmp_path, n, value=1)) for n in (2, 1)]
    mr = archived(file_image(tmp_path, 3, modality="MR"), series="1.2.3.101")
    (result,) = runner.assess(STUDY, [*ct, mr], detectors=["fracture.honest"], time_limit_s=60)
    provenance = result.provenance
    assert provenance is not None
    assert provenance.instances == tuple(sorted((i.sop_instance_uid, i.sha256) for i in ct))
    assert provenance.not_eligible == (("1.2.3.101", "not a CT"),)
    assert provenance.software_version == "0.1.test"
    assert provenance.detector.name == "fracture.honest"
    assert START <= provenance.started_at < provenance.finished_at


def test_p6_an_image_left_out_is_neither_decoded_nor_shown_nor_named_as_seen(
    start: Start, tmp_path: Path
) -> None:
    runner = start("choosy")
    first, second = (archived(file_image(tmp_path, n, value=400 * n)) for n in (1, 2))
    (tmp_path / second.archive_path).write_bytes(
        (tmp_path / second.archive_path).read_bytes()[:-1]  # neither what was received
    )
    (result,) = runner.assess(
        STUDY, [first, second], detectors=["fracture.choosy"], time_limit_s=60
    )
    assert isinstance(result.outcome, NotFlagged)
    assert result.outcome.probability == pytest.approx(0.4)
    provenance = result.provenance
    assert provenance is not None
    assert provenance.instances == ((first.sop_instance_uid, first.sha256),)
    assert provenance.not_eligible == (("1.2.3.100", "Without 1 of 2 images: It is the second."),)


def test_p4_a_study_without_an_eligible_series_is_not_applicable_with_the_reason(
    start: Start, tmp_path: Path
) -> None:
    runner = start("honest")
    mr = [archived(file_image(tmp_path, n, modality="MR"), series="1.2.3.101") for n in (1, 2)]
    (result,) = runner.assess(STUDY, mr, detectors=["fracture.honest"], time_limit_s=60)
    assert result.outcome == NotApplicable(reason="not a CT")


def test_p4_whatever_a_detector_does_is_a_failure_with_its_reason_and_the_next_has_its_turn(
    start: Start, tmp_path: Path
) -> None:
    bad = ["raising", "unsure", "crashing", "nan"]
    runner = start(*bad, "honest")
    image = [archived(file_image(tmp_path, 1, value=700))]
    names = [f"fracture.{name}" for name in [*bad, "honest"]]
    results = list(runner.assess(STUDY, image, detectors=names, time_limit_s=60))
    assert [result.name for result in results] == names
    reasons = [r.outcome.reason for r in results if isinstance(r.outcome, Failed)]
    assert "KeyError: 'a key'" in reasons[0]
    assert "KeyError: 'a rule'" in reasons[1]
    assert reasons[2] == "the process that runs detectors died (killed by SIGSEGV)"
    assert reasons[3] == "the detector answered nan, which is no probability"
    assert isinstance(results[-1].outcome, Flagged)
    crashed = results[2].provenance
    assert crashed is not None
    assert crashed.instances == ((image[0].sop_instance_uid, image[0].sha256),)
    ((_, why),) = crashed.not_eligible
    assert "which of the images it saw is not known" in why
    raised = results[0].provenance
    assert raised is not None and raised.instances == ()


def test_p6_a_detector_that_fails_is_said_to_have_seen_what_it_was_shown_and_no_more(
    start: Start, tmp_path: Path
) -> None:
    runner = start("stumbling")
    shown, other = (archived(file_image(tmp_path, n, value=1)) for n in (1, 2))
    other = replace(other, series_instance_uid=SeriesInstanceUID("1.2.3.101"))
    (tmp_path / other.archive_path).write_bytes(
        (tmp_path / other.archive_path).read_bytes()[:-1]  # not what was received
    )
    (result,) = runner.assess(
        STUDY, [shown, other], detectors=["fracture.stumbling"], time_limit_s=60
    )
    assert isinstance(result.outcome, Failed) and "KeyError: 1" in result.outcome.reason
    assert result.provenance is not None
    assert result.provenance.instances == ((shown.sop_instance_uid, shown.sha256),)
    assert result.provenance.not_eligible == (
        ("1.2.3.101", "The detector failed before it was shown the images."),
    )


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not enforce RLIMIT_DATA")
def test_p4_a_detector_that_asks_for_too_much_memory_fails_and_the_process_lives_on(
    start: Start, tmp_path: Path
) -> None:
    runner = start("greedy", "honest", memory_limit_bytes=2 * 2**30)
    runner.start()
    children = _children_of(os.getpid())
    image = [archived(file_image(tmp_path, 1, value=700))]
    names = ["fracture.greedy", "fracture.honest"]
    greedy, honest = runner.assess(STUDY, image, detectors=names, time_limit_s=60)
    assert isinstance(greedy.outcome, Failed)
    assert "it needed more memory than the 2048 MiB" in greedy.outcome.reason
    assert isinstance(honest.outcome, Flagged)
    assert _children_of(os.getpid()) == children


def test_p4_an_object_that_inflates_without_end_is_a_failure_with_a_sentence(
    start: Start, tmp_path: Path
) -> None:
    path = tmp_path / "1.dcm"
    file_image(tmp_path, 1, inflated_bytes=400_000_000)
    assert path.stat().st_size < 500_000
    runner = start("honest", memory_limit_bytes=2**30)
    (result,) = runner.assess(
        STUDY, [archived(path)], detectors=["fracture.honest"], time_limit_s=60
    )
    assert isinstance(result.outcome, Failed)
    assert "the deflated data set grows beyond 67108864 bytes" in result.outcome.reason


def test_a_detector_that_takes_too_long_is_killed_and_the_next_has_its_turn(
    start: Start, tmp_path: Path
) -> None:
    runner = start("slow", "honest")
    runner.start()
    image = [archived(file_image(tmp_path, 1, value=700))]
    began = time.monotonic()
    slow, honest = runner.assess(
        STUDY, image, detectors=["fracture.slow", "fracture.honest"], time_limit_s=5
    )
    assert slow.outcome == Failed(reason="took longer than 5 s")
    assert isinstance(honest.outcome, Flagged)
    assert time.monotonic() - began < 60


def test_a_result_comes_before_the_next_detector_is_done_and_stopping_early_leaves_no_answer(
    start: Start, tmp_path: Path
) -> None:
    runner = start("honest", "slow")
    names = ["fracture.honest", "fracture.slow"]
    image = [archived(file_image(tmp_path, 1, value=700))]
    results = runner.assess(STUDY, image, detectors=names, time_limit_s=60)
    assert isinstance(next(results).outcome, Flagged)  # slow would take ten minutes
    assert len(runner.identities()) == 2
    with pytest.raises(RuntimeError, match="has not finished"):
        list(runner.assess(STUDY, image, detectors=names, time_limit_s=60))
    results.close()  # type: ignore[attr-defined]
    (again,) = runner.assess(STUDY, image, detectors=["fracture.honest"], time_limit_s=60)
    assert isinstance(again.outcome, Flagged)


def test_stopping_after_the_last_result_keeps_the_child(start: Start, tmp_path: Path) -> None:
    runner = start("honest")
    runner.start()
    children = _children_of(os.getpid())
    image = [archived(file_image(tmp_path, 1, value=700))]
    results = runner.assess(STUDY, image, detectors=["fracture.honest"], time_limit_s=60)
    assert isinstance(next(results).outcome, Flagged)
    del results
    assert [child for child in _children_of(os.getpid()) if child.is_running()] == children


def test_a_child_killed_between_two_studies_is_replaced(start: Start, tmp_path: Path) -> None:
    runner = start("honest")
    runner.start()
    (child,) = _children_of(os.getpid())
    child.kill()
    image = [archived(file_image(tmp_path, 1, value=700))]
    (result,) = runner.assess(STUDY, image, detectors=["fracture.honest"], time_limit_s=60)
    assert isinstance(result.outcome, Flagged)


def test_p4_a_detector_that_cannot_be_loaded_is_listed_and_fails_every_study(
    start: Start, tmp_path: Path
) -> None:
    names = ["deadly", "honest", "misnamed", "unloadable"]
    runner = start(*names)
    listed = {each.name: each for each in runner.identities()}
    assert isinstance(listed["fracture.honest"], DetectorIdentity)
    broken = [listed[f"fracture.{name}"] for name in ("deadly", "misnamed", "unloadable")]
    assert all(isinstance(each, BrokenDetector) for each in broken)
    image = [archived(file_image(tmp_path, 1, value=700))]
    assess = runner.assess(
        STUDY, image, detectors=[f"fracture.{name}" for name in names], time_limit_s=60
    )
    results = list(assess)
    deadly, honest, misnamed, unloadable = (result.outcome for result in results)
    assert isinstance(honest, Flagged)
    assert isinstance(deadly, Failed)
    assert "killed by SIGSEGV" in deadly.reason
    assert misnamed == Failed(reason="the detector's card calls it 'fracture.another'")
    assert isinstance(unloadable, Failed)
    assert "the weights are not the ones the card names" in unloadable.reason
    provenance = results[-1].provenance
    assert provenance is not None
    assert provenance.detector.target is TargetFinding.FRACTURE


def test_one_death_while_loading_is_an_accident_and_costs_no_study(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "deaths").write_text("1")
    runner = start("honest", "mortal")
    image = [archived(file_image(tmp_path, 1, value=700))]
    names = ["fracture.honest", "fracture.mortal"]
    results = list(runner.assess(STUDY, image, detectors=names, time_limit_s=60))
    assert all(isinstance(result.outcome, Flagged) for result in results)


def test_a_detector_that_died_twice_is_tried_again_later_and_the_others_work_meanwhile(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "deaths").write_text("3")
    runner = start("honest", "mortal", retry_pauses_s=(0.0, 2.0))
    image = [archived(file_image(tmp_path, 1, value=700))]
    names = ["fracture.honest", "fracture.mortal"]

    def outcomes() -> list[object]:
        results = runner.assess(STUDY, image, detectors=names, time_limit_s=60)
        return [type(result.outcome) for result in results]

    assert outcomes() == [Flagged, Failed]  # died twice
    (child,) = _children_of(os.getpid())
    time.sleep(2)
    assert outcomes() == [Flagged, Failed]  # and once more, while the first child stayed
    assert _children_of(os.getpid()) == [child]
    time.sleep(2)
    assert outcomes() == [Flagged, Flagged]
    assert len(_children_of(os.getpid())) == 1
    assert all(isinstance(each, DetectorIdentity) for each in runner.identities())


def test_an_unknown_detector_is_a_failure_and_no_exception(start: Start, tmp_path: Path) -> None:
    (result,) = start("honest").assess(STUDY, [], detectors=["nobody"], time_limit_s=60)
    assert result.outcome == Failed(reason="no detector named nobody is installed")


def test_p6_an_image_that_is_no_longer_what_was_received_is_not_looked_at(
    start: Start, tmp_path: Path
) -> None:
    runner = start("honest")
    path = file_image(tmp_path, 1, value=700)
    image = archived(path)
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    (result,) = runner.assess(STUDY, [image], detectors=["fracture.honest"], time_limit_s=60)
    assert isinstance(result.outcome, Failed)
    assert "is not what was received" in result.outcome.reason


def test_p4_an_unreadable_object_never_makes_a_study_look_unflagged(
    start: Start, tmp_path: Path
) -> None:
    runner = start("honest")
    lost = ArchivedInstance(
        sop_instance_uid=SOPInstanceUID("1.2.3.9"),
        series_instance_uid=SeriesInstanceUID("1.2.3.100"),
        sha256="0" * 64,
        archive_path="9.dcm",
    )
    for value, expected in ((1, Failed), (700, Flagged)):
        image = archived(file_image(tmp_path, 1, value=value))
        (result,) = runner.assess(
            STUDY, [image, lost], detectors=["fracture.honest"], time_limit_s=60
        )
        assert isinstance(result.outcome, expected)
    (alone,) = runner.assess(STUDY, [lost], detectors=["fracture.honest"], time_limit_s=60)
    assert alone.outcome == Failed(reason="object 1.2.3.9: the file is not in the archive")


def test_the_child_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys, time\n"
        "from importlib.metadata import EntryPoint\n"
        "from pathlib import Path\n"
        "from models.runner import AssessmentRunner\n"
        "if __name__ == '__main__':\n"
        f"    sys.path.insert(0, {str(HERE)!r})\n"
        "    point = EntryPoint('fracture.honest', 'runner_detectors:honest', 'x')\n"
        "    runner = AssessmentRunner(archive=Path('.'), software_version='',\n"
        "        detectors={'fracture.honest': point})\n"
        "    runner.start()\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(600)\n"
    )
    script = tmp_path / "parent.py"
    script.write_text(program)
    parent = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(HERE.parents[1])},
    )
    try:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        (child,) = _children_of(parent.pid)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        child.wait(timeout=10)
    finally:
        parent.kill()
        parent.wait()
        if parent.stdout is not None:
            parent.stdout.close()


def _children_of(pid: int) -> list[psutil.Process]:
    """The detector processes of one parent (spawn also keeps a resource tracker)."""
    return [
        child
        for child in psutil.Process(pid).children()
        if "spawn_main" in " ".join(child.cmdline())
    ]
