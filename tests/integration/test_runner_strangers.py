"""Whatever the detectors of others answer, start and take, the worker and the others go on."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from models.registry import BrokenDetector
from models.runner import AssessmentRunner, Result
from models.third_party import PYTHON_FOLDER, RECORD_FILE
from tests.tiny_archive import STUDY, archived, file_image
from worklist.finding import Failed, Flagged, NotApplicable, Outcome, Region

HERE = Path(__file__).parent
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")

Start = Callable[..., AssessmentRunner]


def add_strangers(folder: Path, *names: str) -> Path:
    """Each as a package of its own, that only the runner's child can import."""
    for name in names:
        package = folder / f"fracture.{name}" / PYTHON_FOLDER
        package.mkdir(parents=True)
        shutil.copy(HERE / "stranger_detectors.py", package / f"acme_{name}.py")
        shutil.copy(HERE / "runner_detectors.py", package)
        record = {
            "format": "python",
            "name": f"fracture.{name}",
            "entry_point": f"acme_{name}:{name}",
        }
        (package.parent / RECORD_FILE).write_text(json.dumps(record))
    return folder


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a runner with some of the detectors of stranger_detectors.py."""
    runners: list[AssessmentRunner] = []

    def with_strangers(*names: str, **settings: object) -> AssessmentRunner:
        runner = AssessmentRunner(
            archive=tmp_path,
            software_version="test",
            detectors={},
            model_folder=add_strangers(tmp_path / "models", *names),
            **settings,  # type: ignore[arg-type]
        )
        runners.append(runner)
        runner.start()
        broken = [one for one in runner.identities() if isinstance(one, BrokenDetector)]
        assert broken == []
        return runner

    yield with_strangers
    for runner in runners:
        runner.close()


def results_of(
    runner: AssessmentRunner, image: Path, *names: str, limit_s: float = 60
) -> list[Result]:
    return list(
        runner.assess(
            STUDY,
            [archived(image)],
            detectors=[f"fracture.{name}" for name in names],
            time_limit_s=limit_s,
        )
    )


def outcomes_of(
    runner: AssessmentRunner, image: Path, *names: str, limit_s: float = 60
) -> list[Outcome]:
    return [one.outcome for one in results_of(runner, image, *names, limit_s=limit_s)]


def test_p4_an_answer_in_a_strangers_own_classes_is_kept_in_ours(
    start: Start, tmp_path: Path
) -> None:
    runner = start("own", "honest")
    own, honest = outcomes_of(runner, file_image(tmp_path, 1, value=700), "own", "honest")
    assert isinstance(own, Flagged)
    [region] = own.regions
    assert type(region) is Region
    assert (region.kind, region.sop_instance_uid) == ("displaced", "1.2.3.1")
    assert isinstance(honest, Flagged)
    mr = file_image(tmp_path, 2, modality="MR")
    own, honest = outcomes_of(runner, mr, "own", "honest")
    assert own == NotApplicable(reason="not mine")
    assert isinstance(honest, NotApplicable)


def test_p4_an_answer_that_is_none_fails_that_detector_by_its_name(
    start: Start, tmp_path: Path
) -> None:
    runner = start("silent", "honest")
    silent, honest = outcomes_of(runner, file_image(tmp_path, 1, value=700), "silent", "honest")
    assert isinstance(silent, Failed)
    assert "the detector fracture.silent answered with an object of the class NoneType" in (
        silent.reason
    )
    assert isinstance(honest, Flagged)


def test_p4_an_answer_that_cannot_be_received_fails_that_detector_alone(
    start: Start, tmp_path: Path
) -> None:
    runner = start("forging", "honest")
    image = file_image(tmp_path, 1, value=700)
    forging, honest = results_of(runner, image, "forging", "honest")
    assert isinstance(forging.outcome, Failed)
    assert "its answer cannot be read: ModuleNotFoundError" in forging.outcome.reason
    assert forging.provenance is not None
    assert [uid for uid, _ in forging.provenance.instances] == ["1.2.3.1"]
    assert isinstance(honest.outcome, Flagged)


@LINUX
@pytest.mark.parametrize(
    ("value", "why"),
    [
        (1, "took longer than 5 s"),
        (700, "the process that runs detectors died (exit code 3)"),
    ],
    ids=["too slow", "ended"],
)
def test_what_a_detector_started_ends_with_it(
    start: Start, tmp_path: Path, value: int, why: str
) -> None:
    runner = start("parent", "honest")
    image = file_image(tmp_path, 1, value=value)
    parent, honest = outcomes_of(runner, image, "parent", "honest", limit_s=5)
    assert parent == Failed(reason=why)
    assert not isinstance(honest, Failed)
    assert_ended(tmp_path / "started")


@LINUX
def test_what_a_detector_started_ends_when_the_runner_is_closed(
    start: Start, tmp_path: Path
) -> None:
    runner = start("parent")
    results = runner.assess(
        STUDY,
        [archived(file_image(tmp_path, 1, value=700))],
        detectors=["fracture.parent"],
        time_limit_s=60,
    )
    next(results)
    runner.close()
    assert_ended(tmp_path / "started")


def assert_ended(started: Path) -> None:
    """Both that it noted down; the kernel takes a moment."""
    pids = [int(one) for one in started.read_text().split()]
    assert len(pids) == 2
    deadline = time.monotonic() + 10
    while running := [pid for pid in pids if runs(pid)]:
        assert time.monotonic() < deadline, running
        time.sleep(0.05)


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


_WORKER = """
import signal
import sys
from pathlib import Path
from models.runner import AssessmentRunner
from tests.tiny_archive import STUDY, archived

if __name__ == "__main__":
    # what a shell starts with & ignores it, and so would this
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = Path(sys.argv[1])
    runner = AssessmentRunner(
        archive=folder, software_version="", detectors={}, model_folder=folder / "models"
    )
    list(
        runner.assess(
            STUDY,
            [archived(folder / "1.dcm")],
            detectors=["fracture.parent"],
            time_limit_s=float(sys.argv[2]),
        )
    )
"""


@LINUX
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_what_a_detector_started_ends_with_the_worker(tmp_path: Path, how: signal.Signals) -> None:
    add_strangers(tmp_path / "models", "parent")
    file_image(tmp_path, 1, value=1)
    script = tmp_path / "worker.py"
    script.write_text(_WORKER)
    worker = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path), "60"],
        env=os.environ | {"PYTHONPATH": str(HERE.parents[1])},
        stderr=subprocess.DEVNULL,
    )
    started = tmp_path / "started"
    try:
        deadline = time.monotonic() + 60
        while not started.exists() or len(started.read_text().split()) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        time.sleep(0.5)  # so that it has been seen
        worker.send_signal(how)
        worker.wait(timeout=20)
    finally:
        worker.kill()
        worker.wait()
    assert_ended(started)


@LINUX
@pytest.mark.parametrize("name", ["sharing", "several"])
def test_p4_memory_that_no_limit_of_one_process_counts_is_noticed_from_outside(
    start: Start, tmp_path: Path, name: str
) -> None:
    runner = start(name, "honest", memory_limit_bytes=400 * 2**20)
    image = file_image(tmp_path, 1, value=700)
    greedy, honest = outcomes_of(runner, image, name, "honest")
    assert greedy == Failed(reason="it needed more memory than the 400 MiB that detectors may take")
    assert isinstance(honest, Flagged)
