"""Coded concepts: the standard's where it has one, else of a scheme of Vigie's own."""

from highdicom.coding_schemes import CodingSchemeIdentificationItem
from highdicom.sr import CodedConcept

from results.facts import DetectorResult
from worklist.finding import Code, Failed, Flagged, NotFlagged, Region, TargetFinding

SCHEME = "99VIGIE"
_SCHEME_UID = "2.25.183386412839113540264279190437291263431"


def _own(value: str, meaning: str) -> CodedConcept:
    return CodedConcept(value=value, scheme_designator=SCHEME, meaning=meaning)


SUSPECTED = CodedConcept(value="415684004", scheme_designator="SCT", meaning="Suspected")
NOT_FLAGGED = _own("NOT_FLAGGED", "Not flagged; does not say that there is none")
NOT_APPLICABLE = _own("NOT_APPLICABLE", "Not evaluated: does not apply")
FAILED = _own("FAILED", "Not evaluated: failed")
PROBABILITY = CodedConcept(value="122157", scheme_designator="DCM", meaning="Probability")
CERTAINTY = CodedConcept(value="111012", scheme_designator="DCM", meaning="Certainty of Finding")
COMMENT = CodedConcept(value="121106", scheme_designator="DCM", meaning="Comment")
DIAMETER = CodedConcept(value="81827009", scheme_designator="SCT", meaning="Diameter")
PERCENT = CodedConcept(value="%", scheme_designator="UCUM", meaning="Percent")
MILLIMETRE = CodedConcept(value="mm", scheme_designator="UCUM", meaning="Millimeter")
ARTIFICIAL_INTELLIGENCE = CodedConcept(
    value="123110", scheme_designator="DCM", meaning="Artificial Intelligence"
)
_SKULL_FRACTURE = CodedConcept(
    value="71642004", scheme_designator="SCT", meaning="Fracture of skull"
)
# What regions of a kind show, where it is something else than what the detector looks for.
_OTHER_FINDINGS = {"fracture of the skull": _SKULL_FRACTURE}
_PROCEDURES = (
    (("CT", "Enhanced CT"), ("77477000", "Computed tomography")),
    (("Computed Radiography", "Digital X-Ray"), ("168537006", "Plain radiography")),
)


def scheme_identification() -> CodingSchemeIdentificationItem:
    """Whose the codes of our own scheme are (PS3.3 C.12.1)."""
    item = CodingSchemeIdentificationItem(
        designator=SCHEME,
        name="Vigie states of an AI result",
        responsible_organization="Vigie",
    )
    item.CodingSchemeUID = _SCHEME_UID
    return item


def concept(code: Code) -> CodedConcept:
    """The core's code as highdicom wants it."""
    return CodedConcept(value=code.value, scheme_designator=code.scheme, meaning=code.meaning)


def finding_of(target: TargetFinding, region: Region) -> CodedConcept:
    """What a region shows, were it real."""
    return _OTHER_FINDINGS.get(region.kind) or concept(target.code)


def state_of(result: DetectorResult) -> CodedConcept:
    """What the detector came to, as the answer to whether its finding is there."""
    match result.outcome:
        case Flagged():
            return SUSPECTED
        case NotFlagged():
            return NOT_FLAGGED
        case Failed():
            return FAILED
        case _:
            return NOT_APPLICABLE


def procedure(sop_class_name: str) -> CodedConcept:
    """What was done to the patient, by the name of the SOP class of an image."""
    for names, (value, meaning) in _PROCEDURES:
        if sop_class_name.startswith(names):
            return CodedConcept(value=value, scheme_designator="SCT", meaning=meaning)
    return CodedConcept(value="363679005", scheme_designator="SCT", meaning="Imaging")
