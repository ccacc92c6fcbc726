"""Sensitivity from a sample: unbiased where counting what was looked at alone is not."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worklist.verification import Verified, sensitivity, specificity


def study(*, flagged: bool, present: bool, probability: float = 1.0) -> Verified:
    return Verified(is_flagged=flagged, is_present=present, inclusion_probability=probability)


def test_with_everything_looked_at_it_is_the_plain_share() -> None:
    studies = [study(flagged=True, present=True)] * 8 + [study(flagged=False, present=True)] * 2
    found = sensitivity(studies)
    assert found is not None
    assert (found.value, found.counted) == (pytest.approx(0.8), 10)
    assert (found.low, found.high) == (
        pytest.approx(0.4902, abs=1e-4),
        pytest.approx(0.9433, abs=1e-4),
    )


def test_it_is_begg_and_greenes_estimate_with_one_probability_a_stratum() -> None:
    flagged = [study(flagged=True, present=True)] * 40 + [study(flagged=True, present=False)] * 60
    unflagged = [study(flagged=False, present=True, probability=0.1)] * 2
    unflagged += [study(flagged=False, present=False, probability=0.1)] * 98
    seen = sensitivity([*flagged, *unflagged])
    silent = specificity([*flagged, *unflagged])
    assert seen is not None
    assert silent is not None
    assert seen.value == pytest.approx(40 / (40 + 2 / 0.1))
    assert silent.value == pytest.approx(980 / (980 + 60))


def test_nobody_with_the_finding_gives_no_sensitivity() -> None:
    assert sensitivity([study(flagged=False, present=False)]) is None
    assert specificity([study(flagged=True, present=True)]) is None


@pytest.mark.parametrize("probability", [0.0, -0.1, 1.1])
def test_a_probability_that_is_none_is_refused(probability: float) -> None:
    with pytest.raises(ValueError, match="probability"):
        study(flagged=True, present=True, probability=probability)


@given(
    st.lists(
        st.builds(
            Verified,
            is_flagged=st.booleans(),
            is_present=st.booleans(),
            inclusion_probability=st.floats(0.001, 1),
        )
    )
)
def test_the_interval_always_holds_the_estimate(studies: list[Verified]) -> None:
    for found in (sensitivity(studies), specificity(studies)):
        if found is not None:
            assert 0 <= found.low <= found.value + 1e-9
            assert found.value - 1e-9 <= found.high <= 1
            assert 0 < found.effective <= found.counted + 1e-9


def drawn_site(chance: random.Random) -> list[Verified]:
    """A site of 6000 studies, 10 % with the finding, sensitivity 0.8, a tenth of silence drawn."""
    known = []
    for _ in range(6000):
        present = chance.random() < 0.1
        flagged = chance.random() < (0.8 if present else 0.08)
        if flagged or chance.random() < 0.1:
            known.append(study(flagged=flagged, present=present, probability=1 if flagged else 0.1))
    return known


def test_over_many_sites_the_estimate_is_right_and_its_interval_holds_the_truth() -> None:
    """Where counting what was looked at alone would say 0.98."""
    chance = random.Random(7)
    found = [sensitivity(drawn_site(chance)) for _ in range(200)]
    estimates = [one for one in found if one is not None]
    mean = sum(one.value for one in estimates) / len(estimates)
    covered = sum(one.low <= 0.8 <= one.high for one in estimates)
    assert mean == pytest.approx(0.8, abs=0.015)
    assert covered >= 180  # of 200; 190 are expected


def test_counting_what_was_looked_at_alone_is_biased() -> None:
    known = [one for one in drawn_site(random.Random(7)) if one.is_present]
    assert sum(one.is_flagged for one in known) / len(known) > 0.95
