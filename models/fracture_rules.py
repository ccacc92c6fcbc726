"""Which radiographs the fracture detector was made for, read from headers alone."""

from models import body_parts
from models.body_parts import first_named, names
from models.colour import why_in_colour
from models.detector import InstanceHeader, SeriesHeader
from models.header_words import words
from models.species import why_not_a_person
from worklist.uid import SOPInstanceUID

_MODALITIES = frozenset({"DX", "CR", "RG"})  # PS3.3 C.7.3.1.1.1
_DX_FOR_PROCESSING = "1.2.840.10008.5.1.4.1.1.1.1.1"
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"  # and its multi-frame children, .7.1 to .7.4
_LEAST_SIDE = 100  # pixels; anything smaller is an icon
_LIMB = rf"{body_parts.LIMB}|{body_parts.PELVIS}"
_TRUNK = {
    "spine": body_parts.SPINE,
    "chest": body_parts.CHEST,
    "abdomen": body_parts.ABDOMEN,
    "head": body_parts.HEAD,
    "neck": body_parts.NECK,
    "breast": body_parts.BREAST,
    "teeth": body_parts.TEETH,
}
_LYING = ("spine", "chest", "abdomen")  # beside which an arm or a leg says how the patient lay


def why_not_usable(series: SeriesHeader) -> str | None:
    """Why the detector does not look at a series, a sentence; None if it does."""
    if series.modality not in _MODALITIES:
        return f"The modality is {series.modality or 'not stated'}, not a radiograph (DX or CR)."
    animal = why_not_a_person(series.animal)
    if animal is not None:
        return animal
    part = _foreign_body_part(series)
    if part is not None:
        return f"It shows the {part}; the detector was made for limbs, pelvis and shoulder."
    if not series.instances:
        return "The series has no images."
    reasons = [why_instance_not_usable(instance) for instance in series.instances]
    return None if None in reasons else reasons[0]


def instances_left_out(series: SeriesHeader) -> tuple[tuple[SOPInstanceUID, str], ...]:
    """The images of a usable series at which the detector does not look, and why."""
    reasons = [(i.sop_instance_uid, why_instance_not_usable(i)) for i in series.instances]
    return tuple((uid, reason) for uid, reason in reasons if reason is not None)


def why_instance_not_usable(instance: InstanceHeader) -> str | None:
    """Why the detector does not look at one image, a sentence; None if it does."""
    if instance.sop_class_uid == _DX_FOR_PROCESSING:
        return "The image is raw detector data (for processing), not for presentation."
    if (instance.sop_class_uid + ".").startswith(_SECONDARY_CAPTURE + "."):
        return "The image is a secondary capture, which may be a screenshot."
    if "LOCALIZER" in instance.image_type:
        return "The image is a localizer."
    if 0 < min(instance.rows, instance.columns) < _LEAST_SIDE:
        return f"The image is smaller than {_LEAST_SIDE} pixels."
    return why_in_colour(instance)


def _foreign_body_part(series: SeriesHeader) -> str | None:
    """The part a series shows if it is one the detector was not made for.

    Body Part Examined counts first; where it is empty or says nothing, the descriptions do. A
    text that names a limb too (a shoulder on a chest film) is left to the detector, but not for
    an arm or a leg beside a trunk. Face is French for a frontal view too: bras face is an arm.
    """
    for text in (
        series.body_part_examined,
        f"{series.series_description} {series.protocol_name}",
        series.study_description,
    ):
        named = words(text)
        if names(named, _LIMB):
            return None
        part = first_named(named, _TRUNK)
        if names(named, body_parts.ARM_OR_LEG) and part not in _LYING:
            return None
        if part is not None:
            return part
    return None
