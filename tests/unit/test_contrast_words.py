"""What agents and descriptions say of contrast, as scanners and sites write them."""

import pytest

from models.contrast_words import described_contrast, names_an_agent


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "-", "NONE", "No", "N", "n/a", "0", "0 ML", "No contrast", "NON CONTRAST",
        "Non-contrast", "without", "W/O", "WO CONTRAST", "W/O IV CONTRAST", "No contrast given",
        "none given", "not applicable", "no agent", "Sans injection", "sans produit de contraste",
        "Pas de contraste", "Pas d'injection", "Aucun", "ohne KM", "Ohne Kontrastmittel", "kein KM",
        "nativ", "sin contraste", "sin CIV", "Ninguno", "senza mdc", "senza mezzo di contrasto",
        "Nessuno", "Pre contrast",
    ],
)  # fmt: skip
def test_a_text_that_says_none_from_end_to_end_names_no_agent(text: str) -> None:
    assert not names_an_agent(text)


@pytest.mark.parametrize(
    "text",
    [
        "NON-IONIC", "Non ionic contrast", "ISOVUE NON IONIC 100 ML", "OMNIPAQUE 350 IV NO ORAL",
        "ISOVUE 370 W/O ORAL", "NO ORAL", "W/O & W", "Iomeprol 400", "APPLIED", "UNKNOWN", "Y",
        "IV", "C+", "Ultravist 300, sin reaccion", "CONTRAST", "KM", "XENETIX SANS PROBLEME",
    ],
)  # fmt: skip
def test_any_other_text_names_an_agent(text: str) -> None:
    assert names_an_agent(text)


@pytest.mark.parametrize(
    "text",
    [
        "HEAD CONTRAST", "HEAD W CONTRAST", "HEAD W/CONTRAST", "HEAD W/ CONTRAST",
        "IV CONTRAST 5MM",
        "HEAD WITH CONTRAST", "HEAD WITH IV CONTRAST", "HEAD W IV CONTRAST", "HEAD W/IV",
        "CT BRAIN W",
        "HEAD POST CM", "Post-contrast", "POSTCONTRAST", "POST CON", "HEAD W/CON", "CECT HEAD",
        "Head CE", "BRAIN +C", "HEAD + C", "HEAD C+", "HEAD C+ 5MM", "BRAIN_C+", "HEAD W/C",
        "BRAIN ENHANCED", "CONTRAST NO DELAY", "NO TILT, WITH CONTRAST",
        "CRANE INJECTE", "CRANE INJ", "Crâne injecté", "cerebral apres injection", "CEREBRAL IV+",
        "AVEC INJECTION", "avec produit de contraste", "CRANE C+", "PDC",
        "SCHADEL KM", "Schädel mit KM", "Kopf nach KM", "KM i.v.", "Kontrastmittel",
        "Schädel Kontrast",
        "CRANEO CON CIV", "cráneo con contraste", "CEREBRO C/C", "contraste IV",
        "encefalo con mdc", "cranio mdc", "con contrasto",
    ],
)  # fmt: skip
def test_descriptions_with_contrast(text: str) -> None:
    assert described_contrast(text) is True


@pytest.mark.parametrize(
    "text",
    [
        "HEAD W/O CONTRAST", "HEAD WO", "HEAD W/O", "HEAD WITHOUT IV CONTRAST", "NON CONTRAST HEAD",
        "NON-CONTRAST", "NONCONTRAST", "NONCON HEAD", "NON CON", "HEAD NO CONTRAST", "PRE CONTRAST",
        "PRE-CONTRAST", "AXIAL PRE", "UNENHANCED", "NON-ENHANCED", "NCCT", "PLAIN BRAIN", "HEAD C-",
        "HEAD C- 5MM", "Head_wo_contrast", "no IV or oral contrast",
        "TETE SANS INJECTION", "CRANE SANS INJECTION DE PRODUIT DE CONTRASTE", "NON INJECTE",
        "Crâne non injecté", "avant injection", "AVANT L'INJECTION", "CRANE IV-", "SANS IV",
        "ss inj", "sans PDC",
        "Schädel nativ", "ohne KM", "ohne i.v. KM", "o. KM", "vor KM", "kein KM", "nativ ohne KM",
        "Cráneo simple", "sin contraste", "SIN CIV", "CEREBRO S/C", "s/contraste",
        "antes de contraste",
        "senza mdc", "senza mezzo di contrasto", "prima del mdc",
    ],
)  # fmt: skip
def test_descriptions_without_contrast(text: str) -> None:
    assert described_contrast(text) is False


@pytest.mark.parametrize(
    "text",
    [
        "CTA HEAD W WO CONTRAST", "CTA HEAD W/O & W", "CT ANGIOGRAPHY HEAD (NO DELAY)", "Angio-TAC",
        "CTA W/O", "ANGIO POLYGONE SANS", "CTV HEAD", "CTP", "Perfusion 5.0", "TSA",
        "CAROTIDS ART PHASE", "temps veineux", "PRE BOLUS", "VPCT 5.0", "Neuro PCT", "Head_Perf",
        "Tete 4D", "CBP 10.0 H20f", "4D-CT sans",
    ],
)  # fmt: skip
def test_angiography_is_with_contrast_whatever_else_is_said(text: str) -> None:
    assert described_contrast(text) is True


@pytest.mark.parametrize(
    "text",
    [
        "HEAD W WO CONTRAST", "HEAD W WO", "HEAD W/WO 5MM", "HEAD W/ & W/O", "HEAD WO W CONTRAST",
        "HEAD W/O & W", "HEAD WITH AND WITHOUT", "HEAD WWO", "without and with contrast", "C-/C+",
        "CRANE SANS ET AVEC", "AVEC/SANS INJECTION", "mit und ohne KM", "nativ und nach KM",
        "con y sin contraste", "sin y con contraste", "senza e con mdc",
    ],
)  # fmt: skip
def test_both_with_and_without_is_with(text: str) -> None:
    assert described_contrast(text) is True


@pytest.mark.parametrize(
    "text",
    [
        "", "HEAD 5.0 STD", "AXIAL 5MM", "HEAD AND C-SPINE", "HEAD + C SPINE", "HEAD W/C-SPINE",
        "HEAD + C-SPINE", "BRAIN W80 L40", "HEAD INJURY", "HEAD INJ", "POST FOSSA", "POST OP",
        "CORTES FINOS", "Head No 3", "NO TILT", "SERIES IV", "Centrum", "Cerebrum", "5 cm",
        "PERFORATION", "14D", "PCTX",
    ],
)  # fmt: skip
def test_descriptions_that_say_nothing_of_contrast(text: str) -> None:
    assert described_contrast(text) is None
