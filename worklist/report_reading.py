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
from enum import StrEnum

from worklist.finding import TargetFinding
from worklist.report_scope import SentenceReading, Status
from worklist.report_terms import ReportLanguage, lexicon
from worklist.report_text import Sentence, Token, sentences_of, tokens_of

_LONGEST_REPORT = 1_000_000  # characters that are read
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
    """Read a report's text; its time grows with the text's length and no faster (P9).

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
    sections = _Sections(spoken)
    statements: list[Statement] = []
    for sentence in sentences_of(part):
        section, body = sections.place(sentence)
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


class _Sections:
    """Which section the sentences stand in, one after the other."""

    def __init__(self, language: ReportLanguage) -> None:
        self._words = lexicon(language)
        self._section = Section.FINDINGS
        self._was_filled = False
        self._paragraph_ended = False

    def place(self, sentence: Sentence) -> tuple[Section, tuple[Token, ...]]:
        """The section of a sentence, and its tokens without the heading."""
        tokens = sentence.tokens
        named = self._words.section_at(tokens)
        if named is not None:
            section, after = named
            alone = after == len(tokens) and sentence.begins_line and sentence.ends_line
            colon = after < len(tokens) and tokens[after].plain == ":"
            if alone or colon:
                self._section, self._was_filled = Section(section), False
                tokens = tokens[after + colon :]
        elif self._paragraph_ended and self._was_filled and not self._section.is_read:
            self._section = Section.FINDINGS
        self._was_filled = self._was_filled or bool(tokens)
        self._paragraph_ended = sentence.ends_paragraph
        return self._section, tokens
