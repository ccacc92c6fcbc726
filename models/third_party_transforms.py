"""What the transforms of a MONAI bundle say about the axes of its network.

MONAI's readers give an image as (x, y[, z]), which is columns, rows and slices, and its transform
``Orientationd`` then turns volumes by the letters of ``axcodes``, as nibabel has them: "RAS" runs
from left to Right, from posterior to Anterior, from inferior to Superior
(https://docs.monai.io/en/stable/transforms.html#orientation).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from models.third_party_card import ORIENTATION

_NAME = re.compile(r"([A-Za-z0-9]+?)(?:d|D|Dict)?")
_TURNING = frozenset({"Affine", "Flip", "Lambda", "Rotate", "Rotate90", "SqueezeDim", "Transpose"})
_INDEXING = ("reverse_indexing", "swap_ij")  # of readers


def axes_in(config: Mapping[str, Any]) -> dict[str, str]:
    """What ``configs/inference.json`` says.

    Returns
    -------
    dict
        ``orientation``: the letters. ``unknown``: why the axes cannot be known. Neither: images
        are loaded and not turned.
    """
    letters: set[str] = set()
    loads = False
    for chain in _chains(config):
        for transform in chain:
            name = _name(transform)
            if name == "LoadImage":
                loads = True
                if any(key in transform for key in _INDEXING):
                    return {"unknown": "its transforms choose the order of axes by themselves"}
            elif name == "Orientation":
                found = _letters(transform, config)
                if found is None:
                    return {"unknown": "the axcodes of its Orientation transform are not plain"}
                letters.add(found)
        if turning := _turning_at_the_end(chain):
            return {"unknown": f"its transform {turning} may turn the image"}
    if len(letters) > 1:
        return {
            "unknown": f"its transforms name several orientations: {', '.join(sorted(letters))}"
        }
    if letters:
        return {"orientation": letters.pop()}
    return {} if loads else {"unknown": "its transforms do not say how images are loaded"}


def input_axes(said: Mapping[str, str] | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """What ``[input]`` of the card lacks of the axes.

    Parameters
    ----------
    said
        As ``axes_in`` returns it; None: the bundle has no such file.
    given
        The card's ``[input]``, with the size from the bundle.

    Raises
    ------
    ValueError
        If neither the card nor the bundle says it.
    """
    size = given.get("size")
    if not isinstance(size, list):
        return {}  # what is wrong with it is said where the card is read
    is_volume = len(size) == 3
    if is_volume and said and "orientation" in said:
        return _agreed(said["orientation"], given)
    if "axes" in given or "orientation" in given:
        return {}
    if said is None or not (said or is_volume):  # as MONAI does where nothing else is said
        return {"orientation": "RAS"} if is_volume else {"axes": ["columns", "rows"]}
    why = said.get("unknown", f"its transforms name {'no' if is_volume else 'an'} orientation")
    raise ValueError(
        f"the order of the network's axes cannot be known: {why}. Say `axes` or, for volumes, "
        "`orientation` in the card's [input]"
    )


def _agreed(orientation: str, given: Mapping[str, Any]) -> dict[str, Any]:
    stated = given.get("orientation", orientation)
    if "axes" in given or stated != orientation:
        raise ValueError(
            f"[input] {'axes' if 'axes' in given else 'orientation'} is not what the bundle's "
            f"transforms say: orientation {orientation}"
        )
    return {"orientation": orientation}


def _chains(part: Any) -> Iterator[list[dict[str, Any]]]:
    """The lists of transforms that load or orient an image, without those switched off."""
    if isinstance(part, list):
        chain = [
            one
            for one in part
            if isinstance(one, dict)
            and isinstance(one.get("_target_"), str)
            and one.get("_disabled_") is not True
        ]
        if any(_name(one) in ("LoadImage", "Orientation") for one in chain):
            yield chain
    inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    for one in inner:
        yield from _chains(one)


def _name(transform: Mapping[str, Any]) -> str:
    """Of MONAI's own, without the ending of those for dictionaries; else the whole target."""
    target: str = transform["_target_"]
    if "." in target and not target.startswith("monai."):
        return target
    found = _NAME.fullmatch(target.rpartition(".")[2])
    return found[1] if found else target


def _turning_at_the_end(chain: list[dict[str, Any]]) -> str | None:
    """A transform after the last orientation that may turn the image."""
    for transform in reversed(chain):
        name = _name(transform)
        if name == "Orientation":
            return None
        if name in _TURNING or "." in name:
            return name
    return None


def _letters(transform: Mapping[str, Any], config: Mapping[str, Any]) -> str | None:
    if transform.get("labels") is not None:
        return None
    if transform.get("as_closest_canonical") is True:
        return "RAS"
    said = transform.get("axcodes")
    if isinstance(said, str) and said.startswith("@"):
        said = config.get(said[1:])
    if isinstance(said, list) and all(isinstance(one, str) for one in said):
        said = "".join(said)
    return said if isinstance(said, str) and ORIENTATION.fullmatch(said) else None
