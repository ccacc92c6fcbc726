"""Which series a third-party model looks at, from headers alone."""

import re

from models.detector import Eligibility, Eligible, InstanceHeader, NotEligible, SeriesHeader
from models.third_party_card import InputRules

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"  # and its multi-frame children, .7.1 to .7.4
_FEWEST_SLICES = 2


def eligibility_of(series: SeriesHeader, rules: InputRules) -> Eligibility:
    """By modality, body part and contrast agent; localizers and captures are left out."""
    reason = _why_not(series, rules)
    if reason is not None:
        return NotEligible(reason=reason)
    reasons = [(one.sop_instance_uid, _why_left_out(one)) for one in series.instances]
    left_out = tuple((uid, why) for uid, why in reasons if why is not None)
    frames = sum(one.number_of_frames for one in series.instances if _why_left_out(one) is None)
    if frames == 0:
        return NotEligible(reason=left_out[0][1] if left_out else "The series has no images.")
    if rules.is_volume and frames < _FEWEST_SLICES:
        return NotEligible(reason="The series is one image; the model was made for volumes.")
    return Eligible(left_out=left_out)


def _why_not(series: SeriesHeader, rules: InputRules) -> str | None:
    if series.modality not in rules.modalities:
        made_for = " or ".join(rules.modalities)
        return f"The modality is {series.modality or 'not stated'}; the model is for {made_for}."
    if series.contrast_bolus_agent and not rules.contrast:
        return "A contrast agent was given; the model is for images without."
    if rules.body_parts and not _shows(series, rules.body_parts):
        part = series.body_part_examined.lower() or "a part that is not stated"
        made_for = ", ".join(rules.body_parts).lower()
        return f"It shows {part}; the model is for {made_for}."
    return None


def _shows(series: SeriesHeader, body_parts: tuple[str, ...]) -> bool:
    """Whether Body Part Examined names one; where it is empty, whether a description does."""
    text = series.body_part_examined or " ".join(
        (series.series_description, series.protocol_name, series.study_description)
    )
    return any(
        re.search(rf"(?<![A-Z]){re.escape(part)}(?![A-Z])", text.upper()) for part in body_parts
    )


def _why_left_out(instance: InstanceHeader) -> str | None:
    if (instance.sop_class_uid + ".").startswith(_SECONDARY_CAPTURE + "."):
        return "The image is a secondary capture, which may be a screenshot."
    if "LOCALIZER" in instance.image_type:
        return "The image is a localizer."
    if not instance.photometric_interpretation.startswith("MONOCHROME"):
        return "The image is in colour."
    return None
