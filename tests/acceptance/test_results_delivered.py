"""Results in PACSs that are not ours: DCMTK's storescp, which is down at first, then refuses, hangs
and dies, and Orthanc beside it.

One node for all: the tests go on where the one before stopped.
"""

import json
import os
import re
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from axe_core import serious
from dicom_files import another_slice
from playwright.sync_api import Browser
from pydicom import dcmread
from reference_receiver import rough_storescp, running_storescp
from signed_in import person, sign_in
from test_orthanc import Orthanc, running_orthanc
from validated import as_json, judge
from vigie_node import Node, free_port, wait_until

from worklist.deliveries import Asked
from worklist.outbound import DeliveryView
from worklist.people import Role
from worklist.store.outbound import PostgresOutbound
from worklist.uid import StudyInstanceUID

PHANTOMS = Path(__file__).parents[2] / "test_images"
CT = "head_ct_bleed"
CASES = ("forearm_fracture", "leg_fracture", CT)
KINDS = ["report", "segmentation", "presentation", "key_image", "selection"]


@dataclass(frozen=True)
class Site:
    """A node with two destinations, of which one is down."""

    node: Node
    orthanc: Orthanc
    folder: Path
    storescp_port: int

    def deliveries(self, **asked: Any) -> Sequence[DeliveryView]:
        """As the database has them."""
        with self.node.engine() as engine:
            page = PostgresOutbound(engine).page(Asked(**asked), before=None, limit=200)
        assert page.next_before is None
        return page.deliveries

    def states(self, destination: str) -> dict[str, str]:
        """State by SOP Instance UID."""
        listed = [one.delivery for one in self.deliveries(destination=destination)]
        return {str(one.sop_instance_uid): str(one.state) for one in listed}

    def all_landed(self, destination: str) -> dict[str, str] | None:
        """The states there, once everything was taken."""
        states = self.states(destination)
        return states if set(states.values()) <= {"sent", "committed"} and states else None


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, program: Callable[[str], str]) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("delivered")
    storescp_port, dicom_port = free_port(), free_port()
    with running_orthanc(program, folder / "orthanc", vigie=dicom_port) as orthanc:
        destinations = [
            _destination("Archive", storescp_port) | {"answer_timeout_s": 5},
            _destination("Orthanc", orthanc.dicom_port),
        ]
        node = Node(
            folder / "node",
            dicom_port=dicom_port,
            destinations=json.dumps(destinations),
            delivery_first_pause_s=0.5,
            delivery_longest_pause_s=2,
        )
        node.dicom_port = dicom_port
        try:
            node.start()
            cases = [PHANTOMS / case for case in CASES]
            for path in (path for case in cases for path in sorted(case.glob("*.dcm"))):
                assert orthanc.ask("/instances", path.read_bytes())["Status"] == "Success"
            sent = node.run("send", "127.0.0.1", str(node.dicom_port), *map(str, cases))
            assert sent.returncode == 0, sent.stderr
            node.all_assessed(len(CASES))
            yield Site(node, orthanc, folder, storescp_port)
        finally:
            node.stop()


def _destination(name: str, port: int) -> dict[str, object]:
    return {
        "name": name,
        "host": "127.0.0.1",
        "port": port,
        "called_ae_title": name.upper(),
        "objects": KINDS,
        "studies": "all",
    }


def test_a_pacs_that_is_down_holds_up_no_other_and_objects_land_in_the_right_study(
    site: Site,
) -> None:
    landed: dict[str, str] = wait_until(
        lambda: len(_studies(site.deliveries())) == len(CASES) and site.all_landed("Orthanc"),
        "everything lands in Orthanc",
        120,
        site.node.tail,
    )
    assert set(site.states("Archive").values()) == {"waiting"}
    assert set(site.states("Archive")) == set(landed)
    studies = site.orthanc.studies()
    assert set(studies) == _studies(site.deliveries())
    there = {uid: _instances(site.orthanc, name) for uid, name in studies.items()}
    for one in site.deliveries(destination="Orthanc"):
        assert one.delivery.sop_instance_uid in there[one.study_instance_uid]
    told = site.node.run("results", "--destination", "Archive", "--limit", "200", "--json")
    waiting = json.loads(told.stdout)
    assert all(one["words"] for one in waiting if one["tries"])
    assert any(one["tries"] for one in waiting)
    tested = site.node.run("destinations", "test", "Orthanc")
    assert tested.returncode == 0, tested.stderr
    assert site.node.run("destinations", "test", "Archive").returncode == 1


@pytest.mark.parametrize(("theme", "language"), [("dark", "en"), ("light", "fr")])
def test_an_administrator_sees_it_at_a_page_and_tests_a_destination(
    site: Site, browser: Browser, theme: str, language: str
) -> None:
    person(site.node, f"root-{language}", Role.ADMINISTRATOR)
    chosen = {"mantine-color-scheme-value": theme, "vigie-language": language}
    context = browser.new_context(color_scheme=theme, reduced_motion="reduce")
    context.add_init_script(
        f"for (const [key, value] of Object.entries({json.dumps(chosen)}))"
        " localStorage.setItem(key, value);"
    )
    sign_in(context, site.node, f"root-{language}")
    page = context.new_page()
    page.goto(f"{site.node.url}/#/deliveries")
    archive = page.locator("[data-destination=Archive]")
    archive.get_by_role("button").first.click()
    archive.get_by_role("status").wait_for()
    assert page.locator("tr[data-delivery]").count() > len(CASES)
    assert serious(page) == []
    page.get_by_role("combobox").nth(0).select_option("committed")
    page.get_by_role("combobox").nth(1).select_option("Orthanc")
    wait_until(lambda: page.locator("tr[data-delivery]").count() > 0, "they are listed")
    first = page.locator("tr[data-delivery]").first
    number = first.get_attribute("data-delivery")
    before = {one.delivery.delivery_id: one.delivery for one in site.deliveries()}
    first.get_by_role("button").click()
    wait_until(
        lambda: any(
            str(one.delivery.delivery_id) == number
            and one.delivery.queued_at > before[one.delivery.delivery_id].queued_at
            for one in site.deliveries()
        ),
        "it is sent again",
    )
    study = site.deliveries()[0].study_instance_uid
    page.goto(f"{site.node.url}/#/studies/{study}")
    sent_back = page.get_by_test_id("sent-back")
    sent_back.wait_for()
    assert "Orthanc: " in (sent_back.text_content() or "")
    make_anew, retract = sent_back.get_by_role("button").all()
    make_anew.click()
    page.get_by_role("dialog").wait_for()
    assert serious(page) == []
    page.keyboard.press("Escape")
    retract.click()
    page.get_by_role("dialog").get_by_role("textbox").fill("a trial")
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="detached")
    counts = [one.counts for one in site.deliveries(study=study)]
    assert all(counts), "nothing is retracted before it is confirmed"
    context.close()


def _next_try(site: Site) -> datetime:
    """Of what waits for the archive, the last."""
    listed = [one.delivery for one in site.deliveries(destination="Archive")]
    return max(one.next_try_at for one in listed if one.next_try_at is not None)


def _study_of(case: str) -> StudyInstanceUID:
    header = dcmread(PHANTOMS / case / "001.dcm", stop_before_pixels=True)
    return StudyInstanceUID(str(header.StudyInstanceUID))


def _studies(deliveries: Sequence[DeliveryView]) -> set[str]:
    return {str(one.study_instance_uid) for one in deliveries}


def _instances(orthanc: Orthanc, study: str) -> set[str]:
    listed = orthanc.ask(f"/studies/{study}/instances")
    return {one["MainDicomTags"]["SOPInstanceUID"] for one in listed}


ROUGH = {  # how storescp misbehaves, and how that is told
    ("--refuse",): "refused the association|takes no association",
    ("--sleep-during", "60"): "no answer",
    ("--abort-during",): "abort",
    ("--sleep-after", "60"): "no answer",
    ("--abort-after",): "abort",
}


def test_p1_what_a_pacs_refuses_or_breaks_off_waits_and_what_it_took_before_it_died_is_not_repeated(
    site: Site, program: Callable[[str], str]
) -> None:
    def is_told(words: str) -> bool:
        listed = [one.delivery.words for one in site.deliveries(destination="Archive")]
        return any(re.search(words, one) for one in listed)

    taken: set[str] = set()
    for number, (options, words) in enumerate(ROUGH.items()):
        wait_until(lambda words=words: not is_told(words), "what was before is over", 60)
        folder = site.folder / f"rough{number}"
        with rough_storescp(program, folder, site.storescp_port, *options):
            wait_until(lambda words=words: is_told(words), f"{options} is told", 60, site.node.tail)
        taken |= _newly_taken(site, folder, taken)
    folder = site.folder / "rough_end"
    with rough_storescp(program, folder, site.storescp_port, "--sleep-after", "1") as receiver:
        wait_until(
            lambda: len(_uids(site, "sent")) > len(taken) + 1, "it takes some", 60, site.node.tail
        )
        receiver.kill()
    before = _next_try(site)
    wait_until(lambda: _next_try(site) > before, "its end is noticed", 60, site.node.tail)
    assert _newly_taken(site, folder, taken)
    assert _uids(site, "waiting")


def _uids(site: Site, state: str) -> set[str]:
    """Of what is for the archive, in one state."""
    return {uid for uid, one in site.states("Archive").items() if one == state}


def _newly_taken(site: Site, folder: Path, taken: set[str]) -> set[str]:
    """What a receiver has taken that has ended: it was sent nothing that was taken before."""
    assert set(site.states("Archive").values()) <= {"waiting", "sent"}
    kept = {str(dcmread(path).SOPInstanceUID) for path in folder.glob("*.dcm")}
    assert not kept & taken
    new = _uids(site, "sent") - taken
    assert new <= kept
    return new


def test_p1_killed_again_and_again_nothing_is_lost_or_doubled_when_the_pacs_comes_up(
    site: Site, program: Callable[[str], str]
) -> None:
    expected = _uids(site, "waiting")
    received = site.folder / "storescp"
    with running_storescp(program, received, site.storescp_port):
        wait_until(lambda: any(received.glob("*.dcm")), "something lands", 120, site.node.tail)
        for _ in range(2):
            [pid] = wait_until(lambda: site.node.role_pids("deliver"), "the role runs", 60)
            os.kill(pid, signal.SIGKILL)
            wait_until(
                lambda gone=pid: site.node.role_pids("deliver") not in ([], [gone]),
                "the role runs again",
                60,
                site.node.tail,
            )
        wait_until(lambda: site.all_landed("Archive"), "all lands", 120, site.node.tail)
    files = [dcmread(path) for path in sorted(received.glob("*.dcm"))]
    # Neither lost nor doubled: what it took before it died is not sent again.
    assert sorted(str(one.SOPInstanceUID) for one in files) == sorted(expected)
    earlier = {
        str(one.SOPInstanceUID): path
        for path in sorted(site.folder.glob("rough*/*.dcm"))
        if (one := dcmread(path)).SOPInstanceUID not in expected
    }
    assert expected | set(earlier) == set(site.states("Archive"))
    judge(program, [*sorted(received.glob("*.dcm")), *earlier.values()])
    reports = [one for one in (*files, *map(dcmread, earlier.values())) if one.Modality == "SR"]
    assert len(reports) == len(CASES)


def test_a_pacs_answers_for_what_it_keeps_and_what_it_routes_back_sets_nothing_going(
    site: Site,
) -> None:
    made = wait_until(
        lambda: set(site.states("Orthanc").values()) == {"committed"} and site.states("Orthanc"),
        "Orthanc has answered for every object",
        120,
        site.node.tail,
    )

    def stands() -> list[tuple[object, ...]]:
        keys = ("study_instance_uid", "instance_count", "arriving", "due_at", "reading_state")
        return sorted(tuple(str(row[key]) for key in keys) for row in site.node.rows())

    before, assessments = stands(), _count(site.node, "SELECT count(*) FROM assessment")
    assert assessments == len(CASES)
    assert site.orthanc.send("vigie", list(site.orthanc.studies().values())) > len(made)
    back = "SELECT count(*) FROM instance WHERE made_by_vigie"
    wait_until(lambda: _count(site.node, back) == len(made), "all is filed", 60, site.node.tail)
    assert stands() == before
    assert _count(site.node, "SELECT count(*) FROM assessment") == assessments
    assert _count(site.node, "SELECT count(*) FROM study WHERE arriving") == 0
    assert set(site.states("Orthanc")) == set(made)


def _count(node: Node, statement: str) -> int:
    with node.engine() as engine, engine.connect() as connection:
        return int(connection.scalar(sa.text(statement)) or 0)


def test_a_late_image_makes_new_results_that_name_the_old_ones_and_reject_them(
    site: Site, program: Callable[[str], str]
) -> None:
    uid = _study_of(CT)
    old = {
        str(one.delivery.sop_instance_uid): one.kind
        for one in site.deliveries(study=uid, destination="Orthanc")
    }
    late = another_slice(max((PHANTOMS / CT).glob("*.dcm")), site.folder)
    sent = site.node.run("send", "127.0.0.1", str(site.node.dicom_port), str(late))
    assert sent.returncode == 0, sent.stderr

    def landed() -> dict[str, str] | None:
        rows = [
            one
            for one in site.deliveries(study=uid, destination="Orthanc")
            if one.delivery.sop_instance_uid not in old
        ]
        kinds = {str(one.delivery.sop_instance_uid): str(one.kind) for one in rows}
        states = {str(one.delivery.state) for one in rows}
        is_whole = {"report", "rejection"} <= set(kinds.values())
        return kinds if is_whole and states <= {"sent", "committed"} else None

    new = wait_until(landed, "new results and a rejection land", 180, site.node.tail)
    files = _files(site, uid, list(new), "superseding")
    judge(program, list(files.values()))
    [report] = [one for one, kind in new.items() if kind == "report"]
    [predecessor] = as_json(program, files[report])["0040A360"]["Value"]
    [earlier] = [one for one, kind in old.items() if kind == "report"]
    assert _referenced([predecessor]) == {earlier}
    [note] = [one for one, kind in new.items() if kind == "rejection"]
    said = as_json(program, files[note])
    assert (_title(said), _named(said)) == ("113001", set(old))  # quality reasons


def _files(site: Site, study: str, uids: Sequence[str], name: str) -> dict[str, Path]:
    """These as they lie in Orthanc, by SOP Instance UID, in a new folder."""
    folder = site.folder / name
    folder.mkdir()
    found = {}
    for one in site.orthanc.ask(f"/studies/{site.orthanc.studies()[study]}/instances"):
        uid = one["MainDicomTags"]["SOPInstanceUID"]
        if uid in uids:
            found[uid] = folder / f"{uid}.dcm"
            found[uid].write_bytes(site.orthanc.file(one["ID"]))
    assert set(found) == set(uids)
    return found


def _title(said: dict[str, Any]) -> str:
    """The code of a document's title, in the JSON of dcm2json."""
    [code] = said["0040A043"]["Value"]
    return str(code["00080100"]["Value"][0])


def _named(said: dict[str, Any]) -> set[str]:
    """What a document has as its evidence: SOP Instance UIDs."""
    return _referenced(said["0040A375"]["Value"])


def _referenced(studies: Sequence[dict[str, Any]]) -> set[str]:
    return {
        str(one["00081155"]["Value"][0])
        for study in studies
        for series in study["00081115"]["Value"]
        for one in series["00081199"]["Value"]
    }


def test_retracted_results_are_rejected_wherever_they_were_sent(
    site: Site, program: Callable[[str], str]
) -> None:
    uid = _study_of(CASES[0])
    done = site.node.run("results", "retract", uid, "--reason", "acceptance test")
    assert done.returncode == 0, done.stderr

    def rejected() -> bool:
        rows = site.deliveries(study=uid, destination="Orthanc")
        return any(
            one.kind == "rejection" and one.delivery.state in {"sent", "committed"} for one in rows
        )

    wait_until(rejected, "the rejection lands", 60, site.node.tail)
    rows = site.deliveries(study=uid, destination="Orthanc")
    landed = _files(site, uid, [one.delivery.sop_instance_uid for one in rows], "retracted")
    judge(program, list(landed.values()))
    notes = {one.delivery.sop_instance_uid for one in rows if one.kind == "rejection"}
    titled = {one: _title(as_json(program, landed[one])) for one in notes}
    [note] = [one for one, title in titled.items() if title == "113037"]  # patient safety reasons
    assert _named(as_json(program, landed[note])) == {
        one.delivery.sop_instance_uid for one in rows if one.kind != "rejection"
    }


def test_a_node_stops_while_it_delivers(site: Site) -> None:
    assert site.node.stop() == 0
    assert "role_killed" not in site.node.tail(200)
