"""The model card, a TOML file beside the weights: what a detector is, is for, can and cannot."""

import hashlib
import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from worklist.finding import DetectorIdentity, TargetFinding


class CardError(ValueError):
    """A model card that is incomplete, or weights that are not the ones it names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelCard:
    """Identity, intended use, limits and operating point of one detector."""

    name: str  # unique in the installation, lower case
    version: str
    target: TargetFinding
    title: str  # for people
    intended_use: str
    limits: tuple[str, ...]  # known limits, one sentence each
    training_data: tuple[str, ...]  # source and licence, one sentence each
    weights_file: str  # beside the card
    weights_sha256: str  # hex
    operating_point: float  # calibrated probability at or above which people are told
    calibration: dict[str, Any]  # parameters of the calibration, read by the detector
    performance: dict[str, Any]  # measured figures, with what they were measured on
    licence: str = ""  # of code and weights together; empty: not stated
    guards: dict[str, str] = field(default_factory=dict)  # further weights it needs, to SHA-256

    @property
    def identity(self) -> DetectorIdentity:
        """What provenance records of this model (P6)."""
        return DetectorIdentity(
            name=self.name,
            version=self.version,
            target=self.target,
            weights_sha256=self.weights_sha256,
            operating_point=self.operating_point,
        )


GUARDS = Path(__file__).with_name("weights")


def guards_of(*names: str) -> dict[str, str]:
    """The SHA-256 of the weights of installed guards, which alone can keep a study from a model."""
    return {
        name: hashlib.sha256((GUARDS / f"{name}.safetensors").read_bytes()).hexdigest()
        for name in names
    }


def guard_limits_of(*names: str) -> dict[str, float]:
    """The limits of installed guards: what a network's log odds are compared with."""
    limits = {}
    for name in names:
        said = tomllib.loads((GUARDS / f"{name}.toml").read_text(encoding="utf-8"))
        limits[name] = float(said["least_logit" if "least_logit" in said else "least_margin"])
    return limits


def card_content(card: ModelCard) -> dict[str, Any]:
    """The whole card as plain JSON values; a figure that is no finite number becomes null."""
    content: dict[str, Any] = _plain(asdict(card))
    return content


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {_text(name): _plain(one) for name, one in value.items()}
        case list() | tuple():
            return [_plain(one) for one in value]
        case float() if not math.isfinite(value):
            return None
        case bool() | None:
            return value
        case int():
            return int(value)
        case float():
            return float(value)
    return _text(value)


def _text(value: object) -> str:
    return str.__str__(str(value))  # what str returns may be of another class than str


def read_card(path: Path) -> ModelCard:
    """Read a card and check that the weights beside it and its guards are the ones it names.

    So one version of a model has one set of weights, its guards' and their limits included (P6).

    Raises
    ------
    CardError
        If a field is missing, or a SHA-256 or a guard's limit differs.
    """
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    card = replace(parse_card(content, str(path)), guards=content.get("guards", {}))
    weights = path.with_name(card.weights_file)
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    if digest != card.weights_sha256:
        raise CardError(f"{weights} has SHA-256 {digest}, its card says {card.weights_sha256}")
    for name, said in card.guards.items():
        digest = guards_of(name)[name]
        if digest != said:
            raise CardError(f"{name} has SHA-256 {digest}, its card says {said}")
    limits, said_limits = guard_limits_of(*card.guards), card.calibration.get("guards", {})
    if limits != said_limits:
        raise CardError(f"the limits of its guards are {limits}, its card says {said_limits}")
    return card


def parse_card(content: Mapping[str, Any], called: str) -> ModelCard:
    """A card from what its file says, but for guards, which only installed models have.

    Parameters
    ----------
    called
        What errors name it.

    Raises
    ------
    CardError
        If a field is missing.
    """
    try:
        return ModelCard(
            name=content["name"],
            version=content["version"],
            target=TargetFinding(content["target"]),
            title=content["title"],
            intended_use=content["intended_use"],
            limits=tuple(content["limits"]),
            training_data=tuple(content["training_data"]),
            weights_file=content["weights_file"],
            weights_sha256=content["weights_sha256"],
            operating_point=float(content["operating_point"]),
            calibration=content["calibration"],
            performance=content["performance"],
            licence=content.get("licence", ""),
        )
    except KeyError as missing:
        raise CardError(f"{called}: the card lacks {missing}") from None
