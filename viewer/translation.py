"""The node's own sentences in another language.

What is kept (reasons, events) is English, as the log is one language. A sentence is found again by
the template it was made from, its slots are read, and the same is said in the other language.
Whatever no template made (a model's of somebody else, a person's own words) stays as it is.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_SLOT = re.compile(r"\{([a-z]+)\d*\}")
_FORM = re.compile(r"\{([a-z]+\d*):([^|{}]*)\|([^|{}]*)\}")
_SIGNS = {
    "n": r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?|nan|-?inf",
    "p": r"(?:[<>] )?\d\.\d\d",
    "span": r"\d+ s|\d+ min|\d+ h(?: \d+ min)?|\d+ days",
    "time": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC",
    "word": r"\S+?",
    "text": r".+?",
    "words": r".*",
    "said": r".+?",
    "known": r".+?",
}
_KEY_LENGTH = 3  # signs of a template's beginning by which it is looked up
_LONGEST = 2000  # signs; nothing of ours is longer
_DEEPEST = 6  # sentences within sentences
_MOST_JOINED = 6  # parts between semicolons that one sentence has
_UNITS = r"(?:mm|ml|s|min|h|j|Mio|Go|UH)\b"


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """A sentence with slots, and how it is said in the other language."""

    original: str
    pattern: re.Pattern[str]
    kinds: Mapping[str, str]  # of the slots, by name
    other: str
    weight: int  # signs that are not slots: of several that fit, the one that says most is meant

    @property
    def ends_in_own_words(self) -> bool:
        """Whether a person's words are its last part, whatever they are."""
        return "words" in self.kinds.values()


class Translator:
    """Says sentences in one other language; thread-safe."""

    def __init__(self, sentences: Mapping[str, str]) -> None:
        self._plain = {one: typeset(two) for one, two in sentences.items() if "{" not in one}
        slotted = [_template(one, two) for one, two in sentences.items() if "{" in one]
        self._by_beginning: dict[str, list[Template]] = {}
        for one in sorted(slotted, key=lambda template: -template.weight):
            self._by_beginning.setdefault(_beginning(one.original), []).append(one)
        self._own_words = [one for one in slotted if one.ends_in_own_words]
        # Lists and histories say the same again and again.
        self.say = lru_cache(maxsize=8192)(self._say)

    def known(self, sentence: str) -> str | None:
        """What `say` says if all of it but free text is known, else None."""
        return self._listed(sentence, 0, strictly=True)

    def template_of(self, sentence: str) -> str | None:
        """The template that one sentence was made from; None: no single one."""
        if sentence in self._plain:
            return sentence
        return next((one.original for one, _ in self._fitting(sentence, 0, strictly=False)), None)

    def _say(self, sentence: str) -> str:
        """The sentence as far as it is known; the rest stays as it is."""
        return self._listed(sentence, 0, strictly=False) or sentence

    def _listed(self, text: str, depth: int, *, strictly: bool) -> str | None:
        """Several sentences between semicolons; None: none (`strictly`: not all) is known."""
        if len(text) > _LONGEST or depth > _DEEPEST:
            return None
        for template in self._own_words:
            said = self._filled(template, text, depth, strictly=strictly)
            if said is not None:
                return said
        spoken = list(self._parts(text.split("; "), depth, strictly=strictly))
        if not any(is_known for _, is_known in spoken):
            return None
        if strictly and not all(is_known for _, is_known in spoken):
            return None
        return _joined(spoken)

    def _parts(self, parts: list[str], depth: int, *, strictly: bool) -> Iterator[tuple[str, bool]]:
        """Each sentence, and whether it is known; a sentence may hold semicolons itself."""
        start = 0
        while start < len(parts):
            last = min(len(parts), start + _MOST_JOINED)
            beginnings = [(end, "; ".join(parts[start:end])) for end in range(start + 1, last + 1)]
            said, end = self._first(beginnings, depth, strictly=strictly)
            yield (parts[start], False) if said is None else (said, True)
            start = end

    def _first(
        self, beginnings: list[tuple[int, str]], depth: int, *, strictly: bool
    ) -> tuple[str | None, int]:
        """The shortest beginning that is known, rather with all that is in it, and its end."""
        for wholly in (True,) if strictly else (True, False):
            for end, text in beginnings:
                said = self._one(text, depth, strictly=wholly)
                if said is not None:
                    return said, end
        return None, beginnings[0][0]

    def _one(self, text: str, depth: int, *, strictly: bool) -> str | None:
        if text in self._plain:
            return self._plain[text]
        return next((said for _, said in self._fitting(text, depth, strictly=strictly)), None)

    def _fitting(self, text: str, depth: int, *, strictly: bool) -> Iterator[tuple[Template, str]]:
        for key in (text[:_KEY_LENGTH], ""):
            for template in self._by_beginning.get(key, ()):
                said = self._filled(template, text, depth, strictly=strictly)
                if said is not None:
                    yield template, said

    def _filled(self, template: Template, text: str, depth: int, *, strictly: bool) -> str | None:
        match = template.pattern.fullmatch(text)
        if match is None:
            return None
        values: dict[str, str] = {}
        for name, kind in template.kinds.items():
            value = self._value(kind, match[name], depth, strictly=strictly)
            if value is None:
                return None
            values[name] = value
        counted = _FORM.sub(
            lambda form: form[2] if _is_singular(match[form[1]]) else form[3], template.other
        )
        return _SLOT.sub(lambda slot: values[slot[0][1:-1]], counted)

    def _value(self, kind: str, text: str, depth: int, *, strictly: bool) -> str | None:
        if kind in ("said", "known"):
            wholly = strictly or kind == "known"
            said = self._listed(text, depth + 1, strictly=wholly)
            return said if wholly or said is not None else text
        return _PLAIN_VALUES[kind](text) if kind in _PLAIN_VALUES else text


def _template(original: str, other: str) -> Template:
    kinds = {slot[0][1:-1]: slot[1] for slot in _SLOT.finditer(original)}
    pieces = _SLOT.split(original)[::2]
    names = iter(kinds.items())
    pattern = re.escape(pieces[0])
    for piece in pieces[1:]:
        name, kind = next(names)
        pattern += f"(?P<{name}>{_SIGNS[kind]}){re.escape(piece)}"
    return Template(
        original=original,
        pattern=re.compile(pattern, re.DOTALL),
        kinds=kinds,
        other=typeset(other),
        weight=sum(map(len, pieces)),
    )


def _beginning(template: str) -> str:
    """What templates are looked up by; empty for those that begin with a slot."""
    before = template.partition("{")[0]
    return before[:_KEY_LENGTH] if len(before) >= _KEY_LENGTH else ""


def _joined(spoken: list[tuple[str, bool]]) -> str:
    words, _ = spoken[0]
    for part, is_known in spoken[1:]:
        words += ("\u202f; " if is_known else "; ") + part
    return words


def _is_singular(number: str) -> bool:
    """In French all below two is."""
    return -2 < float(number) < 2


def _decimal(text: str) -> str:
    return text.replace(".", ",")


def _span(text: str) -> str:
    return text.replace("days", "jours").replace(" ", "\u00a0")


def _day_first(text: str) -> str:
    day, clock, zone = text.split(" ")
    return f"{'/'.join(reversed(day.split('-')))} {clock} {zone}"


_PLAIN_VALUES = {
    "n": _decimal,
    "p": lambda text: _decimal(text).replace(" ", "\u00a0"),
    "span": _span,
    "time": _day_first,
}


def typeset(text: str) -> str:
    """French blanks that do not break: U+202F before ; ! ?, U+00A0 before : and units, in « »."""
    text = re.sub(r" (?=[;!?])", "\u202f", text)
    text = re.sub(r" (?=:)|(?<=«) | (?=»)", "\u00a0", text)
    return re.sub(rf"(?<=[\d}}]) (?={_UNITS})", "\u00a0", text)


def read_catalogue(path: Path) -> dict[str, str]:
    """The sentences of a catalogue, of all its sections.

    Raises
    ------
    ValueError
        If a sentence stands in two sections.
    """
    sentences: dict[str, str] = {}
    for section in tomllib.loads(path.read_text(encoding="utf-8")).values():
        twice = sentences.keys() & section.keys()
        if twice:
            raise ValueError(f"{path} says more than once: {min(twice)}")
        sentences |= section
    return sentences
