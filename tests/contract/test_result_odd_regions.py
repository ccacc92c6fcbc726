"""Regions as models of others may answer them: an object says what there is, and is sound."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from results.facts import AssessmentFacts
from results.key_image import build_key_image
from results.presentation import build_presentations
from results.report import build_report
from results.segmentation import build_segmentations
from results.selection import build_selections
from results.source import source_image_of
from tests.made_up_headers import plain_header, read_back, tilted_ct
from tests.result_facts import (
    HAEMORRHAGE,
    facts_of,
    flagged,
    grey_pictures,
    region_on,
    result,
)
from worklist.finding import Region

Change = dict[str, object]
_ODD: dict[str, Change] = {
    "outside": {"polygon": ((-30.0, -20.0), (900.0, -20.0), (900.0, 40.0))},
    "beside": {"polygon": ((500.0, 500.0), (600.0, 500.0), (600.0, 600.0))},
    "a line": {"polygon": ((3.0, 3.0), (9.0, 9.0), (6.0, 6.0))},
    "a point": {"polygon": ((3.0, 3.0),) * 3},
    "crossed": {"polygon": ((10.0, 10.0), (60.0, 60.0), (60.0, 10.0), (10.0, 60.0))},
    "endless": {"polygon": tuple((80 + n % 40, 60 + n / 100) for n in range(4000))},
    "longer than graphic data": {
        "polygon": tuple((80 + n % 40, 60 + n / 100) for n in range(9000)),
        "polygon_mm": tuple((n % 40 / 10, n / 100, 5.0) for n in range(9000)),
    },
    "other points in space": {"polygon_mm": ((0.0, 0.0, 0.0),)},
    "no points in space": {"polygon_mm": ()},
    "surer than sure": {"score": 7.0},
    "less than nothing": {"score": -1.0},
    "a kind in letters": {"kind": "h\u00e9morragie \u8840\u816b \\ ~ \x1b[31m" * 20},
    "a kind as long as a page": {"kind": "x" * 2000},
    "a lesion nobody lists": {"lesion": 99},
}


def _facts(change: Change, *, in_space: bool, lesion: int | None) -> AssessmentFacts:
    source = tilted_ct() if in_space else [read_back(plain_header())]
    image = source_image_of(source[0])
    sound = region_on(image, lesion=lesion)
    told = flagged([sound])
    odd: Region = replace(sound, **change)  # type: ignore[arg-type]  # that is the point
    outcome = replace(told, regions=(odd,))
    return facts_of(source, [result(HAEMORRHAGE, outcome, [image])])


@pytest.mark.parametrize("odd", _ODD)
@pytest.mark.parametrize("in_space", [True, False], ids=["CT", "radiograph"])
@pytest.mark.parametrize("lesion", [1, None], ids=["lesion", "place"])
def test_odd_regions_make_objects_without_errors(
    odd: str,
    in_space: bool,
    lesion: int | None,
    program: Callable[[str], str],
    tmp_path: Path,
) -> None:
    facts = _facts(_ODD[odd], in_space=in_space, lesion=lesion)
    built = [
        build_report(facts),
        *build_segmentations(facts),
        *build_presentations(facts),
        *build_selections(facts),
        build_key_image(facts, grey_pictures(facts)),
    ]
    for number, one in enumerate(built):
        path = tmp_path / f"{number}.dcm"
        path.write_bytes(one.file)
        done = subprocess.run(
            [program("dciodvfy"), path],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        assert done.returncode in (0, 1)
        assert [line for line in done.stderr.splitlines() if line.startswith("Error")] == []


@pytest.mark.parametrize("points", [0, 1, 2])
def test_an_outline_that_encloses_nothing_is_no_region_and_the_flag_stays(points: int) -> None:
    facts = _facts({"polygon": ((1.0, 1.0), (5.0, 5.0))[:points]}, in_space=True, lesion=1)
    assert facts.results[0].regions == ()
    assert build_segmentations(facts) == build_presentations(facts) == build_selections(facts) == []
    assert b"Suspected: haemorrhage." in build_report(facts).file
