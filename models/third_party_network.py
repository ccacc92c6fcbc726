"""Third-party networks made ready: ONNX by OpenVINO, TorchScript by PyTorch.

TorchScript is a program: it may open files, and is trusted like a Python package. Its digest is
checked before each load, and it runs in the detectors' own process. Pickles are never loaded.
"""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Network = Callable[[Floats], dict[str, Floats]]
"""Takes float32 (1, channels, ...) and returns its outputs by name, the first one first."""


def load_onnx(path: Path, *, threads: int) -> Network:
    """An ONNX file with one input, on the processor, in 32 bits."""
    import openvino as ov

    core = ov.Core()
    model = core.read_model(path)
    if len(model.inputs) != 1:
        raise ValueError(f"the network has {len(model.inputs)} inputs; one is supported")
    options: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    if threads:
        options["INFERENCE_NUM_THREADS"] = threads
    names = [_name(output, place) for place, output in enumerate(model.outputs)]
    request = core.compile_model(model, "CPU", options).create_infer_request()

    def run(batch: Floats) -> dict[str, Floats]:
        said = request.infer([batch])
        return {name: np.array(said[place], np.float32) for place, name in enumerate(names)}

    return run


def _name(output: Any, place: int) -> str:
    names = sorted(output.get_names())
    return names[0] if names else f"output_{place}"


def load_torchscript(path: Path, *, threads: int) -> Network:
    """A TorchScript file whose ``forward`` takes one tensor, on the processor.

    Outputs are named by their keys where it returns a dictionary, else ``output_0`` and so on.
    """
    import torch

    if threads:
        torch.set_num_threads(threads)
    with warnings.catch_warnings():
        # TorchScript is what the bundles hold, however little PyTorch likes it now
        warnings.filterwarnings("ignore", message=r".*torch\.jit", category=DeprecationWarning)
        module = torch.jit.load(str(path), map_location="cpu").eval()  # type: ignore[no-untyped-call]

    def run(batch: Floats) -> dict[str, Floats]:
        with torch.inference_mode():
            said = module(torch.from_numpy(batch))
        if isinstance(said, Mapping):
            named = {str(name): value for name, value in said.items()}
        else:
            several = said if isinstance(said, list | tuple) else [said]
            named = {f"output_{place}": value for place, value in enumerate(several)}
        return {name: value.float().numpy() for name, value in named.items()}

    return run
