"""P7: what a person has stopped counts for nothing."""

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from worklist.finding import TargetFinding
from worklist.oversight import AISwitch, CountedProbability, strongest_probabilities

DETECTORS = ["fracture", "second opinion", "haemorrhage"]

switches = st.builds(
    AISwitch, whole=st.booleans(), detectors=st.frozensets(st.sampled_from(DETECTORS))
)
counted = st.lists(
    st.builds(
        CountedProbability,
        detector=st.sampled_from(DETECTORS),
        finding=st.sampled_from(TargetFinding),
        probability=st.floats(0, 1),
    ),
    max_size=5,
)


@given(counted, st.frozensets(st.sampled_from(DETECTORS)))
def test_when_ai_is_stopped_as_a_whole_nothing_counts(
    given_probabilities: list[CountedProbability], detectors: frozenset[str]
) -> None:
    switch = AISwitch(whole=True, detectors=detectors)
    assert strongest_probabilities(given_probabilities, switch) == {}
    assert all(switch.is_stopped(name) for name in DETECTORS)


@given(counted, switches)
def test_a_stopped_detector_counts_as_if_it_had_never_looked(
    given_probabilities: list[CountedProbability], switch: AISwitch
) -> None:
    heard = [one for one in given_probabilities if not switch.is_stopped(one.detector)]
    assert strongest_probabilities(given_probabilities, switch) == strongest_probabilities(
        heard, AISwitch()
    )


@given(counted, switches)
def test_the_order_of_arrival_changes_nothing(
    given_probabilities: list[CountedProbability], switch: AISwitch
) -> None:
    strongest = [
        strongest_probabilities(order, switch)
        for order in list(permutations(given_probabilities))[:24]
    ]
    assert all(one == strongest[0] for one in strongest)


def test_the_highest_of_several_detectors_and_assessments_counts() -> None:
    said = [
        CountedProbability(detector=name, finding=TargetFinding.FRACTURE, probability=probability)
        for name, probability in [("fracture", 0.3), ("second opinion", 0.7), ("fracture", 0.5)]
    ]
    assert strongest_probabilities(said, AISwitch()) == {TargetFinding.FRACTURE: 0.7}
    stopped = AISwitch(detectors=frozenset({"second opinion"}))
    assert strongest_probabilities(said, stopped) == {TargetFinding.FRACTURE: 0.5}


@given(switches, st.sets(st.sampled_from(DETECTORS), min_size=1))
def test_starting_some_detectors_starts_exactly_those(before: AISwitch, started: set[str]) -> None:
    after = before.started(started, installed=DETECTORS)
    for name in DETECTORS:
        assert after.is_stopped(name) == (name not in started and before.is_stopped(name))
