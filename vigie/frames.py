"""One frame for the web page: decoded by `models`, handed over in `viewer`'s terms."""

from pathlib import Path

from models import images
from viewer.ports import CannotDecode, Frame


def decode_frame(path: Path, frame_number: int) -> Frame:
    """A frame of an archived object (`viewer.ports.DecodeFrame`)."""
    try:
        frame = images.decode_frame(path, frame_number)
    except images.UndecodableImage as error:
        raise CannotDecode(str(error)) from error
    return Frame(pixels=frame.pixels, window=(frame.window_center, frame.window_width))
