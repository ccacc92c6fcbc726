"""Values as everybody has them: a list, a number of numpy or another clock make no difference."""

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from numbers import Integral, Real
from typing import Any

from pydicom.dataelem import RawDataElement


def plain(value: Any) -> Any:
    """The same value of Python's own types: tuples, numbers and times in UTC."""
    match value:
        case None | bool() | str() | bytes() | Enum() | RawDataElement():
            return value
        case datetime():
            return value.astimezone(UTC)
        case Integral():
            return int(value)
        case Real():
            return float(value)
        case Sequence():
            return tuple(map(plain, value))
        case _ if is_dataclass(value) and not isinstance(value, type):
            named = {one.name: plain(getattr(value, one.name)) for one in fields(value)}
            return type(value)(**named)
        case _:
            return value
