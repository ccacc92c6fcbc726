"""The fracture detector around a network that is made up."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from models.card import ModelCard
from models.detector import (
    Assessment,
    Eligible,
    Image,
    InstanceHeader,
    NotEligible,
    Refused,
    SeriesHeader,
    SeriesImages,
    Unjudgeable,
    Unsuitable,
)
from models.fracture import FractureDetector
from models.letterbox import STRIDE
from models.radiograph_guard import NO_RADIOGRAPH, ImageGuard
from models.radiograph_turn import TurnBack
from worklist.finding import NO_EVIDENCE, TargetFinding, TurnedImage
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID

SIZE = 448
FIRST, SECOND = SOPInstanceUID("1.2.3.4"), SOPInstanceUID("1.2.3.5")


def _card(
    operating_point: float = 0.5, region_score: float = 0.5, verdict_sizes: tuple[int, ...] = ()
) -> ModelCard:
    return ModelCard(
        name="fracture",
        version="1",
        target=TargetFinding.FRACTURE,
        title="",
        intended_use="",
        limits=(),
        training_data=(),
        weights_file="",
        weights_sha256="",
        operating_point=operating_point,
        calibration={
            "weights": [1.0, 0.0],
            "bias": 0.0,
            "image_size": SIZE,
            "region_score": region_score,
            "verdict_sizes": list(verdict_sizes),
        },
        performance={},
    )


class BrightestPixel:
    """Says that the fracture is at the brightest pixel, 40 x 24 canvas pixels large."""

    def __init__(self, image_logit: float = 2.0, heat: float = 2.0, feature: float = 0.0) -> None:
        self.image_logit, self.heat, self.feature = image_logit, heat, feature
        self.calls = 0

    def __call__(self, batch: np.ndarray) -> dict[str, np.ndarray]:
        self.calls += 1
        rows, columns = batch.shape[2] // STRIDE, batch.shape[3] // STRIDE
        y, x = np.unravel_index(int(np.argmax(batch[0, 0])), batch.shape[2:])
        heat = np.full((1, 1, rows, columns), -8.0, np.float32)
        distances = np.zeros((1, 4, rows, columns), np.float32)
        row, column = y // STRIDE, x // STRIDE
        heat[0, 0, row, column] = self.heat
        centre_x, centre_y = (column + 0.5) * STRIDE, (row + 0.5) * STRIDE
        distances[0, :, row, column] = (
            centre_x - (x + 0.5) + 20,
            centre_y - (y + 0.5) + 12,
            x + 0.5 + 20 - centre_x,
            y + 0.5 + 12 - centre_y,
        )
        return {
            "image_logit": np.array([self.image_logit], np.float32),
            "heat_logit": heat,
            "distances": distances,
        }


def _detector(
    network: BrightestPixel | None = None,
    card: ModelCard | None = None,
    guard: ImageGuard = lambda _pixels: None,
    turn: TurnBack = lambda _pixels: 0,
) -> FractureDetector:
    return FractureDetector(
        card=card or _card(), network=network or BrightestPixel(), guard=guard, turn=turn
    )


def _instance(
    uid: SOPInstanceUID, sop_class_uid: str = "1.2.840.10008.5.1.4.1.1.1.1"
) -> InstanceHeader:
    return InstanceHeader(
        sop_instance_uid=uid,
        sop_class_uid=sop_class_uid,
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        path=Path("x"),
        sha256="",
        rows=1344,
        columns=1008,
    )


def _series(
    *images: Image, instances: tuple[InstanceHeader, ...] = (), modality: str = "DX"
) -> SeriesImages:
    header = SeriesHeader(
        study_instance_uid=StudyInstanceUID("1.2.3"),
        series_instance_uid=SeriesInstanceUID("1.2.3.1"),
        modality=modality,
        body_part_examined="HAND",
        study_description="",
        series_description="",
        protocol_name="",
        convolution_kernel="",
        contrast_bolus_agent="",
        manufacturer="",
        patient_sex="",
        patient_age_years=None,
        instances=instances or tuple(_instance(image.sop_instance_uid) for image in images),
    )
    return SeriesImages(header=header, images=images)


def _image(uid: SOPInstanceUID = FIRST, frame: int = 1, at: tuple[int, int] = (600, 300)) -> Image:
    """A radiograph of 1344 x 1008 (three source pixels a canvas pixel), a spot at (row, column)."""
    noise = np.random.default_rng(0).random((1344, 1008), dtype=np.float32)
    pixels = np.asarray(gaussian_filter(noise, 3) * 8, np.float32)  # grain, as of tissue
    row, column = np.mgrid[0:1344, 0:1008]
    # its top is one place, also where it is so bright that it becomes all white
    pixels += np.maximum(0, 60 - np.abs(row - at[0]) - np.abs(column - at[1])).astype(np.float32)
    return Image(
        sop_instance_uid=uid,
        frame_number=frame,
        pixels=pixels,
        pixel_spacing_mm=None,
        image_position_mm=None,
        image_orientation=None,
    )


def test_a_region_lies_on_the_source_pixels_that_were_suspect() -> None:
    detector = _detector()
    (region,) = detector.assess([_series(_image(at=(600, 300)))]).regions
    assert (region.sop_instance_uid, region.frame_number) == (FIRST, 1)
    columns, rows = zip(*region.polygon, strict=True)
    assert (max(columns) - min(columns), max(rows) - min(rows)) == pytest.approx((120, 72), abs=30)
    assert (min(columns) + max(columns)) / 2 == pytest.approx(300, abs=24)
    assert (min(rows) + max(rows)) / 2 == pytest.approx(600, abs=70)  # the white part's top
    assert len(region.polygon) == 4


@pytest.mark.parametrize("quarters", [1, 3])
def test_an_image_that_is_turned_back_gives_the_same_verdict_and_places_in_its_own_pixels(
    quarters: int,
) -> None:
    image = _image(at=(600, 300))
    on_its_side = replace(image, pixels=np.rot90(image.pixels, -quarters))
    plain = _detector().assess([_series(image)])
    detector = _detector(turn=lambda _pixels: quarters)
    turned = detector.assess([_series(on_its_side)])
    assert isinstance(plain, Assessment) and isinstance(turned, Assessment)
    assert turned.probability == plain.probability
    (region,), (other,) = plain.regions, turned.regions
    assert other.score == region.score
    rows, columns = image.pixels.shape
    in_its_pixels = {
        (rows - row, column) if quarters == 1 else (row, columns - column)
        for column, row in region.polygon
    }
    assert set(other.polygon) == in_its_pixels
    assert detector.look(on_its_side.pixels).quarters == quarters


def test_p6_the_answer_names_the_images_that_were_turned_and_by_how_much() -> None:
    detector = _detector(turn=lambda pixels: 3 if pixels.shape[0] < pixels.shape[1] else 0)
    across = replace(_image(SECOND), frame_number=2, pixels=np.rot90(_image().pixels))
    answer = detector.assess([_series(_image(FIRST), across)])
    assert isinstance(answer, Assessment)
    assert answer.evidence.turned == (
        TurnedImage(sop_instance_uid=SECOND, frame_number=2, quarters=3),
    )
    upright = detector.assess([_series(_image(FIRST))])
    assert isinstance(upright, Assessment) and upright.evidence == NO_EVIDENCE


def test_the_same_image_mirrored_gives_the_mirrored_box() -> None:
    detector = _detector()
    image = _image()
    width = image.pixels.shape[1]
    plain = detector.look(image.pixels)
    mirrored = detector.look(np.ascontiguousarray(image.pixels[:, ::-1]))
    back = width - mirrored.boxes[0][[2, 1, 0, 3]]
    back[[1, 3]] = mirrored.boxes[0][[1, 3]]
    assert back == pytest.approx(plain.boxes[0], abs=STRIDE * 3)


def test_a_study_is_as_probable_as_its_most_suspect_image() -> None:
    class Second(BrightestPixel):
        def __call__(self, batch: np.ndarray) -> dict[str, np.ndarray]:
            said = super().__call__(batch)
            said["image_logit"][:] = -3.0 if self.calls <= 2 else 1.0
            return said

    detector = _detector(Second())
    assessment = detector.assess([_series(_image(FIRST)), _series(_image(SECOND))])
    assert assessment.probability == pytest.approx(1 / (1 + np.exp(-1.0)))
    scores = [region.score for region in assessment.regions]
    assert scores == sorted(scores, reverse=True)
    assert set(assessment.seconds) == {"guard", "turn", "prepare", "network"}


def test_every_frame_is_looked_at() -> None:
    network = BrightestPixel()
    detector = _detector(network)
    assessment = detector.assess([_series(_image(frame=1), _image(frame=2))])
    assert network.calls == 4  # each twice: as it is and mirrored
    assert {region.frame_number for region in assessment.regions} == {1, 2}


def test_a_flagged_image_always_shows_its_best_place() -> None:
    weak = BrightestPixel(image_logit=0.0, heat=-4.0)
    flagged = _detector(weak, _card(operating_point=0.5))
    assert len(flagged.assess([_series(_image())]).regions) == 1
    not_flagged = _detector(weak, _card(operating_point=0.5001))
    assert not not_flagged.assess([_series(_image())]).regions


def test_a_place_of_just_the_least_score_is_shown() -> None:
    network = BrightestPixel(image_logit=-1.0, heat=1.0)
    score = float(_detector(network).look(_image().pixels).scores[0])
    shown = _detector(network, _card(region_score=score))
    hidden = _detector(network, _card(region_score=score + 1e-6))
    assert len(shown.assess([_series(_image())]).regions) == 1
    assert not hidden.assess([_series(_image())]).regions


def test_images_that_are_not_for_reading_are_left_out_of_a_usable_series() -> None:
    instances = (_instance(FIRST), _instance(SECOND, "1.2.840.10008.5.1.4.1.1.7"))
    detector = _detector()
    series = _series(_image(FIRST), _image(SECOND), instances=instances)
    reason = "The image is a secondary capture, which may be a screenshot."
    assert detector.eligibility(series.header) == Eligible(left_out=((SECOND, reason),))


def test_a_series_of_another_modality_is_not_eligible() -> None:
    detector = _detector()
    assert isinstance(detector.eligibility(_series(_image(), modality="CT").header), NotEligible)


def test_a_study_without_a_usable_image_is_an_error_and_not_a_probability() -> None:
    detector = _detector()
    with pytest.raises(ValueError, match="no images"):
        detector.assess([_series()])


def test_a_black_image_is_assessed() -> None:
    detector = _detector()
    sight = detector.look(np.zeros((500, 400), np.float32))
    assert 0 <= sight.probability <= 1


@pytest.mark.parametrize(("sizes", "logit"), [((), SIZE), ((320,), 320), ((320, 256), 288)])
def test_the_verdict_is_the_mean_of_the_sizes_for_it_and_places_have_their_own(
    sizes: tuple[int, ...], logit: float
) -> None:
    class SaysItsSize(BrightestPixel):
        def __call__(self, batch: np.ndarray) -> dict[str, np.ndarray]:
            said = super().__call__(batch)
            said["image_logit"][:] = max(batch.shape)
            said["heat_logit"] += max(batch.shape) - SIZE
            return said

    hottest = _detector().look(_image().pixels).evidence[1]
    network = SaysItsSize()
    sight = _detector(network, _card(verdict_sizes=sizes)).look(_image().pixels)
    assert network.calls == 2 * (1 + len(sizes))
    assert sight.evidence[0] == pytest.approx(logit)
    assert sight.evidence[1] - hottest == pytest.approx(logit - SIZE)
    assert sight.boxes[0] == pytest.approx(_detector().look(_image().pixels).boxes[0])


def test_one_unsuitable_view_does_not_keep_the_others_from_being_assessed() -> None:
    empty = replace(_image(SECOND), pixels=np.zeros((600, 400), np.float32))
    detector = _detector()
    answer = detector.assess([_series(_image(FIRST), empty)])
    assert isinstance(answer, Assessment)
    assert {region.sop_instance_uid for region in answer.regions} == {FIRST}
    alone = detector.assess([_series(empty)])
    assert isinstance(alone, Unjudgeable)
    assert answer.refused == (
        Refused(sop_instance_uid=SECOND, frame_number=1, reason=alone.reason),
    )


def test_an_image_that_the_guard_refuses_is_left_out_and_never_looked_at() -> None:
    def guard(pixels: np.ndarray) -> str | None:
        return NO_RADIOGRAPH if pixels.shape[0] < 700 else None

    odd = replace(_image(SECOND), pixels=_image().pixels[:600])
    network = BrightestPixel()
    detector = _detector(network, guard=guard)
    answer = detector.assess([_series(_image(FIRST), odd)])
    assert isinstance(answer, Assessment)
    assert {region.sop_instance_uid for region in answer.regions} == {FIRST}
    assert network.calls == 2
    assert [(one.sop_instance_uid, one.reason) for one in answer.refused] == [
        (SECOND, NO_RADIOGRAPH)
    ]
    assert detector.assess([_series(odd, odd)]) == Unsuitable(reason=NO_RADIOGRAPH)
    empty = replace(odd, pixels=np.zeros_like(odd.pixels))
    both = detector.assess([_series(odd, empty)])  # the empty one may have been of a limb
    assert isinstance(both, Unjudgeable) and both.reason.startswith(NO_RADIOGRAPH)
    assert network.calls == 2
