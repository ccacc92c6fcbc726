"""One frame for the web page: decoded by `models`, handed over in `viewer`'s terms."""

from pathlib import Path

from models import images
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
    return Frame(pixels=frame.pixels, window=(frame.window_center, frame.window_width))
