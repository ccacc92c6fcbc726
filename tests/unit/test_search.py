"""Text search: accents and case aside, words by their beginning, whatever a header holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worklist.search import asked_words, study_words, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Müller^Jean-François", ["muller", "jean", "francois"]),
        ("GROẞ Straße", ["gross", "strasse"]),
        ("Ødegård^Łukasz", ["odegard", "lukasz"]),
        ("山田^太郎", ["山", "田", "太", "郎"]),
        ("A-2024.001/77", ["a", "2024", "001", "77"]),
        ("<script>alert(1)</script>", ["script", "alert", "1"]),
        ("Anna anna ANNA", ["anna"]),
        ("كَرِيم", ["كريم"]),
        ("", []),
        ("^^^ ---", []),
    ],
)
def test_words_are_folded(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_what_is_typed_and_what_is_stored_are_folded_alike() -> None:
    assert asked_words("FRANCOIS muller") == asked_words("müller  François")
    assert set(asked_words("Müller")) <= set(study_words(["Müller^Anna", "P1"]))


def test_p9_a_header_of_any_length_gives_a_bounded_number_of_bounded_words() -> None:
    longest = study_words(["x" * 5000, " ".join(map(str, range(5000)))])
    assert len(longest) == 64
    assert max(map(len, longest)) == 48
    assert len(asked_words(" ".join(map(str, range(100))))) == 8


@given(st.text())
def test_no_word_needs_quoting_and_none_is_empty(text: str) -> None:
    for word in study_words([text]):
        assert word
        assert all(sign.isalnum() for sign in word)
