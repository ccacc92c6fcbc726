"""Which CT series the nodule detector was made for, read from headers alone, and which is best."""

import re
from collections.abc import Sequence
from itertools import pairwise

from models import body_parts
from models.body_parts import first_named, names
from models.colour import why_in_colour
from models.detector import InstanceHeader, SeriesHeader
from models.header_words import plain, words
from models.headers import position_along_normal_mm
from models.nodule_volume import LARGEST_GAP_MM, LEAST_HEIGHT_MM, why_not_axial, why_other_grid
from models.species import why_not_a_person
from worklist.uid import SOPInstanceUID

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"  # and its multi-frame children, .7.1 to .7.4
_CT_IMAGES = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.2",  # CT Image Storage
        "1.2.840.10008.5.1.4.1.1.2.1",  # Enhanced CT Image Storage
        "1.2.840.10008.5.1.4.1.1.2.2",  # Legacy Converted Enhanced CT Image Storage
    }
)
_LUNGS_MM = 300.0  # no lungs are much taller: what a series covers beyond does not count
_WHOLE = 0.8  # of the tallest series; one that covers less is a part of the chest
_LEAST_SLICES = 10
_LEAST_SIDE = 128  # pixels
# Image Type (PS3.3 C.8.2.1.1.1, C.8.15.3.4) of what no slices of the patient are
_NO_SLICES = {
    "LOCALIZER": "a localizer",
    "SCOUT": "a localizer",
    "TOPOGRAM": "a localizer",
    "MIP": "a projection",
    "MAX_IP": "a projection",
    "MIN_IP": "a projection",
    "MINIP": "a projection",
    "PROJECTION IMAGE": "a projection",
    "VOLUME_RENDERED": "a rendering",
    "VRT": "a rendering",
    "CURVED_MPR": "a curved reformat",
    "DOSE_INFO": "a dose report",
    "SCREEN SAVE": "a screen capture",
    "SCREENSAVE": "a screen capture",
    "PERFUSION": "a perfusion map",
}
_TITLES = re.compile(
    r"\b(SCOUT|TOPOGRAM\w*|LOCALI[SZ]ER|SURVIEW|SCANOGRAM|MIP|MINIP|VRT?|DOSE|REPORT|SCREEN|SMART"
    r" ?PREP|BOLUS|TRACKER|MONITORING|PREMONITORING)\b"
)
_REFORMATS = re.compile(r"\b(COR(ONAL)?\w*|SAG(ITTAL)?\w*|MPR)\b")
# Besides the chest's own words: thorax-abdomen-pelvis in several languages, lung cancer screening
_CHEST = rf"{body_parts.CHEST}|HRCT|TAP|CAP|TCAP|NCAP|TRUNK|WHOLEBODY|RUMPF|TORSO|LCS"
_ELSEWHERE = {
    "head": body_parts.HEAD,
    "spine": body_parts.SPINE,
    "neck": body_parts.NECK,
    "abdomen": rf"{body_parts.ABDOMEN}|{body_parts.PELVIS}",
    "limbs": rf"{body_parts.LIMB}|{body_parts.ARM_OR_LEG}",
}
_SHARP = re.compile(r"LUNG|SHARP|BONE|EDGE|[A-Z][5-8]\d|^L$|^Y[ABC]$")  # of most vendors


def why_not_usable(series: SeriesHeader) -> str | None:
    """Why the detector does not look at a series, a sentence; None if it does."""
    if series.modality != "CT":
        return f"The modality is {series.modality or 'not stated'}, not CT."
    if not series.instances:
        return "The series has no images."
    animal = why_not_a_person(series.animal)
    if animal is not None:
        return animal
    part = _foreign_body_part(series)
    if part is not None:
        return f"It shows the {part}; the detector was made for the chest."
    title = _words(f"{series.series_description} {series.protocol_name}")
    named = _TITLES.search(_words(series.series_description))
    if named is not None:
        return f"The series is called {named.group(0)}: it holds no slices for reading."
    reasons = [why_instance_not_usable(instance) for instance in series.instances]
    usable = [
        instance
        for instance, reason in zip(series.instances, reasons, strict=True)
        if reason is None
    ]
    if not usable:
        if _REFORMATS.search(title) and "reformat" not in (reasons[0] or ""):
            return "The series is a reformat, not axial slices."
        return reasons[0]
    return _why_not_enough(usable)


def instances_left_out(series: SeriesHeader) -> tuple[tuple[SOPInstanceUID, str], ...]:
    """The images of a usable series at which the detector does not look, and why."""
    reasons = [(i.sop_instance_uid, why_instance_not_usable(i)) for i in series.instances]
    return tuple((uid, reason) for uid, reason in reasons if reason is not None)


def why_instance_not_usable(instance: InstanceHeader) -> str | None:
    """Why the detector does not look at one image, a sentence; None if it does."""
    if (instance.sop_class_uid + ".").startswith(_SECONDARY_CAPTURE + "."):
        return "The image is a secondary capture, which may be a screenshot."
    if instance.sop_class_uid not in _CT_IMAGES:
        return "The object is not a CT image."
    for value in instance.image_type:
        if value in _NO_SLICES:
            return f"The image is {_NO_SLICES[value]}."
    if min(instance.rows, instance.columns) < _LEAST_SIDE:
        return f"The image is smaller than {_LEAST_SIDE} pixels."
    in_colour = why_in_colour(instance)
    if in_colour is not None:
        return in_colour
    if instance.number_of_frames > 1:
        return None  # its frames say where they are; they are judged when they are decoded
    if instance.pixel_spacing_mm is None:
        return "The image does not state its pixel spacing, so that no size can be told."
    if instance.image_position_mm is None or instance.image_orientation is None:
        return "The image does not state its position and orientation."
    return why_not_axial(instance.image_orientation)


def best_first(series: Sequence[SeriesHeader]) -> list[int]:
    """The places in ``series`` of eligible series, those to look at rather first.

    Series of the whole chest come first: those as tall as the tallest, or nearly. Of them those of
    one grid come before those some of whose slices will be refused for being of another. The
    thinnest slices win, as long as they are not thinner than a millimetre needs; of those alike the
    one with the sharper kernel, then the one that covers more.
    """
    measures = [_measures(one) for one in series]
    whole = _WHOLE * min(_LUNGS_MM, max((height for _, height in measures), default=0.0))
    ranks = [_rank(one, *of, whole) for one, of in zip(series, measures, strict=True)]
    return sorted(range(len(series)), key=lambda place: ranks[place])


def why_rather(best: SeriesHeader, other: SeriesHeader) -> str:
    """Why one reconstruction of a scan is judged and not the other, a sentence."""
    (gap, height), (other_gap, other_height) = _measures(best), _measures(other)
    if other_height < _WHOLE * height:
        return f"Another series covers more ({height:.0f} mm, not {other_height:.0f} mm)."
    if _thickness(other_gap) > _thickness(gap):
        return f"Another series has thinner slices ({gap:.1f} mm, not {other_gap:.1f} mm)."
    if _thickness(other_gap) == _thickness(gap) and _is_blunt(other) and not _is_blunt(best):
        return "Another series of the same slices has a sharper kernel."
    return "Another series of the same scan shows what this one does."


def _rank(
    series: SeriesHeader, gap: float, height: float, whole: float
) -> tuple[bool, bool, float, bool, float, str]:
    """What series are ordered by, the best first; ``whole``: mm that a whole chest covers."""
    return (
        height < whole,
        _is_mixed(series),
        _thickness(gap),
        _is_blunt(series),
        -height,
        series.series_instance_uid,
    )


def _thickness(gap: float) -> float:
    """In steps of half a millimetre, a millimetre at least."""
    return max(1.0, round(gap * 2) / 2)


def _is_mixed(series: SeriesHeader) -> bool:
    """Whether slices are not of one grid; the headers of enhanced objects do not tell."""
    usable = [
        i
        for i in series.instances
        if i.number_of_frames == 1 and why_instance_not_usable(i) is None
    ]
    return any(why_other_grid(one, usable[0]) is not None for one in usable)


def _is_blunt(series: SeriesHeader) -> bool:
    return _SHARP.search(_words(series.convolution_kernel)) is None


def _measures(series: SeriesHeader) -> tuple[float, float]:
    """Distance of slices and height covered in mm, from headers.

    The frames of an enhanced object are taken to lie as far apart as they are thick.
    """
    usable = [i for i in series.instances if why_instance_not_usable(i) is None]
    heights = sorted(
        position_along_normal_mm(i.image_position_mm, i.image_orientation)
        for i in usable
        if i.image_position_mm is not None and i.image_orientation is not None
    )
    gaps = sorted(b - a for a, b in pairwise(heights) if b - a > 0.05)
    if gaps:
        return gaps[len(gaps) // 2], heights[-1] - heights[0]
    gap = next((i.slice_thickness_mm for i in usable if i.slice_thickness_mm), 5.0)
    return gap, gap * (sum(i.number_of_frames for i in usable) - 1)


def _why_not_enough(usable: Sequence[InstanceHeader]) -> str | None:
    """Why these images are too few or too thick, a sentence; None if not."""
    if any(instance.number_of_frames > 1 for instance in usable):
        return None
    heights = sorted(
        {
            round(position_along_normal_mm(i.image_position_mm, i.image_orientation), 1)
            for i in usable
            if i.image_position_mm is not None and i.image_orientation is not None
        }
    )
    if len(heights) < _LEAST_SLICES:
        return f"There are {len(heights)} axial slices; at least {_LEAST_SLICES} are needed."
    gaps = sorted(b - a for a, b in pairwise(heights))
    gap = gaps[len(gaps) // 2]
    if gap > LARGEST_GAP_MM:
        return f"The slices are {gap:.1f} mm apart; the detector was made for 5 mm at most."
    if heights[-1] - heights[0] < LEAST_HEIGHT_MM:
        return f"The slices cover less than {LEAST_HEIGHT_MM:.0f} mm."
    return None


def _foreign_body_part(series: SeriesHeader) -> str | None:
    """The part a series shows if that does not include the chest; None where nothing says.

    A text that names the chest settles it, wherever it stands: Body Part Examined is often wrong.
    """
    texts = [
        words(text)
        for text in (
            series.body_part_examined,
            f"{series.series_description} {series.protocol_name}",
            series.study_description,
        )
    ]
    if any(names(text, _CHEST) for text in texts):
        return None
    parts = (first_named(text, _ELSEWHERE) for text in texts)
    return next((part for part in parts if part is not None), None)


def _words(text: str) -> str:
    """Capital words and numbers without accents, one space between them."""
    return " ".join(re.findall(r"[A-Z]+[A-Z0-9]*|[0-9]+", plain(text)))
