"""From a radiograph of any size and range to the network's canvas, and back, exactly."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

CANVAS_MULTIPLE = 32  # the fracture network halves its canvas five times
STRIDE = 8  # canvas pixels a cell of its maps
_LOW, _HIGH = 0.5, 99.5  # percentiles that become black and white
_SAMPLES = 512  # the percentiles are taken on at most about this many rows and columns


@dataclass(frozen=True, kw_only=True, slots=True)
class Letterbox:
    """How a canvas lies on its source: scaled, in the top-left corner, padded right and below."""

    source_shape: tuple[int, int]  # rows, columns
    content_shape: tuple[int, int]  # rows, columns of the canvas that the image fills
    canvas_shape: tuple[int, int]  # rows, columns

    def to_source(self, boxes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Map boxes (n, 4), left top right bottom, from canvas to source pixels, clipped."""
        rows, columns = self.source_shape
        scale_x = columns / self.content_shape[1]
        scale_y = rows / self.content_shape[0]
        scaled = boxes * np.array([scale_x, scale_y, scale_x, scale_y], np.float32)
        limits = np.array([columns, rows, columns, rows], np.float32)
        return np.asarray(np.clip(scaled, 0, limits), np.float32)

    def to_canvas(self, boxes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Map boxes (n, 4), left top right bottom, from source to canvas pixels."""
        scale_x = self.content_shape[1] / self.source_shape[1]
        scale_y = self.content_shape[0] / self.source_shape[0]
        scales = np.array([scale_x, scale_y, scale_x, scale_y])
        return np.asarray(boxes * scales, np.float32)


def plan(source_shape: tuple[int, int], longest: int, multiple: int) -> Letterbox:
    """Fit an image's longer side to ``longest`` canvas pixels.

    Parameters
    ----------
    source_shape
        Rows and columns of the image.
    multiple
        The canvas' sides are multiples of this, in pixels.
    """
    scale = longest / max(source_shape)
    rows, columns = (max(1, round(side * scale)) for side in source_shape)
    return Letterbox(
        source_shape=source_shape,
        content_shape=(rows, columns),
        canvas_shape=(-(-rows // multiple) * multiple, -(-columns // multiple) * multiple),
    )


def to_grey(pixels: npt.NDArray[np.float32] | npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Stretch any range to 8 bits by the percentiles of what is not the flat border.

    The most common value at either end (a collimator's border, a detector's saturation) would
    pull the percentiles, so pixels at the very minimum and maximum are left out of them. A
    constant image becomes black.
    """
    step = max(1, max(pixels.shape) // _SAMPLES)
    sample = pixels[::step, ::step]
    inside = sample[(sample > sample.min()) & (sample < sample.max())]
    if inside.size < 2:
        return np.zeros(pixels.shape, np.uint8)
    low, high = np.percentile(inside, [_LOW, _HIGH])
    if high <= low:
        return np.zeros(pixels.shape, np.uint8)
    stretched = (pixels.astype(np.float32) - np.float32(low)) * np.float32(255.0 / (high - low))
    return np.asarray(np.clip(stretched, 0.0, 255.0), np.uint8)


def resize(grey: npt.NDArray[np.uint8], shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Resize to (rows, columns) with antialiasing."""
    if grey.shape == shape:
        return grey
    image = Image.fromarray(grey)
    resized = image.resize((shape[1], shape[0]), Image.Resampling.BILINEAR, reducing_gap=3.0)
    return np.asarray(resized)


def to_canvas(
    pixels: npt.NDArray[np.float32] | npt.NDArray[np.uint8], longest: int, multiple: int
) -> tuple[npt.NDArray[np.float32], Letterbox]:
    """Normalise, scale and pad one radiograph.

    Returns
    -------
    canvas
        float32 (row, column), -1 to 1, -1 where padded.
    letterbox
        How to map places back.
    """
    rows, columns = pixels.shape
    box = plan((rows, columns), longest, multiple)
    canvas = np.full(box.canvas_shape, -1.0, np.float32)
    content = resize(to_grey(pixels), box.content_shape)
    canvas[: box.content_shape[0], : box.content_shape[1]] = as_network_input(content)
    return canvas, box


def as_network_input(grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Map 0..255 to -1..1, as the ImageNet trunk expects."""
    return grey.astype(np.float32) / np.float32(127.5) - np.float32(1.0)
