"""The free texts of headers as plain words, for rules to read."""

import re
import unicodedata


def plain(text: str) -> str:
    """Capital letters without accents; underscores and runs of blanks are one space."""
    decomposed = unicodedata.normalize("NFKD", text)
    capitals = decomposed.encode("ascii", "ignore").decode("ascii").upper()
    return " ".join(capitals.replace("_", " ").split())


def words(text: str) -> list[str]:
    """The runs of letters of a text, in capitals without accents."""
    return re.findall(r"[A-Z]+", plain(text))
