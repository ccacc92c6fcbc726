"""A sentence is found again by its template, and nothing else is touched."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viewer.languages import chosen, translator
from viewer.translation import Translator, read_catalogue, typeset

CATALOGUE = read_catalogue(Path(__file__).resolve().parents[2] / "viewer" / "french.toml")
FRENCH = translator("fr")
_SLOT = re.compile(r"\{([a-z]+)\d*\}")
_FORM = re.compile(r"\{([a-z]+\d*):[^|{}]+\|[^|{}]+\}")
_NNBSP, _NBSP = "\u202f", "\u00a0"
_SAMPLES = {
    "n": ["3", "0.5", "-12", "1e-05"],
    "p": ["0.91", "> 0.99", "< 0.01"],
    "span": ["45 s", "11 min", "2 h 12 min", "24 h", "60 days"],
    "time": ["2026-03-02 12:30:00 UTC"],
    "word": ["1.2.840.1", "fracture", "ValueError"],
    "text": ["[Errno 2] No such file", "a"],
    "words": ["seen; on the phone", "chest"],
    "said": ["The series has no images.", "out of memory"],
    "known": ["fracture", "routine"],
}


@pytest.mark.parametrize("number", [0, 1, 2])
def test_matching_is_unambiguous(number: int) -> None:
    def sample(slot: re.Match[str]) -> str:
        samples = _SAMPLES[slot[1]]
        return samples[number % len(samples)]

    for template, french in CATALOGUE.items():
        sentence = _SLOT.sub(sample, template)
        assert (sentence, FRENCH.template_of(sentence)) == (sentence, template)
        assert FRENCH.say(sentence) != sentence or french == template


def test_both_languages_have_the_same_slots() -> None:
    for template, french in CATALOGUE.items():
        slots = sorted(slot[0] for slot in _SLOT.finditer(template))
        assert (template, sorted(slot[0] for slot in _SLOT.finditer(french))) == (template, slots)
        assert len(set(slots)) == len(slots)
        assert {slot[1] for slot in _SLOT.finditer(template)} <= _SAMPLES.keys()
        forms = [form[1] for form in _FORM.finditer(french)]
        assert {f"{{{one}}}" for one in forms} <= {slot for slot in slots if slot[1] == "n"}
        assert not re.search(r"[{}|]", _SLOT.sub("", _FORM.sub("", french)))


def test_french_is_written_as_it_should_be() -> None:
    odd = re.compile(rf"[^\s{_NNBSP}][;!?]|[^{_NBSP}]:(?=\s)|«[^{_NBSP}]|'|  |^\s|\s$|^$")
    assert [one for one in CATALOGUE.values() if odd.search(typeset(one))] == []


@pytest.mark.parametrize(
    ("english", "french"),
    [
        (
            "routine 24 h; haemorrhage > 0.99 → 2 h 12 min",
            "routine 24~h`; hémorragie >~0,99 → 2~h~12~min",
        ),
        (
            "The slices are 6.5 mm apart; the detector was made for 5 mm at most.",
            "Les coupes sont espacées de 6,5~mm`; le détecteur est fait pour 5~mm au plus.",
        ),
        (
            "The modality is not stated, not CT.; It shows the chest; the detector was made for the"
            " brain.; and 2 more",
            "La modalité est non indiquée, et non CT (scanner).`; On y voit le thorax`; le"
            " détecteur est fait pour le cerveau.`; et 2 de plus",
        ),
        (
            "fracture: failed, because its heat map has the shape (1, 2), too late: the study was"
            " read",
            "fracture~: échec, motif~: sa carte de chaleur a les dimensions (1, 2), trop tard~:"
            " l’examen était lu",
        ),
        (
            "The series has 1 images; a head needs 6 at least.",
            "La série compte 1 image`; il en faut au moins 6 pour une tête.",
        ),
        (
            "nodule: not applicable, because It shows the head; the detector was made for the"
            " chest.; says another; and 2 more",
            "nodule~: non applicable, motif~: On y voit la tête`; le détecteur est fait pour le"
            " thorax.; says another`; et 2 de plus",
        ),
        (
            "due 2026-03-02 12:30:00 UTC (stat 60 min), place 14 → 2",
            "à lire avant le 02/03/2026 12:30:00 UTC (STAT 60~min), rang 14 → 2",
        ),
        (
            "object 1.2.840.113619.2.5: the file cannot be read: [Errno 2] No such file; chest",
            "objet 1.2.840.113619.2.5~: le fichier ne peut pas être lu~: [Errno 2] No such file`;"
            " le thorax",
        ),
    ],
)
def test_numbers_times_and_sentences_within_are_said_too(english: str, french: str) -> None:
    assert FRENCH.say(english) == french.replace("~", _NBSP).replace("`", _NNBSP)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "a model of another house says so",
        "The modality is CT",
        "no lesion; no fracture seen",
        "The series has no images. Really.",
        "x" * 10_000,
    ],
)
def test_what_we_did_not_say_stays_as_it_is(said: str) -> None:
    assert FRENCH.say(said) == said
    assert FRENCH.known(said) is None


def test_a_persons_words_are_never_translated() -> None:
    said = FRENCH.say("pinned to the top, because chest; The series has no images.; and 3 more")
    assert said == f"mis en tête, motif{_NBSP}: chest; The series has no images.; and 3 more"


def test_another_models_words_stay_within_a_sentence_of_ours() -> None:
    said = FRENCH.say("failed, because rib 3 is blurred; look again")
    assert said == f"échec{_NBSP}: rib 3 is blurred; look again"
    assert FRENCH.known("failed, because rib 3 is blurred; look again") is None


def test_the_template_that_says_most_is_meant() -> None:
    french = Translator({"{word}: {said}": "1", "{word}: gone, {said}": "2"})
    assert french.say("a: gone, b") == "2"
    assert french.say("a: b") == "1"


def test_a_sentence_stands_once_in_a_catalogue(tmp_path: Path) -> None:
    path = tmp_path / "twice.toml"
    path.write_text('[a]\n"one" = "un"\n[b]\n"one" = "une"\n', encoding="utf-8")
    with pytest.raises(ValueError, match="more than once: one"):
        read_catalogue(path)


_PIECES = st.sampled_from(
    [*CATALOGUE, "; ", ": ", ", because ", "due ", "(", ")", "0.91", "chest", " ", "é", "\n", "{n}"]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(_PIECES, max_size=8).map("".join))
def test_any_text_has_an_answer(text: str) -> None:
    said = FRENCH.say(text)
    assert bool(said) == bool(text)


@pytest.mark.parametrize(
    ("accept_language", "language"),
    [
        ("", "en"),
        ("fr", "fr"),
        ("fr-CH, fr;q=0.9, en;q=0.8", "fr"),
        ("en, fr;q=0.9", "en"),
        ("de, fr;q=0.4, en;q=0.5", "en"),
        ("de", "en"),
        ("*", "en"),
        ("FR", "fr"),
        ("fr;q=0", "en"),
        ("fr;q=many", "en"),
        ("fr;q=nan", "en"),
        (";;,,fr;q=0.1,", "fr"),
    ],
)
def test_the_language_is_the_one_asked_for(accept_language: str, language: str) -> None:
    assert chosen(accept_language) == language
