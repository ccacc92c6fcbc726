"""What headers say of contrast agent, in several languages and many abbreviations.

All patterns read text in capitals without accents (``models.header_words.plain``).
"""

import re

from models.header_words import plain

# An agent's text says that there was none only if it is made of these words alone and begins with
# the first kind: NO CONTRAST GIVEN does, OMNIPAQUE NO ORAL and NON IONIC do not.
_NO = (
    r"NONE|NON|NOT?|N|NA|NIL|0|PAS|WO|WITHOUT|PLAIN|PRE|UNENHANCED|NONCONTRAST|NONENHANCED|NCCT"
    r"|SANS|AUCUNE?|OHNE|KEINE?S?|NATIV|SIN|NINGUNO|NADA|SENZA|NESSUNO?"
)
_OF_AN_AGENT = (
    r"CONTRAST|CONTRASTE|CONTRASTO|KONTRAST|KONTRASTMITTEL|KM|MDC|CIV|PDC|CM|IV|INTRAVENOUS|AGENT"
    r"|MEDIA|MEDIUM|MEDIO|MEZZO|PRODUIT|DE|DI|D|OF|ENHANCED|ENHANCEMENT|INJECTION|INJECTEE?"
    r"|GIVEN|USED|ADMINISTERED|APPLICABLE|INDICATED|ML|CC"
)
_NO_AGENT = re.compile(rf"(?:{_NO})(?: (?:{_NO}|{_OF_AN_AGENT}))*")

# What nobody does without contrast agent.
_ANGIOGRAPHY = re.compile(
    r"\b(?:CTA|CTV|CTP|(?:CT)?ANGIO\w*|PERFUSI\w*|VENOGRA\w*|TSA|CAROTID\w*|ARTERI\w*|ART\.? PHASE"
    r"|VENOUS|VPCT|PCT|PERF|4D|CBP|VENOS[AO]|VEINEU\w*|BOLUS|TRACKER)\b"
)
_PAIRS = (
    ("(?:WITH|W)", "(?:WITHOUT|W/?O)"),
    ("AVEC", "SANS"),
    ("MIT", "OHNE"),
    ("CON", "(?:SIN|SENZA)"),
)
_AND = r"[ /&+,-]*(?:(?:AND|ET|UND|E|Y)\b[ /&+,-]*)?"
_BOTH = re.compile(
    "|".join(rf"\b{yes}{_AND}{no}\b|\b{no}{_AND}{yes}\b(?!/O)" for yes, no in _PAIRS)
)
_AGENT = (
    r"(?:CONTRASTE?|CONTRASTO|KONTRAST\w*|CON|KM|MDC|CIV|PDC|CM|IV|I\.V\.?|C|CE|ENHANCED"
    r"|ENHANCEMENT|INJ(?:ECT\w*)?|AGENT)"
)
_FILLER = r"(?:INTRAVENOUS|ORAL|ANY|OR|PRODUIT|MEZZO|MEDIO|DE|DEL|DI|D|L)"
_THE_AGENT = rf"[ -]*\b(?:(?:{_FILLER}|{_AGENT})[ ']+)*{_AGENT}(?![\w+])"
_NEGATED = re.compile(
    rf"\b(?:WITHOUT|SANS|OHNE|SENZA|SIN|PRE|W/?O)\b(?:{_THE_AGENT})?"
    rf"|\b(?:NON|NOT?|PAS|KEINE?N?|SS|BEFORE|AVANT|VOR|PRIMA|ANTES|O\.){_THE_AGENT}"
    r"|\bS/ ?(?:C|CIV|CONTRASTE?)\b"
    r"|\b(?:NONCON\w*|NONENHANCED|PRECON\w*|UNENHANCED|NATIV\w*|NCCT|PLAIN|SIMPLE)\b"
    r"|\b(?:IV|C|KM|CM|PDC)-(?![A-Z0-9])"
)
_NO_SPINE = r"(?! ?(?:SPINE|COL|[TL]\b))"  # HEAD + C SPINE is no contrast
_CONTRAST = re.compile(
    r"\b(?:CONTRAST\w*|KONTRAST\w*|POST ?CON\w*|KM|MDC|CIV|PDC|CECT|CE|ENHANCED"
    r"|INJECT(?:EE?|ED|ION)|(?:AVEC|APRES|POST|CRANE|CEREBR\w*|ENCEPHAL\w*) INJ|IV ?\+|C/C"
    r"|(?:WITH|W) ?/? ?(?:IV|CM|CON)|(?:POST|AVEC|MIT|CON) (?:IV|CM))(?!\w)"
    rf"|\b(?:C ?\+|W/C\b){_NO_SPINE}|\+ ?C\b{_NO_SPINE}|\bW/?$"
)


def names_an_agent(text: str) -> bool:
    """Whether Contrast/Bolus Agent (0018,0010) holds anything but words for none."""
    named = re.sub(r"\bN/A\b", "NA", re.sub(r"\bW/O\b", "WO", plain(text)))
    said = " ".join(re.findall(r"[A-Z0-9+]+", named))
    return bool(said) and _NO_AGENT.fullmatch(said) is None


def described_contrast(text: str) -> bool | None:
    """Whether a description says with contrast agent (True), without (False) or neither (None).

    Angiography and perfusion are with it, whatever else is said; so is what was done both with
    and without.
    """
    said = plain(text)
    if _ANGIOGRAPHY.search(said.replace("-", " ")) or _BOTH.search(said):
        return True
    rest, negated = _NEGATED.subn(" ", said)
    if _CONTRAST.search(" ".join(rest.replace("-", " ").split())):
        return True
    return False if negated else None
