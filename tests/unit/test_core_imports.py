"""The core's rules import the standard library and each other (DESIGN.md section 2)."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_CORE = Path(__file__).parents[2] / "worklist"
_ROOMS = sorted(_CORE.glob("*.py"))  # the store, a folder beside them, is not a rule
_SEEDED = {
    "simulation_ai.py",
    "simulation_studies.py",
}  # draw by chance, from a seed they are given
_IMPURE = {"asyncio", "logging", "os", "random", "socket", "subprocess", "threading", "time"}


def imported(source: str) -> Iterator[str]:
    """Full names of the modules that a source text imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def foreign(source: str) -> set[str]:
    """What a rule of the core must not import."""
    return {
        name
        for name in imported(source)
        for top in [name.partition(".")[0]]
        if (top != "worklist" and top not in sys.stdlib_module_names)
        or top in _IMPURE
        or name.startswith("worklist.store")
    }


@pytest.mark.parametrize("room", _ROOMS, ids=lambda path: path.name)
def test_a_rule_of_the_core_imports_the_standard_library_only(room: Path) -> None:
    source = room.read_text(encoding="utf-8")
    assert foreign(source) == ({"random"} if room.name in _SEEDED else set())


@pytest.mark.parametrize("name", sorted(_SEEDED))
def test_chance_is_only_that_of_a_seed(name: str) -> None:
    """No function of `random` that all share, and no generator without its seed."""
    tree = ast.parse((_CORE / name).read_text(encoding="utf-8"))
    taken = [
        one.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "random"
        for one in node.names
    ]
    made = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "Random"
    ]
    assert taken == ["Random"]
    assert all(len(node.args) == 1 for node in made)


def test_there_are_rules_to_look_at() -> None:
    assert {"due_time.py", "order.py", "service.py"} <= {room.name for room in _ROOMS}


@pytest.mark.parametrize(
    "source",
    [
        "import numpy",
        "import numpy.typing as npt",
        "from pydicom.uid import UID",
        "def later():\n    import sqlalchemy",
        "from worklist.store.postgres import PostgresStore",
        "from viewer import ports",
        "from . import order",
        "import time",
    ],
)
def test_what_is_not_the_standard_library_is_found(source: str) -> None:
    assert foreign(source)
