"""The states of a study's reading, as a transition table."""

from enum import StrEnum

from worklist.errors import VigieError


class ReadingState(StrEnum):
    """Whether people are done with a study."""

    UNREAD = "unread"
    READ = "read"  # a person read it, or its report was seen elsewhere; never set by Vigie itself


class ReadingAct(StrEnum):
    """What may happen to a reading."""

    MARK_READ = "mark_read"
    REOPEN = "reopen"  # a person, or images that arrived afterwards


class WrongReadingState(VigieError):
    """The act does not fit the state the study is in."""


_NEXT = {
    (ReadingState.UNREAD, ReadingAct.MARK_READ): ReadingState.READ,
    (ReadingState.READ, ReadingAct.REOPEN): ReadingState.UNREAD,
}


def after(state: ReadingState, act: ReadingAct) -> ReadingState:
    """The state after an act.

    Raises
    ------
    WrongReadingState
        If the act does not fit, for example marking a read study as read.
    """
    try:
        return _NEXT[state, act]
    except KeyError:
        raise WrongReadingState(f"the study is {state}: cannot {act.replace('_', ' ')}") from None
