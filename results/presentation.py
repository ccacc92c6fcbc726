"""Presentation states: outlines and a line of text over the source images, drawn by any viewer.

Grayscale Softcopy Presentation State (PS3.3 A.33.1). It changes no image: who does not want to
see it chooses another presentation.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from highdicom import (
    ModalityLUTTransformation,
    PresentationLUTTransformation,
    ReferencedImageSequence,
)
from highdicom.pr import (
    GraphicAnnotation,
    GraphicLayer,
    GraphicObject,
    GrayscaleSoftcopyPresentationState,
    SoftcopyVOILUTTransformation,
    TextObject,
)
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage
from pydicom.valuerep import DS

from results.document import (
    ResultObject,
    equipment,
    finished,
    image_stand_in,
    name_sources,
    placement,
)
from results.facts import AssessmentFacts, DetectorResult, Grey, SourceImage, Window
from results.outlines import Points, outline
from results.places import Place, places_of
from results.uids import lesion_uid, object_uid
from results.windows import window_for
from results.words import UNREVIEWED, long_string, mark_words
from worklist.finding import Region
from worklist.uid import SOPInstanceUID

_LAYER = GraphicLayer(layer_name="AI", order=1, description=long_string(UNREVIEWED))
_TEXT_SIZE = (0.6, 0.05)  # width and height of the text's box, shares of the image


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sheet:
    """What one presentation state can hold: images of one series that are shown alike."""

    series_instance_uid: str
    rows: int
    columns: int
    spacing_mm: tuple[float, float] | None
    grey: Grey  # without its window, which each image may have of its own


@dataclass(frozen=True, kw_only=True, slots=True)
class _Mark:
    place: Place
    region: Region
    image: SourceImage


def build_presentations(facts: AssessmentFacts) -> list[ResultObject]:
    """For each detector that flagged something, one a series and way of showing it.

    Colour images, and those whose values or window only a table explains, have none: what would
    be shown there is not known.
    """
    built: list[ResultObject] = []
    for result in facts.flagged:
        sheets: dict[_Sheet, list[_Mark]] = defaultdict(list)
        for place in places_of(result):
            for region in place.regions:
                image = facts.image(region)
                if image.grey is not None and _is_shown(result, image):
                    sheet = _Sheet(
                        series_instance_uid=image.reference.series_instance_uid,
                        rows=image.rows,
                        columns=image.columns,
                        spacing_mm=image.planes[0].spacing_mm if image.planes else None,
                        grey=replace(image.grey, window=None, has_voi_table=False),
                    )
                    sheets[sheet].append(_Mark(place=place, region=region, image=image))
        for sheet, marks in sheets.items():
            built.append(_presentation(facts, result, sheet, marks, len(built) + 1))
    return built


def _is_shown(result: DetectorResult, image: SourceImage) -> bool:
    """Whether it is known in which window: without one, all values, unless a table says it."""
    window = window_for(result.provenance.detector.target, image)
    return window is not None or (image.grey is not None and not image.grey.has_voi_table)


def _presentation(
    facts: AssessmentFacts,
    result: DetectorResult,
    sheet: _Sheet,
    marks: Sequence[_Mark],
    number: int,
) -> ResultObject:
    images = {one.image.reference.sop_instance_uid: one.image for one in marks}
    shown = {uid: _stand_in(facts, one) for uid, one in images.items()}
    built = GrayscaleSoftcopyPresentationState(
        referenced_images=list(shown.values()),
        sop_instance_uid=object_uid(facts, "presentation", number),
        instance_number=number,
        content_label="AI_NOT_REVIEWED",
        content_description=long_string(UNREVIEWED),
        graphic_layers=[_LAYER],
        graphic_annotations=[
            _annotation(facts, result, one, shown[one.region.sop_instance_uid]) for one in marks
        ],
        modality_lut_transformation=_modality(sheet.grey),
        voi_lut_transformations=_windows(result, list(images.values()), shown),
        presentation_lut_transformation=PresentationLUTTransformation(
            presentation_lut_shape="INVERSE" if sheet.grey.inverted else "IDENTITY"
        ),
        **equipment(facts),
        **placement(facts, "PR"),
    )
    built.Laterality = None  # not known to be of one side
    _set_pixel_shape(built, sheet)
    name_sources(built, facts)
    return finished(built, facts, facts.finished_at)


def _stand_in(facts: AssessmentFacts, image: SourceImage) -> Dataset:
    """The image as one that highdicom knows; `name_sources` says of which class it is."""
    dataset = image_stand_in(facts.study, image)
    dataset.SOPClassUID = CTImageStorage
    dataset.SamplesPerPixel = 1
    return dataset


def _annotation(
    facts: AssessmentFacts, result: DetectorResult, mark: _Mark, stand_in: Dataset
) -> GraphicAnnotation:
    """The outline of one region, and its words."""
    points = _within(mark)
    name = long_string(f"{result.provenance.detector.name}, {mark.place.name}")
    tracked: dict[str, Any] = {
        "tracking_id": name,
        "tracking_uid": lesion_uid(facts, result, mark.place.name),
    }
    annotation = GraphicAnnotation(
        referenced_images=[stand_in],
        graphic_layer=_LAYER,
        graphic_objects=[GraphicObject("POLYLINE", points, "PIXEL", **tracked)],
        text_objects=[
            TextObject(
                mark_words(result, mark.place.score, mark.region.kind),
                "PIXEL",
                bounding_box=_text_box(points, mark.image),
                text_justification="LEFT",
                **tracked,
            )
        ],
    )
    if mark.image.number_of_frames > 1:
        annotation.ReferencedImageSequence[0].ReferencedFrameNumber = mark.region.frame_number
    return annotation


def _within(mark: _Mark) -> Points:
    """(point, (column, row)) of the closed outline, kept in the image."""
    return np.clip(outline(mark.region.polygon), 0, [mark.image.columns, mark.image.rows])


def _text_box(points: Points, image: SourceImage) -> tuple[float, float, float, float]:
    """Left, top, right, bottom: above the outline, or below where there is no room above."""
    width, height = _TEXT_SIZE[0] * image.columns, _TEXT_SIZE[1] * image.rows
    left = min(max(float(points[:, 0].min()), 0.0), image.columns - width)
    top = float(points[:, 1].min()) - height
    if top < 0:
        top = min(float(points[:, 1].max()), image.rows - height)
    return left, top, left + width, top + height


def _modality(grey: Grey) -> ModalityLUTTransformation | None:
    if grey.rescale is None:
        return None
    slope, intercept = grey.rescale
    return ModalityLUTTransformation(
        rescale_intercept=intercept,
        rescale_slope=slope,
        rescale_type=long_string(grey.rescale_type),
    )


def _windows(
    result: DetectorResult, images: Sequence[SourceImage], shown: Mapping[SOPInstanceUID, Dataset]
) -> list[SoftcopyVOILUTTransformation] | None:
    """One for each window, with the images that it is for; None: values are shown as they are."""
    target = result.provenance.detector.target
    by_window: dict[Window, list[Dataset]] = defaultdict(list)
    for image in images:
        window = window_for(target, image)
        if window is not None:
            by_window[window].append(shown[image.reference.sop_instance_uid])
    return [
        SoftcopyVOILUTTransformation(
            window_center=one.center,
            window_width=one.width,
            voi_lut_function=None if one.function == "LINEAR" else one.function,
            referenced_images=ReferencedImageSequence(those),
        )
        for one, those in by_window.items()
    ] or None


def _set_pixel_shape(built: Dataset, sheet: _Sheet) -> None:
    """How large a pixel is, so that a viewer draws none of them too wide (PS3.3 C.10.4)."""
    if sheet.spacing_mm is None:
        return
    (area,) = built.DisplayedAreaSelectionSequence
    del area.PresentationPixelAspectRatio
    area.PresentationPixelSpacing = [DS(one, auto_format=True) for one in sheet.spacing_mm]
