"""Values of a header that nobody vouches for: what cannot be read counts as absent (P9)."""

import math
import struct
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException

# All that pydicom raises at values that are not what they claim; RuntimeError covers recursion.
MALFORMED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BytesLengthException,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)


@contextmanager
def quiet() -> Iterator[None]:
    """Let pydicom grumble about values that break the standard without telling anyone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def items(header: Dataset, keyword: str) -> list[Dataset]:
    """Of a sequence; empty: it is absent."""
    found = values(header, keyword)
    return [one for one in found if isinstance(one, Dataset)]


def text(header: Dataset, keyword: str) -> str:
    """The first value as text; empty: it is absent."""
    found = values(header, keyword)
    return str(found[0]).strip(" \0") if found else ""


def whole(header: Dataset, keyword: str) -> int | None:
    """The first value as a whole number."""
    found = numbers(header, keyword, 1)
    return int(found[0]) if found else None


def numbers(header: Dataset, keyword: str, count: int) -> tuple[float, ...] | None:
    """The first values as finite numbers; None: fewer, or no numbers."""
    found = values(header, keyword)[:count]
    try:
        read = tuple(float(str(one)) for one in found)
    except ValueError:
        return None
    return read if len(read) == count and all(map(math.isfinite, read)) else None


def values(header: Dataset, keyword: str) -> list[object]:
    """All values, of whatever type; empty: it is absent."""
    try:
        with quiet():
            value = header.get(keyword)
    except MALFORMED:
        return []
    if value is None or value == "":
        return []
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
