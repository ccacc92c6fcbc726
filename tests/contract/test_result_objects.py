"""Every kind of object that goes back, judged by programs that are not ours."""

import io
import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from results.document import ResultObject
from results.facts import AssessmentFacts
from results.key_image import build_key_image
from results.presentation import build_presentations
from results.report import build_report
from results.segmentation import build_segmentations
from results.selection import Rejection, build_rejection, build_selections
from results.source import source_image_of
from tests.made_up_headers import (
    CHARACTER_SETS,
    enhanced_ct,
    file_with_name,
    plain_header,
    read_back,
    tilted_ct,
)
from tests.result_facts import (
    AT,
    FRACTURE,
    HAEMORRHAGE,
    NODULE,
    PHANTOMS,
    facts_of,
    flagged,
    grey_pictures,
    region_on,
    result,
    usual_facts,
)
from worklist.finding import NotFlagged

Build = Callable[[AssessmentFacts], list[ResultObject]]

_PHANTOMS = sorted(path.parent.name for path in PHANTOMS.glob("*/case.toml"))
_REAL = (
    "chestct_a0001", "headct051", "headct070", "headct104",
    "img0003742", "img0003820", "img0003851", "img0003904", "img0003934",
    "img0003954", "img0003988", "img0004012", "img0004044", "img0004071",
)  # fmt: skip


def _superseding(facts: AssessmentFacts) -> list[ResultObject]:
    later = replace(facts, number=facts.number + 1)
    return [build_report(later, supersedes=[build_report(facts).reference])]


def _key_image(facts: AssessmentFacts) -> list[ResultObject]:
    return [build_key_image(facts, grey_pictures(facts))]


def _rejections(facts: AssessmentFacts) -> list[ResultObject]:
    """Of everything that is made of these facts."""
    kinds = [kind for kind in KINDS if kind != "rejection"]
    sent = [one.reference for kind in kinds for one in _made(kind, facts)]
    return [build_rejection(facts, sent, why, now=AT) for why in Rejection]


KINDS: dict[str, Build] = {
    "report": lambda facts: [build_report(facts)],
    "superseding report": _superseding,
    "segmentation": build_segmentations,
    "presentation": build_presentations,
    "key image": _key_image,
    "selection": build_selections,
    "rejection": _rejections,
}
every_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(
    scope="module",
    params=[*_PHANTOMS, *_REAL, "tilted", "multi-frame", "radiograph without spacing"],
)
def facts(request: pytest.FixtureRequest) -> AssessmentFacts:
    """Facts of every study that there is to make them of."""
    if request.param in _PHANTOMS:
        return usual_facts(PHANTOMS / request.param)
    if request.param in _REAL:
        return usual_facts(request.getfixturevalue("shared_dicom") / "studies" / request.param)
    return _made_up(request.param)


def _made_up(name: str) -> AssessmentFacts:
    if name == "tilted":
        return _one_lesion(tilted_ct())
    if name == "multi-frame":
        source = enhanced_ct()
        image = source_image_of(source)
        regions = [region_on(image, frame_number=number, lesion=1) for number in (2, 3, 4)]
        return facts_of([source], [result(NODULE, flagged(regions), [image])])
    source = read_back(plain_header())
    image = source_image_of(source)
    return facts_of([source], [result(FRACTURE, flagged([region_on(image)]), [image])])


def _one_lesion(source: list[Dataset]) -> AssessmentFacts:
    images = [source_image_of(one) for one in source]
    regions = [region_on(one, lesion=1) for one in images[1:4]]
    return facts_of(
        source,
        [
            result(HAEMORRHAGE, flagged(regions), images),
            result(FRACTURE, NotFlagged(probability=0.01), images),
        ],
    )


_built: dict[tuple[str, str], list[ResultObject]] = {}  # of the facts in hand


def _made(kind: str, facts: AssessmentFacts) -> list[ResultObject]:
    """The objects of a kind, built once for the tests that follow one another."""
    if any(digest != facts.digest for _, digest in _built):
        _built.clear()
    key = kind, facts.digest
    if key not in _built:
        _built[key] = KINDS[kind](facts)
    return _built[key]


def _written(built: list[ResultObject], folder: Path) -> list[Path]:
    paths = []
    for number, one in enumerate(built, start=1):
        paths.append(folder / f"{number}.dcm")
        paths[-1].write_bytes(one.file)
    return paths


def _errors(dciodvfy: str, path: Path) -> list[str]:
    done = subprocess.run(
        [dciodvfy, path], capture_output=True, text=True, errors="replace", check=False
    )
    assert done.returncode in (0, 1), "it came to an end, with errors in the object or without"
    lines = (done.stdout + done.stderr).splitlines()
    return [line for line in lines if line.startswith("Error")]


@every_kind
def test_dciodvfy_finds_no_error_in_any_object(
    kind: str, facts: AssessmentFacts, program: Callable[[str], str], tmp_path: Path
) -> None:
    paths = _written(_made(kind, facts), tmp_path)
    assert [_errors(program("dciodvfy"), path) for path in paths] == [[] for _ in paths]


@every_kind
def test_dciodvfy_would_find_an_error(
    kind: str, program: Callable[[str], str], tmp_path: Path
) -> None:
    for path in _written(KINDS[kind](usual_facts(PHANTOMS / "head_ct_bleed")), tmp_path):
        path.write_bytes(path.read_bytes().replace(b"\x20\x00\x0d\x00UI", b"\x20\x00\x0c\x00UI"))
        assert _errors(program("dciodvfy"), path)


@every_kind
def test_dcmtk_reads_every_object_and_says_it_in_json(
    kind: str, facts: AssessmentFacts, program: Callable[[str], str], tmp_path: Path
) -> None:
    for path in _written(_made(kind, facts), tmp_path):
        dumped = subprocess.run(
            [program("dcmdump"), "-q", path], capture_output=True, check=True
        ).stdout
        assert facts.study.study_instance_uid.encode() in dumped
        told = subprocess.run(
            [program("dcm2json"), "-q", path], capture_output=True, check=True
        ).stdout
        said = json.loads(told.decode("utf-8"))
        assert said["0020000D"]["Value"] == [str(facts.study.study_instance_uid)]


def test_dsrdump_prints_the_report_as_a_person_reads_it(
    facts: AssessmentFacts, program: Callable[[str], str], tmp_path: Path
) -> None:
    (path,) = _written([build_report(facts)], tmp_path)
    done = subprocess.run(
        [program("dsrdump"), "+Pl", path], capture_output=True, check=True, text=True,
        errors="replace",
    )  # fmt: skip
    assert done.stderr == ""
    assert "UNVERIFIED" in done.stdout
    assert "PRELIMINARY" in done.stdout
    for one in facts.results:
        assert f'"{one.provenance.detector.name}, whole study"' in done.stdout
    assert done.stdout.count("AI result, not reviewed, not for diagnostic use.") >= len(
        facts.results
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("character_set", CHARACTER_SETS)
def test_dcmtk_reads_the_same_name_from_source_and_object(
    kind: str, character_set: str, program: Callable[[str], str], tmp_path: Path
) -> None:
    name = CHARACTER_SETS[character_set]
    file = file_with_name(character_set, name, enhanced_ct())
    (tmp_path / "source.dcm").write_bytes(file)
    source = dcmread(io.BytesIO(file))
    image = source_image_of(source)
    regions = [region_on(image, frame_number=number, lesion=1) for number in (2, 3)]
    facts = facts_of([source], [result(NODULE, flagged(regions), [image])])
    in_source = set(_errors(program("dciodvfy"), tmp_path / "source.dcm"))  # it knows no ISO_IR 13
    for path in _written(KINDS[kind](facts), tmp_path):
        assert set(_errors(program("dciodvfy"), path)) <= in_source
        assert _name_in_json(program, path) == _name_in_json(program, tmp_path / "source.dcm")


def _name_in_json(program: Callable[[str], str], path: Path) -> dict[str, str] | None:
    """As DCMTK decodes it to UTF-8; None: it was built without that character set."""
    done = subprocess.run([program("dcm2json"), path], capture_output=True, check=False)
    if b"is not supported by the utilized character set" in done.stderr:
        return None
    done.check_returncode()
    (name,) = json.loads(done.stdout.decode("utf-8"))["00100010"]["Value"]
    return dict(name)


@pytest.mark.parametrize(
    ("case", "window"), [("head_ct_bleed", "center=40 width=80"), ("forearm_fracture", "")]
)
def test_dcmtk_checks_a_presentation_and_draws_an_image_with_it(
    case: str, window: str, program: Callable[[str], str], tmp_path: Path
) -> None:
    facts = usual_facts(PHANTOMS / case)
    (path,) = _written(build_presentations(facts), tmp_path)
    checked = subprocess.run([program("dcmpschk"), path], capture_output=True, check=True)
    assert b"Test passed" in checked.stderr
    region = facts.results[0].regions[0]
    image = tmp_path / "image.dcm"
    _uncompressed(PHANTOMS / case, region.sop_instance_uid).save_as(image)
    drawn = subprocess.run(
        [program("dcmp2pgm"), "-v", "-p", path, image, tmp_path / "drawn.pgm"],
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    told = drawn.stderr
    marks = sum(one.sop_instance_uid == region.sop_instance_uid for one in facts.results[0].regions)
    assert f"Number of graphic objects: {marks}" in told
    assert "units=pixel" in told
    assert "suspected 91 %, this place 75 %. Not reviewed." in told
    assert f"VOI transformation: window {window}" in told
    column, row = region.polygon[0]
    assert f"coordinates: {column:g}\\{row:g}" in told


def _uncompressed(folder: Path, uid: str) -> Dataset:
    (image,) = (one for one in map(dcmread, folder.glob("*.dcm")) if one.SOPInstanceUID == uid)
    image.decompress(generate_instance_uid=False)
    return image
