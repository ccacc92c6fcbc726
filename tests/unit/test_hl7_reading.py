"""Messages of the RIS are read into what they say, or refused with a sentence; never a crash."""

from datetime import UTC, date, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from results.hl7.errors import BadMessage
from results.hl7.inbound import Site, statements
from results.hl7.message import Separators, envelope, parse, unescaped
from results.hl7.times import parse_time
from tests.hl7_messages import header, message, order, patient, report
from worklist.orders import (
    Order,
    OrderControl,
    PatientMerge,
    PatientUpdate,
    Report,
    ReportStatus,
    Statement,
)
from worklist.study import RequestedPriority

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
UTF8 = "UNICODE UTF-8"


def read(raw: bytes, **site: object) -> tuple[Statement, ...]:
    where = Site(**site)  # type: ignore[arg-type]
    said = envelope(raw, where.assumed_character_set)
    return statements(parse(raw, where.assumed_character_set), said, where, NOW)


def one_order(raw: bytes, **site: object) -> Order:
    [found] = read(raw, **site)
    assert isinstance(found, Order)
    return found


def refused(raw: bytes, **site: object) -> BadMessage:
    with pytest.raises(BadMessage) as caught:
        read(raw, **site)
    return caught.value


def test_an_order_says_priority_accession_number_patient_and_class() -> None:
    assert one_order(order("S")) == Order(
        accession_number="A1",
        order_number="O1",
        patient_ids=("P1",),
        control=OrderControl.PLACED,
        requested_priority=RequestedPriority.STAT,
        patient_class="E",
        said_at=NOW,
    )


def test_an_imaging_order_says_it_in_tq1_and_ipc() -> None:
    raw = message(
        header("OMI^O23^OMI_O23"),
        patient(),
        "PV1|1|I",
        "ORC|NW|O1",
        "TQ1|1||||||||A^ASAP^HL70485",
        "OBR|1|O1||CT1^Head CT",
        "IPC|A77^RIS|RP1|1.2.3|SPS1",
    )
    found = one_order(raw)
    assert (found.accession_number, found.requested_priority, found.patient_class) == (
        "A77", RequestedPriority.URGENT, "I",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("code", "priority"),
    [
        ("S", RequestedPriority.STAT),
        ("stat", RequestedPriority.STAT),
        ("A", RequestedPriority.URGENT),
        ("R", RequestedPriority.ROUTINE),
        ("", None),
        ("ER", RequestedPriority.STAT),
    ],
)
def test_priorities_are_those_of_the_table_and_the_sites_own(
    code: str, priority: RequestedPriority | None
) -> None:
    own = {"ER": RequestedPriority.STAT}
    assert one_order(order(code), priorities=own).requested_priority is priority


def test_a_priority_that_nobody_explained_is_refused_not_taken_for_routine() -> None:
    problem = refused(order("ER"))
    assert (problem.code, problem.error_code, problem.location) == ("AE", 103, "ORC^1^7")
    assert "hl7_priorities" in str(problem)
    assert "ER" not in str(problem).replace("hl7_priorities", "").split()


@pytest.mark.parametrize(
    ("code", "control"),
    [
        ("NW", OrderControl.PLACED),
        ("SC", OrderControl.PLACED),
        ("XO", OrderControl.CHANGED),
        ("CA", OrderControl.CANCELLED),
        ("DC", OrderControl.CANCELLED),
        ("", OrderControl.PLACED),
    ],
)
def test_the_order_control_says_what_is_done_with_an_order(
    code: str, control: OrderControl
) -> None:
    assert one_order(order(control=code)).control is control


def test_several_orders_in_one_message_are_all_read() -> None:
    raw = message(
        header("ORM^O01"),
        patient(),
        "ORC|NW|O1|||||^^^^^S",
        "OBR|1|O1||CT1" + "|" * 14 + "A1",
        "ORC|NW|O2|||||^^^^^R",
        "OBR|2|O2||CT2" + "|" * 14 + "A2",
        "OBR|3|O3||CT3" + "|" * 14 + "A3",
    )
    found = [(o.order_number, o.accession_number) for o in read(raw) if isinstance(o, Order)]
    assert found == [("O1", "A1"), ("O2", "A2"), ("O3", "A3")]


def test_segments_in_the_wrong_order_mean_the_same() -> None:
    raw = message(
        header("ORM^O01"), "ORC|NW|O1|||||^^^^^S", "OBR|1|O1||CT1" + "|" * 14 + "A1", patient()
    )
    assert one_order(raw).patient_ids == ("P1",)


def test_the_first_accession_field_that_is_filled_counts() -> None:
    raw = message(header("ORM^O01"), patient(), "ORC|NW|O1|F9", "OBR|1|O1|F8")
    assert one_order(raw).accession_number == "F8"
    assert one_order(raw, accession_fields=("ORC-3",)).accession_number == "F9"


def test_only_the_identifiers_of_the_sites_authorities_count() -> None:
    raw = order(ids="S77^^^SOCIAL~P1^^^HOSPITAL&1.2&ISO~P2^^^OTHER")
    assert one_order(raw).patient_ids == ("S77", "P1", "P2")
    ours = frozenset({"HOSPITAL"})
    assert one_order(raw, patient_id_issuers=ours).patient_ids == ("P1",)
    problem = refused(order(ids="P2^^^OTHER"), patient_id_issuers=ours)
    assert (problem.error_code, problem.location) == (204, "PID^1^3")


def test_an_update_says_who_the_patient_is_now_as_dicom_writes_names() -> None:
    raw = message(header("ADT^A08"), patient(name="Müller&von^Anna^B^Jr^Dr", born="197001021530"))
    [found] = read(raw)
    assert isinstance(found, PatientUpdate)
    assert found.patient.name == "Müller^Anna^B^Dr^Jr"
    assert (found.patient.birth_date, found.patient.sex) == (date(1970, 1, 2), "F")


def test_what_an_update_does_not_say_is_left() -> None:
    [found] = read(message(header("ADT^A08"), patient(name='""', born="19709999", sex="U")))
    assert isinstance(found, PatientUpdate)
    assert (found.patient.name, found.patient.birth_date, found.patient.sex) == (None, None, None)


def test_a_merge_names_the_former_identifiers() -> None:
    raw = message(header("ADT^A40^ADT_A39"), patient("P9"), "MRG|P1^^^HOSPITAL~P2")
    [found] = read(raw)
    assert isinstance(found, PatientMerge)
    assert (found.patient.patient_ids, found.former_ids) == (("P9",), ("P1", "P2"))
    two = message(header("ADT^A40"), patient("P9"), "MRG|P1", patient("P8"), "MRG|P3")
    found_two = [one.former_ids for one in read(two) if isinstance(one, PatientMerge)]
    assert found_two == [("P1",), ("P3",)]
    assert refused(message(header("ADT^A40"), patient("P9"))).error_code == 100


@pytest.mark.parametrize(
    ("code", "status", "is_signed"),
    [
        ("P", ReportStatus.PRELIMINARY, False),
        ("R", ReportStatus.PRELIMINARY, False),
        ("F", ReportStatus.FINAL, True),
        ("C", ReportStatus.CORRECTED, True),
        ("X", ReportStatus.CANCELLED, False),
    ],
)
def test_a_report_says_how_far_it_is(code: str, status: ReportStatus, is_signed: bool) -> None:
    [found] = read(report(code))
    assert isinstance(found, Report)
    assert (found.status, found.is_signed, found.text) == (status, is_signed, "No fracture.")


def test_the_text_of_a_report_has_its_lines_and_no_pictures() -> None:
    raw = message(
        header("ORU^R01"),
        patient(),
        "OBR|1|O1||CT1" + "|" * 14 + "A1" + "|" * 7 + "F",
        "OBX|1|FT|||First\\.br\\second \\T\\ third~fourth||||||F",
        "OBX|2|ED|||^application^pdf^Base64^JVBERi0=||||||F",
        "OBX|3|CE|||123^Haemorrhage^SCT||||||F",
    )
    [found] = read(raw)
    assert isinstance(found, Report)
    assert found.text == "First\nsecond & third\nfourth\n[ED is not kept]\nHaemorrhage"


def test_results_of_one_accession_number_are_one_report_signed_when_all_are() -> None:
    def both(first: str, second: str) -> ReportStatus:
        lines = [
            f"OBR|{n}|O{n}||CT{n}" + "|" * 14 + "A1" + "|" * 7 + status
            for n, status in enumerate((first, second), start=1)
        ]
        [found] = read(message(header("ORU^R01"), patient(), *lines))
        assert isinstance(found, Report)
        return found.status

    assert both("F", "P") is ReportStatus.PRELIMINARY
    assert both("F", "F") is ReportStatus.FINAL
    assert both("F", "C") is ReportStatus.CORRECTED
    assert both("X", "X") is ReportStatus.CANCELLED


def test_our_own_message_that_comes_back_says_nothing_here() -> None:
    assert read(report("F", application="VIGIE"), facility="HOSPITAL") == ()
    assert len(read(report("F", application="VIGIE"), facility="")) == 1


def test_other_adt_is_passed_over_and_other_types_are_rejected() -> None:
    assert read(message(header("ADT^A01"), patient())) == ()
    problem = refused(message(header("SIU^S12"), patient()))
    assert (problem.code, problem.error_code) == ("AR", 200)


@pytest.mark.parametrize(
    ("raw", "code", "error_code"),
    [
        (b"", "AR", 100),
        (b"hello", "AR", 100),
        (b"MSH", "AR", 100),
        (b"MSH|^~\\&", "AE", 101),
        (b"MSH|||||||", "AR", 102),
        (b"MSH|^^^^|RIS|", "AR", 102),
        (b"MSHA^~\\&ARISA", "AR", 102),
        (message(header("ORM^O01", control_id=""), patient()), "AE", 101),
        (message(header("ORM^O01", version="3"), patient()), "AR", 203),
        (message(header("ORM^O01", processing_id="T"), patient()), "AR", 202),
        (message(header("ORM^O01")), "AE", 100),
        (message(header("ORM^O01"), patient()), "AE", 100),
        (message(header("ORM^O01"), "PID|1", "ORC|NW|1"), "AE", 101),
        (message(header("ORM^O01"), patient(), "ORC|NW|1"), "AE", 101),
        (order(accession="A" * 65), "AE", 102),
        (order() + order(), "AR", 100),
        (message(header("ORM^O01"), "BHS"), "AR", 100),
        (message(header("ORM^O01"), "PID" + "|" * 100_001), "AE", 102),
        (report(""), "AE", 101),
        (message(header("ORM^O01"), patient(), *["ORC|NW|1", "OBR|1|1|F1"] * 101), "AE", 102),
    ],
)
def test_what_cannot_be_taken_is_refused_by_name(raw: bytes, code: str, error_code: int) -> None:
    problem = refused(raw)
    assert (problem.code, problem.error_code) == (code, error_code)


@pytest.mark.parametrize(
    ("declared", "codec", "name"),
    [
        ("UNICODE UTF-8", "utf-8", "Müller^漢"),
        ("8859/1", "latin-1", "Müller"),
        ("ISO 8859-1", "latin-1", "Müller"),
        ("8859/5", "iso8859-5", "Иванов"),
        ("8859/15", "iso8859-15", "Sœur"),
        ("ASCII~ISO IR87", "iso2022_jp", "山田^太郎"),
        ("~ISO IR87", "iso2022_jp", "山田^太郎"),
        ("GB 18030-2000", "gb18030", "王^小东"),
        ("KS X 1001", "euc_kr", "김^희중"),
        ("BIG-5", "big5", "王"),
    ],
)
def test_text_is_in_the_character_set_that_is_declared(
    declared: str, codec: str, name: str
) -> None:
    raw = message(header("ADT^A08", charset=declared), patient(name=name), charset=codec)
    [found] = read(raw)
    assert isinstance(found, PatientUpdate)
    assert found.patient.name == name


def test_an_undeclared_set_is_the_sites() -> None:
    raw = message(header("ADT^A08"), patient(name="Müller"), charset="latin-1")
    [found] = read(raw, assumed_character_set="8859/1")
    assert isinstance(found, PatientUpdate)
    assert found.patient.name == "Müller"


def test_an_unknown_set_is_refused_with_those_that_are_known() -> None:
    problem = refused(order(charset="KLINGON"))
    assert (problem.code, problem.location) == ("AE", "MSH^1^18")
    assert "8859/1" in str(problem)
    assert "KLINGON" not in str(problem)


def test_a_name_is_never_taken_from_bytes_that_are_none_of_the_set_but_an_order_is() -> None:
    broken = patient(name="Müller")
    problem = refused(message(header("ADT^A08", charset=UTF8), broken, charset="latin-1"))
    assert problem.error_code == 102
    raw = order(charset=UTF8).replace(b"Doe", b"M\xfcller")
    assert one_order(raw).requested_priority is RequestedPriority.STAT


def test_other_separators_and_line_ends_are_taken() -> None:
    odd = order().replace(b"|", b"#").replace(b"^", b"@").replace(b"\\", b"!")
    assert one_order(odd).accession_number == "A1"
    for end in (b"\r\n", b"\n"):
        assert one_order(order().replace(b"\r", end)).accession_number == "A1"
    assert one_order(b"\r\n " + order() + b"\r\r\n").accession_number == "A1"


@pytest.mark.parametrize(
    ("raw", "meant"),
    [
        ("a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f", "a|b^c&d~e\\f"),
        ("one\\.br\\two\\.sp 2\\three", "one\ntwo\nthree"),
        ("\\H\\loud\\N\\ \\Zown\\x", "loud x"),
        ("\\XC3A9\\", "é"),
        ("\\XZZ\\ \\X1\\ \\Q\\", "\\XZZ\\ \\X1\\ \\Q\\"),
        ("\\M2421\\\\C2D41\\", "\ufffd\ufffd"),
        ("alone\\ and \\open", "alone\\ and \\open"),
        ("\\" * 3, "\\" * 3),
    ],
)
def test_escape_sequences_are_put_back(raw: str, meant: str) -> None:
    assert unescaped(raw, Separators(), "utf-8") == meant


@pytest.mark.parametrize("control", ["UX", "UA", "UC", "DE"])
def test_who_was_unable_to_change_an_order_says_nothing_of_it(control: str) -> None:
    """The refusal of a change repeats its priority: it would lower the order after all."""
    assert read(order("R", control=control)) == ()


def utc(_: datetime) -> tzinfo:
    return UTC


def paris(_: datetime) -> tzinfo:
    return ZoneInfo("Europe/Paris")


def test_times_have_any_precision_and_zone() -> None:
    assert parse_time("20260302", utc) == datetime(2026, 3, 2, tzinfo=UTC)
    assert parse_time("20260302130405.1234+0130", utc) == datetime(
        2026, 3, 2, 11, 34, 5, 123400, tzinfo=UTC
    )
    for bad in ("", "2026-03-02", "20261399", "00010101000000+2300", "x" * 30):
        assert parse_time(bad, utc) is None


def test_times_without_a_zone_are_in_the_senders_and_one_that_tells_its_own_wins() -> None:
    said = [parse_time(one, paris) for one in ("20260702120000", "20260702120000+0000")]
    assert said == [datetime(2026, 7, 2, hour, tzinfo=UTC) for hour in (10, 12)]
    assert one_order(order(), zone=paris).said_at == NOW - timedelta(hours=1)


def test_a_report_is_as_old_as_its_status_and_not_as_the_message() -> None:
    """One that is sent again bears a new MSH-7: images that were made meanwhile are newer."""
    for at, hour in (("20260302113000", 11), ("20260302123000", 12), ("", 12)):
        [one] = read(report().replace(b"|A1|||||||F", f"|A1||||{at}|||F".encode()))
        assert isinstance(one, Report) and one.said_at.hour == hour


def test_only_those_report_whom_the_site_names() -> None:
    """Dose reports and measurements of a cart are ORU^R01 too."""
    for application, count in (("RIS", 1), ("DOSE", 0)):
        raw = report(application=application)
        assert len(read(raw, report_senders=frozenset({"RIS"}))) == count


pieces = st.sampled_from(
    ["|", "^", "~", "\\", "&", "\r", "\n", "\0", "MSH", "PID", "ORC", "OBR", "OBX", "MRG", "BHS",
     "A1", "\\X", "\\.br\\", '""', "é", "漢", "\ufffe", "TQ1|1||||||||", "IPC|"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    cut=st.integers(0, 400),
    added=st.lists(st.tuples(st.integers(0, 400), pieces), max_size=8),
    kind=st.sampled_from([order(), report(), message(header("ADT^A40"), patient(), "MRG|P2")]),
)
def test_p9_whatever_a_message_is_made_into_it_is_read_or_refused(
    cut: int, added: list[tuple[int, str]], kind: bytes
) -> None:
    text = kind.decode()[: cut or None]
    for at, piece in added:
        text = text[:at] + piece + text[at:]
    try:
        read(text.encode("utf-8", "surrogatepass"))
    except BadMessage as problem:
        assert str(problem)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_p9_any_bytes_are_read_or_refused(raw: bytes, begins_well: bool) -> None:
    raw = header("ORM^O01").encode() + raw if begins_well else raw
    assert envelope(raw, UTF8).sender
    try:
        read(raw)
    except BadMessage as problem:
        assert problem.code in ("AE", "AR")
