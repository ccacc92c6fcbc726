"""The card of a third-party model: ours, with what goes into its network and what comes out.

``docs/third_party_models.md`` says the same for those who write one.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

from models.calibration import LogisticCalibration
from models.card import CardError, ModelCard, parse_card

Meaning = Literal["probability", "logit", "logits"]
"""0 to 1; log odds; or one number a class, of which softmax makes probabilities."""

STORED_AXES = ("slices", "rows", "columns")
ORIENTATION = re.compile(r"(?=.*[LR])(?=.*[PA])(?=.*[SI])[LRPASI]{3}")
"""The ends of the patient's body that three axes run to, as nibabel has them."""

_MEANINGS = ("probability", "logit", "logits")
_MOST_PIXELS = 2**28  # of one input: 1 GiB as 32-bit floats
_MOST_CHANNELS = 16
_Value = TypeVar("_Value")


@dataclass(frozen=True, kw_only=True, slots=True)
class InputRules:
    """Which series the model looks at, and how an image becomes its network's input."""

    modalities: tuple[str, ...]  # (0008,0060)
    body_parts: tuple[str, ...]  # words of (0018,0015) or of the descriptions; empty: any
    contrast: bool  # False: not where the header names a contrast agent
    channels: int  # the same image in each
    size: tuple[int, ...]  # two axes: image by image; three: the series as a volume
    axes: tuple[str, ...]  # what each axis of size runs along: slices, rows, columns
    orientation: str | None  # to what end of the patient each runs, as "RAS"; None: as stored
    spacing_mm: tuple[float, ...] | None  # along each axis of size; None: scaled to fit
    window: tuple[float, float] | None  # centre, width; None: each image's own percentiles
    range: tuple[float, float]  # what the lower and upper end of the window become

    @property
    def is_volume(self) -> bool:
        """Whether a series goes in as a whole."""
        return len(self.size) == 3


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreRules:
    """Which number of which output says how suspect the input is."""

    output: str  # empty: the first
    meaning: Meaning
    element: int  # counts from 0: of a vector, or the channel of a map


@dataclass(frozen=True, kw_only=True, slots=True)
class OutputRules:
    """What the network's outputs mean."""

    score: ScoreRules | None  # None: the highest of the heat map
    highest: int  # image by image: the study's score is the mean of this many highest
    heat_map: ScoreRules | None  # (1, classes, [slices,] rows, columns), any size
    boxes: str | None  # name of an output (n, 5): left, top, right, bottom, score
    region_score: float  # 0 to 1, from which a place is shown
    kind: str  # what a region is called; empty: by the detector's name


@dataclass(frozen=True, kw_only=True, slots=True)
class ThirdPartyCard:
    """A model card with the two tables more."""

    card: ModelCard
    input: InputRules
    output: OutputRules
    calibration: LogisticCalibration | None  # of the score's log odds; None: it is calibrated


def parse_third_party_card(content: Mapping[str, Any], called: str) -> ThirdPartyCard:
    """Read a card, complete or not at all.

    Parameters
    ----------
    content
        The card's TOML, with the weights' file and digest.
    called
        What errors name it.

    Raises
    ------
    CardError
        Says everything that is missing or cannot be meant.
    """
    wrong = [*_incomplete(content)]
    parts: dict[str, Any] = {}
    readers: dict[str, Callable[[Mapping[str, Any]], Any]] = {
        "card": lambda whole: parse_card(whole, called),
        "input": lambda whole: _input(_Table(whole, "input")),
        "output": lambda whole: _output(_Table(whole, "output")),
        "calibration": lambda whole: _calibration(_Table(whole, "calibration")),
    }
    for name, read in readers.items():
        try:
            parts[name] = read(content)
        except (CardError, ValueError, TypeError) as error:
            wrong.append(str(error).removeprefix(f"{called}: "))
    if not wrong:
        wrong.extend(_at_odds(parts["input"], parts["output"]))
    if wrong:
        raise CardError(f"{called}: {'; '.join(dict.fromkeys(wrong))}")
    return ThirdPartyCard(**parts)


def _incomplete(content: Mapping[str, Any]) -> list[str]:
    """What the registry does not need and people do."""
    missing = [
        name
        for name in ("title", "intended_use", "limits", "training_data", "licence", "performance")
        if not content.get(name)
    ]
    wrong = [f"it must say {name}" for name in missing]
    point = content.get("operating_point")
    if isinstance(point, int | float) and not 0 < point <= 1:
        wrong.append("operating_point must be above 0 and at most 1")
    return wrong


def _at_odds(given: InputRules, said: OutputRules) -> list[str]:
    if said.boxes is not None and given.is_volume:
        return ["boxes are for models that look image by image: give a heat_map"]
    return []


class _Table:
    """One table of the card; what is wrong with it is said with its name."""

    def __init__(self, whole: Mapping[str, Any], name: str) -> None:
        found = whole.get(name)
        if not isinstance(found, Mapping):
            raise CardError(f"it lacks the table [{name}]")
        self._content, self._name = found, name

    def take(self, key: str, kind: Callable[[Any], _Value], *default: _Value) -> _Value:
        """A value of this kind; without a default it must be there."""
        if key not in self._content:
            if default:
                return default[0]
            raise CardError(f"[{self._name}] lacks {key}")
        try:
            return kind(self._content[key])
        except (TypeError, ValueError) as error:
            raise CardError(f"[{self._name}] {key}: {error}") from None

    def has(self, key: str) -> bool:
        """Whether it says this."""
        return key in self._content

    def only(self, *keys: str) -> None:
        """Refuse other keys: a misspelt one must not be silently nothing."""
        unknown = sorted(set(self._content) - set(keys))
        if unknown:
            raise CardError(f"[{self._name}] has no {', '.join(unknown)}; it has {', '.join(keys)}")


def _input(table: _Table) -> InputRules:
    keys = "modality body_parts contrast channels size axes orientation spacing_mm window range"
    table.only(*keys.split())
    size = table.take("size", _size)
    as_stored = STORED_AXES[-len(size) :]
    axes = table.take("axes", _words_as_said, as_stored)
    if sorted(axes) != sorted(as_stored):
        raise CardError(f"[input] axes names {', '.join(as_stored)}, each once, in any order")
    orientation = table.take("orientation", _orientation, "")
    if orientation and (len(size) != 3 or table.has("axes")):
        raise CardError("[input] orientation is for volumes, and stands in place of axes")
    channels = table.take("channels", int, 1)
    if not 1 <= channels <= _MOST_CHANNELS:
        raise CardError(f"[input] channels is 1 to {_MOST_CHANNELS}")
    scaled_to_fit: tuple[float, ...] = ()
    spacing = table.take("spacing_mm", _positive, scaled_to_fit)
    if spacing and len(spacing) != len(size):
        raise CardError("[input] spacing_mm and size name different numbers of axes")
    window = table.take("window", _window)
    low_high = table.take("range", _pair, (0.0, 1.0))
    if low_high[0] >= low_high[1]:
        raise CardError("[input] range goes from the lower to the upper end")
    return InputRules(
        modalities=table.take("modality", _words),
        body_parts=table.take("body_parts", _words, ()),
        contrast=table.take("contrast", _bool, True),
        channels=channels,
        size=size,
        axes=axes,
        orientation=orientation or None,
        spacing_mm=spacing or None,
        window=window,
        range=low_high,
    )


def _output(table: _Table) -> OutputRules:
    keys = "score meaning element highest heat_map heat_map_meaning heat_map_element boxes"
    table.only(*keys.split(), "region_score", "kind")
    heat_map = table.take("heat_map", str, "")
    score = table.take("score", str, "")
    by_map = score == "heat_map"
    if by_map and not heat_map:
        raise CardError('[output] score = "heat_map" needs heat_map, the name of that output')
    highest = table.take("highest", int, 1)
    if highest < 1:
        raise CardError("[output] highest is 1 or more")
    region_score = table.take("region_score", float, 0.5)
    if not 0 < region_score <= 1:
        raise CardError("[output] region_score is above 0 and at most 1")
    return OutputRules(
        score=None if by_map else _score(table, score, ""),
        highest=highest,
        heat_map=_score(table, heat_map, "heat_map_") if heat_map else None,
        boxes=table.take("boxes", str, "") or None,
        region_score=region_score,
        kind=table.take("kind", str, ""),
    )


def _score(table: _Table, output: str, prefix: str) -> ScoreRules:
    meaning = table.take(f"{prefix}meaning", str)
    if meaning not in _MEANINGS:
        raise CardError(f"[output] {prefix}meaning is one of {', '.join(_MEANINGS)}")
    element = table.take(f"{prefix}element", int, 0)
    if element < 0:
        raise CardError(f"[output] {prefix}element counts from 0")
    return ScoreRules(output=output, meaning=cast(Meaning, meaning), element=element)


def _calibration(table: _Table) -> LogisticCalibration | None:
    method = table.take("method", str)
    if method == "none":
        table.take("reason", _words_or_text)
        return None
    if method != "logistic":
        raise CardError('[calibration] method is "logistic" (weight, bias) or "none" (reason)')
    return LogisticCalibration(
        weights=(table.take("weight", float),), bias=table.take("bias", float)
    )


def _size(value: Any) -> tuple[int, ...]:
    size = tuple(int(one) for one in value)
    if len(size) not in (2, 3):
        raise ValueError("is [rows, columns] or [slices, rows, columns]")
    product = 1
    for one in size:
        product *= one
    if min(size) < 1 or product > _MOST_PIXELS:
        raise ValueError("is no size a network can have here")
    return size


def _positive(value: Any) -> tuple[float, ...]:
    numbers = tuple(float(one) for one in value)
    if min(numbers, default=0.0) <= 0:
        raise ValueError("is above 0 along each axis")
    return numbers


def _pair(value: Any) -> tuple[float, float]:
    low, high = (float(one) for one in value)
    return low, high


def _window(value: Any) -> tuple[float, float] | None:
    if value == "image":
        return None
    if isinstance(value, str):
        raise ValueError('is [centre, width] or "image"')
    centre, width = _pair(value)
    if width <= 0:
        raise ValueError("has a width above 0")
    return centre, width


def _words(value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not all(isinstance(one, str) for one in value):
        raise ValueError("is a list of words")
    return tuple(one.strip().upper() for one in value if one.strip())


def _words_as_said(value: Any) -> tuple[str, ...]:
    return tuple(one.lower() for one in _words(value))


def _orientation(value: Any) -> str:
    if not isinstance(value, str) or not ORIENTATION.fullmatch(value):
        raise ValueError('has one letter of L and R, one of P and A, one of I and S, as "RAS"')
    return value


def _words_or_text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("is a sentence")
    return value


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("is true or false")
    return value
