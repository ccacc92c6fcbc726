"""What people like, in memory; the contract tests hold it to what the one in PostgreSQL does."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from worklist.people import AccountName
from worklist.personal import Preferences, SavedView
from worklist.ports import Event


@dataclass
class FakePersonal:
    """A store that is its own transaction: nothing is undone, for nothing fails half way."""

    chosen: dict[AccountName, Preferences] = field(default_factory=dict)
    kept: dict[AccountName, dict[int, SavedView]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    @contextmanager
    def transaction(self) -> Iterator["FakePersonal"]:
        yield self

    def lock_person(self, account: AccountName) -> None:
        """One thread: nobody to lock out."""

    def preferences(self, account: AccountName) -> Preferences:
        return self.chosen.get(account, Preferences())

    def save_preferences(self, account: AccountName, chosen: Preferences) -> None:
        self.chosen[account] = chosen

    def views(self, account: AccountName) -> list[SavedView]:
        return list(self.kept.get(account, {}).values())

    def add_view(self, account: AccountName, name: str, query: str) -> int:
        view_id = next(self._numbers)
        view = SavedView(view_id=view_id, name=name, query=query)
        self.kept.setdefault(account, {})[view_id] = view
        return view_id

    def save_view(self, account: AccountName, view: SavedView) -> None:
        self.kept[account][view.view_id] = view

    def remove_view(self, account: AccountName, view_id: int) -> None:
        del self.kept[account][view_id]

    def append_events(self, events: Sequence[Event]) -> None:
        self.events += events
