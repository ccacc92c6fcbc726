"""Which studies of the list a person wants to see; the order is not touched by it."""

from collections.abc import Iterable
from dataclasses import dataclass
from string import ascii_lowercase, ascii_uppercase
from typing import Self

from worklist.errors import VigieError
from worklist.finding import OutcomeState
from worklist.people import AccountName
from worklist.search import asked_words
from worklist.study import RequestedPriority

_MOST_VALUES = 32  # of one kind
LONGEST_VALUE = 64  # characters; facets are cut there as well
# ASCII only, as the database does it: other letters depend on its locale, and ß has no one capital.
_UPPER = str.maketrans(ascii_lowercase, ascii_uppercase)


class InvalidFilter(VigieError, ValueError):
    """A filter that says nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StateAsked:
    """A state that a detector is to be in."""

    detector: str | None  # None: any
    state: OutcomeState

    @classmethod
    def parse(cls, text: str) -> Self:
        """From ``detector:state`` or ``state``.

        Raises
        ------
        InvalidFilter
            If there is no such state.
        """
        detector, _, state = text.rpartition(":")
        try:
            return cls(detector=detector[:LONGEST_VALUE] or None, state=OutcomeState(state))
        except ValueError:
            have = ", ".join(OutcomeState)
            raise InvalidFilter(f"no such state: {state[:32]!r}; there are {have}") from None


@dataclass(frozen=True, kw_only=True, slots=True)
class ListFilter:
    """What must be true of a study; of several values of one kind, one of them."""

    modalities: frozenset[str] = frozenset()  # ASCII in upper case; empty: any, as below
    body_parts: frozenset[str] = frozenset()
    priorities: frozenset[RequestedPriority] = frozenset()  # in force
    states: frozenset[StateAsked] = frozenset()
    claimed_by: AccountName | None = None  # with `unclaimed`: either
    unclaimed: bool = False
    words: tuple[str, ...] = ()  # each begins a word of the study's
    read: bool = False  # those that were read, instead of those that were not

    @property
    def lets_all_through(self) -> bool:
        """Whether it is the whole list."""
        return self == ListFilter()


EVERYTHING = ListFilter()


def make_filter(
    *,
    modalities: Iterable[str] = (),
    body_parts: Iterable[str] = (),
    priorities: Iterable[str] = (),
    states: Iterable[str] = (),
    text: str = "",
    claimed_by: AccountName | None = None,
    unclaimed: bool = False,
    read: bool = False,
) -> ListFilter:
    """A filter from what a person asked for.

    Raises
    ------
    InvalidFilter
        If a value means nothing here.
    """
    try:
        asked = frozenset(RequestedPriority(one.lower()) for one in priorities)
    except ValueError:
        have = ", ".join(RequestedPriority)
        raise InvalidFilter(f"no such priority; there are {have}") from None
    made = ListFilter(
        modalities=_values(modalities),
        body_parts=_values(body_parts),
        priorities=asked,
        states=frozenset(map(StateAsked.parse, states)),
        claimed_by=claimed_by,
        unclaimed=unclaimed,
        words=asked_words(text),
        read=read,
    )
    if max(len(made.modalities), len(made.body_parts), len(made.states)) > _MOST_VALUES:
        raise InvalidFilter(f"at most {_MOST_VALUES} values of one kind")
    return made


def _values(given: Iterable[str]) -> frozenset[str]:
    return frozenset(one.strip().translate(_UPPER)[:LONGEST_VALUE] for one in given if one.strip())
