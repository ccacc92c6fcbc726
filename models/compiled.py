"""Networks compiled for one kind of processor, kept in files that are believed only whole."""

import hashlib
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import openvino as ov

log = logging.getLogger(__name__)

_DIGEST_BYTES = hashlib.sha256().digest_size


def kept_or_compiled(
    core: ov.Core,
    path: Path,
    options: Mapping[str, Any],
    compile_it: Callable[[], ov.CompiledModel],
) -> ov.CompiledModel:
    """The network that this file holds, or one that is compiled now and kept there.

    A file that a dying machine or a full disk left damaged is made anew: the digest that it begins
    with is not that of the rest. A disk that keeps nothing costs time only.

    Parameters
    ----------
    path
        Named by everything that the network depends on: the processor, the options, OpenVINO.
    options
        For the processor, as ``compile_it`` used them.
    """
    content = _read(path)
    if content is not None:
        try:
            return core.import_model(content, "CPU", dict(options))
        except RuntimeError:  # OpenVINO's; compiled by a version that calls itself the same
            log.warning("a compiled network cannot be used: %s", path.name)
    compiled = compile_it()
    try:
        _write(path, compiled.export_model().getvalue())
    except OSError as error:
        log.warning("a compiled network cannot be kept: %s", error)
    return compiled


def flush_to_disk(path: Path) -> None:
    """Wait until what was written to this file would outlast a loss of power."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _read(path: Path) -> bytes | None:
    try:
        kept = path.read_bytes()
    except OSError:
        return None
    content = kept[_DIGEST_BYTES:]
    return content if hashlib.sha256(content).digest() == kept[:_DIGEST_BYTES] else None


def _write(path: Path, content: bytes) -> None:
    """Several workers may start at once: each writes its own file, the last rename wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    own = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        own.write_bytes(hashlib.sha256(content).digest() + content)
        own.replace(path)
    finally:
        own.unlink(missing_ok=True)
