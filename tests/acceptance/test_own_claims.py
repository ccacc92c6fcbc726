"""A claim that opening a study made is given back on leaving it, unless something was said."""

from collections.abc import Iterator

import pytest
from pages import active, go_to, open_list, row_of, served_row
from playwright.sync_api import Browser, Page, Route, expect
from radiographs import MadeStudy, make_study, send_to
from recorded import flag
from signed_in import person, sign_in
from vigie_node import Node, wait_until


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> list[MadeStudy]:
    """Radiographs."""
    folder = tmp_path_factory.mktemp("made")
    return [make_study(folder, number) for number in (1, 2, 3)]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, studies: list[MadeStudy]) -> Iterator[Node]:
    """A node that has assessed them; the first one is flagged."""
    node = Node(tmp_path_factory.mktemp("own") / "node")
    try:
        node.start()
        send_to(node, *studies)
        node.all_assessed(len(studies))
        flag(node, studies[0], 0.95)
        person(node, "anna")
        yield node
    finally:
        node.stop()


@pytest.fixture
def page(browser: Browser, node: Node) -> Iterator[Page]:
    """The list, open for a radiologist."""
    try:
        with open_list(browser, node, "anna") as page:
            yield page
    finally:
        for row in node.rows():  # whatever became of the test, the next one finds free studies
            if row["claim"] is not None:
                node.run("release", row["study_instance_uid"])


def holder(node: Node, study: MadeStudy) -> str | None:
    """Who has claimed it."""
    claim = served_row(node, study.study_instance_uid)["claim"]
    return None if claim is None else str(claim["name"])


def claim_kinds(node: Node, study: MadeStudy) -> list[str]:
    """What happened to who holds it, oldest first."""
    events = node.api(f"/api/studies/{study.study_instance_uid}")["events"]
    return [one["kind"] for one in events if one["kind"].startswith("claim")]


def open_and_claim(page: Page, node: Node, study: MadeStudy) -> None:
    """By a click, as the list is set at first."""
    row_of(page, study.study_instance_uid).click()
    expect(page.get_by_test_id("claim-bar")).to_contain_text("You have been reading")
    assert holder(node, study) == "anna"


def back(page: Page) -> None:
    """To the list."""
    page.get_by_role("button", name="List", exact=True).click()
    page.get_by_role("grid").wait_for()


def test_who_only_looked_holds_nothing_afterwards(
    page: Page, node: Node, studies: list[MadeStudy]
) -> None:
    open_and_claim(page, node, studies[1])
    expect(page.get_by_test_id("claim-bar")).to_contain_text("Leaving it without an answer")
    back(page)
    wait_until(lambda: holder(node, studies[1]) is None, "it is given back")
    expect(row_of(page, studies[1].study_instance_uid)).not_to_contain_text("You")
    assert claim_kinds(node, studies[1])[-2:] == ["claimed", "claim_released"]


def test_the_study_before_is_given_back_when_the_next_one_is_opened_in_its_place(
    page: Page, node: Node, studies: list[MadeStudy]
) -> None:
    open_and_claim(page, node, studies[1])
    page.evaluate("(uid) => { location.hash = `#/studies/${uid}`; }", studies[2].study_instance_uid)
    wait_until(lambda: holder(node, studies[1]) is None, "it is given back")
    expect(page.get_by_test_id("claim-bar")).to_contain_text("Nobody is reading this study")
    back(page)


def test_what_a_person_wants_to_keep_or_has_said_something_of_stays_hers(
    page: Page, node: Node, studies: list[MadeStudy]
) -> None:
    open_and_claim(page, node, studies[1])
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("button", name="Keep it")).to_have_count(0)
    back(page)
    open_and_claim(page, node, studies[0])
    agree = page.get_by_role("button", name="Agree", exact=True).first
    agree.click()
    expect(agree).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="Keep it")).to_have_count(0)
    back(page)
    open_and_claim(page, node, studies[2])
    back(page)
    # Given back later than the others would have been.
    wait_until(lambda: holder(node, studies[2]) is None, "it is given back")
    assert [holder(node, one) for one in studies] == ["anna", "anna", None]
    for study in studies[:2]:
        go_to(page, study.study_instance_uid)
        page.keyboard.press("r")
        wait_until(lambda study=study: holder(node, study) is None, "it is given back by hand")


def test_a_claim_by_hand_stays(page: Page, node: Node, studies: list[MadeStudy]) -> None:
    uid = studies[1].study_instance_uid
    go_to(page, uid)
    page.keyboard.press("c")
    wait_until(lambda: holder(node, studies[1]) == "anna", "it is claimed")
    wait_until(lambda: active(page) == uid, "the keys are there")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("claim-bar")).to_contain_text("You have been reading")
    expect(page.get_by_role("button", name="Keep it")).to_have_count(0)
    back(page)
    open_and_claim(page, node, studies[2])
    back(page)
    wait_until(lambda: holder(node, studies[2]) is None, "the other is given back")
    assert holder(node, studies[1]) == "anna"
    go_to(page, uid)
    page.keyboard.press("r")
    wait_until(lambda: holder(node, studies[1]) is None, "it is given back")


def test_a_page_that_is_closed_gives_its_study_back(
    browser: Browser, node: Node, studies: list[MadeStudy]
) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    sign_in(context, node, "anna")
    page = context.new_page()
    page.goto(node.url)
    open_and_claim(page, node, studies[1])
    page.goto("about:blank")  # it goes away as one that is closed does
    wait_until(lambda: holder(node, studies[1]) is None, "it is given back")
    context.close()


def test_a_study_that_another_tab_reads_is_given_back_by_the_last_one(
    page: Page, node: Node, studies: list[MadeStudy]
) -> None:
    other = page.context.new_page()
    open_and_claim(page, node, studies[1])
    page.evaluate("""() => {
        window.heard = [];
        new BroadcastChannel("vigie-claims").onmessage = ({data}) => window.heard.push(data.said);
    }""")
    other.goto(page.url)
    bar = other.get_by_test_id("claim-bar")
    expect(bar).to_contain_text("You have been reading")
    wait_until(
        lambda: (
            {"kind": "shows", "uid": studies[1].study_instance_uid} in page.evaluate("window.heard")
        ),
        "the first tab knows of the other",
    )
    expect(bar).not_to_contain_text("Leaving it without an answer")  # the first tab does
    page.goto("about:blank")
    page.evaluate("window.notReloaded = true")
    expect(bar).to_contain_text("Leaving it without an answer")  # now this one
    assert claim_kinds(node, studies[1])[-1] == "claimed"
    other.goto("about:blank")
    wait_until(lambda: holder(node, studies[1]) is None, "it is given back")


def test_what_one_tab_keeps_no_other_gives_back(
    page: Page, node: Node, studies: list[MadeStudy]
) -> None:
    other = page.context.new_page()
    open_and_claim(page, node, studies[1])
    other.goto(page.url)
    other.get_by_test_id("claim-bar").wait_for()
    other.keyboard.press("c")
    expect(page.get_by_role("button", name="Keep it")).to_have_count(0)
    other.close()
    back(page)
    open_and_claim(page, node, studies[2])
    back(page)
    wait_until(lambda: holder(node, studies[2]) is None, "the other is given back")
    assert holder(node, studies[1]) == "anna"


def test_a_study_left_and_opened_again_at_once_is_claimed(
    page: Page, node: Node, studies: list[MadeStudy]
) -> None:
    open_and_claim(page, node, studies[1])
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)  # the network is slow to give it back

    page.route("**/claim?claimed_at=*", hold)
    back(page)
    row_of(page, studies[1].study_instance_uid).click()
    page.get_by_test_id("claim-bar").wait_for()
    # Only asking the page lets its events through.
    wait_until(lambda: page.evaluate("true") and held, "it is being given back")
    assert claim_kinds(node, studies[1])[-1] == "claimed"
    for route in held:
        route.continue_()
    page.unroute_all()
    wait_until(
        lambda: claim_kinds(node, studies[1])[-2:] == ["claim_released", "claimed"], "it is again"
    )
    expect(page.get_by_test_id("claim-bar")).to_contain_text("You have been reading")


def test_a_page_that_is_loaded_anew_goes_on_reading(
    page: Page, node: Node, studies: list[MadeStudy]
) -> None:
    open_and_claim(page, node, studies[1])
    page.reload()
    expect(page.get_by_test_id("claim-bar")).to_contain_text("You have been reading")
    expect(page.get_by_role("button", name="Keep it")).to_be_visible()
    assert claim_kinds(node, studies[1])[-3:] == ["claimed", "claim_released", "claimed"]
    page.evaluate("window.notReloaded = true")
    back(page)
    wait_until(lambda: holder(node, studies[1]) is None, "it is given back")


def test_a_held_key_asks_once_and_writes_nothing_into_what_it_opened(
    page: Page, node: Node, studies: list[MadeStudy]
) -> None:
    go_to(page, studies[1].study_instance_uid)
    for _ in range(4):
        page.keyboard.down("t")
    page.keyboard.up("t")
    expect(page.get_by_role("dialog")).to_have_count(1)
    expect(page.get_by_label("Reason")).to_be_focused()
    expect(page.get_by_label("Reason")).to_have_value("")
    page.keyboard.type("the surgeon waits")
    expect(page.get_by_label("Reason")).to_have_value("the surgeon waits")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    for _ in range(4):
        page.keyboard.down("c")
    page.keyboard.up("c")
    wait_until(lambda: holder(node, studies[1]) == "anna", "it is claimed")
    expect(row_of(page, studies[1].study_instance_uid)).to_contain_text("You")
    page.keyboard.press("g")
    for _ in range(2):
        page.keyboard.down("j")  # the second is the first held down
    page.keyboard.up("j")
    order = [row["study_instance_uid"] for row in node.rows()]
    wait_until(lambda: active(page) == order[2], "it has gone on")
    go_to(page, studies[1].study_instance_uid)
    page.keyboard.press("r")
    wait_until(lambda: holder(node, studies[1]) is None, "it is given back")
    assert claim_kinds(node, studies[1])[-2:] == ["claimed", "claim_released"]
