"""HL7 messages for tests, as a RIS writes them."""

from worklist.uid import StudyInstanceUID

STUDY = StudyInstanceUID("1.2.3")


def header(kind: str, *, control_id: str = "1", at: str = "20260302120000", **given: str) -> str:
    """MSH; `charset`, `version`, `processing_id` and `application` may be given."""
    return (
        f"MSH|^~\\&|{given.get('application', 'RIS')}|HOSPITAL|VIGIE||{at}||{kind}|{control_id}|"
        f"{given.get('processing_id', 'P')}|{given.get('version', '2.5.1')}||||||"
        f"{given.get('charset', '')}"
    ).rstrip("|")


def patient(
    ids: str = "P1^^^HOSPITAL^MR", name: str = "Doe^Jane", born: str = "19700102", sex: str = "F"
) -> str:
    return f"PID|1||{ids}||{name}||{born}|{sex}"


def message(*segments: str, charset: str = "utf-8") -> bytes:
    return "".join(f"{one}\r" for one in segments).encode(charset)


def order(
    priority: str = "S",
    *,
    control: str = "NW",
    accession: str = "A1",
    number: str = "O1",
    ids: str = "P1^^^HOSPITAL^MR",
    control_id: str = "1",
    at: str = "20260302120000",
    **given: str,
) -> bytes:
    """ORM^O01 with the priority in ORC-7 and the accession number in OBR-18."""
    return message(
        header("ORM^O01^ORM_O01", control_id=control_id, at=at, **given),
        patient(ids),
        "PV1|1|E",
        f"ORC|{control}|{number}|||||^^^^^{priority}",
        f"OBR|1|{number}||CT1^Head CT" + "|" * 14 + accession,
    )


def report(
    status: str = "F",
    *,
    accession: str = "A1",
    text: str = "No fracture.",
    ids: str = "P1^^^HOSPITAL^MR",
    control_id: str = "r1",
    **given: str,
) -> bytes:
    """ORU^R01 with one observation."""
    return message(
        header("ORU^R01^ORU_R01", control_id=control_id, **given),
        patient(ids),
        "OBR|1|O1||CT1^Head CT" + "|" * 14 + accession + "|" * 7 + status,
        f"OBX|1|TX|18748-4^Report^LN||{text}||||||{status}",
    )
