"""One series that shows the same places several times: each pass is judged by itself.

A head scanned twice can come as one series. The mean of two planes at one place would halve what
only one of them shows.
"""

from collections.abc import Sequence

import numpy as np

from models.detector import Image, Refused, Unjudgeable, Unsuitable
from models.guard import CUT_OFF, few_cut_off
from models.haemorrhage_rules import LEAST_IMAGES
from models.haemorrhage_volume import SAME_MM, heights_mm, of_one_size

Places = tuple[int, ...]  # of images in their series, ascending

MOST_PASSES = 4
TOO_MANY = "The series shows the same places many times, each time differently."
OTHER_SIZE = "It has other rows or columns than most images of its series."


def passes_of(images: Sequence[Image]) -> tuple[Places, ...]:
    """The images of each pass over a head, of those that are whole and have the size most have.

    The first image at each place belongs to the first pass, the first that differs from it to the
    second, and so on. Every pass is whole: where a place holds fewer, its last stands in. Images
    that are the same in every pixel stay together, and so do all that have no position.

    Raises
    ------
    NotAxial
        If the planes lie along the body's axis.
    """
    usual = of_one_size(images)
    cut = few_cut_off([images[place].pixels for place in usual], LEAST_IMAGES)
    usual = [place for number, place in enumerate(usual) if number not in cut]
    heights = heights_mm([images[place] for place in usual])
    if heights is None:
        return (tuple(usual),)
    order = np.argsort(heights, kind="stable")
    breaks = np.flatnonzero(np.diff(heights[order]) > SAME_MM) + 1
    versions = [
        _versions(images, sorted(usual[int(n)] for n in group)) for group in np.split(order, breaks)
    ]
    return tuple(
        tuple(sorted(place for each in versions for place in each[min(number, len(each) - 1)]))
        for number in range(max(map(len, versions)))
    )


def in_no_sight(
    images: Sequence[Image], looks: Sequence[tuple[Places, object]]
) -> tuple[Refused, ...]:
    """The images that no pass which was judged holds, but for passes that show no head.

    Parameters
    ----------
    looks
        Of each pass its images, and what was seen in it or why nothing (``Unsuitable``).
    """
    usual = images[looks[0][0][0]].pixels.shape
    why = {
        place: CUT_OFF if image.pixels.shape == usual else OTHER_SIZE
        for place, image in enumerate(images)
    }
    for places, look in looks:
        if isinstance(look, Unjudgeable):
            why.update(dict.fromkeys(places, look.reason))
    for places, look in looks:
        if not isinstance(look, Unjudgeable):
            for place in places:
                why.pop(place, None)
    return tuple(
        Refused(
            sop_instance_uid=images[place].sop_instance_uid,
            frame_number=images[place].frame_number,
            reason=reason,
        )
        for place, reason in sorted(why.items())
    )


def why_in_none(images: Sequence[Image], looks: Sequence[tuple[Places, Unsuitable]]) -> Unsuitable:
    """What speaks against a series none of whose passes was judged.

    First what fails the study also alone, then what does so beside another series, then what shows
    no head. An image that is in no pass may be of a head: with one the study fails (P4).

    Parameters
    ----------
    looks
        Of each pass its images, and why nothing was seen in it.
    """
    first = min((look for _, look in looks), key=_doubt)
    in_a_pass = {place for places, _ in looks for place in places}
    return Unjudgeable(reason=first.reason) if len(in_a_pass) < len(images) else first


def _doubt(why: Unsuitable) -> int:
    """0: a head that could not be judged; 1: perhaps one; 2: none."""
    if not isinstance(why, Unjudgeable):
        return 2
    return 0 if why.fails_alone else 1


def _versions(images: Sequence[Image], places: Sequence[int]) -> list[list[int]]:
    """The images at one place, those together that are the same in every pixel."""
    versions: list[list[int]] = []
    for place in places:
        pixels = images[place].pixels
        for version in versions:
            if np.array_equal(images[version[0]].pixels, pixels, equal_nan=True):
                version.append(place)
                break
        else:
            versions.append([place])
    return versions
