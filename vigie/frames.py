"""Frames for viewers: decoded by `models`, handed over in `viewer`'s terms."""

from pathlib import Path

import numpy as np
from pydicom.encaps import encapsulate

from models import images
from models.data_set import UnreadableDataSet, quiet, read_data_set
from models.decoding import ImagePixel, decode_frames, image_pixel
from viewer.dicomweb.explicit import rewrite
from viewer.dicomweb.pixels import StoredFrame
from viewer.ports import CannotDecode, Frame
from viewer.rendering import LARGEST_FRAME_PIXELS

_LIMIT_BYTES = 1024**3  # of what an object may take decoded; a page shows one frame of it


def decode_frame(path: Path, frame_number: int) -> Frame:
    """A frame of an archived object (`viewer.ports.DecodeFrame`)."""
    try:
        frame = images.decode_frame(path, frame_number, limit_bytes=_LIMIT_BYTES)
    except images.UndecodableImage as error:
        raise CannotDecode(str(error)) from error
    rows, columns = frame.pixels.shape[:2]
    if rows * columns > LARGEST_FRAME_PIXELS:  # here, before it is copied to the web process
        raise CannotDecode(f"{rows} x {columns} pixels are too many to show")
    window = (frame.window_center, frame.window_width)
    return Frame(pixels=frame.pixels, window=window, pixel_aspect=frame.pixel_aspect)


def decode_stored(path: Path, frame_number: int, stored: StoredFrame | None) -> bytes:
    """A frame as Explicit VR Little Endian has it (`viewer.dicomweb.ports.DecodeStored`).

    Samples lie in words of Bits Allocated. Colour is RGB, pixel by pixel, whatever it was in the
    codestream; the index of a palette stays one.
    """
    with quiet():
        try:
            data_set = read_data_set(path, limit_bytes=_LIMIT_BYTES, pixels=stored is None)
            if stored is not None:  # the header with the one codestream that is asked for
                data_set.PixelData = encapsulate([stored.content], has_bot=False)
                data_set.NumberOfFrames, frame_number = 1, 1
                for table in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
                    data_set.pop(table, None)
            described = image_pixel(data_set)
            (frame,) = decode_frames(
                data_set, described, [frame_number - 1], limit_bytes=_LIMIT_BYTES
            )
        except (UnreadableDataSet, images.UndecodableImage) as error:
            raise CannotDecode(str(error)) from error
    return np.ascontiguousarray(frame.values, _words(described)).tobytes()


def _words(described: ImagePixel) -> str:
    """The words that samples lie in, as numpy names them."""
    if described.bits_allocated not in (8, 16, 32):
        raise CannotDecode(f"samples in {described.bits_allocated} bits cannot be handed out")
    kind = "i" if described.pixel_representation == 1 else "u"
    return f"<{kind}{described.bits_allocated // 8}"


def transcode(path: Path, target: Path) -> None:
    """Write an object again in Explicit VR Little Endian (`viewer.dicomweb.ports.Transcode`)."""
    rewrite(path, target, decode_stored)
