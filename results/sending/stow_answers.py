"""What a STOW-RS server answered, as JSON or XML (PS3.18 section 10.5.3, F.2; PS3.19 A.1)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree
from xml.parsers.expat import ParserCreate

REFERENCED, FAILED = "00081199", "00081198"
INSTANCE_UID, FAILURE_REASON, WARNING_REASON = "00081155", "00081197", "00081196"

_XML_NAMES = {
    REFERENCED: "ReferencedSOPSequence",
    FAILED: "FailedSOPSequence",
    INSTANCE_UID: "ReferencedSOPInstanceUID",
    FAILURE_REASON: "FailureReason",
    WARNING_REASON: "WarningReason",
}
_NUMBERS = frozenset({FAILURE_REASON, WARNING_REASON})
_DEEPEST = 32  # elements within elements; the answer has six


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP response."""

    status: int
    content: bytes


def said(answer: Answer) -> Mapping[str, Any] | None:
    """The answer's data set in the DICOM JSON model; None if it is none."""
    start = answer.content.find(b"<")
    if start >= 0 and b"NativeDicomModel" in answer.content[start : start + 4096]:
        return _from_xml(answer.content[start:])
    try:
        found = json.loads(answer.content)
    except (ValueError, RecursionError):
        return None
    if isinstance(found, list):
        found = found[0] if found else None
    if not isinstance(found, dict) or not ({REFERENCED, FAILED} & found.keys()):
        return None
    return found


def items(data_set: Mapping[str, Any], tag: str) -> list[Mapping[str, Any]]:
    """The items of a sequence; none where it is none."""
    element = data_set.get(tag)
    found = element.get("Value") if isinstance(element, dict) else None
    return [one for one in found or () if isinstance(one, dict)]


def words(answer: Answer) -> str:
    """The first words of what a server says, if they are text."""
    text = answer.content[:300].decode("utf-8", "replace")
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def _from_xml(content: bytes) -> Mapping[str, Any] | None:
    """Of the Native DICOM Model what is asked for, in the DICOM JSON model.

    A part of a multipart answer may have its boundary behind it.
    """
    end = content.rfind(b">")
    try:
        root = _parsed(content[: end + 1])
    except (ElementTree.ParseError, ValueError, RecursionError):
        return None
    found = {tag: _sequence(root, tag) for tag in (REFERENCED, FAILED)}
    known = {tag: value for tag, value in found.items() if value is not None}
    return known or None


def _parsed(content: bytes) -> ElementTree.Element:
    """The tree of a document without a document type: entities are not expanded (P9)."""
    builder = ElementTree.TreeBuilder()
    parser = ParserCreate(namespace_separator=" ")
    depth = 0

    def refuse(*_: object) -> None:
        raise ValueError("a document type")

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise ValueError("elements lie too deep")
        builder.start(name.rpartition(" ")[2], attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name.rpartition(" ")[2])

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(content, True)
    except Exception as error:  # expat's own, and those of the handlers
        raise ValueError(str(error)) from error
    return builder.close()


def _sequence(parent: ElementTree.Element, tag: str) -> dict[str, Any] | None:
    element = _attribute(parent, tag)
    if element is None:
        return None
    wanted = (INSTANCE_UID, FAILURE_REASON, WARNING_REASON)
    return {
        "Value": [
            {key: {"Value": [value]} for key in wanted if (value := _value(item, key)) is not None}
            for item in element.findall("Item")
        ]
    }


def _value(item: ElementTree.Element, tag: str) -> str | int | None:
    element = _attribute(item, tag)
    text = (element.findtext("Value") or "").strip() if element is not None else ""
    if not text:
        return None
    if tag not in _NUMBERS:
        return text
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else None


def _attribute(parent: ElementTree.Element, tag: str) -> ElementTree.Element | None:
    for one in parent.findall("DicomAttribute"):
        if one.get("tag", "").upper() == tag or one.get("keyword") == _XML_NAMES[tag]:
            return one
    return None
