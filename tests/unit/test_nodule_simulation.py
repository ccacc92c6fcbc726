"""Simulated nodules, and the free-response curve that counts what is found of them."""

from dataclasses import replace

import numpy as np
import pytest

from models.nodule import Found
from models.nodule_outline import Outline
from models.training.nodule_froc import (
    Place,
    Scan,
    fit_lesions,
    fit_studies,
    judge_scan,
    sensitivities,
    threshold_at,
)
from models.training.nodule_simulation import (
    Background,
    KnownZone,
    Setting,
    SimulatedNodule,
    Texture,
    varied,
)
from tests.nodule_scans import PIXEL_MM, SIDE, series


@pytest.fixture(scope="module")
def background() -> Background:
    made = series(tuple(np.arange(0.0, 100.0, 2.5)))
    planes = []
    for image in made.images:  # vessels, so that there is something to lie beside
        pixels = image.pixels.copy()
        for column in (60, 130):
            pixels[90:96, column : column + 6] = 30.0
        planes.append(replace(image, pixels=pixels))
    return Background(replace(made, images=tuple(planes)))


def test_nodules_are_where_the_simulation_says(background: Background) -> None:
    scan, nodules = background.with_nodules(4, np.random.default_rng(1), diameters_mm=(10, 16))
    assert len(nodules) == 4
    plain = {image.sop_instance_uid: image.pixels for image in background.series.images}
    changed = np.stack([i.pixels - plain[i.sop_instance_uid] for i in scan.images])
    for nodule in nodules:
        x, y, z = nodule.centre_mm
        at = round(z / 2.5), round(y / PIXEL_MM), round(x / PIXEL_MM)
        assert changed[at] > 80
    far = np.ones(changed.shape, bool)
    z, y, x = np.mgrid[0 : len(scan.images), 0:SIDE, 0:SIDE] * np.array(
        [2.5, PIXEL_MM, PIXEL_MM]
    ).reshape(3, 1, 1, 1)
    for nodule in nodules:
        distance = np.sqrt(
            sum((a - b) ** 2 for a, b in zip((x, y, z), nodule.centre_mm, strict=True))
        )
        far &= distance > nodule.diameter_mm + 4
    assert np.abs(changed[far]).max() < 30


def test_a_nodule_has_about_the_volume_of_its_diameter(background: Background) -> None:
    random = np.random.default_rng(5)
    ratios = []
    for _ in range(6):
        scan, (nodule,) = background.with_nodules(1, random, diameters_mm=(14, 14.01))
        if nodule.texture is not Texture.SOLID or nodule.setting is not Setting.OPEN_LUNG:
            continue
        plain = {image.sop_instance_uid: image.pixels for image in background.series.images}
        changed = np.stack([i.pixels - plain[i.sop_instance_uid] for i in scan.images])
        volume = np.clip(changed / 870, 0, 1).sum() * 2.5 * PIXEL_MM**2
        ratios.append(volume / (np.pi / 6 * 14**3))
    assert ratios and np.mean(ratios) == pytest.approx(1.0, abs=0.2)


def test_the_same_seed_puts_in_the_same_nodules(background: Background) -> None:
    one, other = (background.with_nodules(2, np.random.default_rng(3)) for _ in range(2))
    assert one[1] == other[1]
    np.testing.assert_array_equal(one[0].images[20].pixels, other[0].images[20].pixels)


def test_nothing_is_put_near_a_known_finding() -> None:
    made = series(tuple(np.arange(0.0, 100.0, 2.5)))
    middle = (SIDE - 1) * PIXEL_MM / 2
    zone = KnownZone(centre_mm=(middle + 66, middle, 50.0), radius_mm=40)
    background = Background(made, [zone])
    background._places[Setting.VESSEL] = background._places[Setting.OPEN_LUNG]  # no vessels here
    for seed in range(3):
        _, nodules = background.with_nodules(3, np.random.default_rng(seed))
        assert all(not zone.holds(nodule.centre_mm, 5.0) for nodule in nodules)


def test_a_scan_without_lungs_is_no_background() -> None:
    heights = tuple(np.arange(0.0, 100.0, 2.5))
    with pytest.raises(ValueError, match="no background for nodules"):
        Background(series(heights, slices=[np.zeros((SIDE, SIDE), np.float32)] * len(heights)))


def test_a_known_finding_moves_with_a_varied_scan() -> None:
    made = series(tuple(np.arange(0.0, 100.0, 2.5)))
    bright = tuple(replace(image, pixels=image.pixels.copy()) for image in made.images)
    for image in bright:
        image.pixels[90, 120] = 3000.0
    zone = KnownZone(centre_mm=(120 * PIXEL_MM, 90 * PIXEL_MM, 50.0), radius_mm=1.0)
    for seed in range(4):
        scan, (moved,) = varied(replace(made, images=bright), [zone], np.random.default_rng(seed))
        image = scan.images[0]
        row, column = np.unravel_index(np.argmax(image.pixels), image.pixels.shape)
        spacing = image.pixel_spacing_mm or (0.0, 0.0)
        assert moved.centre_mm[:2] == pytest.approx((column * spacing[1], row * spacing[0]))


def nodule(x: float = 0.0, diameter: float = 10.0) -> SimulatedNodule:
    return SimulatedNodule(
        centre_mm=(x, 0.0, 0.0),
        diameter_mm=diameter,
        texture=Texture.SOLID,
        setting=Setting.OPEN_LUNG,
    )


def found(x: float, suspicion: float) -> Found:
    shape = Outline(centre_mm=(x, 0.0, 0.0), diameter_mm=8.0, cuts=((0, ()),))
    return Found(
        suspicion=suspicion, logit=suspicion, roundness=0.5, outline=shape, centre=(0.0, 0.0, 0.0)
    )


@pytest.mark.parametrize(("distance", "hit"), [(5.9, 0), (6.0, 0), (6.1, None)])
def test_a_place_within_the_radius_is_a_hit(distance: float, hit: int | None) -> None:
    (place,) = judge_scan([found(distance, 1.0)], [nodule(diameter=12.0)], []).places
    assert place.hit == hit


def test_a_small_nodule_is_hit_within_five_millimetres() -> None:
    (place,) = judge_scan([found(5.0, 1.0)], [nodule(diameter=4.0)], []).places
    assert place.hit == 0


def test_a_place_at_a_known_finding_counts_neither_way() -> None:
    zone = KnownZone(centre_mm=(50.0, 0.0, 0.0), radius_mm=5.0)
    scan = judge_scan([found(52.0, 9.0), found(0.0, 1.0)], [nodule()], [zone])
    assert [place.hit for place in scan.places] == [0]
    assert scan.highest == 1.0


def scan(hits: list[float | None], false: list[float]) -> Scan:
    places = [
        Place(hit=n, suspicion=s, logit=s, roundness=0.5, diameter_mm=8.0)
        for n, s in enumerate(hits)
        if s is not None
    ]
    places += [Place(hit=None, suspicion=s, logit=s, roundness=0.1, diameter_mm=8.0) for s in false]
    return Scan(nodules=tuple(nodule() for _ in hits), places=tuple(places))


def test_the_curve_counts_nodules_above_the_threshold_of_each_rate() -> None:
    scans = [scan([3.0, 1.0], [2.0]), scan([0.5, None], [0.0])]
    assert threshold_at(scans, 0.5) == 0.0
    assert threshold_at(scans, 0.49) == 2.0
    np.testing.assert_allclose(sensitivities(scans, (0.49, 0.5)), [0.25, 0.75])


def test_lesions_are_told_by_evidence_and_roundness() -> None:
    scans = [scan([2.0 + n % 2], [0.5 * (n % 3), 2.2]) for n in range(30)]
    fit = fit_lesions(scans)
    assert all(weight > 0 for weight in fit.weights)


def test_the_study_s_probability_is_at_the_prevalence_stated() -> None:
    random = np.random.default_rng(0)
    present = [scan([float(s)], []) for s in random.normal(1, 1, 300)]
    absent = [scan([], [float(s)]) for s in random.normal(-1, 1, 300)]
    fit = fit_studies(present, absent, 0.2)
    at_present, at_absent = (
        fit(np.array([[s.highest] for s in scans])).mean() for scans in (present, absent)
    )
    assert 0.2 * at_present + 0.8 * at_absent == pytest.approx(0.2, abs=0.03)
