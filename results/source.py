"""From the header of an image to what objects say of it: tolerant, for it came from anywhere."""

import math
import re
from collections.abc import Sequence

from pydicom.dataset import Dataset
from pydicom.uid import RE_VALID_UID

from results.errors import UnusableSource
from results.facts import Grey, ObjectReference, Plane, SourceImage, Window
from results.header_values import items, numbers, text, whole
from worklist.errors import InvalidUID
from worklist.uid import SeriesInstanceUID, SOPInstanceUID

_FUNCTIONS = frozenset({"LINEAR", "LINEAR_EXACT", "SIGMOID"})
_GREY = {"MONOCHROME1": True, "MONOCHROME2": False}
_LONGEST_UID = 64
_LARGEST = 65535  # what an unsigned short holds
_UNIT = 1e-2  # how far a direction may be from length 1, and two from a right angle


def source_image_of(header: Dataset) -> SourceImage:
    """Of an image as pydicom read it; its pixels are not needed.

    Raises
    ------
    UnusableSource
        If it lacks UIDs, or has no rows or columns, or more than an image can have.
    """
    return SourceImage(
        reference=reference_of(header),
        modality=text(header, "Modality") or "OT",
        rows=_size(header, "Rows"),
        columns=_size(header, "Columns"),
        number_of_frames=max(whole(header, "NumberOfFrames") or 1, 1),
        frame_of_reference_uid=_frame_of_reference_uid(header),
        planes=_planes(header),
        grey=_grey(header),
    )


def _size(header: Dataset, keyword: str) -> int:
    size = whole(header, keyword)
    if size is None or not 1 <= size <= _LARGEST:
        raise UnusableSource(f"the source has no {keyword}, or as many as no image can have")
    return size


def reference_of(header: Dataset) -> ObjectReference:
    """How others refer to an object.

    Raises
    ------
    UnusableSource
        If it lacks a UID.
    """
    try:
        return ObjectReference(
            sop_class_uid=str(SOPInstanceUID(text(header, "SOPClassUID"))),
            sop_instance_uid=SOPInstanceUID(text(header, "SOPInstanceUID")),
            series_instance_uid=SeriesInstanceUID(text(header, "SeriesInstanceUID")),
        )
    except InvalidUID as error:
        raise UnusableSource(f"the source lacks a UID: {error}") from error


def _frame_of_reference_uid(header: Dataset) -> str | None:
    """None: it has none, or something that is no UID and that no object can repeat."""
    uid = text(header, "FrameOfReferenceUID")
    return uid if len(uid) <= _LONGEST_UID and re.fullmatch(RE_VALID_UID, uid) else None


def _planes(header: Dataset) -> tuple[Plane, ...]:
    """Of each frame; empty unless all are known."""
    count = max(whole(header, "NumberOfFrames") or 1, 1)
    shared = items(header, "SharedFunctionalGroupsSequence")
    per_frame = items(header, "PerFrameFunctionalGroupsSequence")
    if not shared and not per_frame:
        plane = _plane(header, header, header) if count == 1 else None
        return (plane,) if plane is not None else ()
    if len(per_frame) != count:
        return ()
    planes = [
        _plane(
            _group(frame, shared, "PlanePositionSequence"),
            _group(frame, shared, "PlaneOrientationSequence"),
            _group(frame, shared, "PixelMeasuresSequence"),
        )
        for frame in per_frame
    ]
    return tuple(one for one in planes if one is not None) if None not in planes else ()


def _plane(position: Dataset, orientation: Dataset, measures: Dataset) -> Plane | None:
    at = numbers(position, "ImagePositionPatient", 3)
    along = numbers(orientation, "ImageOrientationPatient", 6)
    spacing = numbers(measures, "PixelSpacing", 2)
    if at is None or along is None or spacing is None or min(spacing) <= 0:
        return None
    if not _is_right_angled(along):
        return None
    thickness = numbers(measures, "SliceThickness", 1)
    return Plane(
        position_mm=(at[0], at[1], at[2]),
        orientation=(along[0], along[1], along[2], along[3], along[4], along[5]),
        spacing_mm=(spacing[0], spacing[1]),
        thickness_mm=thickness[0] if thickness and thickness[0] > 0 else None,
    )


def _is_right_angled(along: Sequence[float]) -> bool:
    row, column = along[:3], along[3:]
    lengths = math.hypot(*row), math.hypot(*column)
    dot = sum(a * b for a, b in zip(row, column, strict=True))
    return all(abs(one - 1) < _UNIT for one in lengths) and abs(dot) < _UNIT


def _grey(header: Dataset) -> Grey | None:
    inverted = _GREY.get(text(header, "PhotometricInterpretation"))
    if inverted is None or "ModalityLUTSequence" in header:
        return None
    shared = items(header, "SharedFunctionalGroupsSequence")
    frame = (items(header, "PerFrameFunctionalGroupsSequence") or [Dataset()])[0]
    values = _group(frame, shared, "PixelValueTransformationSequence") if shared else header
    voi = _group(frame, shared, "FrameVOILUTSequence") if shared else header
    slope, intercept = (numbers(values, f"Rescale{one}", 1) for one in ("Slope", "Intercept"))
    rescale = (slope[0], intercept[0]) if slope and intercept and slope[0] else None
    return Grey(
        rescale=rescale,
        rescale_type=text(values, "RescaleType")
        or ("HU" if text(header, "Modality") == "CT" else "US"),
        window=_window(voi),
        inverted=inverted,
        has_voi_table="VOILUTSequence" in voi,
    )


def _window(voi: Dataset) -> Window | None:
    center, width = (numbers(voi, f"Window{one}", 1) for one in ("Center", "Width"))
    function = text(voi, "VOILUTFunction") or "LINEAR"
    if not center or not width or function not in _FUNCTIONS:
        return None
    least = 1.0 if function == "LINEAR" else 0.0
    if width[0] < least or width[0] == 0:
        return None
    return Window(center=center[0], width=width[0], function=function)


def _group(frame: Dataset, shared: Sequence[Dataset], keyword: str) -> Dataset:
    """A functional group of a frame, or the one that all frames share (PS3.3 C.7.6.16)."""
    for holder in (frame, *shared[:1]):
        found = items(holder, keyword)
        if found:
            return found[0]
    return Dataset()
