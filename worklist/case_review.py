"""The review of a case: who may review, what the reviews come to, and how a case is closed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from worklist.conclusion import Answer
from worklist.errors import VigieError
from worklist.finding import TargetFinding
from worklist.people import Role
from worklist.quality import CaseKind
from worklist.uid import StudyInstanceUID


class UnknownCase(VigieError, LookupError):
    """There is no case of this number."""


class MayNotReview(VigieError):
    """Somebody who has read the study, or has seen the answers, is no blind reviewer of it."""


class AlreadyReviewed(VigieError):
    """The person's review is kept as she gave it."""


class WrongCaseState(VigieError):
    """The case is not where this can be done."""


class ReviewFirst(VigieError):
    """What others said of a study is shown after one's own review."""


class CaseState(StrEnum):
    """How far a case is."""

    WAITING = "waiting"  # for reviews
    ADJUDICATION = "adjudication"  # two reviewers disagree; a third decides
    REVIEWED = "reviewed"  # it has a verdict, and waits for its root cause
    CLOSED = "closed"


OPEN_TO_REVIEW = frozenset({CaseState.WAITING, CaseState.ADJUDICATION})


class RootCause(StrEnum):
    """Why AI, or the reader, came to something else."""

    TOO_SMALL = "too_small"
    LOW_CONTRAST = "low_contrast"
    MOTION = "motion"  # or another artefact
    OUTSIDE_TRAINING = "outside_training"  # an appearance that the model does not know
    SERIES_NOT_SELECTED = "series_not_selected"
    WRONG_BODY_PART = "wrong_body_part"  # in the header
    INCOMPLETE_STUDY = "incomplete_study"
    THRESHOLD = "threshold"  # seen, below the operating point
    MIMIC = "mimic"  # something else that looks like it
    KNOWN_FINDING = "known_finding"  # old, treated, or meant otherwise
    TECHNICAL_FAILURE = "technical_failure"
    TOO_LATE = "too_late"
    READER_OVERSIGHT = "reader_oversight"
    REPORT_MISREAD = "report_misread"  # by the rules that read reports
    NO_DISAGREEMENT = "no_disagreement"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True, slots=True)
class Review:
    """What one reviewer says of the images, before she knows anything else."""

    account: str
    answer: Answer
    comment: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One finding of one study that is looked at again."""

    case_id: int
    study_instance_uid: StudyInstanceUID
    target: TargetFinding
    kinds: tuple[CaseKind, ...]  # the most serious first
    opened_at: datetime
    due_at: datetime
    state: CaseState
    inclusion_probability: float | None  # of those drawn by lot
    assigned_to: str | None = None
    reviews: tuple[Review, ...] = ()
    verdict: Answer | None = None
    root_cause: RootCause | None = None
    action: str = ""
    closed_at: datetime | None = None
    closed_by: str | None = None
    teaches: bool = False  # it is in the teaching file

    def review_of(self, account: str) -> Review | None:
        """What this person said, if she did."""
        return next((one for one in self.reviews if one.account == account), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Involvement:
    """What keeps people from reviewing a study blind."""

    readers: frozenset[str] = frozenset()  # who concluded, claimed or judged it, or drew in it
    informed: frozenset[str] = field(default_factory=frozenset)  # who was shown AI's answers


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Where a case stands after its reviews."""

    state: CaseState
    verdict: Answer | None


def check_may_review(
    case: Case, account: str, roles: Collection[Role], involved: Involvement
) -> None:
    """Refuse a review that would not be blind, or that is none.

    Raises
    ------
    AlreadyReviewed, WrongCaseState, MayNotReview
        As they say.
    """
    if case.review_of(account) is not None:
        raise AlreadyReviewed("your review of this case is kept as you gave it")
    if case.state not in OPEN_TO_REVIEW:
        raise WrongCaseState("this case has its verdict")
    if account in involved.readers:
        raise MayNotReview("who has read a study does not review it")
    if account in involved.informed:
        raise MayNotReview("you were shown the results of AI on this study: another must review it")
    if Role.QA_REVIEWER not in roles:
        raise MayNotReview("a QA reviewer reviews cases")


def is_blind(case: Case, account: str, involved: Involvement) -> bool:
    """Whether a QA reviewer is kept from what others said of this study, for she may review it."""
    return (
        case.state in OPEN_TO_REVIEW
        and case.review_of(account) is None
        and account not in involved.readers
        and account not in involved.informed
    )


def standing(reviews: Sequence[Review], needed: int) -> Standing:
    """What the reviews come to.

    The first `needed` must agree; the next one, who knows what they said, decides otherwise.

    Parameters
    ----------
    reviews
        In the order in which they came.
    needed
        Reviews that a verdict takes, at least 1.
    """
    if len(reviews) < needed:
        return Standing(state=CaseState.WAITING, verdict=None)
    first = {one.answer for one in reviews[:needed]}
    if len(first) == 1:
        return Standing(state=CaseState.REVIEWED, verdict=reviews[0].answer)
    if len(reviews) == needed:
        return Standing(state=CaseState.ADJUDICATION, verdict=None)
    return Standing(state=CaseState.REVIEWED, verdict=reviews[needed].answer)


def check_closes(case: Case) -> None:
    """Refuse to close a case without a verdict, or one that is closed.

    Raises
    ------
    WrongCaseState
        As it says.
    """
    if case.state is not CaseState.REVIEWED:
        raise WrongCaseState(
            "this case is closed" if case.state is CaseState.CLOSED else "review the case first"
        )
