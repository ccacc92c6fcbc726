"""When people are told that a detector does not do its work."""

import pytest

from tests.builders import MINUTE, NOON
from worklist.trouble import LatestResult, Trouble, trouble_of


def latest(*failed: bool) -> list[LatestResult]:
    """Newest first, a minute apart."""
    return [
        LatestResult(at=NOON - number * MINUTE, failed_because=f"reason {number}" if one else None)
        for number, one in enumerate(failed)
    ]


@pytest.mark.parametrize(
    ("failed", "is_trouble"),
    [
        ([], False),
        ([True], False),
        ([True, True], False),
        ([True, True, True], True),
        ([True, False, True], True),
        ([False, False, True], False),
        ([True, True, False, False], False),  # half of them is not most
        ([True, True, True, False, False], True),
        ([False] * 20, False),
        ([True] * 10 + [False] * 10, False),
        ([True] * 11 + [False] * 9, True),
    ],
)
def test_most_of_the_latest_studies_have_failed(failed: list[bool], is_trouble: bool) -> None:
    found = trouble_of("fracture", latest(*failed), None, NOON)
    assert (found is not None) == is_trouble


def test_it_is_said_since_when_and_why_lately() -> None:
    assert trouble_of("fracture", latest(False, True, True), None, NOON) == Trouble(
        detector="fracture",
        broken=False,
        failed=2,
        of=3,
        since=NOON - 2 * MINUTE,
        reason="reason 1",
    )


def test_one_that_cannot_be_loaded_is_trouble_from_the_start() -> None:
    found = trouble_of("fracture", [], "no weights", NOON)
    assert found == Trouble(
        detector="fracture", broken=True, failed=0, of=0, since=NOON, reason="no weights"
    )
