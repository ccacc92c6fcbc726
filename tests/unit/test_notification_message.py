"""What is told of a flag: it never says more than it may, and cannot be forged from outside."""

import json
from dataclasses import replace
from email import message_from_bytes
from email.policy import SMTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from results.notifying.mail import Mail, mail_of
from results.notifying.message import Language, one_line, payload, text_body
from results.notifying.vocabulary import VOCABULARIES
from tests.builders import HAEMORRHAGE, NOON, STUDY
from tests.notices import A_TEST, NODE, NUMBER, a_flag, a_notice
from worklist.finding import TargetFinding
from worklist.notifying import Caveat, PatientDatum

MAIL = Mail(
    host="localhost",
    port=25,
    security="none",
    user=None,
    password=None,
    sender="vigie@hospital.example",
    recipients=("a@hospital.example", "b@hospital.example"),
    node=NODE,
)
anything = st.text(st.characters(exclude_categories=[]), max_size=200)


def test_the_payload_is_what_the_documentation_says() -> None:
    assert json.loads(payload(a_notice(), NODE, "en")) == {
        "version": 1,
        "type": "finding_suspected",
        "id": str(NUMBER),
        "channel": "pager",
        "text": "AI result, not reviewed: haemorrhage suspected",
        "reviewed": False,
        "node": {"ae_title": "VIGIE", "software_version": "0.1"},
        "finding": {
            "name": "intracranial_haemorrhage",
            "words": "haemorrhage",
            "code": {"value": "1386000", "scheme": "SCT", "meaning": "Intracranial hemorrhage"},
        },
        "model": {"name": "haemorrhage", "version": "2.0", "operating_point": 0.5},
        "probability": 0.914,
        "flagged_at": "2026-03-02T12:00:00+00:00",
        "caveats": [],
        "study": {"study_instance_uid": "1.2.3", "accession_number": "A-4711"},
        "link": "https://vigie.example.org/#/studies/1.2.3",
    }


def test_a_probability_that_is_kept_is_nowhere() -> None:
    kept = a_notice(probability=None)
    assert json.loads(payload(kept, NODE, "en"))["probability"] is None
    for language in VOCABULARIES:
        assert "%" not in text_body(kept, NODE, as_language(language))
    assert "0.914" not in payload(kept, NODE, "en").decode()


def as_language(text: str) -> Language:
    return "fr" if text == "fr" else "en"


def test_a_test_names_no_finding_and_no_study() -> None:
    told = json.loads(payload(A_TEST, NODE, "en"))
    assert set(told) == {"version", "type", "id", "channel", "text", "reviewed", "node"}
    assert told["type"] == "test"
    assert "no patient" in text_body(A_TEST, NODE, "en")


def test_a_mail_says_that_nobody_reviewed_it_which_model_and_where() -> None:
    words = text_body(a_notice(), NODE, "en")
    assert words.splitlines() == [
        "AI result, not reviewed: haemorrhage suspected",
        "",
        "Model: haemorrhage 2.0",
        "Probability: 91.4\u00a0%",
        "Flagged: 2026-03-02 12:00:00 UTC",
        "Accession number: A-4711",
        "Study Instance UID: 1.2.3",
        "",
        "https://vigie.example.org/#/studies/1.2.3",
        "",
        "Nobody has reviewed this result. It is no diagnosis.",
        "",
        "Vigie 0.1, VIGIE",
        "Notification channel: pager",
    ]


def test_what_a_person_had_sent_late_says_so_first() -> None:
    late = a_notice(caveats=(Caveat.LATE, Caveat.READ))
    said = "AI result, not reviewed: haemorrhage suspected (told late, read since)"
    content = json.loads(payload(late, NODE, "en"))
    assert (content["text"], content["caveats"]) == (said, ["late", "read"])
    assert mail_of(late, MAIL, NOON)["Subject"] == said
    assert text_body(late, NODE, "en").splitlines()[:5] == [
        said,
        "",
        "Told late, because a person asked for it: the time for it was over.",
        "The study was read since.",
        "",
    ]
    assert "(annonce tardive, lu depuis)\n\nAnnonce tardive, " in text_body(late, NODE, "fr")


def test_a_mail_in_french_is_french() -> None:
    words = text_body(a_notice(), NODE, "fr")
    assert words.startswith("Résultat d’IA non relu\u00a0: suspicion (hémorragie)\n")
    assert "Probabilité\u00a0: 91,4\u00a0%" in words
    assert "Numéro d’accession\u00a0: A-4711" in words
    assert "suspected" not in words


def test_every_language_names_every_finding_and_datum() -> None:
    for words in VOCABULARIES.values():
        assert set(words.findings) == set(TargetFinding)
        assert set(words.data) == set(PatientDatum)
        assert set(words.in_short) == set(words.in_full) == set(Caveat)


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.9994, "99.9\u00a0%"),
        (0.9995, "> 99.9\u00a0%"),
        (1.0, "100.0\u00a0%"),
        (0.0005, "0.1\u00a0%"),
        (0.0004, "< 0.1\u00a0%"),
        (0.5, "50.0\u00a0%"),
    ],
)
def test_a_probability_is_never_rounded_to_what_it_is_not(share: float, words: str) -> None:
    assert VOCABULARIES["en"].percent(share) == words


def test_without_a_public_address_there_is_no_link() -> None:
    silent = replace(NODE, public_address=None)
    assert json.loads(payload(a_notice(), silent, "en"))["link"] is None
    assert "https://" not in text_body(a_notice(), silent, "en")


@pytest.mark.parametrize("end", ["/", ""])
def test_a_link_leads_to_the_study_whether_or_not_the_address_ends_in_a_slash(end: str) -> None:
    node = replace(NODE, public_address=f"https://x.example/vigie{end}")
    assert node.study_address(STUDY) == "https://x.example/vigie/#/studies/1.2.3"


@given(anything)
def test_a_text_from_outside_is_one_short_line(text: str) -> None:
    line = one_line(text)
    assert line.isprintable()
    assert len(line) <= 120
    line.encode()
    assert one_line(line) == line


@given(anything, anything)
def test_no_text_of_a_header_adds_a_line_or_a_header_to_a_mail(text: str, name: str) -> None:
    detector = replace(HAEMORRHAGE, name=name)
    hostile = replace(a_notice(dict.fromkeys(PatientDatum, text)), flag=a_flag(detector=detector))
    usual = a_notice(dict.fromkeys(PatientDatum, "x"))
    for language in VOCABULARIES:
        one = text_body(hostile, NODE, as_language(language))
        assert len(one.splitlines()) == len(
            text_body(usual, NODE, as_language(language)).splitlines()
        )
    made = mail_of(hostile, MAIL, NOON)
    assert made.items() == mail_of(usual, MAIL, NOON).items()
    read = message_from_bytes(made.as_bytes(policy=SMTP), policy=SMTP)
    assert [name for name, _ in read.items()] == [name for name, _ in made.items()]


@given(anything)
def test_the_payload_is_json_in_utf_8_whatever_a_header_holds(text: str) -> None:
    body = payload(a_notice({PatientDatum.PATIENT_NAME: text}), NODE, "en")
    assert json.loads(body.decode())["study"]["patient_name"] == one_line(text)


def test_a_mail_has_the_same_id_in_every_try_and_no_patient_in_its_headers() -> None:
    first, second = (
        mail_of(a_notice(dict.fromkeys(PatientDatum, "Doe")), MAIL, at)
        for at in (NOON, NOON.replace(hour=13))
    )
    assert first["Message-ID"] == second["Message-ID"] == f"<{NUMBER}@hospital.example>"
    asked = mail_of(replace(a_notice(), asked_for="1772456400"), MAIL, NOON)
    assert asked["Message-ID"] == f"<{NUMBER}.1772456400@hospital.example>"
    assert first["Subject"] == "AI result, not reviewed: haemorrhage suspected"
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["To"] == "a@hospital.example, b@hospital.example"
    assert not any("Doe" in value for value in first.values())
