"""What an object is to its study: something to look at, something said of it, or our own word.

Judged when it is filed, by its header alone. In doubt it is an image: an image that nobody looks
at is worse than a study that is looked at once more.
"""

from worklist.study import ObjectRole

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"  # and its multi-frame kinds below it
_RESULT_CLASSES = frozenset(
    {
        _SECONDARY_CAPTURE,
        "1.2.840.10008.5.1.4.1.1.11.1",  # Grayscale Softcopy Presentation State
        "1.2.840.10008.5.1.4.1.1.66.4",  # Segmentation
        "1.2.840.10008.5.1.4.1.1.88.34",  # Comprehensive 3D SR
        "1.2.840.10008.5.1.4.1.1.88.59",  # Key Object Selection
    }
)
_MAKER = ("Vigie", "Vigie triage")  # Manufacturer and Manufacturer's Model Name, of any version
# With rows and columns, and yet no image of the patient.
_NOT_IMAGES = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.66.4",  # Segmentation
        "1.2.840.10008.5.1.4.1.1.66.7",  # Label Map Segmentation
        "1.2.840.10008.5.1.4.1.1.30",  # Parametric Map
        "1.2.840.10008.5.1.4.1.1.481.2",  # RT Dose
    }
)
_BY_SOFTWARE = frozenset({"WSD", "SYN"})  # Conversion Type (PS3.3 C.8.6.1): made on a workstation


def role_of(
    *,
    sop_class_uid: str,
    has_pixels: bool,
    manufacturer: str,
    model_name: str,
    conversion_type: str,
    image_type: str,
) -> ObjectRole:
    """What an object is to its study.

    Parameters
    ----------
    conversion_type
        Of a secondary capture; empty where it is not said.
    image_type
        Its values, with a backslash between them. An original is an image, whatever else is said:
        importers of CDs write WSD into radiographs.
    """
    is_capture = f"{sop_class_uid}.".startswith(f"{_SECONDARY_CAPTURE}.")
    first_value = image_type.partition("\\")[0].strip().upper()
    if is_capture and has_pixels and first_value == "ORIGINAL":
        return ObjectRole.IMAGE
    if (manufacturer, model_name) == _MAKER and sop_class_uid in _RESULT_CLASSES:
        return ObjectRole.RESULT
    if is_capture and conversion_type.upper() in _BY_SOFTWARE:
        return ObjectRole.DOCUMENT
    if not has_pixels or sop_class_uid in _NOT_IMAGES:
        return ObjectRole.DOCUMENT
    return ObjectRole.IMAGE
