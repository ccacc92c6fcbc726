"""A decoded frame made into a picture a browser shows (PS3.18 section 8.3.5, rendered media)."""

import io
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from viewer.ports import CannotDecode, Frame
from worklist.errors import VigieError

MediaType = Literal["image/png", "image/jpeg"]

LARGEST_FRAME_PIXELS = 64 * 1024 * 1024  # the largest detectors made give a third of this
_LARGEST_VIEWPORT = 8192
_JPEG_QUALITY = 92


class InvalidRendering(VigieError, ValueError):
    """A query for a rendered frame that PS3.18 section 8.3.5.1 does not allow."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rendering:
    """How a frame is asked for."""

    media_type: MediaType
    window: tuple[float, float] | None = None  # centre and width; None: the frame's own
    viewport: tuple[int, int] | None = None  # fits into this width and height; never enlarged


def parse_window(text: str | None) -> tuple[float, float] | None:
    """``center,width`` or ``center,width,linear`` (PS3.18 section 8.3.5.1.4)."""
    if not text:
        return None
    parts = text.split(",")
    if len(parts) == 3 and parts.pop().lower() != "linear":
        raise InvalidRendering("window: the only function served is linear")
    try:
        center, width = (float(part) for part in parts)
    except ValueError as error:
        raise InvalidRendering("window: expected center,width as numbers") from error
    if not (np.isfinite(center) and np.isfinite(width) and width >= 1):
        raise InvalidRendering("window: the width must be at least 1")
    return center, width


def parse_viewport(text: str | None) -> tuple[int, int] | None:
    """``width,height`` in pixels (PS3.18 section 8.3.5.1.3, without a source region)."""
    if not text:
        return None
    try:
        width, height = (int(part) for part in text.split(","))
    except ValueError as error:
        raise InvalidRendering("viewport: expected width,height as whole numbers") from error
    if not (1 <= width <= _LARGEST_VIEWPORT and 1 <= height <= _LARGEST_VIEWPORT):
        raise InvalidRendering(f"viewport: each side must be 1 to {_LARGEST_VIEWPORT}")
    return width, height


def choose_media_type(accept: str | None) -> MediaType | None:
    """The better of PNG and JPEG for an Accept header (RFC 9110 section 12.5.1).

    PNG wins a tie, for it loses nothing. None: the client takes neither.
    """
    if not accept or not accept.strip():
        return "image/png"
    best: MediaType | None = None
    best_quality = 0.0
    candidates: tuple[MediaType, ...] = ("image/png", "image/jpeg")
    for candidate in candidates:
        quality = _quality(candidate, accept)
        if quality > best_quality:
            best, best_quality = candidate, quality
    return best


def _quality(media_type: MediaType, accept: str) -> float:
    """The weight an Accept header gives one type; its most specific range counts."""
    weights: dict[str, float] = {}
    for entry in accept.lower().split(","):
        media_range, *parameters = (part.strip() for part in entry.split(";"))
        weight = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            weights[media_range] = float(weight)
        except ValueError:
            weights[media_range] = 0.0
    for media_range in (media_type, "image/*", "*/*"):
        if media_range in weights:
            return weights[media_range]
    return 0.0


def render(frame: Frame, rendering: Rendering) -> bytes:
    """The frame windowed to 8 bits, made to fit the viewport, and encoded.

    Raises
    ------
    CannotDecode
        If the frame is not a picture: a wrong shape, no pixels, or far too many.
    """
    pixels = frame.pixels
    shape = pixels.shape
    if not (len(shape) == 2 or (len(shape) == 3 and shape[2] == 3)) or 0 in shape:
        raise CannotDecode(f"a frame of the shape {shape} cannot be shown")
    if shape[0] * shape[1] > LARGEST_FRAME_PIXELS:
        raise CannotDecode(f"a frame of {shape[1]} x {shape[0]} pixels is too large to show")
    if len(shape) == 3:
        picture = Image.fromarray(np.ascontiguousarray(pixels, dtype=np.uint8))
    else:
        values = np.asarray(pixels, dtype=np.float32)
        window = rendering.window or frame.window or own_window(values)
        picture = Image.fromarray(apply_window(values, *window))
    if rendering.viewport is not None:
        picture = _fitted(picture, rendering.viewport, frame.pixel_aspect)
    encoded = io.BytesIO()
    if rendering.media_type == "image/png":
        picture.save(encoded, "png", compress_level=1)
    else:
        picture.save(encoded, "jpeg", quality=_JPEG_QUALITY)
    return encoded.getvalue()


def _fitted(picture: Image.Image, viewport: tuple[int, int], pixel_aspect: float) -> Image.Image:
    """As large as fits, never enlarged, as high to wide as what was taken."""
    shown_height = picture.height * pixel_aspect
    shrink = min(1.0, viewport[0] / picture.width, viewport[1] / shown_height)
    if pixel_aspect > 1:  # rather narrower than higher than it was
        shrink = min(shrink, 1 / pixel_aspect)
    size = max(1, round(picture.width * shrink)), max(1, round(shown_height * shrink))
    return picture if size == picture.size else picture.resize(size, Image.Resampling.LANCZOS)


def apply_window(
    values: npt.NDArray[np.float32], center: float, width: float
) -> npt.NDArray[np.uint8]:
    """The linear function of PS3.3 C.11.2.1.2.1: any values to 0 (black) to 255.

    What is no number (NaN) is black.
    """
    scaled = np.nan_to_num(values, nan=-np.inf, posinf=np.inf, neginf=-np.inf)
    if width <= 1:
        return np.where(scaled > center - 0.5, 255, 0).astype(np.uint8)
    scaled = ((scaled - (center - 0.5)) / (width - 1) + 0.5) * 255.0
    shown: npt.NDArray[np.uint8] = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    return shown


def own_window(values: npt.NDArray[np.float32]) -> tuple[float, float]:
    """A window for a frame whose header gives none: from its 0.5th to its 99.5th percentile."""
    step = max(1, int(np.sqrt(values.size / 250_000)))
    sample = values[::step, ::step]
    finite = sample[np.isfinite(sample)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(finite, (0.5, 99.5)))
    if high - low < 1:
        low, high = low - 0.5, low + 0.5
    # Values low and high themselves become black and white under C.11.2.1.2.1.
    return (low + high + 1) / 2, high - low + 1
