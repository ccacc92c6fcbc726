"""The key image: at most three regions in one picture that every viewer shows.

A Secondary Capture (PS3.3 A.8.1) in colour. That it is an AI result, which nobody reviewed, is in
its pixels: no viewer can leave it out.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from highdicom.sc import SCImage
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset

from results.document import (
    ResultObject,
    equipment,
    finished,
    local_time,
    placement,
    referenced_object,
)
from results.errors import UnusableFacts
from results.facts import AssessmentFacts
from results.key_regions import MOST, KeyRegion
from results.uids import object_uid
from results.words import UNREVIEWED, long_string, model_words, percent, place_words

PANEL = 512  # pixels, width and height of the place of one picture
_HEAD, _FOOT = 34, 100  # pixels of text above and below
_TEXT_SIZE = 18
_INK, _GROUND, _OUTLINE, _WARNING = (255, 255, 255), (0, 0, 0), (255, 214, 0), (255, 128, 0)
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """The frame that a key region lies on, as it is shown."""

    key: KeyRegion
    pixels: Pixels  # (row, column) of the whole frame, grey, windowed; 255 is white


def build_key_image(facts: AssessmentFacts, pictures: Sequence[Picture]) -> ResultObject:
    """One picture of one to three regions, side by side.

    Raises
    ------
    UnusableFacts
        If there are none or too many, or one is not of the size of its image.
    """
    if not 1 <= len(pictures) <= MOST:
        raise UnusableFacts(f"a key image shows 1 to {MOST} regions, not {len(pictures)}")
    for one in pictures:
        image = facts.image(one.key.region)
        if one.pixels.shape != (image.rows, image.columns):
            raise UnusableFacts(f"a picture of {one.pixels.shape} is not one of its image")
    built: Dataset = SCImage(
        pixel_array=_drawn(facts, pictures),
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "P"),
        study_instance_uid=facts.study.study_instance_uid,
        sop_instance_uid=object_uid(facts, "key image", *map(_told, pictures)),
        instance_number=1,
        **equipment(facts),
        **placement(facts, "OT"),
    )
    built.PatientOrientation = None  # several pictures, each with its own
    built.Laterality = None
    built.ConversionType = "SYN"  # made, not digitised
    built.BurnedInAnnotation = "YES"
    built.ImageComments = UNREVIEWED
    built.DerivationDescription = long_string(UNREVIEWED)
    references = dict.fromkeys(facts.image(one.key.region).reference for one in pictures)
    built.SourceImageSequence = [referenced_object(one) for one in references]
    when = local_time(facts, facts.finished_at)
    built.DateOfSecondaryCapture = when.strftime("%Y%m%d")
    built.TimeOfSecondaryCapture = when.strftime("%H%M%S")
    return finished(built, facts, facts.finished_at)


def _told(picture: Picture) -> str:
    """What is in the object of a picture: which place, where, and the grey values."""
    key = picture.key
    which = f"{key.result.provenance.detector.name}, {key.place.name}, {key.region!r}"
    return hashlib.sha256(which.encode() + picture.pixels.tobytes()).hexdigest()


def _drawn(facts: AssessmentFacts, pictures: Sequence[Picture]) -> Pixels:
    """(row, column, RGB)"""
    canvas = Image.new("RGB", (PANEL * len(pictures), _HEAD + PANEL + _FOOT), _GROUND)
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(_TEXT_SIZE)
    draw.text((8, 7), UNREVIEWED, _WARNING, font)
    for number, one in enumerate(pictures):
        left = PANEL * number
        canvas.paste(_panel(facts, one), (left, _HEAD))
        for line, text in enumerate(_lines(one.key)):
            at = left + 8, _HEAD + PANEL + 6 + 22 * line
            draw.text(at, _fitting(text, font, PANEL - 16), _INK, font)
    stamp = f"Vigie {facts.device.software_version}, {_time(facts)}"
    draw.text((8, _HEAD + PANEL + 72), _fitting(long_string(stamp), font, PANEL - 16), _INK, font)
    return np.asarray(canvas, np.uint8)


def _panel(facts: AssessmentFacts, picture: Picture) -> Image.Image:
    """The frame scaled to fit, its pixels as wide as they are, with the outline."""
    region = picture.key.region
    image = facts.image(region)
    plane = image.plane(region.frame_number)
    between_rows, between_columns = plane.spacing_mm if plane else (1.0, 1.0)
    height, width = image.rows * between_rows, image.columns * between_columns
    scale = PANEL / max(height, width)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    panel = Image.new("RGB", (PANEL, PANEL), _GROUND)
    left, top = (PANEL - size[0]) // 2, (PANEL - size[1]) // 2
    scaled = Image.fromarray(picture.pixels).resize(size, Image.Resampling.BILINEAR)
    panel.paste(scaled.convert("RGB"), (left, top))
    across, down = size[0] / image.columns, size[1] / image.rows
    points = [(left + column * across, top + row * down) for column, row in region.polygon]
    ImageDraw.Draw(panel).line([*points, points[0]], _OUTLINE, 2)
    return panel


def _lines(key: KeyRegion) -> tuple[str, str, str]:
    finding = key.result.provenance.detector.target.words
    share = key.result.probability
    probable = "" if share is None else f", {percent(share)} in the study"
    return (
        f"{finding} suspected{probable}",
        place_words(key.place.score, key.region.kind),
        long_string(f"model: {model_words(key.result)}"),
    )


def _time(facts: AssessmentFacts) -> str:
    return local_time(facts, facts.finished_at).strftime("%Y-%m-%d %H:%M:%S")


def _fitting(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """The text, cut to this many pixels."""
    whole = text
    while font.getlength(text) > width:
        text = text[:-1]
    return text if text == whole else text[:-3] + "..."
