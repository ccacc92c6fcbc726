"""One simulation in a process of its own: it works for seconds, and can be ended at any moment.

Reads a `Task` as JSON from standard input and writes a `SimulationAnswer` to standard output.
"""

import os
import sys

from pydantic import BaseModel

from viewer.simulations_schemas import POLICIES, SimulationAnswer, SimulationBody
from worklist.due_time import DueTargets
from worklist.simulation import simulate

_NICER = 10  # the list comes before a simulation


class Task(BaseModel):
    """What is to be simulated, and the targets of the node."""

    body: SimulationBody
    targets: DueTargets


def answered(task: Task) -> SimulationAnswer:
    """What came out."""
    body, targets = task.body, task.targets
    figures = simulate(body.setting(targets), POLICIES, run=body.run())
    return SimulationAnswer.of(body, targets, figures)


if __name__ == "__main__":
    os.nice(_NICER)
    sys.stdout.write(answered(Task.model_validate_json(sys.stdin.buffer.read())).model_dump_json())
