"""A person reads in French: the list, a study and the door, with nothing left in English."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, Page, expect, sync_playwright
from radiographs import MadeStudy, make_study, send_to
from recorded import REGION, record
from signed_in import person, sign_in
from vigie_node import Node

from viewer.translation import read_catalogue
from worklist.finding import Evidence, Flagged, ImageScore, Lesion, Region, SuspectedKind
from worklist.store import tables as t
from worklist.uid import SOPInstanceUID

_VIEWER = Path(__file__).resolve().parents[2] / "viewer"
_LOCALES = _VIEWER / "web" / "src" / "locales"
_SLOT = re.compile(r"\{\{?[\w, ]+\}?\}")
_DAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
_MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre",
    "octobre", "novembre", "décembre",
)  # fmt: skip
_REASON = "essai; de la procédure"
_SAID = """() => [
    document.title,
    document.body.innerText,
    ...[...document.querySelectorAll("*")].flatMap((element) =>
        ["title", "aria-label", "aria-valuetext", "placeholder", "alt"]
            .map((name) => element.getAttribute(name) ?? "")),
].join("\\n")"""


def texts_of(language: str) -> list[str]:
    """Everything that the client says in one language."""

    def walk(tree: Any) -> Iterator[str]:
        if isinstance(tree, str):
            yield tree
        else:
            for part in tree.values():
                yield from walk(part)

    return list(walk(json.loads((_LOCALES / f"{language}.json").read_text(encoding="utf-8"))))


def english_pieces(names: set[str]) -> list[str]:
    """What no French page says: pieces of English sentences that no French one has."""
    catalogue = read_catalogue(_VIEWER / "french.toml")
    french = "\n".join([*texts_of("fr"), *catalogue.values()]).lower()
    pieces = {
        piece.strip(" .,:;()\u00a0")
        for text in (*texts_of("en"), *catalogue)
        for piece in _SLOT.split(text)
    }
    return sorted(
        piece
        for piece in pieces - names
        if len(piece) >= 4 and not re.search(rf"\b{re.escape(piece.lower())}\b", french)
    )


def assert_nothing_is_english(page: Page, node: Node) -> None:
    """Neither in sight nor only heard."""
    said = page.evaluate(_SAID)
    names = {model["name"] for model in node.api("/api/models")}
    for row in node.rows():  # as received
        names.add(row["body_part"].lower())
        said = said.replace(row["study_description"], "")
    pieces = english_pieces(names)
    assert len(pieces) > 300
    english = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, pieces))})(?!\w)")
    assert {line for line in said.splitlines() if english.search(line)} == set()


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> list[MadeStudy]:
    """A hand, and a head CT too small for its detector."""
    folder = tmp_path_factory.mktemp("made")
    return [make_study(folder, 61, name="Dupont^Zoé"), make_study(folder, 62, modality="CT")]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, studies: list[MadeStudy]) -> Iterator[Node]:
    node = Node(tmp_path_factory.mktemp("french") / "node")
    try:
        node.start()
        send_to(node, *studies)
        node.all_assessed(len(studies))
        suspect(node, studies[0])
        act(node, studies)
        person(node, "anna")
        yield node
    finally:
        node.stop()


def act(node: Node, studies: list[MadeStudy]) -> None:
    """What people do by commands, each with a reason of their own."""
    first, second = (study.study_instance_uid for study in studies)
    for command in (
        ("ai", "stop", "--detector", "fracture"),
        ("ai", "start", "--detector", "fracture"),
        ("priority", first, "--to", "urgent"),
        ("pin", second),
    ):
        done = node.run(*command, "--reason", _REASON)
        assert done.returncode == 0, done.stderr


def suspect(node: Node, study: MadeStudy) -> None:
    """All that a detector can say about an image."""
    uid = SOPInstanceUID(study.sop_instance_uid)
    region = Region(
        sop_instance_uid=uid,
        frame_number=1,
        polygon=REGION,
        score=0.9,
        kind="subdural haemorrhage",
        lesion=1,
    )
    evidence = Evidence(
        image_scores=(ImageScore(sop_instance_uid=uid, frame_number=1, score=0.9),),
        kinds=(SuspectedKind(name="subdural", score=0.85),),
        lesions=(
            Lesion(
                number=1,
                score=0.9,
                centre_mm=None,
                diameter_mm=12.34,
                first_image=uid,
                last_image=uid,
            ),
        ),
    )
    regions = (region, Region(sop_instance_uid=uid, frame_number=1, polygon=REGION, score=0.4))
    record(node, study, Flagged(probability=0.914, regions=regions, evidence=evidence))


@pytest.fixture(scope="module")
def browser(program: Callable[[str], str]) -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, node: Node) -> Iterator[Page]:
    with node.engine() as engine, engine.begin() as connection:
        connection.execute(sa.delete(t.preferences))  # she has chosen nothing yet
    context = browser.new_context(locale="en-GB", viewport={"width": 1440, "height": 900})
    sign_in(context, node, "anna")
    page = context.new_page()
    page.goto(node.url)
    page.get_by_role("grid").wait_for()
    yield page
    context.close()


def in_french(page: Page) -> None:
    """As a person does it: in the account menu."""
    page.get_by_role("button", name="Account of Dr Anna").click()
    page.get_by_role("menuitem", name="Français").click()
    page.get_by_role("heading", name="Liste de lecture").wait_for()
    page.get_by_role("menuitem", name="Français").wait_for(state="detached")


def test_the_whole_list_is_french(
    page: Page, node: Node, studies: list[MadeStudy], tmp_path: Path
) -> None:
    in_french(page)
    row = page.locator(f'[data-uid="{studies[0].study_instance_uid}"]')
    flagged = row.get_by_test_id("chip-fracture")
    expect(flagged).to_contain_text("signalée 0,91")
    expect(page.get_by_text("hémorragie", exact=True).first).to_be_visible()
    expect(page.get_by_role("grid")).to_contain_text("urgent 4\u00a0h\u202f; fracture 0,91 →")
    page.screenshot(path=tmp_path / "list.png")
    assert page.evaluate("document.documentElement.lang") == "fr"
    assert_nothing_is_english(page, node)


def test_the_whole_study_is_french_and_its_dates_are(
    page: Page, node: Node, studies: list[MadeStudy], tmp_path: Path
) -> None:
    in_french(page)
    for study in studies:
        page.locator(f'[data-uid="{study.study_instance_uid}"]').click()
        history = page.get_by_role("heading", name="Historique").locator("xpath=..")
        expect(history).to_contain_text("premier objet reçu, demandé en routine")
        for button in page.get_by_role("button", name=re.compile("Sur quoi cela repose")).all():
            button.click()
        page.wait_for_timeout(400)  # what was opened glides
        page.screenshot(path=tmp_path / f"study-{study.study_instance_uid}.png")
        assert_nothing_is_english(page, node)
        served = node.api(f"/api/studies/{study.study_instance_uid}")["row"]["due_at"]
        due = page.locator(f'[title^="{french_day(served)}"]')
        expect(due.first).to_be_visible()
        page.get_by_role("button", name="Liste").click()
    page.locator(f'[data-uid="{studies[0].study_instance_uid}"]').click()
    body = page.locator("body")
    expect(body).to_contain_text("le détecteur fracture a été arrêté")
    expect(body).to_contain_text(f"motif\u00a0: {_REASON}")  # as the person wrote it
    expect(body).to_contain_text("12,3\u00a0mm")


def french_day(at: str) -> str:
    """As in "dimanche 22 novembre 2026", in the reader's own zone."""
    there = datetime.fromisoformat(at).astimezone()
    first = "1er" if there.day == 1 else f"{there.day}"
    return f"{_DAYS[there.weekday()]} {first} {_MONTHS[there.month - 1]} {there.year}"


def test_the_choice_is_kept_and_the_door_speaks_it(page: Page, node: Node, tmp_path: Path) -> None:
    in_french(page)
    page.reload()
    page.get_by_role("heading", name="Liste de lecture").wait_for()
    page.get_by_role("button", name="Compte de Dr Anna").click()
    page.get_by_role("menuitem", name="Se déconnecter").click()
    page.get_by_role("heading", name="Connexion").wait_for()
    page.get_by_label("Nom").fill("anna")
    page.get_by_label("Mot de passe", exact=True).fill("faux")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Le nom ou le mot de passe est incorrect.")
    page.screenshot(path=tmp_path / "door.png")
    assert_nothing_is_english(page, node)
    page.get_by_role("button", name="English").click()
    page.get_by_role("heading", name="Sign in").wait_for()


def test_a_browser_that_asks_for_french_finds_the_door_in_french(
    browser: Browser, node: Node
) -> None:
    context = browser.new_context(locale="fr-CH")
    page = context.new_page()
    page.goto(node.url)
    page.get_by_role("heading", name="Connexion").wait_for()
    context.close()
