"""Which radiographs the fracture detector was made for, read from headers alone."""

import re
import unicodedata

from models.detector import InstanceHeader, SeriesHeader
from worklist.uid import SOPInstanceUID

_MODALITIES = frozenset({"DX", "CR", "RG"})  # PS3.3 C.7.3.1.1.1
_DX_FOR_PROCESSING = "1.2.840.10008.5.1.4.1.1.1.1.1"
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"  # and its multi-frame children, .7.1 to .7.4
_LEAST_SIDE = 100  # pixels; anything smaller is an icon
# Words of Body Part Examined (PS3.16 annex L) and of descriptions, in several languages. Stems
# may go on (SCAPULAE, SCHULTERGELENK); short words are whole, for MAIN is French for hand and
# the beginning of MAINTENANCE.
_LIMB_STEMS = (
    r"SHOULDER|CLAVIC|SCAPUL|HUMERUS|ELBOW|FOREARM|WRIST|FINGER|THUMB|PELVIS|FEMUR|THIGH|KNEE"
    r"|PATELLA|TIBIA|FIBULA|ANKLE|CALCANEUS|EXTREMIT|POIGNET|COUDE|EPAULE|HANCHE|GENOU|CHEVILLE"
    r"|JAMBE|SCHULTER|ELLENBOGEN|HANDGELENK|HANDWURZEL|HUFT|BECKEN|FUSSWURZEL|OBERARM|UNTERARM"
)
_LIMB_WORDS = (
    r"ARM|RADIUS|ULNA|HAND|HIP|LEG|CALF|HEEL|FOOT|FEET|TOE|MAIN|BASSIN|PIED|BRAS|FUSS|BEIN|KNIE"
)
_LIMB = re.compile(rf"(?:{_LIMB_STEMS})[A-Z]*|(?:{_LIMB_WORDS})(?:S|E|EN)?")
_TRUNK = {
    "chest": r"CHEST|THORAX|THORACIQUE|LUNG|POUMON|RIB|STERNUM|HEART",
    "abdomen": r"ABDOMEN|ABDOMINAL|KUB|ASP$|BOWEL|STOMACH|BLADDER|KIDNEY",
    "head": r"SKULL|HEAD|CRANE|SCHADEL|FACE|FACIAL|ORBIT|SINUS|NASAL|NOSE|BRAIN|MASTOID",
    "spine": r"[CTLS]{0,2}SPINE|SPINE|CERVICAL|LUMBAR|THORACIC|SACRUM|COCCYX|RACHIS|COLONNE|"
    r"WIRBELSAULE|[HBL]WS|NECK",
    "breast": r"BREAST|MAMMO|SEIN",
    "teeth": r"TEETH|TOOTH|DENTAL|JAW|MANDIBLE|MAXILLA|PANORAMIC|DENT$|DENTA",
}


def why_not_usable(series: SeriesHeader) -> str | None:
    """Why the detector does not look at a series, a sentence; None if it does."""
    if series.modality not in _MODALITIES:
        return f"The modality is {series.modality or 'not stated'}, not a radiograph (DX or CR)."
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
    return None


def _foreign_body_part(series: SeriesHeader) -> str | None:
    """The part a series shows if it is one the detector was not made for.

    Body Part Examined counts first; where it is empty or says nothing, the descriptions do. A
    text that names a limb too (a shoulder on a chest film) is left to the detector.
    """
    for text in (
        series.body_part_examined,
        f"{series.series_description} {series.protocol_name}",
        series.study_description,
    ):
        words = _words(text)
        if any(_LIMB.fullmatch(word) for word in words):
            return None
        for part, pattern in _TRUNK.items():
            if any(re.match(rf"(?:{pattern})", word) for word in words):
                return part
    return None


def _words(text: str) -> list[str]:
    """Capital words without accents."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii").upper()
    return re.findall(r"[A-Z]+", plain)
