"""Which representation of a resource a client takes (RFC 9110 section 12.5.1, PS3.18 8.7)."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from viewer.dicomweb.elements import EXPLICIT_LITTLE
from worklist.errors import VigieError

OCTETS = "application/octet-stream"
ANY = "*/*"
_JSON = frozenset({"application/dicom+json", "application/json", "application/*", ANY})
_MULTIPART = ("multipart/related", "multipart/*")
_LONGEST_ACCEPT = 4096
_PART = re.compile(
    r'\s*(?:([^\s;=,"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;,]*)|([^\s;,"=]+))\s*([;,]|$)'
)

# Media types of codestreams by their transfer syntax (PS3.18 table 8.7.3-5).
_MEDIA_TYPES = {
    "1.2.840.10008.1.2.4.50": "image/jpeg",
    "1.2.840.10008.1.2.4.51": "image/jpeg",
    "1.2.840.10008.1.2.4.57": "image/jpeg",
    "1.2.840.10008.1.2.4.70": "image/jpeg",
    "1.2.840.10008.1.2.5": "image/dicom-rle",
    "1.2.840.10008.1.2.4.80": "image/jls",
    "1.2.840.10008.1.2.4.81": "image/jls",
    "1.2.840.10008.1.2.4.90": "image/jp2",
    "1.2.840.10008.1.2.4.91": "image/jp2",
    "1.2.840.10008.1.2.4.92": "image/jpx",
    "1.2.840.10008.1.2.4.93": "image/jpx",
    "1.2.840.10008.1.2.4.110": "image/jxl",
    "1.2.840.10008.1.2.4.111": "image/jxl",
    "1.2.840.10008.1.2.4.112": "image/jxl",
    "1.2.840.10008.1.2.4.201": "image/jphc",
    "1.2.840.10008.1.2.4.202": "image/jphc",
    "1.2.840.10008.1.2.4.203": "image/jphc",
    "1.2.840.10008.1.2.4.100": "video/mpeg2",
    "1.2.840.10008.1.2.4.101": "video/mpeg2",
    "1.2.840.10008.1.2.4.102": "video/mp4",
    "1.2.840.10008.1.2.4.103": "video/mp4",
    "1.2.840.10008.1.2.4.104": "video/mp4",
    "1.2.840.10008.1.2.4.105": "video/mp4",
    "1.2.840.10008.1.2.4.106": "video/mp4",
    "1.2.840.10008.1.2.4.107": "video/H265",
    "1.2.840.10008.1.2.4.108": "video/H265",
}
# Of what is handed out in pieces: alone, in parts, or as it is stored.
PIECES: dict[str, dict[str, object]] = {
    kind: {} for kind in ("multipart/related", OCTETS, *sorted(set(_MEDIA_TYPES.values())))
}


class NotAcceptable(VigieError):
    """No representation that the client takes can be had; the message says which there are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaRange:
    """One entry of an Accept header."""

    media_type: str  # lower case; of the parts, where they are to be in one multipart answer
    is_multipart: bool
    transfer_syntax: str | None  # UID, * for any, None: not said
    quality: float
    parameters: dict[str, str] = field(default_factory=dict)

    def takes(self, media_type: str) -> bool:
        """Whether a media type is in the range."""
        kind = media_type.partition("/")[0]
        return self.media_type in (media_type.lower(), f"{kind}/*", ANY)


@dataclass(frozen=True, kw_only=True, slots=True)
class Representation:
    """How something is handed out."""

    media_type: str
    transfer_syntax_uid: str
    is_multipart: bool
    as_stored: bool

    @property
    def content_type(self) -> str:
        """Of the part, or of the whole answer where it is not multipart."""
        return f"{self.media_type}; transfer-syntax={self.transfer_syntax_uid}"


def stored_media_type(transfer_syntax_uid: str) -> str:
    """Of one frame as it is stored; octets where it is native or of a kind unknown."""
    return _MEDIA_TYPES.get(transfer_syntax_uid, OCTETS)


def is_video(transfer_syntax_uid: str) -> bool:
    """Whether the pixel data is one codestream of many frames."""
    return stored_media_type(transfer_syntax_uid).startswith("video/")


def parse_accept(header: str | None) -> list[MediaRange]:
    """The ranges, the preferred ones first; everything where nothing is said."""
    if header is None or not header.strip():
        header = ANY
    ranges = [one for one in map(_range, _entries(header[:_LONGEST_ACCEPT])) if one.quality > 0]
    return sorted(ranges, key=lambda one: -one.quality)


def wants_json(header: str | None) -> bool:
    """Whether the client takes the DICOM JSON model."""
    return any(one.media_type in _JSON for one in parse_accept(header))


_Chosen = TypeVar("_Chosen")


def first_of(
    ranges: Sequence[MediaRange], choose: Callable[[MediaRange], _Chosen | None], there_is: str
) -> _Chosen:
    """What the best range that can be had comes to.

    Raises
    ------
    NotAcceptable
        If none can be had.
    """
    for one in ranges:
        chosen = choose(one)
        if chosen is not None:
            return chosen
    raise NotAcceptable(f"this can be had as {there_is}")


def choose_frames(
    header: str | None, stored: str, frames: int, *, decodable: bool
) -> Representation:
    """How frames are handed out: decoded unless the client asks for them as they are stored.

    Parameters
    ----------
    stored
        Transfer syntax UID of the object; Explicit VR Little Endian for every native one.
    frames
        How many are asked for; more than one make a multipart answer.
    decodable
        Whether the server can decode them.

    Raises
    ------
    NotAcceptable
        If the client takes neither.
    """
    own = stored_media_type(stored)
    as_stored = (own, stored, True)
    decoded = (OCTETS, EXPLICIT_LITTLE, stored == EXPLICIT_LITTLE)

    def choose(one: MediaRange) -> Representation | None:
        is_multipart = one.is_multipart or one.media_type == ANY
        if frames > 1 and not is_multipart:
            return None
        wanted: tuple[str, str, bool] | None = None
        if one.transfer_syntax in ("*", stored) and (one.takes(own) or one.takes(OCTETS)):
            wanted = as_stored
        elif one.transfer_syntax in (None, EXPLICIT_LITTLE) and one.takes(OCTETS) and decodable:
            wanted = decoded
        elif one.transfer_syntax is None and one.takes(own):
            wanted = as_stored
        if wanted is None:
            return None
        return Representation(
            media_type=wanted[0],
            transfer_syntax_uid=wanted[1],
            as_stored=wanted[2],
            is_multipart=is_multipart,
        )

    there_is = f"{own}; transfer-syntax={stored}"
    if decodable and stored != EXPLICIT_LITTLE:
        there_is += f", or {OCTETS}; transfer-syntax={EXPLICIT_LITTLE}"
    return first_of(parse_accept(header), choose, f"multipart/related parts of {there_is}")


def _entries(header: str) -> list[list[tuple[str, str]]]:
    """Parameters of each entry; the media type is the first, with an empty value."""
    entries: list[list[tuple[str, str]]] = [[]]
    position = 0
    while position < len(header):
        match = _PART.match(header, position)
        if match is None or match.end() == position:
            entries[-1].append(("q", "0"))  # an entry that cannot be read is none
            following = header.find(",", position)
            position = len(header) if following < 0 else following + 1
            entries.append([])
            continue
        name, value, bare, separator = match.groups()
        entries[-1].append((bare.lower(), "") if bare else (name.lower(), _unquoted(value)))
        if separator == ",":
            entries.append([])
        position = match.end()
    return [entry for entry in entries if entry]


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def _range(entry: list[tuple[str, str]]) -> MediaRange:
    media_type, parameters = entry[0][0], dict(entry[1:])
    try:
        quality = float(parameters.get("q", "1"))
    except ValueError:
        quality = 0.0
    is_multipart = media_type in _MULTIPART
    return MediaRange(
        media_type=parameters.get("type", ANY).lower() if is_multipart else media_type,
        is_multipart=is_multipart,
        transfer_syntax=parameters.get("transfer-syntax"),
        quality=quality,
        parameters=parameters,
    )
