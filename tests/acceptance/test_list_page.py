"""What people do at the list, in headless Chromium: claim, overrule, stop AI, find, by keys."""

import os
import re
import signal
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from pages import (
    KEEP_NOTIFICATIONS,
    active,
    go_to,
    open_list,
    row_of,
    served_order,
    served_row,
    shown_order,
)
from playwright.sync_api import APIResponse, Browser, Page, Route, expect
from radiographs import MadeStudy, make_study, send_to
from recorded import flag
from signed_in import person, sign_in
from vigie_node import Node, wait_until

from worklist.people import Role

_NAMES = {
    "script": "<script>alert(1)</script>^<b>",
    "right to left": "محمد^علي",
    "three components": "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "ordinary": "Weber^Ann^Mary^Dr^MD",
}
_SAID = {
    "script": "<script>alert(1)</script>, <b>",
    "right to left": "محمد, علي",
    "three components": "Yamada, Tarou (山田 太郎)",
    "ordinary": "Weber, Ann Mary MD",
}


_CLAIMS = "Opening a free study claims it for me"


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, MadeStudy]:
    """Radiographs of hands, by what their patients' names try, and a head CT."""
    folder = tmp_path_factory.mktemp("made")
    made = {
        what: make_study(folder, number, name=name)
        for number, (what, name) in enumerate(_NAMES.items(), start=1)
    }
    return made | {"head": make_study(folder, 9, modality="CT", name="Head^Ct")}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, studies: dict[str, MadeStudy]) -> Iterator[Node]:
    """A node that has assessed the studies, with two radiologists and an administrator."""
    node = Node(tmp_path_factory.mktemp("list") / "node")
    try:
        node.start()
        send_to(node, *studies.values())
        node.all_assessed(len(studies))
        person(node, "anna")
        person(node, "ben")
        person(node, "carla", Role.ADMINISTRATOR)
        yield node
    finally:
        node.stop()


@pytest.fixture
def page(browser: Browser, node: Node) -> Iterator[Page]:
    """The list, open for a radiologist."""
    with open_list(browser, node, "anna") as page:
        yield page


def row_in(node: Node, study: MadeStudy) -> dict[str, object]:
    """The row as the API has it."""
    uid = study.study_instance_uid
    return next(row for row in node.rows() if row["study_instance_uid"] == uid)


def switch(page: Page, name: str, *, on: bool) -> None:
    """Change one of the reader's preferences, and wait until the node has kept it."""
    one = page.get_by_role("switch", name=name, exact=True)
    with page.expect_response(lambda answer: answer.request.method == "PUT"):
        one.click()
    expect(one).to_be_checked(checked=on)


def dialog(page: Page) -> str:
    """What the open dialog says."""
    return page.get_by_role("dialog").inner_text()


def test_p9_names_of_every_kind_are_shown_right_and_never_run(
    page: Page, studies: dict[str, MadeStudy]
) -> None:
    for what, said in _SAID.items():
        name = row_of(page, studies[what].study_instance_uid).locator("a bdi").first
        assert name.text_content() == said
    assert page.locator("[data-uid] script, [data-uid] b").count() == 0


def test_two_people_never_read_the_same_study_unknowingly(
    browser: Browser, node: Node, studies: dict[str, MadeStudy]
) -> None:
    uid = studies["ordinary"].study_instance_uid
    with open_list(browser, node, "anna") as annas, open_list(browser, node, "ben") as bens:
        go_to(annas, uid)
        annas.keyboard.press("c")
        expect(row_of(annas, uid)).to_contain_text("You")
        expect(row_of(bens, uid)).to_contain_text("Dr Anna")

        go_to(bens, uid)
        bens.keyboard.press("Enter")  # opening says it at once
        expect(bens.get_by_role("dialog")).to_contain_text("Somebody else is reading this study")
        assert "Dr Anna has been reading this study since" in dialog(bens)
        bens.get_by_role("button", name="Leave it").click()
        assert "#/studies/" not in bens.url

        bens.keyboard.press("Enter")
        bens.get_by_role("button", name="Only look").click()
        expect(bens.get_by_text("Dr Anna").first).to_be_visible()  # the study says it, too
        assert row_in(node, studies["ordinary"])["claim"]["name"] == "anna"  # type: ignore[index]
        bens.go_back()
        bens.get_by_role("grid").wait_for()

        go_to(bens, uid)
        bens.keyboard.press("c")
        bens.get_by_role("button", name="Take over").click()
        expect(row_of(bens, uid)).to_contain_text("You")
        notice = annas.get_by_test_id("notice")
        expect(notice).to_contain_text("Dr Ben has taken over from you: Weber, Ann Mary MD")
        expect(row_of(annas, uid)).to_contain_text("Dr Ben")
        go_to(bens, uid)
        bens.keyboard.press("r")
        expect(row_of(annas, uid)).not_to_contain_text("Dr Ben")
    events = node.api(f"/api/studies/{uid}")["events"]
    assert {"claimed", "claim_taken_over", "claim_released"} <= {one["kind"] for one in events}


def test_a_claim_that_came_first_by_a_moment_is_told_by_the_node(
    browser: Browser, node: Node, studies: dict[str, MadeStudy]
) -> None:
    uid = studies["script"].study_instance_uid
    with (
        open_list(browser, node, "ben") as bens,
        open_list(browser, node, "anna", refusals=1) as annas,
    ):
        go_to(annas, uid)
        # Her page hears of nothing any more, so that it takes the study for free.
        annas.route("**/api/worklist*", lambda route: route.abort("aborted"))
        go_to(bens, uid)
        bens.keyboard.press("c")
        expect(row_of(bens, uid)).to_contain_text("You")
        annas.keyboard.press("c")
        expect(annas.get_by_role("dialog")).to_contain_text("Dr Ben has been reading this study")
        annas.unroute("**/api/worklist*")
        annas.get_by_role("button", name="Leave it").click()
        go_to(bens, uid)
        bens.keyboard.press("r")
        expect(row_of(bens, uid)).not_to_contain_text("You")


def test_opening_a_free_study_claims_it_unless_a_person_does_not_want_that(
    page: Page, node: Node, studies: dict[str, MadeStudy]
) -> None:
    study = studies["three components"]
    row_of(page, study.study_instance_uid).click()
    page.get_by_role("heading", level=1).get_by_text("Yamada").wait_for()
    wait_until(lambda: row_in(node, study)["claim"] is not None, "it is claimed")
    page.go_back()
    page.get_by_role("grid").wait_for()
    wait_until(lambda: row_in(node, study)["claim"] is None, "leaving gives it back")
    expect(row_of(page, study.study_instance_uid)).not_to_contain_text("You")

    page.keyboard.press(",")
    switch(page, _CLAIMS, on=False)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    row_of(page, study.study_instance_uid).click()
    page.get_by_role("heading", level=1).get_by_text("Yamada").wait_for()
    expect(page.get_by_text("Nobody is reading this study.")).to_be_visible()
    assert row_in(node, study)["claim"] is None
    page.go_back()
    page.get_by_role("grid").wait_for()
    page.keyboard.press(",")
    switch(page, _CLAIMS, on=True)
    page.keyboard.press("Escape")


def test_p7_a_person_overrules_with_a_reason_and_only_with_one(
    page: Page, node: Node, studies: dict[str, MadeStudy]
) -> None:
    study = studies["right to left"]
    uid = study.study_instance_uid
    asked = row_in(node, study)["requested_priority"]
    go_to(page, uid)
    page.keyboard.press("p")
    page.get_by_role("dialog").get_by_text("STAT", exact=True).click()
    change = page.get_by_role("dialog").get_by_role("button", name="Change")
    expect(change).to_be_disabled()
    page.get_by_label("Reason").fill("polytrauma, on the table")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(row_of(page, uid)).to_contain_text("now STAT")
    assert row_in(node, study)["priority_in_force"] == "stat"

    go_to(page, uid)
    page.keyboard.press("t")
    page.get_by_label("Reason").fill("the surgeon waits")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    wait_until(lambda: served_order(node)[0] == uid, "it is first")
    wait_until(lambda: shown_order(page)[0] == uid, "it is shown first")
    expect(row_of(page, uid).get_by_role("img", name="put first by a person")).to_be_visible()

    words = [one["words"] for one in node.api(f"/api/studies/{uid}")["events"]]
    assert any("polytrauma, on the table" in one for one in words)
    assert any("the surgeon waits" in one for one in words)
    go_to(page, uid)
    page.keyboard.press("t")
    page.get_by_label("Reason").fill("done")
    page.keyboard.press("Enter")
    wait_until(lambda: not row_in(node, study)["pinned"], "it is back at its place")
    go_to(page, uid)
    page.keyboard.press("p")
    page.get_by_role("dialog").get_by_text(str(asked).capitalize(), exact=True).click()
    page.get_by_label("Reason").fill("as asked again")
    page.keyboard.press("Enter")
    wait_until(lambda: row_in(node, study)["priority_in_force"] == asked, "as it was asked")


def test_p7_an_administrator_stops_ai_with_a_reason_and_nobody_else_can(
    browser: Browser, node: Node, studies: dict[str, MadeStudy]
) -> None:
    flag(node, studies["ordinary"], 0.99)
    with (
        open_list(browser, node, "anna", refusals=1) as annas,
        open_list(browser, node, "carla") as carlas,
    ):
        assert annas.get_by_role("button", name="AI runs").count() == 0
        annas.keyboard.press("a")
        annas.keyboard.press("?")
        expect(annas.get_by_role("dialog")).to_contain_text("Keys")  # and not that of AI
        annas.keyboard.press("Escape")

        carlas.get_by_role("button", name="AI runs").click()
        stop = carlas.get_by_role("dialog").get_by_role("button", name="Stop all AI")
        expect(stop).to_be_disabled()
        carlas.get_by_label("Reason").fill("it calls every hand broken")
        stop.click()
        for one in (annas, carlas):
            one.get_by_text("AI is stopped.", exact=True).wait_for()
        rows = node.rows()
        assert all(row["due_at"] == row["due_without_ai_at"] for row in rows)
        wait_until(lambda: shown_order(annas) == served_order(node), "the order is without AI")

        carlas.get_by_role("button", name="Start again…").click()
        carlas.get_by_label("Reason").fill("mended")
        carlas.get_by_role("button", name="Start all AI").click()
        for one in (annas, carlas):
            one.get_by_text("AI is stopped.", exact=True).wait_for(state="detached")
        refused = annas.evaluate(_STOP_AI)
    assert refused == 403


_STOP_AI = """async () => {
    const session = await (await fetch("/api/session")).json();
    const answer = await fetch("/api/ai/stop", {
        method: "POST",
        headers: {"Content-Type": "application/json", "X-CSRF-Token": session.csrf_token},
        body: JSON.stringify({detectors: null, reason: "I want to"}),
    });
    return answer.status;
}"""


def test_filters_search_and_saved_views_show_what_they_say(
    page: Page, node: Node, studies: dict[str, MadeStudy]
) -> None:
    head = studies["head"].study_instance_uid
    page.get_by_role("button", name="Modality").click()
    page.get_by_role("menuitem", name="CT").click()
    wait_until(lambda: shown_order(page) == [head], "only the CT is shown")
    expect(page.get_by_test_id("count")).to_have_text(f"1 of {len(node.rows())} studies")
    place = row_of(page, head).get_by_role("gridcell").first.inner_text().strip()
    assert place == str(row_in(node, studies["head"])["place"])  # in the whole list
    page.keyboard.press("Escape")

    page.get_by_role("button", name="Views").click()
    page.get_by_role("menuitem", name="Keep these filters as a view").click()
    page.get_by_label("Name of the view").fill("Heads <b>")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Heads <b>")).to_be_visible()

    page.keyboard.press("x")
    wait_until(lambda: shown_order(page) == served_order(node), "everything is shown")
    page.keyboard.press("/")
    page.keyboard.type("weber ann")
    ordinary = studies["ordinary"].study_instance_uid
    wait_until(lambda: shown_order(page) == [ordinary], "only the one of that name is shown")
    page.keyboard.press("Escape")  # of the field: its text goes
    wait_until(lambda: shown_order(page) == served_order(node), "everything is shown again")

    page.keyboard.press("/")
    page.keyboard.type("nobody of this name")
    expect(page.get_by_text("No study fits these filters")).to_be_visible()
    page.get_by_role("main").get_by_role("button", name="Clear filters").click()
    page.keyboard.press("v")
    page.get_by_role("menuitem", name="Heads <b>").click()
    wait_until(lambda: shown_order(page) == [head], "the view is shown")
    expect(page.get_by_role("menu")).to_have_count(0)
    page.keyboard.press("v")
    page.get_by_role("menuitem", name="Remove “Heads <b>”").click()
    expect(page.get_by_role("menu")).to_have_count(0)
    page.keyboard.press("v")
    expect(page.get_by_text("No saved views yet")).to_be_visible()


def test_by_detector_state_and_by_who_reads_the_list_is_narrowed(
    page: Page, node: Node, studies: dict[str, MadeStudy]
) -> None:
    mine = studies["ordinary"].study_instance_uid
    go_to(page, mine)
    page.keyboard.press("c")
    expect(row_of(page, mine)).to_contain_text("You")
    page.keyboard.press("m")
    wait_until(lambda: shown_order(page) == [mine], "mine is shown")
    page.keyboard.press("u")
    wait_until(lambda: mine not in shown_order(page) and shown_order(page), "free ones are shown")
    assert set(shown_order(page)) == set(served_order(node)) - {mine}
    page.keyboard.press("x")
    wait_until(lambda: mine in shown_order(page), "all are shown")
    go_to(page, mine)
    page.keyboard.press("r")
    page.get_by_role("button", name="AI state").click()
    page.get_by_role("menuitem", name="not applicable").first.click()
    expected = {
        row["study_instance_uid"]
        for row in node.rows()
        if any(one["state"] == "not_applicable" for one in row["detectors"])
    }
    wait_until(lambda: set(shown_order(page)) == expected, "those with such a state are shown")


def test_a_whole_journey_by_keys_alone(
    browser: Browser, node: Node, studies: dict[str, MadeStudy]
) -> None:
    with open_list(browser, node, "anna") as page:
        page.keyboard.press("?")
        help_words = dialog(page)
        for words in ("next study", "claim, or take over", "search", "saved views", "preferences"):
            assert words in help_words
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)

        page.keyboard.press("ArrowDown")
        first = active(page)
        assert first == shown_order(page)[0]
        page.keyboard.press("End")
        wait_until(lambda: active(page) == shown_order(page)[-1], "the last")
        page.keyboard.press("g")
        wait_until(lambda: active(page) == first, "the first")
        page.keyboard.press("Space")
        preview = page.get_by_test_id("preview")
        picture = preview.locator("img")
        wait_until(
            lambda: picture.evaluate("(e) => e.complete && e.naturalWidth > 0"), "an image is shown"
        )
        assert preview.locator("svg, polygon").count() == 0  # without marks
        page.keyboard.press("Space")
        expect(preview).to_have_count(0)
        page.keyboard.press("Enter")
        page.get_by_role("heading", level=1).wait_for()
        wait_until(lambda: f"#/studies/{first}" in page.url, "it is open")
        page.go_back()
        wait_until(lambda: page.get_by_role("grid").count() == 1, "the list is back")
        wait_until(lambda: active(page) == first, "where it was left")
        wait_until(lambda: served_row(node, str(first))["claim"] is None, "leaving gave it back")
        page.keyboard.press(",")
        page.get_by_role("dialog", name="Preferences").wait_for()


def test_a_new_flag_is_told_as_the_reader_chose_and_not_in_quiet_hours(
    browser: Browser, node: Node, studies: dict[str, MadeStudy]
) -> None:
    with open_list(browser, node, "ben", permissions=["notifications"]) as page:
        page.evaluate(KEEP_NOTIFICATIONS)
        page.keyboard.press(",")
        switch(page, "Desktop notification", on=True)
        switch(page, "Sound", on=True)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        flag(node, studies["three components"], 0.97)
        wait_until(lambda: page.evaluate("window.told.length > 0"), "it is told")
        (told,) = page.evaluate("window.told")
        assert re.fullmatch(r"New flag: fracture.*, 0\.97", told["title"])
        assert "Due" in told["body"]
        assert "Yamada" not in told["title"] + told["body"]  # others see the desk
        wait_until(lambda: page.evaluate("window.tones") == 2, "it is heard")

        around = datetime.now().astimezone()
        page.keyboard.press(",")
        page.get_by_role("switch", name="Neither notification nor sound").click()
        begin, end = around - timedelta(hours=1), around + timedelta(hours=2)
        page.locator("input[type=time]").first.fill(f"{begin:%H:%M}")
        page.locator("input[type=time]").last.fill(f"{end:%H:%M}")
        page.keyboard.press("Escape")
        flag(node, studies["right to left"], 0.98)
        chip = row_of(page, studies["right to left"].study_instance_uid).get_by_test_id(
            "chip-fracture"
        )
        wait_until(lambda: "0.98" in chip.inner_text(), "the list shows it")
        assert page.evaluate("[window.told.length, window.tones]") == [1, 2]


_KEPT = "async () => (await fetch('/api/me/preferences')).json()"


def test_a_choice_is_kept_though_an_older_answer_comes_after_it(
    browser: Browser, node: Node
) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    sign_in(context, node, "anna")
    page = context.new_page()
    page.goto(node.url)
    page.get_by_role("grid").wait_for()
    held: list[tuple[Route, APIResponse]] = []

    def hold(route: Route) -> None:
        if route.request.method == "GET":
            held.append((route, route.fetch()))  # what the node says now, told later
        else:
            route.continue_()

    page.route("**/api/me/preferences", hold)
    page.route("**/api/events*", lambda route: route.abort())
    for pid in node.role_pids("web"):
        os.kill(pid, signal.SIGKILL)  # its supervisor starts another
    page.get_by_text("reconnecting", exact=True).wait_for()
    wait_until(node.is_up, "another serves")
    page.unroute("**/api/events*")
    page.get_by_text("live", exact=True).wait_for()  # and everything is asked anew
    wait_until(lambda: page.evaluate("true") and held, "also the preferences")

    page.keyboard.press(",")
    switch(page, _CLAIMS, on=False)
    for route, answer in held:
        route.fulfill(response=answer)
    page.unroute("**/api/me/preferences")
    switch(page, "Sound", on=True)
    expect(page.get_by_role("switch", name=_CLAIMS)).not_to_be_checked()
    page.reload()
    page.get_by_role("grid").wait_for()
    page.keyboard.press(",")
    expect(page.get_by_role("switch", name=_CLAIMS)).not_to_be_checked()
    switch(page, _CLAIMS, on=True)
    switch(page, "Sound", on=False)
    page.keyboard.press("Escape")
    context.close()


def test_the_page_is_light_dense_and_french_where_its_reader_likes_and_stays_so(
    browser: Browser, node: Node
) -> None:
    with open_list(browser, node, "ben") as page:
        page.keyboard.press(",")
        page.get_by_role("dialog").get_by_text("Light", exact=True).click()
        page.get_by_role("dialog").get_by_text("Compact", exact=True).click()
        page.get_by_role("textbox", name="Language").click()
        page.get_by_role("option", name="Français").click()
        page.get_by_role("dialog", name="Préférences").wait_for()
        page.keyboard.press("Escape")
        wait_until(lambda: page.evaluate(_KEPT)["language"] == "fr", "the node has kept the last")
    with open_list(browser, node, "ben") as page:  # another workstation
        page.get_by_role("heading", name="Liste de lecture").wait_for()
        scheme = "document.documentElement.dataset.mantineColorScheme"
        wait_until(lambda: page.evaluate(scheme) == "light", "it is light")
        row = page.locator("[data-uid]").first.bounding_box()
        assert row is not None
        assert row["height"] == 40
