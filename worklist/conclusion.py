"""What a radiologist says of a study: the answers, what must be answered, how long it took."""

from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum

from worklist.errors import VigieError
from worklist.finding import TargetFinding


class Answer(StrEnum):
    """What a person says of one target finding."""

    PRESENT = "present"
    ABSENT = "absent"
    CANNOT_SAY = "cannot_say"

    @property
    def words(self) -> str:
        """For people."""
        return self.value.replace("_", " ")


Answers = Mapping[TargetFinding, Answer]


class AnswersMissing(VigieError, ValueError):
    """A finding that must be answered for was not."""


class AlreadyAnswered(VigieError):
    """The person has said something else at her first look, which is kept."""


class MarksSeen(VigieError):
    """A look after the marks were shown is no first one."""


class Superseded(VigieError):
    """A newer assessment than the one that was looked at is queued: there are other images."""


class ImagesCame(VigieError):
    """There are other images now than those that were shown."""


def require_answers(answers: Answers, targets: Collection[TargetFinding]) -> None:
    """Refuse a conclusion that leaves out what must be answered.

    Raises
    ------
    AnswersMissing
        It names the findings.
    """
    missing = [target for target in TargetFinding if target in targets and target not in answers]
    if missing:
        named = "; ".join(target.words for target in missing)
        raise AnswersMissing(f"say whether there is: {named} (present, absent or cannot say)")


def in_words(answers: Mapping[str, str]) -> str:
    """Answers as people say them, for example ``haemorrhage present; fracture cannot say``."""
    return "; ".join(
        f"{TargetFinding(target).words} {Answer(answers[target]).words}"
        for target in TargetFinding
        if target in answers
    )


def ordered(answers: Answers) -> dict[TargetFinding, Answer]:
    """The same answers, always in the order of the findings."""
    return {target: answers[target] for target in TargetFinding if target in answers}


def bounded_reading_s(said_s: float, opened_at: datetime, concluded_at: datetime) -> float:
    """The reading time that the page measured, never longer than the study was open.

    Parameters
    ----------
    said_s
        Active seconds on the study's page, by the browser's clock.
    opened_at, concluded_at
        By the node's clock.
    """
    return max(0.0, min(said_s, (concluded_at - opened_at).total_seconds()))
