"""Head CT planes brought into the frame that the haemorrhage network was trained in.

Patient coordinates are LPS in mm (PS3.3 C.7.6.2.1.1). The frame of the network: planes from the
neck upwards, rows towards the back of the head, columns towards the patient's left, about 5 mm
apart, the cavity of the skull upright in the middle and filling most of the canvas. A head of any
size, in any of the eight ways of turning and mirroring a plane, so looks the same; where the
header says nothing of orientation or spacing, the planes are taken to lie that way already.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from scipy import ndimage

from models.detector import Image

Floats = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]  # (2, 3), acts on (column, row, 1)

CANVAS = 224  # pixels, side of what the network sees
SLAB_MM = 5.0
AIR_HU, BONE_HU = -1000.0, 150.0
_SPECKS = 3  # dense pixels in a coarse one, for it to be bone
_DISC = np.hypot(*np.mgrid[-2:3, -2:3]) <= 2.3
_CLOSINGS = (3, 7, 11)  # tried in turn: half the gaps of bone that are bridged, two coarse pixels
_LEAST_CAVITY = 0.06  # of a plane; a small field of view leaves more, a large one less
_COARSE = 128  # pixels, about, longest side of the planes in which the skull is looked for
SAME_MM = 0.1  # planes nearer than this lie at one place
_MANY_PLANES = 60  # more without a spacing are thin ones
_HEAD_MM = 160.0  # that they are taken to cover
_SIDE = 1.2  # of the canvas, in lengths of the cavity from front to back
_LENGTH_TO_WIDTH = 1.2  # of a cavity, usually
_TILT_LIMIT = np.deg2rad(35.0)  # a head turned by more is not turned back
_LEAST_ELONGATION = 1.1  # rounder cavities do not say which way they lie


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """How a source plane is turned: first transposed, then mirrored."""

    transposed: bool = False
    rows_mirrored: bool = False
    columns_mirrored: bool = False

    def apply(self, pixels: Floats) -> Floats:
        """A view of the plane, rows towards posterior and columns towards left."""
        if self.transposed:
            pixels = pixels.T
        if self.rows_mirrored:
            pixels = pixels[::-1]
        return pixels[:, ::-1] if self.columns_mirrored else pixels

    def undo(self, points: Matrix, shape: tuple[int, int]) -> Matrix:
        """Points (n, 2), (column, row), of a turned plane of this shape, on the source plane."""
        column, row = points[:, 0], points[:, 1]
        if self.columns_mirrored:
            column = shape[1] - column
        if self.rows_mirrored:
            row = shape[0] - row
        return np.stack([row, column] if self.transposed else [column, row], axis=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stack:
    """The planes of one series, turned and averaged to slabs."""

    planes: Floats  # (slab, row, column), Hounsfield units
    members: tuple[tuple[int, ...], ...]  # for each slab the source images, by their place
    shape: tuple[int, int]  # rows and columns of a plane
    turn: Turn
    aspect: float  # distance of rows over distance of columns, after turning
    slab_mm: float | None  # usual thickness of a slab, by its places; None: unknown


@dataclass(frozen=True, kw_only=True, slots=True)
class Skull:
    """Where the cavity of the skull lies in a stack."""

    areas: Floats  # (slab,), share of the plane that is cavity
    cavity: npt.NDArray[np.bool_]  # (slab, row, column) in coarse pixels
    step: int  # pixels of the plane to a coarse one
    closing: int  # half the gaps of bone that had to be bridged, 2 coarse pixels
    first: int  # the slabs that hold brain, first and last
    last: int
    to_plane: Matrix  # from canvas to plane pixels, corners at whole numbers
    width_px: float  # of the cavity, upright, in columns of the plane
    length_px: float  # from front to back, in the same unit


class NoSkull(Exception):
    """No plane shows a cavity closed by bone."""


class NotAxial(Exception):
    """The planes do not lie across the body's axis."""


def of_one_size(images: Sequence[Image]) -> list[int]:
    """The places of the images that have as many rows and columns as most."""
    shapes = Counter(image.pixels.shape for image in images)
    shape = shapes.most_common(1)[0][0]
    return [place for place, image in enumerate(images) if image.pixels.shape == shape]


def heights_mm(images: Sequence[Image]) -> Matrix | None:
    """Each plane's place from the neck up; None if one is unknown or all are the same.

    Raises
    ------
    NotAxial
        If the planes lie along the body's axis.
    """
    return _heights_mm(images, _turn(images)[1])


def stack_of(
    images: Sequence[Image],
    thickness_mm: float | None = None,
    places: Sequence[int] | None = None,
) -> Stack:
    """Order, turn and average the images of one series.

    Parameters
    ----------
    thickness_mm
        Stands in for the distance of images without a position.
    places
        Of the images that make the stack, all of one size; None: those that have the size that
        most have. The others are in none of its slabs: who asks has to say so (P4).

    Raises
    ------
    NotAxial
        If the planes lie along the body's axis.
    """
    usual = of_one_size(images) if places is None else list(places)
    turn, normal = _turn([images[place] for place in usual])
    heights = _heights_mm([images[place] for place in usual], normal)
    if heights is not None:
        order = np.argsort(heights, kind="stable")
        usual = [usual[int(place)] for place in order]
        gaps = np.diff(heights[order])
    else:
        gaps = np.full(max(0, len(usual) - 1), _assumed_gap(len(usual), thickness_mm))
    groups = _groups(gaps)
    planes = np.stack(
        [
            np.mean([turn.apply(images[usual[n]].pixels) for n in group], axis=0, dtype=np.float32)
            for group in groups
        ]
    )
    np.nan_to_num(planes, copy=False, nan=AIR_HU, posinf=3000.0, neginf=AIR_HU)
    return Stack(
        planes=planes,
        members=tuple(tuple(usual[n] for n in group) for group in groups),
        shape=(planes.shape[1], planes.shape[2]),
        turn=turn,
        aspect=_aspect(images[usual[0]], turn),
        slab_mm=None if heights is None else _slab_mm(gaps, groups),
    )


def _turn(images: Sequence[Image]) -> tuple[Turn, Matrix]:
    """The turn of a series and the normal of its planes, pointing up."""
    orientation = next((i.image_orientation for i in images if i.image_orientation), None)
    along_row, along_column = np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
    if orientation is not None:
        given = np.array(orientation[:3]), np.array(orientation[3:])
        if all(0.9 < float(np.linalg.norm(direction)) < 1.1 for direction in given):
            along_row, along_column = given
    normal = np.cross(along_row, along_column)
    if abs(normal[2]) < 0.7:  # 45 degrees: a gantry tilts by 30 at most
        raise NotAxial
    transposed = abs(along_row[1]) > abs(along_row[0])
    across, down = (along_column, along_row) if transposed else (along_row, along_column)
    turn = Turn(
        transposed=bool(transposed),
        rows_mirrored=bool(down[1] < 0),
        columns_mirrored=bool(across[0] < 0),
    )
    return turn, normal * np.sign(normal[2])


def _heights_mm(images: Sequence[Image], normal: Matrix) -> Matrix | None:
    """Each plane's place along the normal; None if one is unknown or all are the same."""
    positions = [image.image_position_mm for image in images]
    if any(position is None for position in positions):
        return None
    heights: Matrix = np.array(positions, np.float64) @ normal
    return heights if len(images) == 1 or np.ptp(heights) > 1.0 else None


def _assumed_gap(count: int, thickness_mm: float | None) -> float:
    if thickness_mm is not None and 0.2 <= thickness_mm <= 12:
        return thickness_mm
    return SLAB_MM if count <= _MANY_PLANES else _HEAD_MM / count


def _groups(gaps: Matrix) -> list[list[int]]:
    """Neighbouring planes that together come nearest to a slab; planes at one place share one."""
    starts = np.flatnonzero(np.append(True, gaps > SAME_MM))
    ends = np.append(starts[1:], len(gaps) + 1)
    real = gaps[gaps > SAME_MM]
    groups: list[list[int]] = []
    covered = np.inf
    for place, (start, end) in enumerate(zip(starts, ends, strict=True)):
        own = _around(real, place)
        if own < SLAB_MM and abs(covered + own - SLAB_MM) < abs(covered - SLAB_MM):
            groups[-1].extend(range(start, end))
            covered += own
        else:
            groups.append(list(range(start, end)))
            covered = own
    return groups


def _slab_mm(gaps: Matrix, groups: Sequence[Sequence[int]]) -> float | None:
    """The usual distance of places times the usual number of them in a slab."""
    real = gaps[gaps > SAME_MM]
    places = [1 + int((gaps[group[0] : group[-1]] > SAME_MM).sum()) for group in groups]
    return float(np.median(real) * np.median(places)) if len(real) else None


def _around(gaps: Matrix, plane: int) -> float:
    """The thickness that a plane stands for: the nearer of its neighbours' distances."""
    near = gaps[max(0, plane - 1) : plane + 1]
    return float(near.min()) if len(near) else SLAB_MM


def _aspect(image: Image, turn: Turn) -> float:
    if image.pixel_spacing_mm is None or min(image.pixel_spacing_mm) <= 0:
        return 1.0
    rows, columns = image.pixel_spacing_mm
    aspect = columns / rows if turn.transposed else rows / columns
    return aspect if 0.5 <= aspect <= 2 else 1.0


def find_skull(stack: Stack) -> Skull:
    """Find the cavity of the skull, and from it the canvas.

    Raises
    ------
    NoSkull
        If there is none.
    """
    step = max(1, round(max(stack.planes.shape[1:]) / _COARSE))
    for closing in _CLOSINGS:
        cavity = np.stack([cavity_of(plane, step, closing) for plane in stack.planes])
        areas = cavity.mean(axis=(1, 2), dtype=np.float32)
        if areas.max() > _LEAST_CAVITY:
            break
    else:
        raise NoSkull
    brain = np.flatnonzero(areas >= 0.04 * areas.max())
    wide = cavity[areas >= 0.6 * areas.max()]
    points = np.argwhere(wide)[:, [2, 1]].astype(np.float64) + 0.5
    points[:, 1] *= stack.aspect
    angle = _angle(points)
    upright = _rotation(-angle)
    turned = points @ upright.T
    low, high = np.percentile(turned, 0.5, axis=0), np.percentile(turned, 99.5, axis=0)
    width, length = (high - low) * step
    side = _SIDE * max(length, _LENGTH_TO_WIDTH * width)
    centre = (upright.T @ ((low + high) / 2)) * step
    scale = side / CANVAS
    linear = upright.T * scale
    to_plane = np.column_stack([linear, centre - linear @ np.full(2, CANVAS / 2)])
    to_plane[1] /= stack.aspect
    return Skull(
        areas=areas,
        cavity=cavity,
        step=step,
        closing=closing,
        first=int(brain[0]),
        last=int(brain[-1]),
        to_plane=to_plane,
        width_px=float(width),
        length_px=float(length),
    )


def _blocks(plane: Floats, step: int) -> Floats:
    """The plane as (coarse row, step, coarse column, step)."""
    rows, columns = (side // step for side in plane.shape)
    return plane[: rows * step, : columns * step].reshape(rows, step, columns, step)


def shrunk(plane: Floats, step: int) -> Floats:
    """A plane in coarse pixels, their means."""
    means: Floats = _blocks(plane, step).mean(axis=(1, 3))
    return means


def cavity_of(plane: Floats, step: int, closing: int) -> npt.NDArray[np.bool_]:
    """What bone encloses and is neither bone nor air, its largest part, in coarse pixels.

    Bone anywhere in a coarse pixel counts, so that a child's thin skull is whole.
    """
    blocks = _blocks(plane, step)
    means = blocks.mean(axis=(1, 3))
    bone = (blocks > BONE_HU).sum(axis=(1, 3)) >= min(_SPECKS, step * step)
    edge = 2 * closing + 1
    sealed = ndimage.binary_closing(np.pad(bone, edge), _DISC, iterations=closing)
    sealed = sealed[edge:-edge, edge:-edge]
    inside = ndimage.binary_fill_holes(sealed) & ~bone & (means > -60) & (means < 130)
    inside = ndimage.binary_opening(inside, _DISC, iterations=1)
    labels, count = ndimage.label(inside)
    if not count:
        return np.zeros(bone.shape, bool)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    largest: npt.NDArray[np.bool_] = labels == int(sizes.argmax())
    return largest


def _angle(points: Matrix) -> float:
    """How far the long axis of a cloud of points leans from upright, radians."""
    spread = np.cov(points.T)
    values, vectors = np.linalg.eigh(spread)
    if np.sqrt(values[1] / max(values[0], 1e-9)) < _LEAST_ELONGATION:
        return 0.0
    along = vectors[:, 1] * (1 if vectors[1, 1] >= 0 else -1)
    angle = float(np.arctan2(-along[0], along[1]))
    return angle if abs(angle) <= _TILT_LIMIT else 0.0


def _rotation(angle: float) -> Matrix:
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine], [sine, cosine]])


def to_canvas(plane: Floats, to_plane: Matrix, side: int = CANVAS) -> Floats:
    """Sample a plane on a canvas, without aliasing; air outside.

    Parameters
    ----------
    side
        Pixels; a larger canvas shows more around the same middle at the same scale.
    """
    beyond = (side - CANVAS) / 2
    matrix = to_plane.copy()
    matrix[:, 2] -= matrix[:, :2] @ np.full(2, beyond)
    fine = 2 if np.abs(np.linalg.det(matrix[:, :2])) > 1.0 else 1
    coefficients = (np.diag([1 / fine, 1 / fine, 1.0]).T @ np.vstack([matrix, [0, 0, 1]]).T).T[:2]
    sampled = Pillow.fromarray(np.ascontiguousarray(plane - np.float32(AIR_HU))).transform(
        (side * fine, side * fine),
        Pillow.Transform.AFFINE,
        tuple(coefficients.ravel()),
        resample=Pillow.Resampling.BILINEAR,
    )
    values = np.asarray(sampled, np.float32) + np.float32(AIR_HU)
    if fine == 1:
        return values
    means: Floats = values.reshape(side, fine, side, fine).mean(axis=(1, 3))
    return means


def to_network(stack: Floats) -> Floats:
    """Hounsfield units as the network sees them, -1 to 1.

    Brain and blood (0 to 80 HU) take most of the range; what is denser keeps its order, so that
    calcium and bone are not taken for blood.
    """
    soft = np.clip(stack, 0, 80) * np.float32(1.6 / 80)
    dense = np.clip(stack - 80, 0, 920) * np.float32(0.4 / 920)
    scaled: Floats = soft + dense - np.float32(1)
    return scaled


def with_neighbours(canvases: Floats) -> Floats:
    """Each canvas between the ones below and above it, (slab, 3, row, column)."""
    below = np.concatenate([canvases[:1], canvases[:-1]])
    above = np.concatenate([canvases[1:], canvases[-1:]])
    return np.stack([below, canvases, above], axis=1)
