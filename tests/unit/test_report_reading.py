"""What a report's text says: where it is said, in which section, and by which words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worklist.finding import TargetFinding
from worklist.report_reading import ReportReading, Said, Section, read_report
from worklist.report_scope import Status
from worklist.report_terms import ReportLanguage
from worklist.report_text import LONGEST_SENTENCE, sentences_of, tokens_of

_HAEMORRHAGE = TargetFinding.INTRACRANIAL_HAEMORRHAGE
_FRACTURE = TargetFinding.FRACTURE
_NODULE = TargetFinding.PULMONARY_NODULE


def haemorrhage(text: str) -> Said:
    return read_report(text).answers[_HAEMORRHAGE]


def fracture(text: str) -> Said:
    return read_report(text).answers[_FRACTURE]


def words_of(text: str, reading: ReportReading) -> list[str]:
    return [text[one.start : one.end] for one in reading.statements]


def test_each_statement_points_at_the_words_that_name_the_finding() -> None:
    text = "  Pas d’hémorragie\u00a0; fracture de l’œil-de-bœuf."
    reading = read_report(text)
    assert words_of(text, reading) == ["hémorragie", "fracture"]
    assert [text[i:j] for i, j in reading.statements[0].cues] == ["Pas d"]


def test_accents_that_are_written_apart_are_read_and_counted() -> None:
    text = "Pas d'he\u0301morragie."
    reading = read_report(text)
    assert words_of(text, reading) == ["he\u0301morragie"]
    assert reading.answers[_HAEMORRHAGE] is Said.ABSENT


def test_the_question_answers_nothing() -> None:
    text = "Indication: fall, fracture of the wrist?\n\nNo fracture."
    reading = read_report(text)
    assert reading.answers[_FRACTURE] is Said.ABSENT
    assert [one.section for one in reading.statements] == [Section.ASKED, Section.FINDINGS]
    assert not reading.statements[0].counts


def test_a_question_in_one_line_with_the_answer_is_still_one() -> None:
    assert fracture("Indication : chute, fracture. Résultat : pas de fracture.") is Said.ABSENT


def test_a_paragraph_without_a_heading_ends_the_question() -> None:
    assert fracture("Clinical history:\n\nFall\n\nFracture of the radius.") is Said.PRESENT


def test_what_is_present_in_the_findings_is_not_taken_back_by_another_denial() -> None:
    text = "Findings: fracture of the left 5th rib.\n\nImpression: no vertebral fracture."
    assert fracture(text) is Said.PRESENT


def test_the_conclusion_may_doubt_what_the_findings_call_present() -> None:
    text = "Findings: subdural haematoma.\n\nImpression: possible subdural haematoma."
    assert haemorrhage(text) is Said.UNCERTAIN


def test_the_conclusion_counts_before_a_doubt_in_the_findings() -> None:
    text = "Findings: possible fracture of the scaphoid.\n\nConclusion: no fracture."
    assert fracture(text) is Said.ABSENT


@pytest.mark.parametrize(
    "before",
    [
        "Indication: fall.\nTechnique: unenhanced CT.\n",
        "Clinical details: fall\n",
        "Comparison: none.\n",
        "Comparison: none. ",
        "Technique:\nUnenhanced CT.\n",
    ],
)
def test_a_body_without_an_empty_line_before_it_is_read(before: str) -> None:
    reading = read_report(before + "There is a large subdural haematoma.")
    assert reading.answers[_HAEMORRHAGE] is Said.PRESENT
    assert reading.statements[-1].section is Section.FINDINGS


def test_a_long_history_is_none_of_the_findings_where_they_have_a_heading() -> None:
    text = "History: fall.\nSubdural haematoma known.\nFindings: no haemorrhage."
    reading = read_report(text)
    assert reading.answers[_HAEMORRHAGE] is Said.ABSENT
    assert reading.statements[0].section is Section.ASKED


@pytest.mark.parametrize("copula", ["is", "are", "was", "were"])
@pytest.mark.parametrize("doubt", ["likely", "possible", "suspected", "suspicious for", "probable"])
def test_doubt_behind_a_copula_is_doubt(copula: str, doubt: str) -> None:
    assert haemorrhage(f"Appearances {copula} {doubt} a subdural haematoma.") is Said.UNCERTAIN


@pytest.mark.parametrize("copula", ["est", "sont", "était"])
@pytest.mark.parametrize("doubt", ["possible pour", "suspecte de", "probable pour"])
def test_doubt_behind_a_french_copula_is_doubt(copula: str, doubt: str) -> None:
    said = read_report(f"L'image {copula} {doubt} fracture.", ReportLanguage.FRENCH)
    assert said.answers[_FRACTURE] is Said.UNCERTAIN


def test_doubt_about_one_finding_does_not_reach_the_next() -> None:
    assert haemorrhage("The fracture is old and a subdural haematoma is seen.") is Said.PRESENT


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("No midline shift: subdural haematoma.", Said.PRESENT),
        ("No evidence of the following: subdural haematoma.", Said.ABSENT),
        ("No evidence of: subdural haematoma.", Said.ABSENT),
        ("The ventricles are not dilated and a subdural haematoma is seen.", Said.PRESENT),
        ("No evidence of a fracture and a haemorrhage.", Said.ABSENT),
        ("No fracture and haemorrhage.", Said.ABSENT),
        ("No shift with a subdural haematoma of 8 mm.", Said.PRESENT),
        ("No hyperdensity consistent with haemorrhage.", Said.ABSENT),
        ("Pas d'engagement avec hématome sous-dural de 8 mm.", Said.PRESENT),
        ("Pas d'image compatible avec une hémorragie.", Said.ABSENT),
        ("On ne retrouve pas d'argument pour une hémorragie.", Said.ABSENT),
        ("On ne retrouve plus d'hémorragie.", Said.ABSENT),
    ],
)
def test_a_denial_ends_where_another_clause_begins(text: str, said: Said) -> None:
    assert haemorrhage(text) is said


def test_a_line_that_is_broken_in_a_sentence_is_one_sentence() -> None:
    assert haemorrhage("There is no evidence of\nsubdural haematoma.") is Said.ABSENT
    assert haemorrhage("Pas d'hématome sous-dural, extradural ou\nd'hémorragie.") is Said.ABSENT


def test_lines_without_full_stops_are_sentences() -> None:
    reading = read_report("No intracranial haemorrhage\nFracture of the nasal bones")
    assert reading.answers[_HAEMORRHAGE] is Said.ABSENT
    assert reading.answers[_FRACTURE] is Said.PRESENT


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("The scan is not without a subdural haematoma.", Said.PRESENT),
        ("The scanner is unable to exclude haemorrhage.", Said.UNCERTAIN),
        ("Absence of haemorrhage cannot be confirmed.", Said.UNCERTAIN),
        ("L'absence d'hémorragie ne peut être affirmée.", Said.UNCERTAIN),
        ("Le scanner n'est pas sans hémorragie intracrânienne.", Said.PRESENT),
    ],
)
def test_a_denial_of_a_denial_is_none(text: str, said: Said) -> None:
    assert haemorrhage(text) is said


def test_a_healed_fracture_is_of_the_past_and_no_answer() -> None:
    reading = read_report("Healed fracture of the clavicle.")
    assert reading.statements[0].status is Status.PAST
    assert reading.answers[_FRACTURE] is Said.NOT_MENTIONED


def test_an_empty_text_says_nothing() -> None:
    reading = read_report("")
    assert set(reading.answers.values()) == {Said.NOT_MENTIONED}
    assert reading.statements == ()
    assert reading.is_whole


def test_the_language_can_be_said() -> None:
    assert read_report("HIP", ReportLanguage.FRENCH).answers[_HAEMORRHAGE] is Said.PRESENT
    assert read_report("HIP", ReportLanguage.ENGLISH).answers[_HAEMORRHAGE] is Said.NOT_MENTIONED


def test_a_text_in_capitals_is_read() -> None:
    reading = read_report("NO FRACTURE OF THE HIP.\nSUBDURAL HAEMATOMA.")
    assert reading.answers[_FRACTURE] is Said.ABSENT
    assert reading.answers[_HAEMORRHAGE] is Said.PRESENT


@given(
    st.text(alphabet="no fracture,.;:?!()\n-é'hémorragie pas de <script>\x00\u0301#5", max_size=300)
)
def test_any_text_is_read_and_every_span_lies_in_it(text: str) -> None:
    reading = read_report(text)
    assert set(reading.answers) == set(TargetFinding)
    for one in reading.statements:
        assert 0 <= one.start < one.end <= len(text)
        assert all(0 <= first < after <= len(text) for first, after in one.cues)


@given(st.lists(st.sampled_from(["no ", "fracture ", ", ", "( ", "\n", "? ", "12 ", "of the "])))
def test_no_sentence_is_so_long_that_reading_it_takes_long(parts: list[str]) -> None:
    text = "".join(parts) * 20
    assert all(len(one.tokens) <= LONGEST_SENTENCE for one in sentences_of(text))


def test_a_mark_without_a_letter_is_read_over() -> None:
    for text in ("\n\u0301", "Fall?\u0301 Fracture.", "\u0301\n\u0301"):
        assert read_report(text).is_whole


def test_what_stands_behind_the_longest_report_is_not_read() -> None:
    reading = read_report("no if bone injury " * 6_000 + ". Fracture of the hip.")
    assert not reading.is_whole
    assert reading.statements == ()


@pytest.mark.parametrize(
    "unit",
    [
        "no if bone injury ",
        "nodule of the thyroid ? ",
        "no haemorrhage, ",
        "fracture ",
        "a",
        "( ",
        "\n",
        ".:,?",
        "e\u0301",
        "pas de ",
        "\U0010ffff",
    ],
)
def test_a_megabyte_of_anything_is_read_to_an_end(unit: str) -> None:
    text = unit * (1_000_000 // len(unit) + 1)
    reading = read_report(text)
    assert not reading.is_whole
    assert len(reading.statements) <= 1_000


def test_every_character_lies_in_at_most_one_token() -> None:
    ends = [0]
    for token in tokens_of("Pas d'hémorragie : 5,3 mm (HSD)."):
        assert token.start >= ends[-1]
        ends.append(token.end)


def test_a_nodule_elsewhere_is_another_finding() -> None:
    assert read_report("Thyroid nodule.").answers[_NODULE] is Said.NOT_MENTIONED
    assert read_report("Nodule of the lung.").answers[_NODULE] is Said.PRESENT
