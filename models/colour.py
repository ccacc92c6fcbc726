"""Whether an image is in colour, as captures and photographs are and radiographs and CT are not."""

from models.detector import InstanceHeader


def why_in_colour(instance: InstanceHeader) -> str | None:
    """Why an image is not looked at, a sentence; None if it is grey, or does not say.

    Radiographs and CT images are MONOCHROME1 or MONOCHROME2 (PS3.3 C.8.11.3.1.2, C.8.2.1.1.2).
    """
    said = instance.photometric_interpretation
    if not said or said.startswith("MONOCHROME"):
        return None
    return "The image is in colour: a capture, a map or a photograph."
