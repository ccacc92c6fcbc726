"""Answers of several parts (RFC 2387, PS3.18 section 8.6.1.2)."""

import secrets
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One part of an answer that is in memory."""

    content_type: str
    content: bytes
    location: str = ""


def boundary() -> str:
    """One that no content holds."""
    return f"vigie-{secrets.token_hex(16)}"


def content_type(media_type: str, mark: str) -> str:
    """Of the whole answer."""
    return f'multipart/related; type="{media_type}"; boundary={mark}'


def part_head(mark: str, content_type: str, size: int, location: str = "") -> bytes:
    """What stands before the content of one part."""
    lines = [f"--{mark}", f"Content-Type: {content_type}", f"Content-Length: {size}"]
    if location:
        lines.append(f"Content-Location: {location}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")


PART_END = b"\r\n"


def closing(mark: str) -> bytes:
    """What stands behind the last part."""
    return f"--{mark}--\r\n".encode("ascii")


def whole_part(part: Part, mark: str) -> bytes:
    """One part that is in memory."""
    head = part_head(mark, part.content_type, len(part.content), part.location)
    return b"".join((head, part.content, PART_END))


def joined(parts: Sequence[Part], mark: str) -> bytes:
    """A whole answer."""
    return b"".join([*(whole_part(part, mark) for part in parts), closing(mark)])


async def streamed(
    parts: Iterable[tuple[bytes, AsyncIterator[bytes]]], mark: str
) -> AsyncIterator[bytes]:
    """An answer too large for memory: the head of each part, and its content in pieces."""
    for head, content in parts:
        yield head
        async for piece in content:
            yield piece
        yield PART_END
    yield closing(mark)
