"""A report's text as words that know where they stand, in sentences and sections.

Nothing here goes over a character more than a fixed number of times, whatever the text is (P9).
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

LONGEST_WORD = 64  # characters that count of one word
LONGEST_SENTENCE = 120  # tokens; what is longer is cut, so that no text takes long

_TOKEN = re.compile(
    r"(?P<word>(?:[^\W\d_]|[\u0300-\u036f])+)"
    r"|(?P<number>\d+(?:[.,]\d+)*)"
    r"|(?P<line>\n)"
    r"|(?P<dash>(?<=\s)[-\u2013\u2014](?=\s)|[\u2013\u2014])"
    r"|(?P<sign>[.;:,!?()\[\]/#\u2022*>])"
)
_NO_ENDS = frozenset(  # a full stop after these ends no sentence
    [
        "dr",
        "pr",
        "mr",
        "mme",
        "mrs",
        "vs",
        "cf",
        "eg",
        "ie",
        "approx",
        "env",
        "fig",
        "no",
        "st",
        "ca",
        "resp",
        "incl",
        "lat",
        "bilat",
        "dg",
    ]
)
_CONNECTIVES = frozenset(  # a line that ends with these goes on in the next
    [
        "a",
        "and",
        "at",
        "aucun",
        "aucune",
        "avec",
        "by",
        "d",
        "dans",
        "de",
        "des",
        "du",
        "en",
        "et",
        "for",
        "from",
        "in",
        "l",
        "la",
        "le",
        "les",
        "mm",
        "cm",
        "ni",
        "no",
        "non",
        "of",
        "on",
        "or",
        "ou",
        "par",
        "pas",
        "pour",
        "sans",
        "the",
        "to",
        "un",
        "une",
        "with",
        "without",
    ]
)


class Token(NamedTuple):
    """A word, a number or a sign."""

    folded: str  # lower case without accents; of numbers, "nn", of years "yyyy"
    plain: str  # without accents; its capitals tell abbreviations
    start: int  # in the text
    end: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Sentence:
    """Tokens that belong together; its line breaks are left out."""

    tokens: tuple[Token, ...]
    begins_line: bool
    ends_line: bool  # the last one of its line
    ends_paragraph: bool
    is_question: bool


def without_accents(word: str) -> str:
    """A word as it is compared: no accents, no ligatures."""
    if word.isascii():
        return word
    for ligature, letters in (("œ", "oe"), ("Œ", "OE"), ("æ", "ae"), ("Æ", "AE")):
        word = word.replace(ligature, letters)
    return "".join(one for one in unicodedata.normalize("NFD", word) if not _is_mark(one))


def tokens_of(text: str) -> Iterator[Token]:
    """Words, numbers, signs and line breaks, in order."""
    for found in _TOKEN.finditer(text):
        raw = found.group()
        plain = without_accents(raw[:LONGEST_WORD]) if found.lastgroup == "word" else raw
        if found.lastgroup == "dash":
            plain = "-"
        folded = plain.casefold() if found.lastgroup != "number" else _stand_in(plain)
        yield Token(folded, plain, found.start(), found.end())


def _stand_in(number: str) -> str:
    """What phrases call a number."""
    is_year = len(number) == 4 and number[:2] in ("19", "20") and number.isdecimal()
    return "yyyy" if is_year else "nn"


def sentences_of(text: str) -> Iterator[Sentence]:
    """The sentences of a text, in order; those too long for one are cut."""
    tokens = list(tokens_of(text))
    current: list[Token] = []
    begins_line = True
    for index, token in enumerate(tokens):
        ending = _ending(tokens, index, len(current))
        if token.plain != "\n" and not (ending and token.plain in ".;!"):
            current.append(token)
        if not ending and len(current) < LONGEST_SENTENCE:
            continue
        line_ended = token.plain == "\n" or _next_is(tokens, index + 1, "\n")
        if current:
            yield _sentence(current, tokens, index, begins_line=begins_line, ends_line=line_ended)
        begins_line = line_ended
        current = []
    if current:
        yield _sentence(current, tokens, len(tokens), begins_line=begins_line, ends_line=True)


def _sentence(
    current: list[Token], tokens: list[Token], index: int, *, begins_line: bool, ends_line: bool
) -> Sentence:
    line = index if index < len(tokens) and tokens[index].plain == "\n" else index + 1
    return Sentence(
        tokens=tuple(current),
        begins_line=begins_line,
        ends_line=ends_line,
        ends_paragraph=_next_is(tokens, line, "\n") and _next_is(tokens, line + 1, "\n"),
        is_question=current[-1].plain == "?",
    )


def _ending(tokens: list[Token], index: int, length: int) -> bool:
    """Whether a sentence ends with this token."""
    match tokens[index].plain:
        case "!" | ";" | "\u2022":
            return True
        case "?":
            return length > 0 and not _touches_next(tokens, index)
        case ".":
            return not _is_abbreviation(tokens, index)
        case "\n":
            return _line_ends(tokens, index)
        case _:
            return False


def _is_abbreviation(tokens: list[Token], index: int) -> bool:
    before = tokens[index - 1] if index else None
    if before is None or before.end != tokens[index].start:
        return False
    short = before.folded in _NO_ENDS or (len(before.plain) == 1 and before.plain.isalpha())
    if not short or index + 1 >= len(tokens) or tokens[index + 1].plain == "\n":
        return False
    return not (before.folded == "no" and tokens[index + 1].plain[:1].isupper())


def _touches_next(tokens: list[Token], index: int) -> bool:
    return index + 1 < len(tokens) and (
        tokens[index + 1].start == tokens[index].end and tokens[index + 1].plain[:1].isalpha()
    )


def _line_ends(tokens: list[Token], index: int) -> bool:
    """Whether a line break ends a sentence: the next line begins one, or there is none."""
    if index + 1 >= len(tokens) or tokens[index + 1].plain in ("\n", "-", "\u2022", "*", ">"):
        return True
    before = tokens[index - 1] if index else None
    if before is not None and (before.plain == "," or before.folded in _CONNECTIVES):
        return False
    return not tokens[index + 1].plain[:1].islower()


def _next_is(tokens: list[Token], index: int, plain: str) -> bool:
    return index >= len(tokens) or tokens[index].plain == plain


def _is_mark(character: str) -> bool:
    return unicodedata.category(character) == "Mn"
