"""The documentation names only what is there: links, tests, commands and their options."""

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from vigie.__main__ import make_app

_REPOSITORY = Path(__file__).parent.parent.parent
_PAGES = sorted([*_REPOSITORY.glob("*.md"), *(_REPOSITORY / "docs").rglob("*.md")])
_TESTS = "".join(p.read_text(encoding="utf-8") for p in (_REPOSITORY / "tests").rglob("*.py"))


def _title(page: Path) -> str:
    return page.relative_to(_REPOSITORY).as_posix()


@pytest.mark.parametrize("page", _PAGES, ids=_title)
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    lost = []
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        aim = (page.parent / path).resolve() if path else page
        if not aim.exists() or (anchor and anchor not in _anchors(aim)):
            lost.append(target)
    assert lost == []


def _anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


def test_every_test_that_the_conformance_statement_names_exists() -> None:
    text = (_REPOSITORY / "docs" / "conformance.md").read_text(encoding="utf-8")
    named = re.findall(r"::(test_\w+)`", text)
    assert len(named) > 20
    assert [one for one in named if f"def {one}(" not in _TESTS] == []


@pytest.mark.parametrize("page", _PAGES, ids=_title)
def test_every_command_shown_exists_with_its_options(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    shown = re.findall(r"^(?:VIGIE_\S+ )?(vigie [^#\n]+?)\s*&?(?:#.*)?$", text, re.MULTILINE)
    shown += re.findall(r"`(vigie [^`]+)`", text)
    unknown = [line for line in shown if not _is_known(shlex.split(line)[1:])]
    assert unknown == []


def _is_known(words: list[str]) -> bool:
    command = typer.main.get_command(make_app())
    while words and hasattr(command, "get_command") and not words[0].startswith("-"):
        found = command.get_command(typer.Context(command), words[0])
        if found is None:
            return "|" in words[0]
        command = found
        del words[0]
    options = {name for parameter in command.params for name in parameter.opts} | {"--help"}
    return {word.strip("[]") for word in words if word.strip("[]").startswith("--")} <= options
