"""What each person likes: language, theme, when to be told, and views to come back to."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import datetime, time
from enum import StrEnum
from typing import Any, Protocol

from worklist.accounts import people_event
from worklist.errors import VigieError
from worklist.people import AccountName
from worklist.ports import Event

MOST_VIEWS = 50  # of one person


class InvalidPreference(VigieError, ValueError):
    """A wish that contradicts itself, or one too many."""


class NameTaken(VigieError, ValueError):
    """The person has a view of this name already."""


class UnknownView(VigieError, LookupError):
    """The person has no such view."""


class Language(StrEnum):
    """What the page speaks."""

    ENGLISH = "en"
    FRENCH = "fr"


class Theme(StrEnum):
    """How bright the page is."""

    DARK = "dark"
    LIGHT = "light"
    SYSTEM = "system"  # as the workstation is


class Density(StrEnum):
    """How close rows stand."""

    COMFORTABLE = "comfortable"
    COMPACT = "compact"


@dataclass(frozen=True, kw_only=True, slots=True)
class Preferences:
    """One person's wishes; those of somebody who never chose are the defaults.

    Raises
    ------
    InvalidPreference
        If quiet hours begin and never end, or the other way round.
    """

    language: Language | None = None  # None: as the browser says
    theme: Theme | None = None  # None: the page's own, dark
    density: Density = Density.COMFORTABLE
    claim_on_open: bool = True  # whoever opens a free study reads it
    notifications: bool = False  # of the desktop, for a new flag
    sound: bool = False  # for a new flag
    quiet_from: time | None = None  # by the person's own clock; over midnight where later than to
    quiet_to: time | None = None

    def __post_init__(self) -> None:
        if (self.quiet_from is None) != (self.quiet_to is None):
            raise InvalidPreference("quiet hours need a beginning and an end")


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedView:
    """A filter with a name."""

    view_id: int
    name: str
    query: str  # as the list is asked, for example ``modality=CT&unclaimed=true``


class PersonalTransaction(Protocol):
    """Everything inside is committed together or not at all."""

    def lock_person(self, account: AccountName) -> None:
        """Let nothing else change what this person likes, until the transaction ends."""
        ...

    def preferences(self, account: AccountName) -> Preferences:
        """What the person chose; the defaults where nothing was."""
        ...

    def save_preferences(self, account: AccountName, chosen: Preferences) -> None:
        """Write what the person chose."""
        ...

    def views(self, account: AccountName) -> Sequence[SavedView]:
        """The person's views, oldest first."""
        ...

    def add_view(self, account: AccountName, name: str, query: str) -> int:
        """Insert a view; its number."""
        ...

    def save_view(self, account: AccountName, view: SavedView) -> None:
        """Write what changed."""
        ...

    def remove_view(self, account: AccountName, view_id: int) -> None:
        """Forget a view."""
        ...

    def append_events(self, events: Sequence[Event]) -> None:
        """Append to the log."""
        ...


class PersonalStore(Protocol):
    """Where it is kept."""

    def transaction(self) -> AbstractContextManager[PersonalTransaction]:
        """One unit of work; raises StoreUnavailable."""
        ...


class Personal:
    """What a person does to her own page; nobody else's is touched.

    Events say which view, never what it looks for: that may be a patient's name.
    """

    def __init__(self, store: PersonalStore) -> None:
        self._store = store

    def preferences(self, account: AccountName) -> Preferences:
        """What the person chose."""
        with self._store.transaction() as transaction:
            return transaction.preferences(account)

    def choose(self, account: AccountName, chosen: Preferences, now: datetime) -> Preferences:
        """Put these wishes in place of the former ones."""
        with self._store.transaction() as transaction:
            transaction.lock_person(account)
            if transaction.preferences(account) != chosen:
                transaction.save_preferences(account, chosen)
                event = _event("preferences_changed", account, now, **preferences_as_json(chosen))
                transaction.append_events([event])
        return chosen

    def views(self, account: AccountName) -> Sequence[SavedView]:
        """The person's views, oldest first."""
        with self._store.transaction() as transaction:
            return transaction.views(account)

    def add_view(self, account: AccountName, name: str, query: str, now: datetime) -> SavedView:
        """Keep a view.

        Raises
        ------
        NameTaken
            If there is one of this name.
        InvalidPreference
            If there are too many.
        """
        with self._store.transaction() as transaction:
            transaction.lock_person(account)
            views = transaction.views(account)
            _check_name(name, views)
            if len(views) >= MOST_VIEWS:
                raise InvalidPreference(f"at most {MOST_VIEWS} views are kept for one person")
            view_id = transaction.add_view(account, name, query)
            transaction.append_events([_event("view_saved", account, now, view_id=view_id)])
        return SavedView(view_id=view_id, name=name, query=query)

    def change_view(self, account: AccountName, view: SavedView, now: datetime) -> SavedView:
        """Put this in place of the view of its number.

        Raises
        ------
        UnknownView
            If the person has none of this number.
        NameTaken
            If another one has the name.
        """
        with self._store.transaction() as transaction:
            transaction.lock_person(account)
            others = [
                one
                for one in _having(transaction, account, view.view_id)
                if one.view_id != view.view_id
            ]
            _check_name(view.name, others)
            transaction.save_view(account, view)
            transaction.append_events([_event("view_saved", account, now, view_id=view.view_id)])
        return view

    def remove_view(self, account: AccountName, view_id: int, now: datetime) -> None:
        """Forget a view; raises UnknownView."""
        with self._store.transaction() as transaction:
            transaction.lock_person(account)
            _having(transaction, account, view_id)
            transaction.remove_view(account, view_id)
            transaction.append_events([_event("view_removed", account, now, view_id=view_id)])


def _having(
    transaction: PersonalTransaction, account: AccountName, view_id: int
) -> Sequence[SavedView]:
    views = transaction.views(account)
    if view_id not in {one.view_id for one in views}:
        raise UnknownView("there is no such view")
    return views


def _check_name(name: str, others: Sequence[SavedView]) -> None:
    if name in {one.name for one in others}:
        raise NameTaken("there is a view of this name already")


def _event(kind: str, account: AccountName, now: datetime, **details: Any) -> Event:
    return people_event(kind, f"person {account}", now, account=account, **details)


def preferences_as_json(chosen: Preferences) -> dict[str, Any]:
    """The wishes as plain JSON values."""
    return {
        name: value.strftime("%H:%M") if isinstance(value, time) else value
        for name, value in asdict(chosen).items()
    }


def preferences_from_json(value: dict[str, Any]) -> Preferences:
    """What `preferences_as_json` made, by this version or an earlier one."""
    quiet = {
        name: time.fromisoformat(value[name])
        for name in ("quiet_from", "quiet_to")
        if value.get(name) is not None
    }
    return Preferences(
        language=Language(value["language"]) if value.get("language") else None,
        theme=Theme(value["theme"]) if value.get("theme") else None,
        density=Density(value.get("density", Density.COMFORTABLE)),
        claim_on_open=bool(value.get("claim_on_open", True)),
        notifications=bool(value.get("notifications")),
        sound=bool(value.get("sound")),
        **quiet,
    )
