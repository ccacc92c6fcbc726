"""What one sentence says of the findings it names: which cue reaches which finding."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate

from worklist.finding import TargetFinding
from worklist.report_terms import Direction, Lexicon, Match, Meaning, Part, ReportLanguage
from worklist.report_text import Token


class Status(StrEnum):
    """How a finding is named."""

    PRESENT = "present"
    ABSENT = "absent"
    UNCERTAIN = "uncertain"
    PAST = "past"  # healed, operated, of an earlier study
    NOT_NOW = "not_now"  # a question, an advice, a risk, "no other"


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """A finding that a sentence names."""

    target: TargetFinding
    first: int  # index of its first token in the sentence
    after: int
    status: Status
    cues: tuple[tuple[int, int], ...]  # (first, after), likewise


_TERMS = frozenset({Part.TERM, Part.PLACED_TERM, Part.GENERAL_TERM})
_BARS = frozenset({Part.STOP, Part.STATES})
_STRONGEST_FIRST = (
    (Part.NOT_NOW, Status.NOT_NOW),
    (Part.DOUBT, Status.UNCERTAIN),
    (Part.ABSENT, Status.ABSENT),
    (Part.PAST, Status.PAST),
    (Part.UNCERTAIN, Status.UNCERTAIN),
)
_CUES = frozenset(part for part, _ in _STRONGEST_FIRST)
_PLACES = frozenset({Part.INSIDE, Part.OUTSIDE})
_DEPTH = {"(": 1, "[": 1, ")": -1, "]": -1}
_BARE_WORDS = 4  # of a member of a list
_LISTED = ("following", "suivant", "suivants", "suivante", "suivantes", "of", "de")
_LOOK_BACK = 4  # tokens between "the" and the finding


class SentenceReading:
    """One sentence, with the phrases that were found in it."""

    def __init__(
        self, words: Lexicon, tokens: Sequence[Token], *, is_question: bool = False
    ) -> None:
        self._words = words
        self._tokens = tokens
        self._is_question = is_question
        self._matches = words.matches(tokens)
        self._terms = [one for one in self._matches if _has_part(one, _TERMS)]
        self._cues = [one for one in self._matches if _has_part(one, _CUES)]
        self._places = [one for one in self._matches if _has_part(one, _PLACES)]
        if self._terms:
            self._bars_before = self._counted_bars()
            self._commas = [i for i, one in enumerate(tokens) if one.plain == ","]
            self._lists = {comma for comma in self._commas if self._goes_on_behind(comma)}

    def _counted_bars(self) -> list[int]:
        """How many bars begin before each token."""
        begin = {one.first for one in self._matches if _has_part(one, _BARS)}
        return [
            0,
            *accumulate(
                index in begin or token.plain == "-" for index, token in enumerate(self._tokens)
            ),
        ]

    def findings(self) -> Iterator[Named]:
        """The target findings that are named, in order."""
        for match in self._terms:
            for meaning in match.meanings:
                if meaning.part in _TERMS:
                    (target,) = meaning.targets
                    if self._is_of_target(match, meaning, target):
                        named = self._named(match, target)
                        if meaning.part is not Part.GENERAL_TERM or named.status is Status.ABSENT:
                            yield named

    def _named(self, term: Match, target: TargetFinding) -> Named:
        reaching: dict[Part, list[Match]] = {}
        for match in self._cues:
            for meaning in match.meanings:
                if target in meaning.targets and self._reaches(match, meaning, term):
                    reaching.setdefault(meaning.part, []).append(match)
        status, cues = Status.PRESENT, []
        for part, meant in _STRONGEST_FIRST:
            if part in reaching:
                status, cues = meant, reaching[part]
                break
        if status is Status.PRESENT and self._is_question:
            status = Status.UNCERTAIN
        return Named(
            target=target,
            first=term.first,
            after=term.after,
            status=status,
            cues=tuple((one.first, one.after) for one in cues),
        )

    def _reaches(self, cue: Match, meaning: Meaning, term: Match) -> bool:
        if meaning.part not in _CUES:
            return False
        if meaning.direction is Direction.FORWARD:
            if cue.is_predicate and self._has_subject(cue):
                return False
            first, after = cue.after, term.first
        else:
            first, after = term.after, cue.first
        if not 0 <= after - first <= meaning.reach:
            return False
        if self._is_barred(first, after):
            return False
        if meaning.direction is Direction.BACKWARD:
            return self._list_goes_back(term, first, after)
        if meaning.part is Part.ABSENT and (
            self._is_known(term, cue) or self._clause_ends(first, after)
        ):
            return False
        return self._list_goes_on(first, after)

    def _has_subject(self, cue: Match) -> bool:
        """Whether a finding stands before *is likely*: then it is about that one."""
        before = [one for one in self._terms if one.after <= cue.first]
        return bool(before) and not self._is_barred(before[-1].after, cue.first)

    def _clause_ends(self, first: int, after: int) -> bool:
        """Whether a denial ends before a finding: at a colon, *and a*, *with*."""
        words = self._words
        begins_with_article = first < after and self._tokens[first].folded in words.articles
        for index in range(first, after):
            token = self._tokens[index]
            before = self._tokens[index - 1].folded
            behind = self._tokens[index + 1].folded if index + 1 < len(self._tokens) else ""
            if token.plain == ":" and index > first and before not in _LISTED:
                return True
            if token.folded in words.conjunctions and behind in words.articles:
                return not begins_with_article
            if token.folded in words.companions and index > first and before not in words.ties:
                return not self._names_between(first, index)
        return False

    def _names_between(self, first: int, after: int) -> bool:
        return any(first <= one.first and one.after <= after for one in self._terms)

    def _is_barred(self, first: int, after: int) -> bool:
        """Whether something between two places keeps a cue from reaching over."""
        if self._bars_before[after] > self._bars_before[first]:
            return True
        depth = 0
        for token in self._tokens[first:after]:
            depth += _DEPTH.get(token.plain, 0)
            if depth < 0:
                return True
        return False

    def _is_known(self, term: Match, cue: Match) -> bool:
        """Whether "the" stands before the finding, and more than it after the denial.

        *No enlargement of the haematoma* denies no haematoma.
        """
        for index in range(term.first - 1, max(cue.after, term.first - _LOOK_BACK) - 1, -1):
            token = self._tokens[index]
            if token.folded in self._words.determiners:
                return index > cue.after
            if token.folded in ("of", "de", "d", "des", ",", "or", "ou", "and", "et", "ni"):
                return False
        return False

    def _list_goes_on(self, first: int, after: int) -> bool:
        """Whether every comma between a cue and a finding is one of a list."""
        return all(one in self._lists for one in self._commas if first <= one < after)

    def _goes_on_behind(self, comma: int) -> bool:
        rest = self._tokens[comma + 1 :]
        if not rest or rest[0].folded in self._words.list_words:
            return True
        member = []
        for token in rest:
            if token.plain == "," or token.folded in self._words.alternatives:
                break
            member.append(token)
        bare = len(member) <= _BARE_WORDS and not any(
            one.folded in self._words.sides or one.folded in ("nn", "of", "with", "avec", "is")
            for one in member
        )
        if self._words.language is ReportLanguage.FRENCH:
            is_list = len(rest[0].plain) > 1 and rest[0].plain.isupper()
            return bare and (is_list or self._has_alternative(comma))
        return bare or self._has_alternative(comma)

    def _has_alternative(self, comma: int) -> bool:
        for index in range(comma + 1, len(self._tokens)):
            if self._tokens[index].folded in self._words.alternatives:
                return not self._is_barred(comma + 1, index)
        return False

    def _list_goes_back(self, term: Match, first: int, after: int) -> bool:
        """Whether a cue behind a finding is about it: no comma between, or it ends a list."""
        commas = [one for one in self._commas if first <= one < after]
        if not commas:
            return True
        tail = {one.folded for one in self._tokens[commas[-1] : after]}
        is_list = tail & {"and", "or", "et", "ou", "nor", "ni"}
        return bool(is_list) and not self._is_barred(0, term.first)

    def _is_of_target(self, term: Match, meaning: Meaning, target: TargetFinding) -> bool:
        """Whether the place beside a finding is one of the target's."""
        first, after = self._clause(term)
        near: dict[Part, int] = {}
        for match in self._places:
            if not first <= match.first < after or match is term:
                continue
            for one in match.meanings:
                if one.part in (Part.INSIDE, Part.OUTSIDE) and target in one.targets:
                    away = max(match.first - term.after, term.first - match.after, 0)
                    near[one.part] = min(away, near.get(one.part, away))
        if Part.OUTSIDE in near and near[Part.OUTSIDE] < near.get(Part.INSIDE, len(self._tokens)):
            return False
        return meaning.part is not Part.PLACED_TERM or Part.INSIDE in near

    def _clause(self, term: Match) -> tuple[int, int]:
        """From the sign before a finding to the one behind it."""
        signs = (",", ":", "(", ")", "-")
        first, after = term.first, term.after
        while first > 0 and self._tokens[first - 1].plain not in signs:
            first -= 1
        while after < len(self._tokens) and self._tokens[after].plain not in signs:
            after += 1
        return first, after


def _has_part(match: Match, parts: frozenset[Part]) -> bool:
    return any(one.part in parts for one in match.meanings)
