"""Tiny ONNX files, written byte by byte: the onnx package is not among our parts.

The numbers are those of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto).
"""

import struct
from collections.abc import Sequence
from pathlib import Path

FLOAT, INT64 = 1, 7  # TensorProto.DataType


def write_brightest(
    path: Path,
    shape: Sequence[int],
    *,
    boxes: Sequence[Sequence[float]] = (),
    inputs: int = 1,
) -> Path:
    """A network whose score is its brightest pixel and whose heat map is the image itself.

    Parameters
    ----------
    shape
        Of its input, (1, 1, [slices,] rows, columns).
    boxes
        What it answers as ``boxes`` (n, 5), whatever the image.
    inputs
        How many; more than one is what we do not support.
    """
    nodes = [_node("GlobalMaxPool", "image", "score"), _node("Identity", "image", "heat")]
    outputs = [_value("score", [1] * len(shape)), _value("heat", shape)]
    initializers = []
    if boxes:
        values = [value for box in boxes for value in box]
        initializers.append(_floats("constant", [len(boxes), 5], values))
        nodes.append(_node("Identity", "constant", "boxes"))
        outputs.append(_value("boxes", [len(boxes), 5]))
    given = [_value("image" if at == 0 else f"other{at}", shape) for at in range(inputs)]
    if inputs > 1:
        nodes.append(_node("Identity", "other1", "more"))
        outputs.append(_value("more", shape))
    graph = (
        b"".join(_bytes(1, node) for node in nodes)
        + _bytes(2, b"brightest")
        + b"".join(_bytes(5, one) for one in initializers)
        + b"".join(_bytes(11, one) for one in given)
        + b"".join(_bytes(12, one) for one in outputs)
    )
    opset = _bytes(1, b"") + _number(2, 13)
    path.write_bytes(_number(1, 8) + _bytes(8, opset) + _bytes(7, graph))
    return path


def _node(operator: str, taken: str, given: str) -> bytes:
    return _bytes(1, taken.encode()) + _bytes(2, given.encode()) + _bytes(4, operator.encode())


def _value(name: str, shape: Sequence[int]) -> bytes:
    dimensions = b"".join(_bytes(1, _number(1, one)) for one in shape)
    tensor = _number(1, FLOAT) + _bytes(2, dimensions)
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, tensor))


def _floats(name: str, shape: Sequence[int], values: Sequence[float]) -> bytes:
    return (
        b"".join(_number(1, one) for one in shape)
        + _number(2, FLOAT)
        + _bytes(8, name.encode())
        + _bytes(9, struct.pack(f"<{len(values)}f", *values))
    )


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
