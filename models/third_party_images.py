"""From decoded images to a third-party network's input, and from its grid back to the images."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image as Picture

from models.detector import Image
from models.third_party_axes import DoesNotFit, Floats, Turn, turn_of
from models.third_party_card import InputRules

_UNEVEN = 1.5  # a gap this many times the usual one is a missing slice
_PERCENTILES = (1.0, 99.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """How one axis of the input lies over the same axis of the images.

    Position 0 is the outer edge of the first pixel (or slice), 1 that of the second.
    """

    count: int  # pixels of the images
    resampled: int  # the same, at the network's spacing
    size: int  # of the input; the middle is kept, the rest cut off or filled up

    @property
    def offset(self) -> int:
        """Where the resampled image begins in the input; negative: cut off."""
        return (self.size - self.resampled) // 2

    def back(self, position: float) -> float:
        """A position in the input as one in the images, within them."""
        there = (position - self.offset) * self.count / self.resampled
        return min(max(there, 0.0), float(self.count))

    def place(self, index: int) -> int | None:
        """The input's pixel that covers the middle of the images' pixel; None: cut off."""
        there = int((index + 0.5) * self.resampled / self.count) + self.offset
        return there if 0 <= there < self.size else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """An input and where it comes from."""

    batch: Floats  # (1, channels, the network's axes)
    axes: tuple[Axis, ...]  # rows, columns; of a volume slices first
    turn: Turn  # from those to the network's


def prepare_image(image: Image, rules: InputRules) -> Prepared:
    """One image as the network's input."""
    turn = turn_of([image], rules)
    rules = turn.rules_as_stored(rules)
    spacing = rules.spacing_mm
    if spacing is not None and image.pixel_spacing_mm is None:
        raise DoesNotFit("the images do not say how large a pixel is, which the model must know")
    axes = _axes(image.pixels.shape, image.pixel_spacing_mm, rules)
    pixels = _resized(_windowed(image.pixels, rules), axes[0].resampled, axes[1].resampled)
    return _prepared(_placed(pixels, axes, rules), axes, turn, rules)


def prepare_volume(images: Sequence[Image], rules: InputRules) -> Prepared:
    """A series as the network's input: its images in order of position, first to last."""
    if len({image.pixels.shape for image in images}) != 1:
        raise DoesNotFit("the images of the series differ in size, so that they make no volume")
    turn = turn_of(images, rules)
    rules = turn.rules_as_stored(rules)
    spacing = None
    if rules.spacing_mm is not None:
        spacing = _volume_spacing_mm(images)
    shape = (len(images), *images[0].pixels.shape)
    axes = _axes(shape, spacing, rules)
    stack = np.stack([image.pixels for image in images])
    stack = _windowed(stack, rules)
    small = np.stack([_resized(one, axes[1].resampled, axes[2].resampled) for one in stack])
    flat = _resized(small.reshape(len(images), -1), axes[0].resampled, small[0].size)
    volume = flat.reshape(axes[0].resampled, *small.shape[1:])
    return _prepared(_placed(volume, axes, rules), axes, turn, rules)


def _volume_spacing_mm(images: Sequence[Image]) -> tuple[float, float, float]:
    in_plane = images[0].pixel_spacing_mm
    positions = [image.image_position_mm for image in images if image.image_position_mm]
    if in_plane is None or len(positions) != len(images) or len(images) < 2:
        raise DoesNotFit("the images do not say where they lie, which the model must know")
    gaps = np.linalg.norm(np.diff(np.array(positions), axis=0), axis=1)
    usual = float(np.median(gaps))
    if usual <= 0 or gaps.max() > _UNEVEN * usual or gaps.min() * _UNEVEN < usual:
        raise DoesNotFit("the gaps between the images are uneven: slices are missing or doubled")
    return float(gaps.mean()), *in_plane


def _axes(
    shape: Sequence[int], spacing_mm: Sequence[float] | None, rules: InputRules
) -> tuple[Axis, ...]:
    if rules.spacing_mm is not None and spacing_mm is not None:
        scales = [have / want for have, want in zip(spacing_mm, rules.spacing_mm, strict=True)]
    else:  # the whole image, as large as it fits without being distorted; slices by themselves
        in_plane = min(rules.size[-2] / shape[-2], rules.size[-1] / shape[-1])
        scales = [rules.size[0] / shape[0]] * (len(shape) - 2) + [in_plane, in_plane]
    return tuple(
        Axis(count=count, resampled=max(1, round(count * scale)), size=size)
        for count, scale, size in zip(shape, scales, rules.size, strict=True)
    )


def _windowed(pixels: Floats, rules: InputRules) -> Floats:
    """Values within the window, in the network's range."""
    if rules.window is None:
        low, high = (float(one) for one in np.percentile(pixels, _PERCENTILES))
        high = max(high, low + 1e-6)
    else:
        centre, width = rules.window
        low, high = centre - width / 2, centre + width / 2
    share = np.clip((pixels - low) / (high - low), 0.0, 1.0)
    return np.asarray(rules.range[0] + share * (rules.range[1] - rules.range[0]), np.float32)


def _resized(pixels: Floats, rows: int, columns: int) -> Floats:
    """Bilinear, averaging over all that a smaller pixel covers."""
    if pixels.shape == (rows, columns):
        return pixels
    picture = Picture.fromarray(np.ascontiguousarray(pixels, np.float32))
    return np.asarray(picture.resize((columns, rows), Picture.Resampling.BILINEAR), np.float32)


def _placed(pixels: Floats, axes: Sequence[Axis], rules: InputRules) -> Floats:
    """In the middle of the input, cut to it or filled up with the lower end of the range."""
    whole = np.full([axis.size for axis in axes], rules.range[0], np.float32)
    into, out_of = [], []
    for axis in axes:
        begin, end = max(axis.offset, 0), min(axis.offset + axis.resampled, axis.size)
        into.append(slice(begin, end))
        out_of.append(slice(begin - axis.offset, end - axis.offset))
    whole[tuple(into)] = pixels[tuple(out_of)]
    return whole


def _prepared(pixels: Floats, axes: tuple[Axis, ...], turn: Turn, rules: InputRules) -> Prepared:
    turned = turn.to_network(pixels)[np.newaxis, np.newaxis]
    return Prepared(batch=np.repeat(turned, rules.channels, axis=1), axes=axes, turn=turn)
