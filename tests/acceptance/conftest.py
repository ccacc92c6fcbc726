"""Fixtures of the acceptance tests: a node as users run it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from chromium import Pane, chromium
from playwright.sync_api import Browser, Page
from radiographs import MadeStudy
from viewer_parts import MARKED, node_with, open_study, page_of
from vigie_node import Node


@pytest.fixture(scope="module")
def browser(program: Callable[[str], str]) -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    with chromium(program("chromium")) as browser:
        yield browser


@pytest.fixture(scope="session")
def viewer_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node for all tests of the viewer: each looks at studies of its own."""
    with node_with(tmp_path_factory.mktemp("viewer")) as node:
        yield node


@pytest.fixture
def page(browser: Browser, node: Node) -> Iterator[Page]:
    """Anna's page."""
    with page_of(browser, node) as page:
        yield page


@pytest.fixture
def pane(page: Page, node: Node, block: list[MadeStudy]) -> Pane:
    """The block's pane, with a picture in it, at the surest mark."""
    pane = open_study(page, node, block)
    pane.wait_for_slice(MARKED[0] + 1)
    return pane


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
