"""DICOMweb as others use it: the Python client `dicomweb-client`, and OHIF in Chromium."""

import io
import os
import signal
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import requests
from dicom_files import digest
from dicomweb_client import DICOMwebClient
from ohif import ohif_folder, served
from PIL import Image
from playwright.sync_api import Page, sync_playwright
from pydicom import dcmread
from pydicom.dataset import Dataset
from signed_in import person, sign_in
from vigie_node import Node, wait_until

from results.key_image import build_key_image
from results.presentation import build_presentations
from results.report import build_report
from results.segmentation import build_segmentations
from results.selection import build_selections
from tests.result_facts import grey_pictures, usual_facts
from vigie.wiring import make_api_tokens, utc_now
from worklist.api_tokens import Scope
from worklist.people import AccountName

_REPOSITORY = Path(__file__).parents[2]
_RESULTS = (9901, 9902, 9903, 9904, 9905)  # Series Number of what goes back
_CHROMIUM = (
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-gpu-compositing",
    "--disable-background-networking",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """A node that holds one head CT, sent by STOW-RS."""

    node: Node
    files: list[Path]
    answer: Dataset  # to the STOW request

    @property
    def study(self) -> str:
        return str(dcmread(self.files[0], stop_before_pixels=True).StudyInstanceUID)

    @property
    def series(self) -> str:
        return str(dcmread(self.files[0], stop_before_pixels=True).SeriesInstanceUID)

    def instance(self, number: int) -> str:
        return str(dcmread(self.files[number], stop_before_pixels=True).SOPInstanceUID)


def token(node: Node, *scopes: Scope) -> str:
    with node.engine() as engine:
        return make_api_tokens(engine).add(
            AccountName(f"web-{uuid.uuid4()}"), scopes, lasts=None, actor="person x", now=utc_now()
        )


def client_of(node: Node, *scopes: Scope) -> DICOMwebClient:
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token(node, *scopes)}"
    return DICOMwebClient(url=f"{node.url}/dicomweb", session=session)


@pytest.fixture(scope="module")
def served_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    files = sorted((_REPOSITORY / "test_images" / "head_ct_bleed").glob("*.dcm"))
    node = Node(tmp_path_factory.mktemp("dicomweb") / "node")
    try:
        node.start()
        answer = client_of(node, Scope.STORE).store_instances([dcmread(one) for one in files])
        archive = node.data / "archive"
        wait_until(
            lambda: (
                len(list(archive.rglob("*.dcm"))) == len(files)
                and not list((node.data / "inbox").glob("*.dcm"))
            ),
            "what was sent is filed",
            120,
            node.tail,
        )
        yield Served(node=node, files=files, answer=answer)
    finally:
        node.stop()


@pytest.fixture
def client(served_node: Served) -> DICOMwebClient:
    return client_of(served_node.node, Scope.READ)


def test_p1_what_was_stored_by_http_lies_in_the_archive_bit_for_bit(served_node: Served) -> None:
    stored = {str(one.ReferencedSOPInstanceUID) for one in served_node.answer.ReferencedSOPSequence}
    assert stored == {served_node.instance(n) for n in range(len(served_node.files))}
    assert "FailedSOPSequence" not in served_node.answer
    archived = sorted((served_node.node.data / "archive").rglob("*.dcm"))
    assert len(archived) == len(served_node.files)
    sent = {
        str(dcmread(one, stop_before_pixels=True).SOPInstanceUID): one for one in served_node.files
    }
    for path in archived:
        # pydicom wrote the files anew to send them; their pixels are the proof.
        assert dcmread(path).PixelData == dcmread(sent[path.stem]).PixelData


def test_a_client_finds_what_there_is(client: DICOMwebClient, served_node: Served) -> None:
    (study,) = client.search_for_studies(search_filters={"StudyInstanceUID": served_node.study})
    found = Dataset.from_json(study)
    assert found.NumberOfStudyRelatedInstances == len(served_node.files)
    assert client.search_for_studies(search_filters={"PatientID": "nobody"}) == []
    name = str(found.PatientName).split("^")[0]
    assert len(client.search_for_studies(search_filters={"PatientName": f"{name}*"}, limit=5)) == 1
    (series,) = client.search_for_series(served_node.study)
    assert Dataset.from_json(series).Modality == "CT"
    instances = client.search_for_instances(served_node.study, get_remaining=True)
    assert len(instances) == len(served_node.files)
    assert all(Dataset.from_json(one).Rows for one in instances)


def test_a_client_reads_metadata(client: DICOMwebClient, served_node: Served) -> None:
    series = client.retrieve_series_metadata(served_node.study, served_node.series)
    assert (
        len(series)
        == len(served_node.files)
        == len(client.retrieve_study_metadata(served_node.study))
    )
    one = client.retrieve_instance_metadata(
        served_node.study, served_node.series, served_node.instance(3)
    )
    said = Dataset.from_json(one, bulk_data_uri_handler=lambda *_: None)
    sent = dcmread(served_node.files[3])
    for keyword in ("PatientName", "ImagePositionPatient", "Rows", "RescaleIntercept", "Modality"):
        assert said[keyword].value == sent[keyword].value
    assert said.AvailableTransferSyntaxUID == sent.file_meta.TransferSyntaxUID


def test_a_client_retrieves_objects(client: DICOMwebClient, served_node: Served) -> None:
    uids = served_node.study, served_node.series, served_node.instance(0)
    sent = dcmread(served_node.files[0])
    for media_types in (None, (("application/dicom", "*"),)):
        found = client.retrieve_instance(*uids, media_types=media_types)
        assert found == sent
    assert len(client.retrieve_series(*uids[:2])) == len(served_node.files)
    assert sum(1 for _ in client.iter_study(uids[0])) == len(served_node.files)


def test_a_client_retrieves_frames_bulk_data_and_pictures(
    client: DICOMwebClient, served_node: Served
) -> None:
    uids = served_node.study, served_node.series, served_node.instance(5)
    pixels = dcmread(served_node.files[5]).pixel_array
    (frame,) = client.retrieve_instance_frames(*uids, frame_numbers=[1])
    assert np.array_equal(np.frombuffer(frame, pixels.dtype).reshape(pixels.shape), pixels)
    (stored,) = client.retrieve_instance_frames(
        *uids, frame_numbers=[1], media_types=(("application/octet-stream", "*"),)
    )
    assert stored
    said = client.retrieve_instance_metadata(*uids)
    (bulk,) = client.retrieve_bulkdata(said["7FE00010"]["BulkDataURI"])
    assert bulk
    picture = client.retrieve_instance_rendered(*uids, media_types=("image/png",))
    assert Image.open(io.BytesIO(picture)).size == pixels.shape[::-1]
    jpeg = client.retrieve_instance_frames_rendered(*uids, [1], media_types=("image/jpeg",))
    assert Image.open(io.BytesIO(jpeg)).format == "JPEG"


def test_a_token_gets_what_its_scopes_allow(served_node: Served) -> None:
    with pytest.raises(requests.HTTPError, match="403"):
        client_of(served_node.node, Scope.READ).store_instances([dcmread(served_node.files[0])])
    for scopes in ((Scope.STORE,), (Scope.METRICS,)):
        with pytest.raises(requests.HTTPError, match="403"):
            client_of(served_node.node, *scopes).search_for_studies()
    with pytest.raises(requests.HTTPError, match="401"):
        DICOMwebClient(url=f"{served_node.node.url}/dicomweb").search_for_studies()


def test_p1_a_web_process_killed_in_the_middle_of_a_request_loses_nothing_acknowledged(
    tmp_path: Path, served_node: Served
) -> None:
    """Requests of one object each, one after the other; the web process is killed meanwhile."""
    node = served_node.node
    store = client_of(node, Scope.STORE)
    original = dcmread(served_node.files[0])
    acknowledged: list[str] = []
    started, enough = threading.Event(), threading.Event()

    def send() -> None:
        for number in count():
            original.SOPInstanceUID = f"2.25.777.{number}"
            original.file_meta.MediaStorageSOPInstanceUID = original.SOPInstanceUID
            original.StudyInstanceUID, original.SeriesInstanceUID = "2.25.777", "2.25.777.1"
            try:
                store.store_instances([original])
            except requests.RequestException:
                return  # it asks again by itself, but not for ever
            if enough.is_set():
                return
            acknowledged.append(str(original.SOPInstanceUID))
            started.set()

    sender = threading.Thread(target=send)
    sender.start()
    assert started.wait(120)
    (pid,) = node.role_pids("web")
    os.kill(pid, signal.SIGKILL)
    wait_until(node.is_up, "the web process is back", 120, node.tail)
    assert node.role_pids("web") != [pid]
    enough.set()
    sender.join(timeout=120)
    assert acknowledged
    kept = node.data / "archive" / "2.25.777" / "2.25.777.1"

    def filed() -> bool:
        return {path.stem for path in kept.glob("*.dcm")} >= set(acknowledged)

    wait_until(filed, "everything acknowledged is filed", 120, node.tail)
    files = [kept / f"{uid}.dcm" for uid in acknowledged]
    assert len({digest(path) for path in files}) == len(files)
    assert all(dcmread(path).PixelData == original.PixelData for path in files)


@contextmanager
def _ohif(node: Node, who: str, program: Callable[[str], str]) -> Iterator[tuple[str, Page]]:
    """OHIF's address, and a page of a browser in which somebody is signed in."""
    person(node, who)
    with served(ohif_folder(), node.http_port) as address, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program("chromium"), args=list(_CHROMIUM))
        try:
            context = browser.new_context(viewport={"width": 1440, "height": 900})
            sign_in(context, node, who)
            page = context.new_page()
            page.set_default_timeout(180_000)
            yield address, page
        finally:
            browser.close()


def test_ohif_lists_a_study_and_draws_an_image(
    served_node: Served, program: Callable[[str], str]
) -> None:
    accession = str(dcmread(served_node.files[0], stop_before_pixels=True).AccessionNumber)
    answers: list[tuple[int, str]] = []
    with _ohif(served_node.node, "olga", program) as (address, page):
        page.on("response", lambda one: answers.append((one.status, one.url)))
        page.goto(address)
        page.get_by_text(accession).first.wait_for()
        page.goto(f"{address}/viewer?StudyInstanceUIDs={served_node.study}")
        _scroll_to_the_middle(page, len(served_node.files))
        wait_until(lambda: _is_drawn(page), "OHIF draws an image", 180, lambda: str(answers[-9:]))
    asked = [one for one in answers if "/dicomweb/" in one[1]]
    assert any("/frames/" in url for _, url in asked)
    assert any(url.endswith("/metadata") for _, url in asked)
    assert [one for one in asked if one[0] != 200] == []


def test_ohif_lists_our_results_and_draws_our_segmentation(
    served_node: Served, program: Callable[[str], str]
) -> None:
    """The last test: the study has more than its images from here on."""
    facts = usual_facts(_REPOSITORY / "test_images" / "head_ct_bleed")
    made = [
        build_report(facts),
        *build_segmentations(facts),
        *build_presentations(facts),
        build_key_image(facts, grey_pictures(facts)),
        *build_selections(facts),
    ]
    client_of(served_node.node, Scope.STORE).store_instances([one.dataset() for one in made])
    read = client_of(served_node.node, Scope.READ)
    wait_until(
        lambda: len(read.search_for_series(served_node.study)) == 1 + len(_RESULTS),
        "our results are filed",
        120,
        served_node.node.tail,
    )
    with _ohif(served_node.node, "otto", program) as (address, page):
        page.goto(f"{address}/viewer?StudyInstanceUIDs={served_node.study}")
        page.get_by_text("Skip all").click()
        page.get_by_text(f"(1/{len(served_node.files)})").wait_for()
        listed = page.locator("[data-cy^=study-browser-thumbnail]")
        for number in _RESULTS:
            listed.filter(has_text=f"S:{number}").first.wait_for()
        assert not _is_red(page)
        listed.filter(has_text="S:9902").first.dblclick()
        page.get_by_text("Do you want to open this Segmentation?").wait_for()
        wait_until(lambda: _is_red(page), "OHIF draws the segment", 180)


def _is_red(page: Page) -> bool:
    """Whether something on the image is neither black, white nor grey, but red."""
    picture = page.locator("canvas.cornerstone-canvas").first.screenshot()
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"), dtype=int)
    return bool(((pixels[..., 0] - pixels[..., 1:].max(axis=2)) > 40).sum() > 5000)


def _scroll_to_the_middle(page: Page, images: int) -> None:
    """The first image of a head is air."""
    page.locator("canvas.cornerstone-canvas").first.wait_for()
    page.get_by_text("Skip all").click()  # a tour for who is new to OHIF
    page.get_by_text(f"(1/{images})").wait_for()
    page.mouse.move(800, 450)
    middle = page.get_by_text(f"({images // 2}/{images})")
    for _ in range(10 * images):
        if middle.is_visible():
            return
        page.mouse.wheel(0, 100)
        page.wait_for_timeout(200)
    raise AssertionError("OHIF does not scroll")


def _is_drawn(page: Page) -> bool:
    """Whether there is more than black on the canvas."""
    picture = page.locator("canvas.cornerstone-canvas").first.screenshot()
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("L"), dtype=float)
    height, width = pixels.shape
    inner = pixels[height // 4 : -height // 4, width // 4 : -width // 4]
    return bool(inner.std() > 10)
