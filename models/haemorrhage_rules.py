"""Which CT series the haemorrhage detector was made for, read from headers alone."""

import re

from models.colour import why_in_colour
from models.contrast_words import described_contrast, names_an_agent
from models.detector import InstanceHeader, SeriesHeader
from models.header_words import plain, words
from models.species import why_not_a_person
from worklist.uid import SOPInstanceUID

CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"  # and enhanced, legacy converted: .2.1, .2.2
_CT_CLASSES = frozenset({CT_IMAGE_STORAGE, f"{CT_IMAGE_STORAGE}.1", f"{CT_IMAGE_STORAGE}.2"})
LEAST_IMAGES = 6
_LEAST_SIDE = 128  # pixels
_MOST_TILT = 0.7  # least z component of a plane's normal: 45 degrees
# Words of Body Part Examined (PS3.16 annex L) and of descriptions, in several languages; stems
# may go on (CRANIENNE, SCHADELS).
_HEAD = re.compile(
    r"(?:HEAD|BRAIN|SKULL|CRAN|CEREBR|ENCEPHAL|SCHADEL|KOPF|HIRN|NEURO|TETE|CABEZA|TESTA|CEREBEL"
    r"|KRANI|CEREBRAL|HUVUD|HJARN|HOOFD|HERSEN|GLOWA|GLOWY|MOZG)"
)
_ELSEWHERE = {
    "chest": r"CHEST|THORAX|THORAC|LUNG|POUMON|TORAX|TORACE|HEART|CARDIAC|CORONAR",
    "abdomen": r"ABDOM|PELVI|LIVER|KIDNEY|RENAL|BECKEN|COLON(?!N)|BASSIN",
    "spine": r"[CTL]?SPINE|SPINAL|CERVICAL|LUMBAR|RACHIS|WIRBEL|[HBL]WS$|COLUMNA|COLONNA",
    "neck": r"NECK|COU$|HALS|CUELLO|COLLO|LARYN|THYROID",
    "orbits, sinuses or face": r"ORBIT|SINUS|FACE|FACIAL|MAXILL|MANDIB|NASAL|NNH|PNS",
    "ear": r"TEMPORAL|PETROUS|ROCHER|FELSENBEIN|MASTOID|IAC$|EAR$",
    "teeth": r"DENTA|TEETH|TOOTH|CBCT|DVT$",
    "a limb": r"SHOULDER|KNEE|ANKLE|WRIST|ELBOW|HIP$|FEMUR|TIBIA|FOOT|HAND$|LEG$|EXTREMIT",
}
_DERIVED_WORDS = re.compile(
    r"\b(?:MIP|MINIP|VRT?|3D|VOLUME RENDER\w*|SCOUT|TOPO\w*|LOCALI[SZ]ER|SURVIEW|DOSE|REPORT"
    r"|SCREEN ?SA\w+|SUMMARY|PATIENT PROTOCOL|COLOU?R)\b"
)
_DERIVED_TYPES = frozenset(
    {"LOCALIZER", "MIP", "MAXIMUM", "MINIP", "VOLREN", "3D", "PROJECTION IMAGE", "SCREEN SAVE"}
    | {"PERFUSION", "CBF", "CBV", "MTT", "TTP", "TMAX", "DOSE_INFO"}
)
_BONE_KERNEL = re.compile(
    r"BONE|SHARP|EDGE|LUNG|KNOCHEN|\b(?:OS|OSSEU\w*|OSSEO|OSSO|OSEO|HUESO)\b"
    r"|\b(?:U[789]|[HB]R[5-9]|[HB][67]|FC[358])\d|\bYC\b"
)


def why_not_usable(series: SeriesHeader) -> str | None:
    """Why the detector does not look at a series, a sentence; None if it does."""
    if series.modality != "CT":
        return f"The modality is {series.modality or 'not stated'}, not CT."
    if not series.instances:
        return "The series has no images."
    for reason in (
        why_not_a_person(series.animal),
        _why_another_part(series),
        _why_contrast(series),
    ):
        if reason is not None:
            return reason
    if _DERIVED_WORDS.search(plain(series.series_description).replace("-", " ")):
        return "By its description the series is a localizer, a rendering or a report."
    reasons = [why_instance_not_usable(instance) for instance in series.instances]
    usable = [
        i.number_of_frames for i, why in zip(series.instances, reasons, strict=True) if not why
    ]
    if not usable:
        return reasons[0]
    if sum(usable) < LEAST_IMAGES:
        return f"The series has {sum(usable)} images; a head needs {LEAST_IMAGES} at least."
    return None


def instances_left_out(series: SeriesHeader) -> tuple[tuple[SOPInstanceUID, str], ...]:
    """The images of a usable series at which the detector does not look, and why."""
    reasons = [(i.sop_instance_uid, why_instance_not_usable(i)) for i in series.instances]
    return tuple((uid, reason) for uid, reason in reasons if reason is not None)


def why_instance_not_usable(instance: InstanceHeader) -> str | None:
    """Why the detector does not look at one image, a sentence; None if it does."""
    if instance.sop_class_uid not in _CT_CLASSES:
        return "The image is no CT image but a capture, a report or a derived object."
    derived = _DERIVED_TYPES & set(instance.image_type)
    if derived:
        return f"The image type names {min(derived)}: not a plain slice."
    if 0 < min(instance.rows, instance.columns) < _LEAST_SIDE:
        return f"The image is smaller than {_LEAST_SIDE} pixels."
    if not _is_axial(instance.image_orientation):
        return "The image is not axial (a coronal, sagittal or oblique reformat)."
    return why_in_colour(instance)


def aptness(series: SeriesHeader) -> tuple[int, bool, float, int, str]:
    """What reconstructions of one scan are ordered by, the most apt for blood first.

    Soft kernels come before bone kernels, then images of one size before those of several, some of
    which will be refused, then slices near 5 mm, then many images.
    """
    named = plain(f"{series.convolution_kernel} {series.series_description}")
    count = sum(instance.number_of_frames for instance in series.instances)
    away = abs(min(_thickness_mm(series), 10.0) - 5.0)
    return (
        1 if _BONE_KERNEL.search(named) else 0,
        _is_mixed(series),
        away,
        -count,
        str(series.series_instance_uid),
    )


def why_less_apt(best: SeriesHeader, other: SeriesHeader) -> str:
    """Why one reconstruction of a scan is judged and not the other, a sentence."""
    bone, mixed, away, less, _ = aptness(best)
    other_bone, other_mixed, other_away, other_less, _ = aptness(other)
    if other_bone > bone:
        why = "this one has a bone kernel"
    elif other_mixed > mixed:
        why = "some of these images are of another size than most"
    elif other_away > away:
        why = (
            f"its slices of {_thickness_mm(best):g} mm are nearer to 5 mm than these of "
            f"{_thickness_mm(other):g} mm"
        )
    elif other_less > less:
        why = "it has more images"
    else:
        why = "both are alike"
    return f"Another series of the same scan is looked at instead: {why}."


def _is_mixed(series: SeriesHeader) -> bool:
    """Whether images that count differ in rows or columns, by their headers."""
    usable = (i for i in series.instances if why_instance_not_usable(i) is None)
    return len({(i.rows, i.columns) for i in usable}) > 1


def _thickness_mm(series: SeriesHeader) -> float:
    return next((i.slice_thickness_mm for i in series.instances if i.slice_thickness_mm), 5.0)


def _why_another_part(series: SeriesHeader) -> str | None:
    """Body Part Examined counts first; where it says nothing known, the descriptions do."""
    for text in (
        series.body_part_examined,
        f"{series.series_description} {series.protocol_name}",
        series.study_description,
    ):
        named = words(text)
        if any(_HEAD.match(word) for word in named):
            if text is not series.body_part_examined:
                return None
            continue  # HEAD is also what sinuses, orbits and ears are filed under
        for part, pattern in _ELSEWHERE.items():
            if any(re.match(rf"(?:{pattern})", word) for word in named):
                return f"It shows the {part}; the detector was made for the brain."
        if text is not series.body_part_examined and named and _is_head(series):
            return None
    return None


def _is_head(series: SeriesHeader) -> bool:
    return any(_HEAD.match(word) for word in words(series.body_part_examined))


def _why_contrast(series: SeriesHeader) -> str | None:
    """The agent counts first, then the series' description, then the protocol.

    The series without contrast of a study with it often keeps the name of the whole protocol.
    """
    if names_an_agent(series.contrast_bolus_agent):
        return "Contrast agent was given; the detector was made for CT without it."
    said = described_contrast(series.series_description)
    if said is None:
        said = described_contrast(series.protocol_name)
    if said:
        return "By its description the series is with contrast agent (angiography, perfusion)."
    return None


def _is_axial(orientation: tuple[float, ...] | None) -> bool:
    """Whether a plane lies across the body; one that does not say is taken to."""
    if orientation is None or len(orientation) != 6:
        return True
    (a, b, _), (d, e, _) = orientation[:3], orientation[3:]
    return abs(a * e - b * d) >= _MOST_TILT
