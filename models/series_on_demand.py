"""Series that are decoded when a detector asks for their images, and what came of it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from models.data_set import UnreadableDataSet, data_set_sha256
from models.detector import Image, InstanceHeader, SeriesHeader, SeriesImages
from models.images import UndecodableImage, load_series


class AlteredInstance(Exception):
    """An archived object whose bytes are not those that were received."""


@dataclass(kw_only=True, slots=True)
class _Decoding:
    """How far the decoding of one series has come."""

    decode: Callable[[], tuple[Image, ...]]
    on_shown: Callable[[SeriesHeader], object]
    images: tuple[Image, ...] | None = None
    problem: UndecodableImage | AlteredInstance | None = None
    was_shown: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)  # several threads may ask at once


def _nobody_is_told(_: SeriesHeader) -> None:
    """Nobody waits for it."""


class SeriesOnDemand(SeriesImages):
    """A series that is compared with what was filed, and decoded, when first asked for images.

    It remembers what went wrong, whoever swallows the error. What is copied, or sent to another
    process, is decoded.

    Parameters
    ----------
    images
        Those, or what decodes them.
    on_shown
        Is told the header when somebody is given the images.
    """

    __slots__ = ("_decoding",)
    _decoding: _Decoding

    def __init__(
        self,
        *,
        header: SeriesHeader,
        images: tuple[Image, ...] | Callable[[], tuple[Image, ...]],
        on_shown: Callable[[SeriesHeader], object] = _nobody_is_told,
    ) -> None:
        decode = images if callable(images) else lambda: images
        decoding = _Decoding(decode=decode, on_shown=on_shown)
        object.__setattr__(self, "header", header)  # the class is frozen
        object.__setattr__(self, "_decoding", decoding)

    @property
    def images(self) -> tuple[Image, ...]:
        """The frames decoded, in the order of the series (CT: by position).

        Raises
        ------
        UndecodableImage
            If one cannot be decoded, or all together pass the limit.
        AlteredInstance
            If an object is not, bit for bit, what was received (P6).
        """
        images = self.tried()
        if not self._decoding.was_shown:
            self._decoding.was_shown = True
            self._decoding.on_shown(self.header)
        return images

    def tried(self) -> tuple[Image, ...]:
        """The same, for who checks what a detector did: they do not count as shown."""
        decoding = self._decoding
        with decoding.lock:
            if decoding.problem is not None:
                raise type(decoding.problem)(*decoding.problem.args)
            if decoding.images is None:
                try:
                    decoding.images = decoding.decode()
                except (UndecodableImage, AlteredInstance) as error:
                    # this one holds pixels by its frames
                    decoding.problem = type(error)(*error.args)
                    raise
            return decoding.images

    def forget(self) -> None:
        """Decode anew when asked again: whoever had the images may have written into them."""
        with self._decoding.lock:
            self._decoding.images = None

    def __reduce__(self) -> tuple[Any, ...]:
        """As a plain series."""
        return _plain, (self.header, self.images)

    @property
    def was_shown(self) -> bool:
        """Whether somebody wanted the images and had them."""
        return self._decoding.was_shown

    @property
    def undecodable(self) -> str | None:
        """Why its images cannot be had; None: they can, or nobody asked for them.

        Raises
        ------
        AlteredInstance
            If that is because an object is not what was received.
        """
        if isinstance(self._decoding.problem, AlteredInstance):
            raise self._decoding.problem
        return None if self._decoding.problem is None else str(self._decoding.problem)

    def is_sound(self) -> bool:
        """Whether its images can be had, which is tried.

        Raises
        ------
        AlteredInstance
            If not because an object is not what was received.
        """
        try:
            return self.tried() is not None
        except UndecodableImage:
            return False


def on_demand(
    header: SeriesHeader,
    *,
    limit_bytes: int,
    on_shown: Callable[[SeriesHeader], object] = _nobody_is_told,
) -> SeriesOnDemand:
    """A series of the archive.

    Parameters
    ----------
    limit_bytes
        What its decoded frames may take in memory together, as float32.
    on_shown
        Is told the header when somebody is given the images.
    """

    def decode() -> tuple[Image, ...]:
        for instance in header.instances:
            _verify(instance)
        return load_series(header, limit_bytes=limit_bytes).images

    return SeriesOnDemand(header=header, images=decode, on_shown=on_shown)


def _plain(header: SeriesHeader, images: tuple[Image, ...]) -> SeriesImages:
    return SeriesImages(header=header, images=images)


def _verify(instance: InstanceHeader) -> None:
    try:
        digest = data_set_sha256(instance.path)
    except UnreadableDataSet as error:
        raise AlteredInstance(f"object {instance.sop_instance_uid}: {error}") from error
    if digest != instance.sha256:
        raise AlteredInstance(
            f"object {instance.sop_instance_uid} is not what was received: its SHA-256 is "
            f"{digest}, filed was {instance.sha256}"
        )
