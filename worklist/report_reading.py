"""What the text of a report says of the target findings, and where it says so.

The way is that of NegEx and ConText: phrases name findings, others (cues) deny them, doubt them,
or put them into the past or the future, each within a reach that ends with the sentence, at words
like *but*, and where a list ends (Chapman et al., J Biomed Inform 2001;34:301; Harkema et al.,
J Biomed Inform 2009;42:839). Sections and the place in the body are ours. Rules, not a network:
every answer can be pointed at in the text.

It errs; `docs/quality.md` says how often. It opens cases for people and decides nothing else.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from worklist.finding import TargetFinding
from worklist.report_scope import SentenceReading, Status
from worklist.report_terms import ReportLanguage, lexicon
from worklist.report_text import Sentence, Token, sentences_of, tokens_of

_LONGEST_REPORT = 100_000  # characters that are read; real ones have fewer than 20,000
_MOST_STATEMENTS = 1_000  # that are read in one report
_ENOUGH_WORDS = 5_000  # by which the language is told


class Said(StrEnum):
    """What a report says of one target finding."""

    PRESENT = "present"
    ABSENT = "absent"
    UNCERTAIN = "uncertain"
    NOT_MENTIONED = "not_mentioned"  # or of the past, of a risk, as a question only


class Section(StrEnum):
    """The part of a report that a sentence stands in."""

    ASKED = "asked"  # the indication, the question, the history
    TECHNIQUE = "technique"
    COMPARISON = "comparison"
    FINDINGS = "findings"  # also where nothing else is known
    CONCLUSION = "conclusion"
    ADVICE = "advice"

    @property
    def is_read(self) -> bool:
        """Whether what stands there is about these images, now."""
        return self in (Section.FINDINGS, Section.CONCLUSION)


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """One place in the text that names a finding."""

    target: TargetFinding
    status: Status
    section: Section
    start: int  # of the words that name it: characters of the text, from 0
    end: int  # behind the last one
    cues: tuple[tuple[int, int], ...] = ()  # of the words that decided its status

    @property
    def counts(self) -> bool:
        """Whether it answers anything."""
        return self.section.is_read and self.status in _ANSWERS


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportReading:
    """A report, read."""

    language: ReportLanguage
    answers: Mapping[TargetFinding, Said]  # of every target
    statements: tuple[Statement, ...]  # in the order of the text, also those that do not count
    is_whole: bool = True  # False: the text was longer than what is read


_ANSWERS = {
    Status.PRESENT: Said.PRESENT,
    Status.UNCERTAIN: Said.UNCERTAIN,
    Status.ABSENT: Said.ABSENT,
}


def read_report(text: str, language: ReportLanguage | None = None) -> ReportReading:
    """Read a report's text; its time grows with the text's length, and that is bounded (P9).

    Parameters
    ----------
    text
        As it came; offsets are of its characters.
    language
        None: told by its words.
    """
    part = text[:_LONGEST_REPORT]
    spoken = language or language_of(part)
    words = lexicon(spoken)
    sentences = list(sentences_of(part))
    sections = _Sections(spoken, sentences)
    statements: list[Statement] = []
    for index, sentence in enumerate(sentences):
        section, body = sections.place(index)
        reading = SentenceReading(words, body, is_question=sentence.is_question)
        statements += [
            Statement(
                target=found.target,
                status=found.status,
                section=section,
                start=body[found.first].start,
                end=body[found.after - 1].end,
                cues=tuple((body[i].start, body[j - 1].end) for i, j in found.cues),
            )
            for found in reading.findings()
        ]
        if len(statements) > _MOST_STATEMENTS:
            break
    return ReportReading(
        language=spoken,
        answers=answers_of(statements),
        statements=tuple(statements[:_MOST_STATEMENTS]),
        is_whole=len(part) == len(text) and len(statements) <= _MOST_STATEMENTS,
    )


def language_of(text: str) -> ReportLanguage:
    """The language that more of its common words are of; English where nothing tells."""
    known = {one: lexicon(one) for one in ReportLanguage}
    counts = dict.fromkeys(ReportLanguage, 0)
    for token, _ in zip(tokens_of(text), range(_ENOUGH_WORDS), strict=False):
        word = token.folded
        told = {one for one, words in known.items() if word in words.common_words}
        told = told or {one for one, words in known.items() if word in words.vocabulary}
        for one in told if len(told) == 1 else ():
            counts[one] += 1
    return max(ReportLanguage, key=lambda one: (counts[one], one is ReportLanguage.ENGLISH))


def answers_of(statements: Iterable[Statement]) -> dict[TargetFinding, Said]:
    """What all statements together say.

    A finding that is present anywhere is present: *no other fracture* takes nothing back. Else
    the conclusion, where it says anything, counts before the findings; doubt before denial.
    """
    counted = [one for one in statements if one.counts]
    return {
        target: _answer([one for one in counted if one.target is target])
        for target in TargetFinding
    }


def _answer(statements: Sequence[Statement]) -> Said:
    if any(one.status is Status.PRESENT and not _is_revised(one, statements) for one in statements):
        return Said.PRESENT
    concluded = [one for one in statements if one.section is Section.CONCLUSION]
    said = {_ANSWERS[one.status] for one in concluded or statements}
    return next((one for one in (Said.UNCERTAIN, Said.ABSENT) if one in said), Said.NOT_MENTIONED)


def _is_revised(present: Statement, statements: Sequence[Statement]) -> bool:
    """Whether the conclusion doubts what the findings call present."""
    return present.section is Section.FINDINGS and {
        one.status for one in statements if one.section is Section.CONCLUSION
    } == {Status.UNCERTAIN}


class _Until(Enum):
    """How far a heading holds, if no other one comes."""

    SENTENCE = auto()
    LINE = auto()
    PARAGRAPH = auto()


class _Sections:
    """Which section the sentences stand in, one after the other.

    Bodies often follow the indication, the technique or the comparison without an empty line. So
    a heading with text on its line holds for that line; one alone on its line, for the next line
    if nothing later ends it. Where a heading of the findings follows, all before it is no body.
    """

    def __init__(self, language: ReportLanguage, sentences: Sequence[Sentence]) -> None:
        self._words = lexicon(language)
        self._sentences = sentences
        self._section = Section.FINDINGS
        self._until = _Until.PARAGRAPH
        self._was_filled = False
        headings = [self._heading(one) for one in sentences]
        self._headings = headings
        self._last_findings = _last(one and one[0] is Section.FINDINGS for one in headings)
        self._last_end = max(
            _last(one and one[0].is_read for one in headings),
            _last(one.ends_paragraph for one in sentences[:-1]),
        )

    def place(self, index: int) -> tuple[Section, tuple[Token, ...]]:
        """The section of a sentence, and its tokens without the heading."""
        tokens = self._sentences[index].tokens
        heading = self._headings[index]
        if heading is not None:
            self._section, after = heading
            tokens, self._was_filled = tokens[after:], False
            self._until = self._reach(index, is_alone=not tokens)
        elif self._was_filled and self._has_ended(index):
            self._section = Section.FINDINGS
        self._was_filled = self._was_filled or bool(tokens)
        return self._section, tokens

    def _heading(self, sentence: Sentence) -> tuple[Section, int] | None:
        """The section that a sentence begins, and behind how many tokens."""
        named = self._words.section_at(sentence.tokens)
        if named is None:
            return None
        section, after = named
        alone = after == len(sentence.tokens) and sentence.begins_line and sentence.ends_line
        colon = after < len(sentence.tokens) and sentence.tokens[after].plain == ":"
        return (Section(section), after + colon) if alone or colon else None

    def _reach(self, index: int, *, is_alone: bool) -> _Until:
        is_long = self._section is Section.ADVICE or (is_alone and self._last_end > index)
        if is_long or self._last_findings > index:
            return _Until.PARAGRAPH
        is_short = self._section in (Section.TECHNIQUE, Section.COMPARISON)
        return _Until.SENTENCE if is_short and not is_alone else _Until.LINE

    def _has_ended(self, index: int) -> bool:
        """Whether a section that is not read ends before this sentence."""
        if self._section.is_read:
            return False
        return (
            self._until is _Until.SENTENCE
            or (self._until is _Until.LINE and self._sentences[index].begins_line)
            or self._sentences[index - 1].ends_paragraph
        )


def _last(are: Iterable[object]) -> int:
    """The number of the last one that is; -1: none is."""
    return max((number for number, one in enumerate(are) if one), default=-1)
