"""The words of reports, per language, and how a phrase of them is found in a sentence.

They stand in ``report_terms_en.toml`` and ``report_terms_fr.toml``. A phrase is words without
accents; ``a|b`` is either, a word with ``?`` behind it may be left out, ``nodul*`` begins so,
``nn`` is a number and ``yyyy`` a year, ``$`` the end of the sentence, and capitals are an
abbreviation: only capitals match it.
"""

import functools
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import product
from pathlib import Path
from typing import Any

from worklist.finding import TargetFinding
from worklist.report_text import Token

_FOLDER = Path(__file__).parent
_END = "$"
_FIRST_LETTERS = 3  # of a word that is given by its beginning: it has more
_WORDS = (
    *("common_words", "determiners", "alternatives", "list_words", "sides"),
    *("copulas", "articles", "conjunctions", "companions", "ties"),
)
_FAR = 40  # tokens that a cue reaches over where nothing else is said


class ReportLanguage(StrEnum):
    """What a report is written in."""

    ENGLISH = "en"
    FRENCH = "fr"


class Part(StrEnum):
    """What a phrase is for."""

    TERM = "term"  # the finding
    PLACED_TERM = "placed_term"  # the finding, where a place of the target stands beside it
    GENERAL_TERM = "general_term"  # says something of the finding only where it is denied
    INSIDE = "inside"  # a place where the target finding is
    OUTSIDE = "outside"  # a place, or a thing, whose finding is another
    ABSENT = "absent"
    DOUBT = "doubt"  # neither present nor absent, whatever else is said
    UNCERTAIN = "uncertain"
    PAST = "past"
    NOT_NOW = "not_now"  # a question, an advice, a risk
    STOP = "stop"  # what stands before it does not reach behind it
    STATES = "states"  # says that something is there: denials do not reach over it
    NEUTRAL = "neutral"  # looks like another part and is none


_MEANT = (Part.UNCERTAIN, Part.PAST)


class Direction(StrEnum):
    """Where what a cue is about stands."""

    FORWARD = "forward"
    BACKWARD = "backward"


@dataclass(frozen=True, kw_only=True, slots=True)
class Meaning:
    """What one phrase stands for."""

    part: Part
    targets: frozenset[TargetFinding]  # whose it is; of cues: to which it applies
    direction: Direction = Direction.FORWARD
    reach: int = _FAR  # tokens between the cue and the finding at most


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """A phrase in a sentence."""

    first: int  # index of its first token
    after: int  # index behind its last one
    meanings: tuple[Meaning, ...]
    is_predicate: bool = False  # begins with a copula: about what stands before, or else behind


@dataclass(slots=True)
class _Node:
    words: dict[str, "_Node"] = field(default_factory=dict)
    beginnings: dict[str, dict[str, "_Node"]] = field(default_factory=dict)  # by first letters
    meanings: tuple[Meaning, ...] = ()


_NONE = _Node()


@dataclass(frozen=True, kw_only=True, slots=True)
class Lexicon:
    """One language's phrases."""

    language: ReportLanguage
    root: _Node
    headings: _Node
    sections: Mapping[str, str]  # of the meaning's stand-in: see `section_at`
    common_words: frozenset[str]  # by which the language is told
    vocabulary: frozenset[str]  # likewise: every word of a phrase
    determiners: frozenset[str]  # before what is known to be there
    alternatives: frozenset[str]  # or, nor
    list_words: frozenset[str]  # after a comma: the list goes on
    sides: frozenset[str]
    copulas: frozenset[str]
    articles: frozenset[str]  # behind "and" they begin another clause
    conjunctions: frozenset[str]  # and
    companions: frozenset[str]  # with
    ties: frozenset[str]  # before a companion: consistent with

    def matches(self, tokens: Sequence[Token]) -> list[Match]:
        """The longest phrases from the left, none within another."""
        found, index = [], 0
        while index < len(tokens):
            after, meanings = _longest(self.root, tokens, index)
            if meanings:
                found.append(self._match(tokens, index, after, meanings))
                after = found[-1].after
            index = max(after, index + 1)
        return found

    def _match(
        self, tokens: Sequence[Token], first: int, after: int, meanings: tuple[Meaning, ...]
    ) -> Match:
        """A phrase; *is likely* stands for *likely* as well: *this is likely a fracture*."""
        if tokens[first].folded not in self.copulas:
            return Match(first=first, after=after, meanings=meanings)
        end, tail = _longest(self.root, tokens, first + 1)
        forward = [one for one in tail if one.direction is Direction.FORWARD and one.part in _MEANT]
        if end < after or not forward:
            return Match(first=first, after=after, meanings=meanings)
        return Match(first=first, after=end, meanings=(*meanings, *forward), is_predicate=True)

    def section_at(self, tokens: Sequence[Token]) -> tuple[str, int] | None:
        """The section that a heading at the beginning names, and how many tokens name it."""
        after, meanings = _longest(self.headings, tokens, 0)
        if not meanings:
            return None
        return self.sections[" ".join(one.folded for one in tokens[:after])], after


@functools.cache
def lexicon(language: ReportLanguage) -> Lexicon:
    """A language's phrases, read once."""
    said = tomllib.loads((_FOLDER / f"report_terms_{language}.toml").read_text("utf-8"))
    root, headings = _Node(), _Node()
    vocabulary = set()
    for phrases, meaning in _meanings(said):
        for phrase in phrases:
            _add(root, phrase, meaning)
            vocabulary |= {one for words in phrase.split() for one in words.split("|")}
    sections: dict[str, str] = {}
    stand_in = Meaning(part=Part.NEUTRAL, targets=frozenset())
    for section, phrases in said["sections"].items():
        for phrase in phrases:
            for words in _written_out(phrase):
                sections[" ".join(words)] = section
                vocabulary |= set(words)
            _add(headings, phrase, stand_in)
    return Lexicon(
        language=language,
        root=root,
        headings=headings,
        sections=sections,
        vocabulary=frozenset(vocabulary),
        **{name: frozenset(said["words"][name]) for name in _WORDS},
    )


def _meanings(said: Mapping[str, Any]) -> Iterator[tuple[list[str], Meaning]]:
    for name, terms in said["findings"].items():
        targets = frozenset({TargetFinding(name)})
        for part in (Part.TERM, Part.PLACED_TERM, Part.GENERAL_TERM, Part.INSIDE, Part.OUTSIDE):
            yield terms.get(part, []), Meaning(part=part, targets=targets)
    for cue in said["cues"]:
        only = frozenset(map(TargetFinding, cue.get("only", TargetFinding)))
        yield (
            cue["phrases"],
            Meaning(
                part=Part(cue["part"]),
                targets=only,
                direction=Direction(cue.get("direction", Direction.FORWARD)),
                reach=cue.get("reach", _FAR),
            ),
        )


def _written_out(phrase: str) -> Iterator[tuple[str, ...]]:
    """Every way to say a phrase."""
    choices: list[Iterable[str]] = []
    for word in phrase.split():
        bare = word.removesuffix("?") or word
        choices.append((*bare.split("|"), *([""] if word != bare else [])))
    for words in product(*choices):
        yield tuple(one for one in words if one)


def _add(root: _Node, phrase: str, meaning: Meaning) -> None:
    for words in _written_out(phrase):
        node = root
        for word in words:
            beginning = word.removesuffix("*")
            known = node.words
            if word != beginning:
                known = node.beginnings.setdefault(beginning[:_FIRST_LETTERS], {})
            node = known.setdefault(beginning, _Node())
        if meaning not in node.meanings:
            node.meanings = (*node.meanings, meaning)


def _longest(root: _Node, tokens: Sequence[Token], first: int) -> tuple[int, tuple[Meaning, ...]]:
    """Where the longest phrase from here ends, and what it means; phrases are short."""
    best: tuple[int, tuple[Meaning, ...]] = (first, ())
    nodes, index = [root], first
    while nodes and index < len(tokens):
        token = tokens[index]
        nodes = [after for node in nodes for after in _after(node, token)]
        index += 1
        meanings = tuple(one for node in nodes for one in node.meanings)
        if meanings:
            best = (index, meanings)
    if index == len(tokens):
        ends = tuple(one for node in nodes for one in node.words.get(_END, _NONE).meanings)
        best = (index, ends) if ends else best
    return best


def _after(node: _Node, token: Token) -> Iterator[_Node]:
    if token.folded in node.words:
        yield node.words[token.folded]
    if token.plain != token.folded and token.plain in node.words:
        yield node.words[token.plain]
    for beginning, after in node.beginnings.get(token.folded[:_FIRST_LETTERS], {}).items():
        if token.folded.startswith(beginning):
            yield after
