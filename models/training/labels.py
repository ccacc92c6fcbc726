"""Folders of labelled radiographs: images beside a ``labels.csv``."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

GROUPS = ("hand", "leg", "hip", "shoulder", "hardware", "frontal", "lateral", "oblique")


class LabelsError(ValueError):
    """A ``labels.csv`` that cannot be used, with the line and what is wrong."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledRadiograph:
    """One row of ``labels.csv``."""

    image: str  # as written in the file
    path: Path
    fractured: bool
    boxes: tuple[tuple[float, float, float, float], ...]  # left, top, width, height, pixels
    split: str | None = None  # None: the file does not say
    groups: Mapping[str, bool] = field(default_factory=dict)  # the columns of GROUPS it has


def read_labels(data: Path) -> tuple[LabelledRadiograph, ...]:
    """Read ``labels.csv`` of a folder.

    The columns ``image`` and ``fractured`` (0 or 1) are needed; ``boxes_xywh`` (a JSON list of
    [left, top, width, height] in pixels), ``split`` and the groups are used where present.

    Raises
    ------
    LabelsError
        If the file is missing, lacks a column or holds a value that cannot be read.
    """
    path = data / "labels.csv"
    if not path.is_file():
        raise LabelsError(f"{path} does not exist; it must list the images and their labels")
    with path.open(newline="", encoding="utf-8-sig") as file:  # Excel begins it with a mark
        reader = csv.DictReader(file)
        missing = {"image", "fractured"} - set(reader.fieldnames or ())
        if missing:
            raise LabelsError(f"{path} lacks the column {', '.join(sorted(missing))}")
        rows = tuple(_row(data, path, number, row) for number, row in enumerate(reader, start=2))
    if not rows:
        raise LabelsError(f"{path} lists no images")
    return rows


def _row(data: Path, path: Path, line: int, row: dict[str, str]) -> LabelledRadiograph:
    if row["fractured"] not in ("0", "1"):
        raise LabelsError(f"{path}, line {line}: fractured is {row['fractured']!r}, not 0 or 1")
    try:
        boxes = tuple(
            (float(left), float(top), float(width), float(height))
            for left, top, width, height in json.loads(row.get("boxes_xywh") or "[]")
        )
    except (ValueError, TypeError) as error:
        raise LabelsError(f"{path}, line {line}: boxes_xywh cannot be read: {error}") from None
    return LabelledRadiograph(
        image=row["image"],
        path=data / row["image"],
        fractured=row["fractured"] == "1",
        boxes=boxes,
        split=row.get("split") or None,
        groups={name: row[name] == "1" for name in GROUPS if row.get(name)},
    )
