"""Networks made ready to run: OpenVINO on a processor, PyTorch on CUDA where there is a GPU.

What PyTorch's network became is kept in a cache folder, named by everything it depends on: once
for all processors (``.xml``, ``.bin``), so that a worker starts without importing PyTorch, and once
compiled for this one (``.compiled``), which is ready in half the time. PyTorch is imported here
only when it is needed.
"""

import hashlib
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import openvino as ov

from models.compiled import flush_to_disk, kept_or_compiled

if TYPE_CHECKING:
    from torch import nn

Floats = npt.NDArray[np.float32]
Network = Callable[[Floats], dict[str, Floats]]
"""Takes float32 (images, channels, rows, columns) and returns its outputs by name."""

Device = Literal["auto", "cpu", "cuda"]

_PROCESSOR = ("FULL_DEVICE_NAME", "DEVICE_ARCHITECTURE", "OPTIMIZATION_CAPABILITIES")


class RuntimeUnavailable(RuntimeError):
    """The device that was asked for is not on this machine."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Blueprint:
    """What a network is, apart from the machine it runs on."""

    build: Callable[[], "nn.Module"]  # makes the module without weights; imports PyTorch
    sources: tuple[Path, ...]  # files that define the module: other code, other compiled network
    weights: Path  # safetensors of the module's state
    weights_sha256: str  # hex
    outputs: tuple[str, ...]  # names of what the module returns, in order
    channels: int
    side_multiple: int  # rows and columns of an input are multiples of this
    batch: int | None = 1  # images at once; None: any number
    sides: tuple[int, int] | None = None  # rows and columns of every input; None: any
    prefix: str = ""  # of the names in the weights' file, where that holds several networks


def load_network(
    blueprint: Blueprint, *, device: Device = "auto", threads: int = 0, cache: Path | None = None
) -> Network:
    """Make a network ready.

    Parameters
    ----------
    device
        ``auto`` takes CUDA where there is a GPU that PyTorch can use, and else the processor.
    threads
        Processor threads of one call; 0 leaves it to OpenVINO (all cores).
    cache
        Folder for compiled networks; None compiles anew each time (a few seconds).

    Raises
    ------
    RuntimeUnavailable
        If ``cuda`` is asked for and there is none.
    """
    if device == "cuda" and not _cuda_available():
        raise RuntimeUnavailable("CUDA was asked for, and PyTorch finds no GPU on this machine")
    if device == "cuda" or (device == "auto" and _cuda_available()):
        return load_torch_network(blueprint, device="cuda")
    return _load_openvino_network(blueprint, threads=threads, cache=cache)


def load_torch_network(blueprint: Blueprint, *, device: str = "cpu") -> Network:
    """Run the module eagerly in PyTorch: on CUDA, and to check OpenVINO against."""
    import torch

    module = _module(blueprint).to(device=device)

    def run(batch: Floats) -> dict[str, Floats]:
        with torch.inference_mode():
            said = module(torch.from_numpy(batch).to(device))
        return {
            name: output.float().cpu().numpy()
            for name, output in zip(blueprint.outputs, said, strict=True)
        }

    return run


def _load_openvino_network(blueprint: Blueprint, *, threads: int, cache: Path | None) -> Network:
    core = ov.Core()
    options = _options(threads)

    def compile_it() -> ov.CompiledModel:
        model = _openvino_model(core, blueprint, cache)
        if blueprint.sides is not None:  # known sizes make the same network about a tenth faster
            model.reshape([blueprint.batch or -1, blueprint.channels, *blueprint.sides])
        return core.compile_model(model, "CPU", options)

    if cache is None:
        compiled = compile_it()
    else:
        name = f"{_cache_key(blueprint)}-{_how(core, blueprint, options)}"
        compiled = kept_or_compiled(core, cache / f"{name}.compiled", options, compile_it)
    request = compiled.create_infer_request()

    def run(batch: Floats) -> dict[str, Floats]:
        said: Mapping[Any, Floats] = request.infer([batch])
        return {
            name: np.array(said[place], np.float32) for place, name in enumerate(blueprint.outputs)
        }

    return run


def _how(core: ov.Core, blueprint: Blueprint, options: Mapping[str, Any]) -> str:
    """Digest of all that a compiled network depends on besides the network itself."""
    processor = [core.get_property("CPU", name) for name in _PROCESSOR]
    asked = (processor, blueprint.batch, blueprint.sides, sorted(options.items()))
    return hashlib.sha256(repr(asked).encode()).hexdigest()[:16]


def _options(threads: int) -> dict[str, Any]:
    """One image at a time, as fast as can be; 32 bits, so that all machines answer alike."""
    options: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    if threads:
        options["INFERENCE_NUM_THREADS"] = threads
    return options


def _openvino_model(core: ov.Core, blueprint: Blueprint, cache: Path | None) -> ov.Model:
    if cache is None:
        return _convert(blueprint)
    path = cache / f"{_cache_key(blueprint)}.xml"
    if not path.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        # several workers may start at once: each writes its own file, the last rename wins
        own = cache / f"{path.stem}.{os.getpid()}"
        ov.save_model(_convert(blueprint), own.with_suffix(".xml"), compress_to_fp16=False)
        for kind in (".bin", ".xml"):
            flush_to_disk(own.with_suffix(kind))
            own.with_suffix(kind).replace(path.with_suffix(kind))
    return core.read_model(path)


def _cache_key(blueprint: Blueprint) -> str:
    """Digest of the weights, the code and the converter's version."""
    digest = hashlib.sha256(blueprint.weights_sha256.encode())
    for source in blueprint.sources:
        digest.update(source.read_bytes())
    digest.update(blueprint.prefix.encode())
    digest.update(ov.get_version().encode())
    return f"{blueprint.weights.stem}-{digest.hexdigest()[:32]}"


def _convert(blueprint: Blueprint) -> ov.Model:
    """Trace the module for images of any size that the blueprint allows."""
    import torch

    multiple = blueprint.side_multiple
    images = blueprint.batch or 2
    example = torch.zeros(images, blueprint.channels, 6 * multiple, 4 * multiple)
    shape = ov.PartialShape([blueprint.batch or -1, blueprint.channels, -1, -1])
    with warnings.catch_warnings():
        # OpenVINO traces with torch.jit, which PyTorch deprecates; its way through torch.export
        # gives the same network (measured) and takes three times as long
        warnings.filterwarnings("ignore", message=r".*torch\.jit", category=DeprecationWarning)
        # group norm checks sizes in Python, which tracing warns of
        warnings.simplefilter("ignore", torch.jit.TracerWarning)  # type: ignore[attr-defined]
        return ov.convert_model(_module(blueprint), example_input=example, input=[shape])


def _module(blueprint: Blueprint) -> "nn.Module":
    from safetensors.torch import load_file

    module = blueprint.build()
    module.load_state_dict(
        {
            name.removeprefix(blueprint.prefix): weight.float()
            for name, weight in load_file(blueprint.weights).items()
            if name.startswith(blueprint.prefix)
        }
    )
    return module.eval()


def _cuda_available() -> bool:
    """Whether PyTorch can use a GPU; PyTorch is asked only where a driver is installed."""
    if os.name == "posix" and not Path("/proc/driver/nvidia/version").exists():
        return False
    import torch

    return torch.cuda.is_available()
