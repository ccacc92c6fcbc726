"""What an order of the list would do to every class of studies: ``POST /api/simulations``."""

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response

from viewer.simulation_process import Task
from viewer.simulations_schemas import SimulationAnswer, SimulationBody
from worklist.due_time import DueTargets
from worklist.errors import VigieError

_PROGRAM = ("-P", "-m", "viewer.simulation_process")
_WAITING_AT_MOST = 4
_LIMIT_S = 120.0

Simulate = Callable[[SimulationBody], Awaitable[SimulationAnswer]]


class TooManySimulations(VigieError):
    """Others are under way or wait; this one may be asked for again soon."""


class SimulationFailed(VigieError):
    """The process that simulates ended without an answer, or took too long."""


class Simulator:
    """Simulates one after the other, each in a process of its own.

    Parameters
    ----------
    targets
        Of the node; a body may put others in their place.
    """

    def __init__(self, targets: DueTargets) -> None:
        self._targets = targets
        self._turn = asyncio.Semaphore(1)
        self._asked = 0

    async def simulate(self, body: SimulationBody) -> SimulationAnswer:
        """What came out; a cancelled call ends its process.

        Raises
        ------
        SimulationTooLarge, TooManySimulations, SimulationFailed
            If it was not, or could not be, simulated.
        """
        body.check(self._targets)
        if self._asked > _WAITING_AT_MOST:
            raise TooManySimulations("other simulations are under way: try again soon")
        self._asked += 1
        try:
            async with self._turn:
                told = await _told(Task(body=body, targets=self._targets))
        finally:
            self._asked -= 1
        return SimulationAnswer.model_validate_json(told)


async def _told(task: Task) -> bytes:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, *_PROGRAM, stdin=pipe, stdout=pipe
    )
    try:
        async with asyncio.timeout(_LIMIT_S):
            told, _ = await process.communicate(task.model_dump_json().encode())
    except TimeoutError:
        raise SimulationFailed(f"the simulation took longer than {_LIMIT_S:g} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode:
        raise SimulationFailed("the simulation ended without an answer")
    return told


def make_router(simulate: Simulate) -> APIRouter:
    """The route under ``/api/simulations``; nothing is recorded, no study is touched."""
    router = APIRouter(prefix="/api/simulations", tags=["simulations"])

    @router.post("", response_model=SimulationAnswer)
    async def simulated(body: SimulationBody, request: Request) -> SimulationAnswer | Response:
        """Simulated waits under each order, on the same studies; ends with who asks."""
        work = asyncio.ensure_future(simulate(body))
        gone = asyncio.ensure_future(_gone(request))
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            return work.result() if work.done() else Response(status_code=408)
        finally:
            for task in (work, gone):
                task.cancel()
            await asyncio.gather(work, gone, return_exceptions=True)

    return router


async def _gone(request: Request) -> None:
    """Wait until nobody hears the answer."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
