"""Text search over the list: words in any order, each by its beginning; accents and case aside.

The node folds what it stores and what people type in the same way, so that the answer does not
depend on the database's locale.
"""

import re
import unicodedata
from collections.abc import Iterable

SEARCHED = ("patient_name", "patient_id", "accession_number", "study_description", "study_id")

_LONGEST_WORD = 48
_MOST_WORDS = 64  # of one study; a header may hold any amount of text (P9)
_MOST_ASKED = 8
_LONGEST_TEXT = 4096
_WORD = re.compile(r"[^\W_]+")
# Written without spaces between words: each sign is a word.
_SIGN = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"}
)


def words_of(text: str) -> list[str]:
    """The words of a text, folded, in the order in which they stand; each once."""
    plain = unicodedata.normalize("NFKD", text[:_LONGEST_TEXT]).casefold()
    plain = "".join(sign for sign in plain if not unicodedata.combining(sign))
    spaced = _SIGN.sub(r" \g<0> ", plain.translate(_LETTERS))
    return list(dict.fromkeys(word[:_LONGEST_WORD] for word in _WORD.findall(spaced)))


def study_words(texts: Iterable[str]) -> list[str]:
    """What a study is found by: of all these texts, as many words as are kept."""
    found = dict.fromkeys(word for text in texts for word in words_of(text))
    return list(found)[:_MOST_WORDS]


def asked_words(text: str) -> tuple[str, ...]:
    """What a person typed into the search field, as it is looked for; empty: anything."""
    return tuple(sorted(words_of(text)[:_MOST_ASKED]))
