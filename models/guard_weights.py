"""The weights of a guard and what its toml says of them."""

import hashlib
import tomllib
from pathlib import Path
from typing import Any

from models.card import CardError


def settings_of(weights: Path) -> dict[str, Any]:
    """What the toml beside a guard's weights says, its ``weights_sha256`` checked.

    Raises
    ------
    models.card.CardError
        If the weights are not the ones that the toml names.
    """
    settings = tomllib.loads(weights.with_suffix(".toml").read_text(encoding="utf-8"))
    digest, said = hashlib.sha256(weights.read_bytes()).hexdigest(), settings["weights_sha256"]
    if digest != said:
        raise CardError(f"{weights} has SHA-256 {digest}, its toml says {said}")
    return settings
