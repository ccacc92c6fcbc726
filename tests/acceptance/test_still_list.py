"""What is under the pointer stays there, and nothing that was missed is told twice."""

import os
import signal
from collections.abc import Iterator

import pytest
from pages import (
    KEEP_NOTIFICATIONS,
    active,
    go_to,
    open_list,
    row_of,
    rows_rest,
    served_order,
    served_row,
    shown_order,
)
from playwright.sync_api import Browser, Page, expect
from radiographs import MadeStudy, make_study, send_to
from recorded import flag
from signed_in import person, sign_in
from vigie_node import Node, wait_until

_STUDIES = 11
_ELSEWHERE = (300, 12)  # in the bar at the top of the page


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, MadeStudy]:
    """Radiographs, by their UIDs."""
    folder = tmp_path_factory.mktemp("made")
    made = [make_study(folder, number) for number in range(1, _STUDIES + 1)]
    return {one.study_instance_uid: one for one in made}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, studies: dict[str, MadeStudy]) -> Iterator[Node]:
    """A node that has assessed them."""
    node = Node(tmp_path_factory.mktemp("still") / "node")
    try:
        node.start()
        send_to(node, *studies.values())
        node.all_assessed(_STUDIES)
        person(node, "anna")
        yield node
    finally:
        node.stop()


@pytest.fixture
def page(browser: Browser, node: Node) -> Iterator[Page]:
    """The list, open for a radiologist, in the server's order."""
    with open_list(browser, node, "anna") as page:
        wait_until(lambda: shown_order(page) == served_order(node), "the list is shown")
        yield page


def rest_on(page: Page, uid: str) -> tuple[float, float]:
    """Let the pointer rest on a study's row; where."""
    box = row_of(page, uid).bounding_box()
    assert box is not None
    at = (box["x"] + 330, box["y"] + box["height"] / 2)
    page.mouse.move(*at)
    return at


def under(page: Page, at: tuple[float, float]) -> str | None:
    """The study that is seen at a place of the page."""
    uid: str | None = page.evaluate(
        "([x, y]) => document.elementFromPoint(x, y)?.closest('[data-uid]')?.dataset.uid ?? null",
        list(at),
    )
    return uid


_WAITING = "change waits"
_flags = iter(range(1, 99))


def raise_last(page: Page, node: Node, studies: dict[str, MadeStudy]) -> str:
    """A flag that brings the study at the end of the list to its top; which."""
    last = served_order(node)[-1]
    flag(node, studies[last], 0.9 + next(_flags) / 1000)
    assert served_order(node)[0] == last
    return last


def test_rows_stay_under_a_pointer_that_rests_until_it_leaves(
    browser: Browser, node: Node, studies: dict[str, MadeStudy]
) -> None:
    with open_list(browser, node, "anna") as page:
        wait_until(lambda: shown_order(page) == served_order(node), "the list is shown")
        before = shown_order(page)
        at = rest_on(page, before[1])
        raise_last(page, node, studies)
        expect(page.get_by_text(_WAITING)).to_be_visible()
        assert shown_order(page) == before
        assert under(page, at) == before[1]

        # Also when the pointer goes on to another row, and by what it passes on the way.
        at = rest_on(page, before[2])
        assert shown_order(page) == before
        page.mouse.move(*_ELSEWHERE)
        wait_until(lambda: shown_order(page) == served_order(node), "it has moved")
        expect(page.get_by_text(_WAITING)).to_have_count(0)


def test_a_pointer_that_rests_for_minutes_holds_the_list_until_nobody_is_there(
    browser: Browser, node: Node, studies: dict[str, MadeStudy]
) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    sign_in(context, node, "anna")
    page = context.new_page()
    page.clock.install()
    page.goto(node.url)
    page.get_by_role("grid").wait_for()
    wait_until(lambda: shown_order(page) == served_order(node), "the list is shown")
    before = shown_order(page)
    at = rest_on(page, before[1])
    raise_last(page, node, studies)
    expect(page.get_by_text(_WAITING)).to_be_visible()
    page.clock.fast_forward("05:00")
    expect(page.get_by_text(_WAITING)).to_be_visible()
    assert shown_order(page) == before
    assert under(page, at) == before[1]
    page.clock.fast_forward("11:00")
    wait_until(lambda: shown_order(page) == served_order(node), "it has moved")
    expect(page.get_by_text(_WAITING)).to_have_count(0)
    context.close()


def test_a_pointer_left_behind_in_another_window_holds_nothing_and_a_flag_is_said_loudly(
    page: Page, node: Node, studies: dict[str, MadeStudy]
) -> None:
    rest_on(page, shown_order(page)[1])
    fresh = next(uid for uid in reversed(served_order(node)) if "flagged" not in states(node, uid))
    flag(node, studies[fresh], 0.9 + next(_flags) / 1000)
    expect(page.get_by_role("button", name=_WAITING)).to_contain_text("New flag")
    page.evaluate("window.dispatchEvent(new Event('blur'))")
    wait_until(lambda: shown_order(page) == served_order(node), "it has moved")


def test_a_click_on_what_waits_shows_it_and_opens_no_study(
    page: Page, node: Node, studies: dict[str, MadeStudy]
) -> None:
    before = shown_order(page)
    rest_on(page, before[1])
    raise_last(page, node, studies)
    page.get_by_role("button", name=_WAITING).dblclick()
    wait_until(lambda: shown_order(page) == served_order(node), "it has moved")
    assert "/studies/" not in page.url


def test_a_key_shows_what_waits_and_acts_on_the_row_that_was_seen(
    page: Page, node: Node, studies: dict[str, MadeStudy]
) -> None:
    before = shown_order(page)
    go_to(page, before[1])
    at = rest_on(page, before[3])
    raise_last(page, node, studies)
    expect(page.get_by_text(_WAITING)).to_be_visible()
    page.keyboard.press("j")
    wait_until(lambda: shown_order(page) == served_order(node), "it has moved")
    assert active(page) == before[2]  # the one below, as it was seen
    now = shown_order(page)
    raise_last(page, node, studies)
    expect(page.get_by_text(_WAITING)).to_be_visible()  # the pointer rests there still
    assert shown_order(page) == now
    assert under(page, at) in now


def test_a_bar_that_comes_moves_no_row_under_the_pointer(page: Page, node: Node) -> None:
    uid = shown_order(page)[2]
    at = rest_on(page, uid)
    first = page.get_by_role("grid").bounding_box()
    stopped = node.run("ai", "stop", "--reason", "a test")
    assert stopped.returncode == 0, stopped.stderr
    try:
        expect(page.get_by_text("AI is stopped.", exact=True)).to_be_visible()
        assert under(page, at) == uid
        assert page.get_by_role("grid").bounding_box() == first
        page.mouse.move(*_ELSEWHERE)
        wait_until(lambda: page.get_by_role("grid").bounding_box() != first, "it has its place")
        wait_until(lambda: shown_order(page) == served_order(node), "the list has fallen back")
        wait_until(lambda: rows_rest(page), "no row glides")
        below = page.get_by_role("grid").bounding_box()
        bar = page.get_by_role("status").filter(has_text="AI is stopped.").bounding_box()
        assert below is not None
        assert bar is not None
        assert below["y"] >= bar["y"] + bar["height"] - 1
        at = rest_on(page, shown_order(page)[2])
        held = wait_until(lambda: under(page, at), "a row is under the pointer")
    finally:
        started = node.run("ai", "start", "--reason", "the test is over")
    assert started.returncode == 0, started.stderr
    expect(page.get_by_text("AI is stopped.", exact=True)).to_have_count(0)
    assert under(page, at) == held
    assert page.get_by_role("grid").bounding_box() == below
    page.mouse.move(*_ELSEWHERE)
    wait_until(lambda: page.get_by_role("grid").bounding_box() == first, "the bar's place is gone")


def test_flags_that_came_while_the_page_heard_nothing_are_told_once(
    browser: Browser, node: Node, studies: dict[str, MadeStudy]
) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    sign_in(context, node, "anna")
    pages = [context.new_page(), context.new_page()]
    for page in pages:
        page.goto(node.url)
        page.get_by_text("live", exact=True).wait_for()
        page.evaluate(KEEP_NOTIFICATIONS)
    first = pages[0]
    first.bring_to_front()
    first.keyboard.press(",")
    first.get_by_role("switch", name="Desktop notification", exact=True).click()
    expect(first.get_by_role("switch", name="Desktop notification", exact=True)).to_be_checked()
    first.keyboard.press("Escape")
    pages[1].reload()
    pages[1].get_by_text("live", exact=True).wait_for()
    pages[1].evaluate(KEEP_NOTIFICATIONS)

    def told() -> list[str]:
        return [tag for page in pages for tag in page.evaluate("window.told.map((n) => n.tag)")]

    def away_and_back(*uids: str) -> None:
        for pid in node.role_pids("web"):
            os.kill(pid, signal.SIGKILL)  # its supervisor starts another
        for page in pages:
            page.get_by_text("reconnecting", exact=True).wait_for()
        for uid in uids:
            flag(node, studies[uid], 0.99)
        for page in pages:
            page.get_by_text("live", exact=True).wait_for(timeout=120_000)

    fresh = [uid for uid in served_order(node) if "flagged" not in states(node, uid)]
    away_and_back(fresh[0])
    for page in pages:
        expect(page.get_by_test_id("notice")).to_contain_text("1 new flag came while nothing was")
    wait_until(lambda: told() != [], "one tab has popped it up")
    away_and_back(fresh[1])
    wait_until(lambda: fresh[1] in told(), "and the next")
    assert sorted(told()) == sorted(fresh[:2])
    expect(first.get_by_test_id("notice").get_by_role("button", name="Open")).to_be_visible()
    context.close()


def test_a_take_over_that_the_page_did_not_hear_of_is_told_when_it_hears_again(
    browser: Browser, node: Node
) -> None:
    person(node, "ben")
    uid = served_order(node)[1]
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    sign_in(context, node, "anna")
    page = context.new_page()
    page.goto(node.url)
    page.get_by_text("live", exact=True).wait_for()
    go_to(page, uid)
    page.keyboard.press("c")
    expect(row_of(page, uid)).to_contain_text("You")
    expect(page.get_by_role("button", name="Mine")).to_contain_text("1")
    page.route("**/api/events*", lambda route: route.abort())
    for pid in node.role_pids("web"):
        os.kill(pid, signal.SIGKILL)  # its supervisor starts another
    page.get_by_text("reconnecting", exact=True).wait_for()
    wait_until(node.is_up, "another serves")
    with open_list(browser, node, "ben") as bens:
        go_to(bens, uid)
        bens.keyboard.press("c")
        bens.get_by_role("button", name="Take over").click()
        expect(row_of(bens, uid)).to_contain_text("You")
        page.unroute_all()
        expect(page.get_by_test_id("notice")).to_contain_text("Dr Ben has taken over from you")
        bens.keyboard.press("r")
        wait_until(lambda: served_row(node, uid)["claim"] is None, "it is free")
    context.close()


def states(node: Node, uid: str) -> set[str]:
    """What detectors say of a study."""
    row = next(row for row in node.rows() if row["study_instance_uid"] == uid)
    return {one["state"] for one in row["detectors"]}
