"""Character sets as MSH-18 declares them (HL7 table 0211)."""

from collections.abc import Sequence
from dataclasses import dataclass

from results.hl7.errors import BadMessage

_JAPANESE = "iso2022_jp_ext"  # ISO IR6, 13, 14, 87 and 159 by their escape sequences (ISO 2022)
_CODECS = {
    "ASCII": "ascii",
    **{f"8859/{part}": f"iso8859_{part}" for part in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)},
    "UNICODE": "utf-8",
    "UNICODE UTF-8": "utf-8",
    "ISO IR6": "ascii",
    "ISO IR13": _JAPANESE,
    "ISO IR14": _JAPANESE,
    "ISO IR87": _JAPANESE,
    "ISO IR159": _JAPANESE,
    "GB 18030-2000": "gb18030",
    "KS X 1001": "euc_kr",
    "BIG-5": "big5",
}
KNOWN = tuple(sorted(_CODECS))


@dataclass(frozen=True, kw_only=True, slots=True)
class Decoded:
    """The text of a message."""

    text: str
    codec: str
    is_exact: bool  # every byte was of the declared set; others are replaced


def codec_of(declared: Sequence[str], assumed: str) -> str:
    """Python's name of a character set.

    Parameters
    ----------
    declared
        The repetitions of MSH-18; where several are named, the last that is not ASCII decides.
    assumed
        The set of senders that declare none.

    Raises
    ------
    BadMessage
        If one is not known here: its bytes would be read as other letters.
    """
    names = [_plain(one) for one in declared if one.strip()] or [_plain(assumed)]
    for name in names:
        if name not in _CODECS:
            raise BadMessage(
                f"the character set of MSH-18 is not known; known are {', '.join(KNOWN)}",
                error_code=103,
                location="MSH^1^18",
            )
    codecs = [_CODECS[name] for name in names]
    return next((one for one in reversed(codecs) if one != "ascii"), "ascii")


def _plain(name: str) -> str:
    """As table 0211 writes it: senders differ in spaces and case."""
    bare = " ".join(name.upper().split())
    joined = bare.replace("ISO8859", "8859").replace("ISO 8859", "8859").replace("8859-", "8859/")
    return {"UTF-8": "UNICODE UTF-8", "UTF8": "UNICODE UTF-8", "ISO IR 6": "ISO IR6"}.get(
        joined, joined.replace("ISO IR ", "ISO IR")
    )


def decode(raw: bytes, codec: str) -> Decoded:
    """The text; bytes that are none of the set become U+FFFD, and it is said."""
    try:
        return Decoded(text=raw.decode(codec), codec=codec, is_exact=True)
    except UnicodeDecodeError:
        return Decoded(text=raw.decode(codec, "replace"), codec=codec, is_exact=False)


def encode(text: str, codec: str) -> bytes:
    """The bytes; letters that the set has not become question marks."""
    return text.encode(codec, "replace")
