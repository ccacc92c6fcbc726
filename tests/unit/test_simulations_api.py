"""Simulations over HTTP: within bounds, off the event loop, ended with who asked."""

import asyncio
import json
import time
from typing import Any

import httpx
import psutil
import pytest
from fastapi import FastAPI

from viewer.problems import translate_errors
from viewer.simulation_process import Task, answered
from viewer.simulations_api import Simulator, make_router
from viewer.simulations_schemas import SimulationBody, SimulationTooLarge
from worklist.due_time import DueTargets

SMALL = {"traffic": 0.3, "studies": 50}
LONG = {"traffic": 0.9, "studies": 9000}
_LIMIT_S = 60.0


def app() -> FastAPI:
    made = FastAPI()
    translate_errors(made)
    made.include_router(make_router(Simulator(DueTargets()).simulate))
    return made


def ask(body: dict[str, Any]) -> httpx.Response:
    async def once() -> httpx.Response:
        transport = httpx.ASGITransport(app=app())
        async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
            return await client.post("/api/simulations", json=body)

    return asyncio.run(once())


def test_the_answer_is_that_of_the_simulation_in_this_process() -> None:
    body = {**SMALL, "routine_target_min": 480, "ai_failure_share": 0.1, "readers": 2}
    answer = ask(body)
    assert answer.status_code == 200, answer.text
    here = answered(Task(body=SimulationBody(**body), targets=DueTargets()))
    assert answer.json() == json.loads(here.model_dump_json())
    assert [one["policy"] for one in answer.json()["orders"]] == [
        "without_ai",
        "flagged_first",
        "flagged_first_preemptive",
        "score",
        "due_time",
    ]
    assert (answer.json()["routine_target_min"], answer.json()["finding_target_min"]) == (480, 10)
    assert set(answer.json()["orders"][0]["classes"]) >= {"diseased", "missed", "not_assessed"}


@pytest.mark.parametrize(
    "body",
    [
        {"traffic": 0.96},
        {"traffic": 0.04},
        {"readers": 41},
        {"prevalence": 0},
        {"auc": 1},
        {"studies": 49},
        {"studies": 20_001},
        {"ai_delay_min": -1},
        {"policies": ["score"]},
        {"finding": "stroke"},
        {"traffic": 0.95, "studies": 20_000},
    ],
    ids=str,
)
def test_what_is_out_of_bounds_is_refused(body: dict[str, Any]) -> None:
    answer = ask(body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_how_much_is_bounded_just_at_the_limit() -> None:
    targets = DueTargets()
    SimulationBody(traffic=0.8, studies=14_994).check(targets)
    with pytest.raises(SimulationTooLarge, match="800050 simulated readings"):
        SimulationBody(traffic=0.8, studies=14_995).check(targets)


def simulating() -> list[psutil.Process]:
    children = psutil.Process().children(recursive=True)
    return [one for one in children if "viewer.simulation_process" in one.cmdline()]


def wait_until(fulfilled: Any) -> None:
    limit = time.monotonic() + _LIMIT_S
    while not fulfilled():
        assert time.monotonic() < limit
        time.sleep(0.02)


def test_who_leaves_ends_the_simulation_and_the_event_loop_was_free_meanwhile() -> None:
    async def asked_and_left() -> None:
        begun = asyncio.Event()
        given = [{"type": "http.request", "body": json.dumps(LONG).encode(), "more_body": False}]

        async def receive() -> dict[str, Any]:
            if given:
                return given.pop()
            await begun.wait()
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            del message

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/api/simulations",
            "raw_path": b"/api/simulations",
            "query_string": b"",
            "headers": [(b"content-type", b"application/json")],
            "http_version": "1.1",
            "scheme": "http",
            "root_path": "",
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        asking = asyncio.create_task(app()(scope, receive, send))  # type: ignore[arg-type]
        limit = time.monotonic() + _LIMIT_S
        while not simulating():
            assert not asking.done()
            assert time.monotonic() < limit
            await asyncio.sleep(0.02)
        [process] = simulating()
        begun.set()
        await asking
        assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE

    asyncio.run(asked_and_left())
    wait_until(lambda: not simulating())


def test_others_wait_their_turn_and_too_many_are_told_to_come_again() -> None:
    async def all_at_once() -> list[int]:
        transport = httpx.ASGITransport(app=app())
        async with httpx.AsyncClient(
            transport=transport, base_url="http://node", timeout=_LIMIT_S
        ) as client:
            answers = await asyncio.gather(
                *(client.post("/api/simulations", json=SMALL) for _ in range(7))
            )
        assert all(one.headers["retry-after"] == "10" for one in answers if one.status_code == 503)
        return sorted(one.status_code for one in answers)

    assert asyncio.run(all_at_once()) == [200] * 5 + [503] * 2
