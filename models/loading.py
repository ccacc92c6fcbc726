"""The entry points of Vigie's own detectors: a card, its weights beside it, networks made ready."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from models.card import ModelCard, read_card
from models.runtime import Blueprint, Device, Network, load_network

Loaded = TypeVar("Loaded", covariant=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """What the networks of a detector run on."""

    device: Device = "auto"
    threads: int = 0  # of the processor; 0 takes all
    cache: Path | None = None  # folder for compiled networks; None compiles anew

    def network(self, blueprint: Blueprint) -> Network:
        """Make a network ready to run here (``models.runtime.load_network``)."""
        return load_network(blueprint, device=self.device, threads=self.threads, cache=self.cache)


def machine_of_run(folder: Path) -> Machine:
    """What a training judges its networks on; what they became is kept in the run's folder."""
    return Machine(cache=folder / "networks")


class Load(Protocol[Loaded]):
    """Loads the detector that a card describes; an entry point of ``vigie.detectors``."""

    def __call__(
        self,
        *,
        threads: int = 0,
        cache: Path | None = None,
        card_path: Path | None = None,
        device: Device = "auto",
    ) -> Loaded:
        """Load the detector.

        Parameters
        ----------
        threads
            Processor threads; 0 takes all.
        cache
            Folder for compiled networks; None compiles anew.
        card_path
            The card, its weights beside it; None takes the one that is installed.
        """


def loading(
    installed: Path, assemble: Callable[[ModelCard, Path, Machine], Loaded]
) -> Load[Loaded]:
    """An entry point for one kind of detector.

    Parameters
    ----------
    installed
        The card that is taken where no other is asked for.
    assemble
        Makes the detector of a card, the file of its weights and the machine.
    """

    def load(
        *,
        threads: int = 0,
        cache: Path | None = None,
        card_path: Path | None = None,
        device: Device = "auto",
    ) -> Loaded:
        path = card_path or installed
        card = read_card(path)
        machine = Machine(device=device, threads=threads, cache=cache)
        return assemble(card, path.with_name(card.weights_file), machine)

    return load
