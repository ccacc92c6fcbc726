"""Where samples lie in their words is one thing of a whole series, not of each frame by itself."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pydicom.dataset import Dataset

from models.images import UndecodableImage, decode_frame, load_series, read_series_headers
from tests.archived import Write, image, writer
from worklist.study import ArchivedInstance

Samples = npt.NDArray[np.int16]

AIR = np.full((3, 4), -1024, np.int16)
BODY = np.array([[-1000, -900, 30, 41], [55, 61, 1000, 1203], [-3, 0, 1, 2]], np.int16)
ZEROS = np.zeros((3, 4), np.int16)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    return writer(tmp_path)


def lowest(samples: Samples, **others: Any) -> Dataset:
    """12 bits in the lowest bits of their words, whose header says High Bit 15."""
    return image(samples, **{"BitsStored": 12, "HighBit": 15, **others})


def below_high_bit(samples: Samples, **others: Any) -> Dataset:
    """12 bits where the header says that they lie."""
    return image((samples << 4).astype(np.int16), **{"BitsStored": 12, "HighBit": 15, **others})


def pixels_of(archive: Path, *filed: ArchivedInstance) -> dict[str, npt.NDArray[np.float32]]:
    (series,) = read_series_headers(filed, archive).series
    return {str(each.sop_instance_uid): each.pixels for each in load_series(series).images}


@pytest.mark.parametrize("made", [lowest, below_high_bit])
@pytest.mark.parametrize("first", [True, False])
def test_a_plane_of_nothing_but_air_is_read_as_the_planes_of_its_series(
    made: Any, first: bool, write: Write, tmp_path: Path
) -> None:
    samples = [AIR, BODY] if first else [BODY, AIR]
    filed = [write(made(one)) for one in samples]
    pixels = pixels_of(tmp_path, *filed)
    for instance, expected in zip(filed, samples, strict=True):
        np.testing.assert_array_equal(pixels[instance.sop_instance_uid], expected)


@pytest.mark.parametrize("made", [lowest, below_high_bit])
def test_a_frame_of_nothing_but_air_is_read_as_the_frames_of_its_object_also_by_a_viewer(
    made: Any, write: Write, tmp_path: Path
) -> None:
    instance = write(made(np.stack([AIR, BODY, AIR]), NumberOfFrames=3))
    (series,) = read_series_headers([instance], tmp_path).series
    for image_read, expected in zip(load_series(series).images, (AIR, BODY, AIR), strict=True):
        np.testing.assert_array_equal(image_read.pixels, expected)
    path = tmp_path / instance.archive_path
    for number, expected in enumerate((AIR, BODY, AIR), start=1):
        np.testing.assert_array_equal(decode_frame(path, number).pixels, expected)


def test_where_nothing_in_the_series_tells_the_header_is_believed(
    write: Write, tmp_path: Path
) -> None:
    filed = [write(below_high_bit(AIR)) for _ in range(2)]
    # -1024 << 4 overflows a word of 16 bits nowhere, and says where it lies
    assert all((one == -1024).all() for one in pixels_of(tmp_path, *filed).values())
    undecided = write(lowest(AIR))
    assert (pixels_of(tmp_path, undecided)[undecided.sop_instance_uid] == -64).all()


def test_files_of_one_series_may_disagree_where_each_tells_by_itself(
    write: Write, tmp_path: Path
) -> None:
    plain = image(BODY, BitsStored=12, HighBit=11)
    made = [lowest(BODY), below_high_bit(BODY), plain, lowest(ZEROS), image(BODY)]
    filed = [write(one) for one in made]
    pixels = pixels_of(tmp_path, *filed)
    for instance, expected in zip(filed, (BODY, BODY, BODY, ZEROS, BODY), strict=True):
        np.testing.assert_array_equal(pixels[instance.sop_instance_uid], expected)


def test_p4_a_plane_that_can_be_read_both_ways_among_planes_of_both_is_refused(
    write: Write, tmp_path: Path
) -> None:
    filed = [write(lowest(BODY)), write(below_high_bit(BODY)), write(lowest(AIR))]
    with pytest.raises(UndecodableImage, match="read both ways"):
        pixels_of(tmp_path, *filed)


def test_unsigned_planes_of_air_follow_their_series_too(write: Write, tmp_path: Path) -> None:
    air, body = np.full((3, 4), 48, np.int16), BODY + np.int16(1024)
    filed = [write(lowest(one, PixelRepresentation=0)) for one in (air, body)]
    pixels = pixels_of(tmp_path, *filed)
    for instance, expected in zip(filed, (air, body), strict=True):
        np.testing.assert_array_equal(pixels[instance.sop_instance_uid], expected)
