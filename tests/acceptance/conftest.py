"""Fixtures of the acceptance tests: a node as users run it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from chromium import chromium
from playwright.sync_api import Browser
from vigie_node import Node


@pytest.fixture(scope="module")
def browser(program: Callable[[str], str]) -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    with chromium(program("chromium")) as browser:
        yield browser


@pytest.fixture
def make_node(tmp_path: Path) -> Iterator[Callable[..., Node]]:
    """Starts nodes with settings of their own; they are stopped after the test."""
    nodes: list[Node] = []

    def make(**settings: object) -> Node:
        node = Node(tmp_path / f"node{len(nodes)}", **settings)
        nodes.append(node)
        node.start()
        return node

    yield make
    for node in nodes:
        node.stop()


@pytest.fixture
def node(make_node: Callable[..., Node]) -> Node:
    """A node with a short quiet period."""
    return make_node()
