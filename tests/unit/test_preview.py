"""The image that stands for a study in the list."""

from typing import Any

import pytest

from worklist.preview import StudyImage, choose_preview
from worklist.uid import SeriesInstanceUID, SOPInstanceUID


def images(series: str, count: int, **values: Any) -> list[StudyImage]:
    usual: dict[str, Any] = {
        "number_of_frames": 1,
        "series_number": 1,
        "modality": "CT",
        "body_part": "HEAD",
        "description": "",
    }
    return [
        StudyImage(
            series_instance_uid=SeriesInstanceUID(series),
            sop_instance_uid=SOPInstanceUID(f"{series}.{number}"),
            instance_number=number,
            **usual | values,
        )
        for number in range(1, count + 1)
    ]


def chosen(*given: list[StudyImage]) -> tuple[str, int]:
    found = choose_preview(one for series in given for one in reversed(series))
    assert found is not None
    return found.sop_instance_uid, found.frame_number


@pytest.mark.parametrize(("count", "middle"), [(1, 1), (2, 2), (3, 2), (4, 3), (101, 51)])
def test_the_middle_image_whatever_the_order_of_arrival(count: int, middle: int) -> None:
    assert chosen(images("1.1", count)) == (f"1.1.{middle}", 1)


def test_the_series_with_the_most_images_and_no_scout() -> None:
    scout = images("1.1", 9, description="Scout AP")
    assert chosen(scout, images("1.2", 3), images("1.3", 5)) == ("1.3.3", 1)
    assert chosen(scout) == ("1.1.5", 1)


def test_among_equals_the_lowest_number_and_those_without_one_last() -> None:
    assert chosen(images("1.1", 2, series_number=7), images("1.2", 2, series_number=3))[0] == (
        "1.2.2"
    )
    none = images("1.1", 2, series_number=None)
    assert chosen(none, images("1.2", 2, series_number=3))[0] == "1.2.2"


def test_frames_count_as_images() -> None:
    assert chosen(images("1.1", 1, number_of_frames=10), images("1.2", 4)) == ("1.1.1", 6)
    two = images("1.1", 2, number_of_frames=4)
    assert chosen(two) == ("1.1.2", 1)
    assert chosen(images("1.1", 1, number_of_frames=0)) == ("1.1.1", 1)


def test_what_is_no_picture_of_a_patient_is_not_shown() -> None:
    assert (
        choose_preview([*images("1.1", 5, modality="SEG"), *images("1.2", 9, modality="sr")])
        is None
    )
    assert choose_preview([]) is None


@pytest.mark.parametrize(
    ("values", "window"),
    [
        ({"body_part": "HEAD"}, (40.0, 80.0)),
        ({"body_part": "", "description": "Brain 1 mm"}, (40.0, 80.0)),
        ({"body_part": "CHEST"}, (-600.0, 1500.0)),
        ({"body_part": "ABDOMEN"}, (40.0, 400.0)),
        ({"body_part": "HEAD", "modality": "MR"}, None),
        ({"body_part": "CHEST", "modality": "DX"}, None),
    ],
)
def test_a_ct_is_windowed_for_what_it_shows(
    values: dict[str, str], window: tuple[float, float] | None
) -> None:
    found = choose_preview(images("1.1", 1, **values))
    assert found is not None
    assert found.window == window
