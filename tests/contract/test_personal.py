"""What people like: the fake and the real store keep it alike."""

from dataclasses import replace
from datetime import time

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders import NOON, account
from tests.fake_personal import FakePersonal
from worklist.people import AccountName
from worklist.personal import (
    MOST_VIEWS,
    InvalidPreference,
    Language,
    NameTaken,
    Personal,
    Preferences,
    SavedView,
    Theme,
    UnknownView,
    preferences_as_json,
    preferences_from_json,
)
from worklist.store.people import PostgresPeople
from worklist.store.personal import PostgresPersonal

ANNA, BERT = AccountName("anna"), AccountName("bert")


@pytest.fixture(params=["fake", "postgres"])
def personal(request: pytest.FixtureRequest) -> Personal:
    if request.param == "fake":
        return Personal(FakePersonal())
    engine: sa.Engine = request.getfixturevalue("emptied_engine")
    with PostgresPeople(engine).transaction() as transaction:
        for name in (ANNA, BERT):
            transaction.save_account(account(name))
    return Personal(PostgresPersonal(engine))


wishes = st.builds(
    Preferences,
    language=st.none() | st.sampled_from(Language),
    theme=st.none() | st.sampled_from(Theme),
    notifications=st.booleans(),
    sound=st.booleans(),
)
clocks = st.builds(time, hour=st.integers(0, 23), minute=st.integers(0, 59))


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(chosen=wishes, quiet=st.none() | st.tuples(clocks, clocks))
def test_what_is_chosen_is_kept(
    personal: Personal, chosen: Preferences, quiet: tuple[time, time] | None
) -> None:
    if quiet is not None:
        chosen = replace(chosen, quiet_from=quiet[0], quiet_to=quiet[1])
    assert preferences_from_json(preferences_as_json(chosen)) == chosen
    assert personal.choose(ANNA, chosen, NOON) == chosen
    assert personal.preferences(ANNA) == chosen
    assert personal.preferences(BERT) == Preferences()


def test_quiet_hours_have_two_ends() -> None:
    for one in ({"quiet_from": time(22)}, {"quiet_to": time(6)}):
        with pytest.raises(InvalidPreference):
            Preferences(**one)
    assert Preferences(quiet_from=time(22), quiet_to=time(6)).quiet_to == time(6)


def test_preferences_of_an_earlier_version_are_read() -> None:
    assert preferences_from_json({}) == Preferences()
    assert preferences_from_json({"theme": "dark", "quiet_from": None}) == Preferences(
        theme=Theme.DARK
    )


def test_views_are_each_persons_own_in_the_order_in_which_they_were_made(
    personal: Personal,
) -> None:
    first = personal.add_view(ANNA, "Heads", "body_part=HEAD", NOON)
    second = personal.add_view(ANNA, "Mine", "mine=true", NOON)
    assert personal.add_view(BERT, "Heads", "q=x", NOON).name == "Heads"
    renamed = SavedView(view_id=first.view_id, name="Brains", query="body_part=BRAIN")
    assert personal.change_view(ANNA, renamed, NOON) == renamed
    assert list(personal.views(ANNA)) == [renamed, second]
    personal.remove_view(ANNA, second.view_id, NOON)
    assert list(personal.views(ANNA)) == [renamed]


def test_two_views_of_one_name_are_refused(personal: Personal) -> None:
    first = personal.add_view(ANNA, "Heads", "", NOON)
    second = personal.add_view(ANNA, "Mine", "", NOON)
    with pytest.raises(NameTaken):
        personal.add_view(ANNA, "Heads", "", NOON)
    with pytest.raises(NameTaken):
        personal.change_view(ANNA, replace(second, name="Heads"), NOON)
    same_name = replace(first, query="mine=true")
    assert personal.change_view(ANNA, same_name, NOON) == same_name


@pytest.mark.parametrize("view_id", [0, 10**6])
def test_another_persons_view_is_unknown(personal: Personal, view_id: int) -> None:
    of_bert = personal.add_view(BERT, "Heads", "", NOON)
    for unknown in (view_id, of_bert.view_id):
        with pytest.raises(UnknownView):
            personal.remove_view(ANNA, unknown, NOON)
        with pytest.raises(UnknownView):
            personal.change_view(ANNA, SavedView(view_id=unknown, name="x", query=""), NOON)
    assert list(personal.views(BERT)) == [of_bert]


def test_a_person_keeps_so_many_views_and_no_more(personal: Personal) -> None:
    for number in range(MOST_VIEWS):
        personal.add_view(ANNA, f"view {number}", "", NOON)
    with pytest.raises(InvalidPreference):
        personal.add_view(ANNA, "one more", "", NOON)
    assert len(personal.views(ANNA)) == MOST_VIEWS
