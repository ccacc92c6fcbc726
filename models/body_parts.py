"""Words for parts of the body, of Body Part Examined (PS3.16 annex L) and of descriptions.

Each pattern is matched against one whole word in capitals without accents
(``models.header_words.words``), in English, French, German, Spanish, Italian and some Dutch.
Stems say so: MAIN is French for hand and the beginning of MAINTENANCE.
"""

import re
from collections.abc import Iterable, Mapping

CHEST = (
    r"CHEST\w*|THORA\w*|THX|TORAX|TORACE|TORACIC\w*|BRUSTKORB|BORST(?:KAS)?|CXR|LUNGS?|LUNGEN?"
    r"|POUMONS?|PULMON\w*|POLMON\w*|PNEUMO\w*|BRONCH\w*|HEART|HERZ|CARDIAC|CORONARY|MEDIASTIN\w*"
    r"|RIBS?|RIPPEN?|COSTA\w*|COSTILLAS?|STERN(?:UM|AL)|ESTERNON"
)
ABDOMEN = (
    r"ABD|ABDOM\w*|ADDOM\w*|BAUCH|BUIK|AXR|KUB|ASP|LIVER|LEBER|FOIE|HEPAT\w*|KIDNEY\w*|RENAL"
    r"|NIEREN?|UROGRA\w*|BLADDER|PANCREA\w*|STOMACH|BOWEL|COLON|COLONIC|COLONO\w*"
)
PELVIS = r"PELVI\w*|BECKEN\w*|BASSIN|BACINO"
HEAD = (
    r"HEAD\w*|SKULL\w*|BRAIN\w*|CRAN(?:E|EO|I\w*)|KRANI\w*|CEREBR\w*|ENC(?:EPH|EF)AL\w*|TETE"
    r"|SCHAE?DEL\w*|KOPF\w*|GEHIRN|HIRN\w*|CABEZA|TESTA|HOOFD\w*|FACE|FACIAL\w*|ORBIT\w*|SINUS\w*"
    r"|NASAL|NOSE|NNH|MASTOID\w*|TEMPORAL|ROCHERS?|FELSENBEIN\w*|IAC"
)
SPINE = (
    r"\w*SPINE\w*|SPINAL\w*|RACHIS|RACHIDE|COLUMNA|COLONN[AE]|WIRBEL\w*|[HBL]W[SK]|LUMB\w*|LOMB\w*"
    r"|SACRUM|SACRO|COCCYX|COXIS|DENS"
)
NECK = r"NECK|CERVICAL\w*|HALS|COU|CUELLO|COLLO|LARYN\w*"
BREAST = r"BREASTS?|MAMM[AO]\w*|SEINS?|SENO|BRUST"
TEETH = (
    r"TEETH|TOOTH|DENT|DENTS|DENTI|DENTA\w*|DIENTES?|ZAHNE?|JAWS?|KIEFER\w*|MANDIB\w*|MAXILL\w*"
    r"|OPG|ORTHOPAN\w*|PANORAM\w*"
)
_LIMB_STEMS = (
    r"SHOULDER|CLAVIC|SCAPUL|ACROMI|HUMER|ELBOW|OLECRAN|FOREARM|RADIAL|ULNAR|WRIST|CARPAL|SCAPHOID"
    r"|METACARP|FINGER|THUMB|PHALAN|FEMUR|FEMOR|THIGH|KNEE|PATELL|TIBI|FIBUL|ANKLE|TARSAL|METATARS"
    r"|CALCANE|EXTREMIT|POIGNET|COUDE|EPAULE|HANCHE|GENOU|CHEVILLE|SCHULTER|SCHLUSSELBEIN|OBERARM"
    r"|UNTERARM|ELLENBOGEN|HANDGELENK|HANDWURZEL|HUFT|OBERSCHENKEL|UNTERSCHENKEL|KNIEGELENK"
    r"|SPRUNGGELENK|FUSSWURZEL|HOMBRO|ANTEBRAZO|MUNECA|CADERA|MUSLO|RODILLA|TOBILLO|SPALLA|GOMITO"
    r"|AVAMBRACCI|GINOCCHI|CAVIGLIA"
)
_LIMB_WORDS = (
    r"RADIUS|ULNA|HAND|HIP|CALF|HEEL|FOOT|FEET|TOE|MAIN|PIED|FUSS|KNIE|CODO|MANO|DEDO|PIE|OMERO"
    r"|POLSO|DITO|DITA|ANCA|COSCIA|PIEDE"
)
LIMB = rf"(?:{_LIMB_STEMS})\w*|(?:{_LIMB_WORDS})(?:S|E|EN)?"
# Beside a trunk these say how the patient lay: CHEST ARMS UP is a chest.
ARM_OR_LEG = r"(?:ARM|LEG|BRAS|JAMBE|BEIN|BRAZO|PIERNA)(?:S|E|EN)?|BRACCI[OA]|GAMB[AE]"


def names(words: Iterable[str], pattern: str) -> bool:
    """Whether one of the words is of this pattern from end to end."""
    return any(re.fullmatch(pattern, word) for word in words)


def first_named(words: Iterable[str], parts: Mapping[str, str]) -> str | None:
    """The first of these parts, name to pattern, that a word names."""
    words = tuple(words)
    return next((part for part, pattern in parts.items() if names(words, pattern)), None)
