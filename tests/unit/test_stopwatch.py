"""Seconds by stage."""

from models.stopwatch import Stopwatch


def test_a_stage_that_comes_again_adds_up_and_work_returns_its_result() -> None:
    readings = iter([10.0, 11.5, 20.0, 20.25, 30.0, 32.0])
    clock = Stopwatch(lambda: next(readings))
    assert clock.time("prepare", lambda: "a") == "a"
    assert clock.time("network", lambda: 2) == 2
    assert clock.time("prepare", lambda: "b") == "b"
    assert clock.seconds == {"prepare": 3.5, "network": 0.25}
