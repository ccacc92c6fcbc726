"""Planes that were lost on the way leave no trace but their place, and are said (P4)."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from models.assessment import Selection, look
from models.detector import Assessment, Eligible, NotShown, SeriesHeader, SeriesImages
from models.haemorrhage_missing import brain_not_shown
from models.haemorrhage_volume import Skull, Stack, find_skull, stack_of
from models.missing_planes import Missing, missing_between
from tests.haemorrhage_heads import AXIAL, card, head, images_of, instance, series_of
from worklist.finding import Failed, Flagged, NotFlagged
from worklist.uid import SeriesInstanceUID

Heights = Sequence[float]


def series_at(
    heights: Heights, thickness_mm: float | Sequence[float] | None = None, number: int = 1
) -> SeriesImages:
    """Empty planes at these heights; their thickness, stated or not, one for all or one each."""
    planes = np.zeros((len(heights), 8, 8), np.float32)
    thick = np.broadcast_to(np.array(thickness_mm, object), len(heights))
    images = [
        replace(image, image_position_mm=(0.0, 0.0, float(z)))
        for image, z in zip(images_of(planes), heights, strict=True)
    ]
    headers = tuple(
        instance(
            n,
            slice_thickness_mm=one,
            image_position_mm=(0.0, 0.0, float(z)),
            image_orientation=AXIAL,
            frame_of_reference_uid="1.2.9",
            rows=8,
            columns=8,
            pixel_spacing_mm=(1.0, 1.0),
        )
        for n, (one, z) in enumerate(zip(thick, heights, strict=True), start=1)
    )
    return series_of(images, number, instances=headers)


def missing_of(series: SeriesImages) -> Missing | None:
    return missing_between(series.images, series.header.instances)


def evenly(gap_mm: float, count: int = 30, without: Sequence[int] = ()) -> list[float]:
    return [n * gap_mm for n in range(count) if n not in without]


@pytest.mark.parametrize("thickness_mm", [5.0, None])
def test_a_plane_that_is_missing_is_as_much_as_it_would_have_shown(
    thickness_mm: float | None,
) -> None:
    assert missing_of(series_at(evenly(5.0), thickness_mm)) is None
    one = missing_of(series_at(evenly(5.0, without=[12]), thickness_mm))
    assert one == Missing(widest_mm=5.0, total_mm=5.0, places=1)


def test_missing_planes_far_apart_and_side_by_side_are_counted() -> None:
    said = missing_of(series_at(evenly(2.5, without=[5, 12, 13]), 2.5))
    assert said == Missing(widest_mm=5.0, total_mm=7.5, places=2)
    every_other = missing_of(series_at(evenly(5.0, without=[12, 14]), 5.0))
    assert every_other == Missing(widest_mm=5.0, total_mm=10.0, places=2)


@pytest.mark.parametrize(
    ("gap_mm", "told"), [(1.4, False), (1.5, False), (1.51, True)], ids=["below", "at", "above"]
)
def test_less_than_half_a_plane_more_is_how_scanners_round(gap_mm: float, told: bool) -> None:
    below = evenly(1.0)
    heights = [*below, *(below[-1] + gap_mm + z for z in evenly(1.0))]
    assert (missing_of(series_at(heights, 1.0)) is not None) is told


@pytest.mark.parametrize(
    ("heights", "thickness_mm"),
    [
        (evenly(10.0), 5.0),  # meant to be so far apart
        ([*evenly(4.0, 14), *(53.0 + z for z in evenly(7.0, 14))], [4.0] * 14 + [7.0] * 14),
        ([*evenly(2.5, 14), *(38.75 + z for z in evenly(10.0, 8))], None),  # thin base, thick top
        (evenly(2.5, without=[12]), 5.0),  # its neighbours are thick enough to show it
        ([0.0, 5.0, 5.02, 10.0, 15.0, 20.0], 5.0),  # two at one place
        (list(reversed(evenly(5.0))), 5.0),
        (
            [*evenly(2.5, 20), *(47.5 + z for z in (7.5, 15.0, 22.5))],
            2.5,
        ),  # thin slices, a wide top
    ],
    ids=["far apart", "two thicknesses", "none stated", "overlapping", "twice", "downwards", "run"],
)
def test_planes_that_were_meant_to_be_so_are_not_missing(
    heights: Heights, thickness_mm: float | Sequence[float] | None
) -> None:
    assert missing_of(series_at(heights, thickness_mm)) is None


def test_two_wide_gaps_side_by_side_are_not_yet_meant() -> None:
    said = missing_of(series_at([*evenly(2.5, 20), 55.0, 62.5], 2.5))
    assert said == Missing(widest_mm=5.0, total_mm=10.0, places=2)


@pytest.mark.parametrize("without", [[], [4]])
@pytest.mark.parametrize("downwards", [False, True])
def test_where_the_gantry_tilts_anew_nothing_is_missing_but_what_is(
    without: list[int], downwards: bool
) -> None:
    """The middles of planes lie evenly on the table's way; corners jump by several cm."""
    series = series_at(evenly(5.0, 24), 5.0)
    images = []
    for number, image in enumerate(series.images):
        tilt = np.deg2rad(20.0 if number < 12 else 0.0)
        below = (0.0, float(np.cos(tilt)), float(np.sin(tilt)))
        corner = (-125.0, -125.0 * below[1], 5.0 * number - 125.0 * below[2])
        images.append(
            replace(
                image,
                pixel_spacing_mm=(250 / 7, 250 / 7),
                image_position_mm=corner,
                image_orientation=(1.0, 0.0, 0.0, *below),
            )
        )
    kept = [image for number, image in enumerate(images) if number not in without]
    said = missing_between(kept[::-1] if downwards else kept, series.header.instances)
    assert (said is not None) is bool(without)
    assert said is None or 4.0 < said.widest_mm < 5.1


def test_where_places_are_not_known_nothing_is_said() -> None:
    series = series_at(evenly(5.0, without=[12]), 5.0)
    lost = replace(series.images[3], image_position_mm=None)
    images = (*series.images[:3], lost, *series.images[4:])
    assert missing_between(images, series.header.instances) is None


def stack_and_skull(series: SeriesImages, brain: slice) -> tuple[SeriesImages, Stack, Skull]:
    """Each plane a slab of its own, of which some hold brain."""
    stack = stack_of(images_of(head(slices=6)))
    skull = find_skull(stack)
    every = range(len(series.images))
    members = tuple((place,) for place in every)
    inside = every[brain]
    return (
        series,
        replace(stack, members=members),
        replace(skull, first=inside[0], last=inside[-1]),
    )


@pytest.mark.parametrize(
    ("without", "thickness_mm", "may_hide"),
    [([12], 5.0, False), ([12, 13], 2.5, False), ([12], 5.3, True), ([12, 13, 14], 2.5, True)],
    ids=["one of 5 mm", "two of 2.5 mm", "one of 5.3 mm", "three of 2.5 mm"],
)
def test_what_is_missing_of_the_brain_is_told_and_more_than_a_slab_may_hide_blood(
    without: list[int], thickness_mm: float, may_hide: bool
) -> None:
    series = series_at(evenly(thickness_mm, without=without), thickness_mm)
    (said,) = brain_not_shown([stack_and_skull(series, slice(None))])
    assert said.series_instance_uid == series.header.series_instance_uid
    assert said.reason.startswith(f"{len(without) * thickness_mm:.1f} mm of the brain, between two")
    assert said.may_hide is may_hide


@pytest.mark.parametrize(
    ("first", "told"), [(11, True), (12, False)], ids=["below it brain too", "no brain below it"]
)
def test_what_is_missing_outside_of_the_brain_is_not_told(first: int, told: bool) -> None:
    series = series_at(evenly(5.0, without=[12]), 5.0)
    assert bool(brain_not_shown([stack_and_skull(series, slice(first, None))])) is told


def test_what_another_judged_series_shows_is_not_missing() -> None:
    holed = series_at(evenly(5.0, without=[12, 13]), 5.0)
    whole = series_at(evenly(2.5, 60), 2.5, number=2)
    both = [stack_and_skull(one, slice(None)) for one in (holed, whole)]
    assert brain_not_shown(both) == ()
    elsewhere = series_at([z + 200 for z in evenly(2.5, 60)], 2.5, number=2)
    apart = [both[0], stack_and_skull(elsewhere, slice(None))]
    assert [one.may_hide for one in brain_not_shown(apart)] == [True]
    holed_too = series_at(evenly(5.0, without=[12]), 5.0, number=2)
    assert len(brain_not_shown([both[0], stack_and_skull(holed_too, slice(None))])) == 2


class Told:
    """A detector that says what it was told to."""

    card = card()

    def __init__(self, answer: Assessment) -> None:
        self._answer = answer

    def eligibility(self, series: SeriesHeader) -> Eligible:
        return Eligible()

    def assess(self, series: Sequence[SeriesImages]) -> Assessment:
        assert all(one.images for one in series)
        return self._answer


@pytest.mark.parametrize("may_hide", [True, False])
def test_p4_a_study_of_which_more_than_matters_is_missing_never_reads_as_not_flagged(
    may_hide: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    series = series_at(evenly(5.0), 5.0)
    hole = NotShown(
        series_instance_uid=SeriesInstanceUID("1.2.3.1"),
        reason="Some is missing.",
        may_hide=may_hide,
    )
    monkeypatch.setattr("models.series_on_demand.load_series", lambda *_, **__: series)
    monkeypatch.setattr("models.series_on_demand._verify", lambda _: None)
    selection = Selection(eligible=(series.header,), not_eligible=(), unread=())
    point = Told.card.operating_point
    for probability, expected in (
        (point - 0.001, Failed if may_hide else NotFlagged),
        (point, Flagged),
    ):
        detector = Told(Assessment(probability=probability, not_shown=(hole,)))
        answer = look(detector, selection, limit_bytes=10**9)
        assert isinstance(answer.outcome, expected)
        assert answer.not_used == (("1.2.3.1", "Some is missing."),)
        assert len(answer.instances) == 30
        if isinstance(answer.outcome, Failed):
            assert "Some is missing." in answer.outcome.reason
