"""Reports and merges are of the patient and order that they name, or refused."""

from datetime import timedelta

import pytest

from tests.hl7_messages import header, message, order, patient, report
from tests.unit.test_hl7_reading import NOW, read, refused
from worklist.orders import Order, PatientMerge, PatientUpdate, Report


@pytest.mark.parametrize("with_orc", [(1, 2, 3), (2,), (3,), ()])
def test_each_report_of_several_is_of_the_order_before_it(with_orc: tuple[int, ...]) -> None:
    lines = []
    for number, (text, status) in enumerate([("one", "F"), ("two", "F"), ("three", "P")], 1):
        accession = "" if number in with_orc else f"A{number}"
        lines += [f"ORC|RE|O{number}|A{number}"] if number in with_orc else []
        lines += [
            f"OBR|{number}|O{number}||CT" + "|" * 14 + accession + "|" * 7 + status,
            f"OBX|1|TX|1||{text}||||||{status}",
        ]
    raw = message(header("ORU^R01"), patient(), *lines)
    found = read(raw, accession_fields=("ORC-3", "OBR-18"))
    assert [(o.accession_number, o.text, o.status) for o in found if isinstance(o, Report)] == [
        ("A1", "one", "final"), ("A2", "two", "final"), ("A3", "three", "preliminary"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("codes", "status"),
    [
        ("FF", "final"), ("FP", "preliminary"), ("PF", "preliminary"), ("FC", "corrected"),
        ("F ", "preliminary"), ("XX", "cancelled"), ("FX", "final"),
    ],
)  # fmt: skip
def test_without_a_status_of_its_own_a_report_is_signed_when_all_observations_are(
    codes: str, status: str
) -> None:
    lines = [f"OBX|{n}|TX|1||x||||||{code.strip()}" for n, code in enumerate(codes, 1)]
    accession = "OBR|1|O1||CT" + "|" * 14 + "A1"
    [found] = read(message(header("ORU^R01"), patient(), accession, *lines))
    assert isinstance(found, Report)
    assert found.status == status


@pytest.mark.parametrize(
    ("at", "minutes"), [("20991231", 5), ("20260302120501", 5), ("20260302120459", 4 + 59 / 60)]
)
def test_a_clock_that_is_ahead_makes_no_later_message_an_old_one(at: str, minutes: float) -> None:
    [found] = read(order(at=at))
    assert isinstance(found, Order)
    assert found.said_at == NOW + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("segments", "obr5"),
    [
        (("TQ1|1||||||||R", "TQ1|2||||||||S"), ""),
        (("TQ1|1||||||||S", "TQ1|2||||||||R"), ""),
        (("TQ1|1||||||||5",), "S"),
    ],
)
def test_the_most_urgent_timing_counts_and_a_number_hides_none(
    segments: tuple[str, ...], obr5: str
) -> None:
    obr = f"OBR|1|O1||CT1|{obr5}" + "|" * 13 + "A1"
    [found] = read(message(header("ORM^O01"), patient(), "ORC|NW|O1", *segments, obr))
    assert isinstance(found, Order)
    assert found.requested_priority == "stat"


def merged(*segments: str, **site: object) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    found = read(message(header("ADT^A40"), *segments), **site)
    return [(o.patient.patient_ids, o.former_ids) for o in found if isinstance(o, PatientMerge)]


def test_a_merge_pairs_identifiers_of_one_authority_and_type() -> None:
    assert merged(patient("SSN1^^^SS^SS~P9^^^H^MR"), "MRG|P1^^^H^MR") == [(("P9",), ("P1",))]
    assert merged("MRG|P1", patient("P9")) == [(("P9",), ("P1",))]
    two = (patient("P9^^^H~P8^^^H"), "MRG|P1^^^H")
    other = (patient("P9^^^OTHER^MR"), "MRG|P1^^^H^MR")
    for unclear in (two, other):
        problem = refused(message(header("ADT^A40"), *unclear))
        assert (problem.error_code, problem.location) == (204, "MRG^1^1")


def test_merges_that_do_not_follow_their_patients_are_refused() -> None:
    for segments in (
        ("MRG|P1", patient("P9"), "MRG|P2", patient("P8")),
        (patient("P9"), patient("P8"), "MRG|P1"),
        (patient("P9"), "MRG|P1", "MRG|P2"),
    ):
        assert refused(message(header("ADT^A40"), *segments)).error_code == 100


def test_an_update_is_for_the_hospitals_own_number_and_no_other() -> None:
    """Whoever has the number of this visit as a patient ID would be renamed otherwise."""

    def named(ids: str, **site: object) -> tuple[str, ...]:
        [found] = read(message(header("ADT^A08"), patient(ids)), **site)
        assert isinstance(found, PatientUpdate)
        return found.patient.patient_ids

    assert named("P9^^^H") == ("P9",)
    assert named("4711^^^VISITS^VN~P9^^^H^MR") == ("P9",)
    both = "P9^^^H~4711^^^VISITS~P1^^^OTHERHOSP"
    assert named(both, patient_id_issuers=frozenset({"H"})) == ("P9",)
    for unclear in (both, "P9^^^H^MR~P1^^^OTHERHOSP^MR"):
        problem = refused(message(header("ADT^A08"), patient(unclear)))
        assert (problem.error_code, problem.location) == (204, "PID^1^3")
        assert "hl7_patient_id_issuers" in str(problem)


def test_each_number_stays_with_the_authority_that_gave_it() -> None:
    ids = "1^^^NORTH^MR~7^^^SOUTH^MR~7^^^SOUTH^PI~4711^^^VISITS~1^^^SOUTH"
    site = {"patient_id_issuers": frozenset(("NORTH", "SOUTH"))}
    [ordered], [reported] = read(order(ids=ids), **site), read(report(ids=ids), **site)
    [update] = read(message(header("ADT^A08"), patient(ids)), **site)
    assert isinstance(ordered, Order)
    assert isinstance(reported, Report)
    assert isinstance(update, PatientUpdate)
    for one in (ordered, reported, update.patient):
        given = list(zip(one.patient_ids, one.issuers, strict=True))
        assert given == [("1", "NORTH"), ("7", "SOUTH"), ("1", "SOUTH")]


def test_what_is_said_bears_the_authorities_that_the_site_has_named() -> None:
    ids = "P1^^^SOUTH^MR~4711^^^VISITS"
    for issuers, expected in ((("NORTH", "SOUTH"), ("SOUTH",)), ((), ())):
        site = {"patient_id_issuers": frozenset(issuers)}
        told = [read(raw, **site)[0] for raw in (order(ids=ids), report(ids=ids))]
        assert [one.issuers for one in told] == [expected] * 2  # type: ignore[union-attr]
        [update] = read(message(header("ADT^A08"), patient(ids)), **site)
        [merge] = read(message(header("ADT^A40"), patient(ids), "MRG|P2^^^SOUTH^MR"), **site)
        for one in (update, merge):
            assert isinstance(one, PatientUpdate | PatientMerge)
            assert one.patient.issuers == expected
