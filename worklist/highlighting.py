"""Highlighting is a choice (P8): who may see the marks of a detector, and when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from worklist.errors import VigieError
from worklist.people import Role


class Highlighting(StrEnum):
    """When the marks of one detector are shown; the site chooses for each."""

    AT_ONCE = "at_once"
    AFTER_FIRST_LOOK = "after_first_look"  # a reader first says what she sees without them
    TRIAGE_ONLY = "triage_only"  # never: the detector orders the list and no more


class FirstLookFirst(VigieError):
    """The marks are shown after the person has said what she sees without them."""


class TriageOnly(VigieError):
    """The site shows no marks of this detector."""


ALL_OTHERS = "*"  # in place of a detector's name


@dataclass(frozen=True, kw_only=True, slots=True)
class Modes:
    """What the site chose for each detector."""

    chosen: Mapping[str, Highlighting] = field(default_factory=dict)  # by name, or `ALL_OTHERS`

    def of(self, detector: str) -> Highlighting:
        """The mode of this detector; at once where nothing is said."""
        fallback = self.chosen.get(ALL_OTHERS, Highlighting.AT_ONCE)
        return self.chosen.get(detector, fallback)


@dataclass(frozen=True, kw_only=True, slots=True)
class Looker:
    """Who looks at a study: a person with her roles, or a machine with its token."""

    actor: str  # as events name it: "person NAME" or "token NAME"
    account: str | None  # None: a machine
    roles: frozenset[Role] = frozenset()

    @property
    def reads(self) -> bool:
        """Whether marks could sway what this looker concludes.

        A person who is a radiologist reads, whatever else she is. A machine may hand on to one
        what it is given, and can keep no answers.
        """
        return self.account is None or Role.RADIOLOGIST in self.roles


def is_withheld(mode: Highlighting, looker: Looker, *, has_answered: bool, has_seen: bool) -> bool:
    """Whether the marks of a detector are kept from this looker.

    Parameters
    ----------
    mode
        What the site chose for the detector.
    looker
        Who asks.
    has_answered
        Whether her answer for its finding is kept, of a look at the images that it judged.
    has_seen
        Whether these very marks were shown to her before, for example under another mode.
    """
    match mode:
        case Highlighting.AT_ONCE:
            return False
        case Highlighting.AFTER_FIRST_LOOK:
            return looker.reads and not has_answered and not has_seen
        case Highlighting.TRIAGE_ONLY:
            return True
