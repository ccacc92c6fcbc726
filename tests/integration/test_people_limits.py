"""What a provider, or time, cannot do to accounts: take the last administrator, hang, pile up."""

import threading
from typing import Any

import pytest
import sqlalchemy as sa

from tests.people import HERE, House
from vigie.provider import Provider, ProviderSettings, ProviderUnavailable
from worklist.people import AccountName, Role
from worklist.sign_in import Visitor
from worklist.single_sign_on import Identity, NoRole, SingleSignOn

LIMIT_S = 60


@pytest.fixture
def house(emptied_engine: sa.Engine) -> House:
    return House(emptied_engine)


def comes_in(house: House, *roles: Role, name: str = "greta") -> frozenset[Role]:
    """A person whom the provider gives these roles; those that she has then."""
    identity = Identity(
        issuer="https://login",
        subject=name,
        name=name,
        display_name=name.title(),
        roles=frozenset(roles),
    )
    door = SingleSignOn(house.store, house.passwords, house.door)
    return door.welcome(identity, HERE, house.now).signed_in.account.roles


def test_the_provider_cannot_take_that_role_from_the_last_administrator(house: House) -> None:
    comes_in(house, Role.ADMINISTRATOR)
    kept = comes_in(house, Role.RADIOLOGIST)
    assert kept == {Role.ADMINISTRATOR, Role.RADIOLOGIST}
    (event,) = house.events("administrator_kept")
    assert event.actor == "single sign-on"
    assert event.details == {"account": "greta", "roles_said": ["radiologist"]}
    with pytest.raises(NoRole):
        comes_in(house)
    greta = house.accounts.find(AccountName("greta"))
    assert greta is not None
    assert greta.roles == kept


def test_the_provider_takes_it_where_another_administrator_is_left(house: House) -> None:
    comes_in(house, Role.ADMINISTRATOR)
    boss = house.person("boss", Role.ADMINISTRATOR)
    house.accounts.disable(boss, actor="person greta", now=house.now)
    assert Role.ADMINISTRATOR in comes_in(house, Role.RADIOLOGIST)  # a disabled one is none
    house.accounts.enable(boss, actor="person greta", now=house.now)
    assert comes_in(house, Role.RADIOLOGIST) == {Role.RADIOLOGIST}
    assert len(house.events("administrator_kept")) == 1


class Silent(Provider):
    """Nothing comes back until somebody lets it."""

    def __init__(self) -> None:
        super().__init__(
            ProviderSettings(
                issuer="https://login",
                client_id="vigie",
                client_secret="kept",
                scopes=("openid",),
                role_claim="groups",
                roles={},
            )
        )
        self.asked = 0
        self.is_asked = threading.Event()
        self.answers = threading.Event()

    def _json(self, url: str, headers: object = None) -> dict[str, Any]:
        self.asked += 1
        self.is_asked.set()
        if not self.answers.wait(LIMIT_S):
            raise ProviderUnavailable("the single sign-on provider does not answer")
        return {"issuer": "https://login", "end_session_endpoint": "https://login/out"}


def test_signing_out_never_waits_for_a_provider_that_hangs() -> None:
    provider = Silent()
    for _ in range(5):
        with pytest.raises(ProviderUnavailable, match="not answered yet"):
            provider.sign_out_address("https://node/")
    assert provider.is_asked.wait(LIMIT_S)
    assert not provider.answers.is_set()  # it hangs still, and was asked once
    assert provider.asked == 1
    [asking] = [one for one in threading.enumerate() if one.name == "provider"]
    provider.answers.set()
    asking.join(LIMIT_S)
    address = provider.sign_out_address("https://node/")
    assert address is not None
    assert address.startswith("https://login/out?client_id=vigie")
    assert provider.asked == 1


def test_browsers_that_count_no_longer_are_forgotten(house: House) -> None:
    house.person("anna")
    house.person("bert")

    def known() -> int:
        with house.engine.connect() as connection:
            return connection.scalar(sa.text("SELECT count(*) FROM known_browser")) or 0

    before = known()
    assert before >= 2
    house.later(days=80)
    recent = house.sign_in("anna", visitor=Visitor(address="10.0.0.2"))
    assert known() == before + 1
    house.later(days=11)  # the first ones are over, this one is not
    house.sign_in("bert", visitor=Visitor(address="10.0.0.3"))
    assert known() == 2
    again = house.sign_in("anna", visitor=Visitor(address="10.0.0.2", browser=recent.browser))
    assert again.browser is None  # it is known still
