"""Parts of the brain that are on no image of the scans that were judged."""

from collections.abc import Iterable, Sequence

from models.detector import NotShown, SeriesImages
from models.haemorrhage_volume import SLAB_MM, Skull, Stack
from models.missing_planes import Missing, missing_between
from models.reconstructions import shows_again

Judged = tuple[SeriesImages, Stack, Skull]

# Blood that lies within one slab is on one plane for the networks, and is doubted: smoothing takes
# half of what it says. So what is missing hides what would have been told if it is more.
_MAY_HIDE_FROM_MM = SLAB_MM
_ROUNDING_MM = 0.1


def brain_not_shown(judged: Sequence[Judged]) -> tuple[NotShown, ...]:
    """What seems to be missing of each scan, unless another without a hole shows it.

    Planes below and above the brain do not count, nor does what is missing between them and it.
    """
    holes = [(one, _missing(*one)) for one in judged]
    whole = [series for (series, _, _), hole in holes if hole is None]
    return tuple(
        NotShown(
            series_instance_uid=series.header.series_instance_uid,
            reason=_words(hole),
            may_hide=hole.widest_mm > _MAY_HIDE_FROM_MM + _ROUNDING_MM,
        )
        for (series, _, _), hole in holes
        if hole is not None and not _is_shown_by(series, whole)
    )


def _missing(series: SeriesImages, stack: Stack, skull: Skull) -> Missing | None:
    members = stack.members[skull.first : skull.last + 1]
    images = [series.images[place] for places in members for place in places]
    return missing_between(images, series.header.instances)


def _is_shown_by(series: SeriesImages, others: Iterable[SeriesImages]) -> bool:
    return any(shows_again(series, other) for other in others)


def _words(hole: Missing) -> str:
    where = "between two planes" if hole.places == 1 else f"at {hole.places} places"
    return (
        f"{hole.total_mm:.1f} mm of the brain, {where}, are on no image: images seem to be missing."
    )
