"""What the HTTP edge needs from outside; `vigie` hands it in when the app is built."""

import uuid
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from worklist.api_tokens import ApiToken
from worklist.errors import VigieError
from worklist.exchange_ports import KeptReport
from worklist.exchange_views import LoggedMessage, UnknownMessage
from worklist.filters import EVERYTHING, ListFilter
from worklist.notifications import KeptNotification
from worklist.notifying import Answer, Channel, Notification, NotificationState
from worklist.people import AccountName
from worklist.priors import Priors
from worklist.replay import ListReplay
from worklist.replay_views import StudyThen, study_then
from worklist.sessions import NewSession, SessionLimits, SignedIn
from worklist.sign_in import Visitor
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID
from worklist.views import (
    FilterChoices,
    MissedFlags,
    ModelView,
    NodeCounts,
    StudyView,
    WorklistChange,
    WorklistPage,
    WorklistRow,
)


class CannotDecode(VigieError):
    """The archived object holds no such frame, or pixels nobody can decode."""


class DecoderDied(CannotDecode):
    """What decodes took too long, was killed or had no memory: another time it may do."""


class WorklistReader(Protocol):
    """Reads the worklist; every method may raise StoreUnavailable. Called from many threads."""

    def worklist_page(
        self,
        after: str | None,
        limit: int,
        now: datetime,
        *,
        offset: int = 0,
        asked: ListFilter = EVERYTHING,
    ) -> WorklistPage:
        """At most `limit` rows after the cursor `after` (None: from the top).

        Parameters
        ----------
        offset
            Rows to leave out before the first.
        asked
            Which studies; of those that were read, the last received come first.

        Raises
        ------
        worklist.views.InvalidCursor
            If `after` was not given out by this node.
        """
        ...

    def list_version(self) -> int:
        """Grows with whatever changes the list; a page bears the one it was read at."""
        ...

    def missed_flags(self, after: int | None) -> MissedFlags:
        """The new flags after the event of this number; None: only which event is the last."""
        ...

    def choices(self) -> FilterChoices:
        """What the list can be filtered by."""
        ...

    def row(self, study_instance_uid: StudyInstanceUID) -> WorklistRow:
        """One study as a row of the list.

        Raises
        ------
        worklist.errors.UnknownStudy
            If no study of this UID has been filed.
        """
        ...

    def study(self, study_instance_uid: StudyInstanceUID, now: datetime) -> StudyView:
        """One study with its images, regions and history.

        Raises
        ------
        worklist.errors.UnknownStudy
            If no study of this UID has been filed.
        """
        ...

    def priors(self, study_instance_uid: StudyInstanceUID) -> Priors:
        """Other studies of the same patient, newest first; raises UnknownStudy."""
        ...

    def reports(self, study_instance_uid: StudyInstanceUID) -> Sequence[KeptReport]:
        """What the RIS told of reports on a study, oldest first; raises UnknownStudy."""
        ...

    def archived_path(
        self,
        study_instance_uid: StudyInstanceUID,
        series_instance_uid: SeriesInstanceUID,
        sop_instance_uid: SOPInstanceUID,
    ) -> Path:
        """Where the object lies, as an absolute path.

        Raises
        ------
        worklist.views.UnknownInstance
            If no such object has been filed in this series of this study.
        """
        ...

    def models(self) -> Sequence[ModelView]:
        """The installed detectors, by name."""
        ...

    def model(self, name: str) -> ModelView:
        """One installed detector.

        Raises
        ------
        worklist.errors.UnknownDetector
            If none of this name is installed.
        """
        ...

    def counts(self) -> NodeCounts:
        """How much of everything the node holds now."""
        ...


class Notifying(Protocol):
    """What is told on channels; every method may raise StoreUnavailable."""

    @property
    def channels(self) -> Sequence[Channel]:
        """Those that are set."""
        ...

    def newest(
        self, *, before: int | None, limit: int, state: NotificationState | None
    ) -> Sequence[KeptNotification]:
        """The newest ones, of numbers below `before` and in this state where these are given."""
        ...

    def looked_at(self) -> Mapping[str, datetime]:
        """When flags were last looked for, by channel."""
        ...

    def send_again(self, number: uuid.UUID, *, actor: str, now: datetime) -> Notification:
        """Let one be told at once; raises UnknownNotification, UnknownChannel."""
        ...

    def test(self, name: str, *, actor: str, now: datetime) -> Answer:
        """Tell a channel that it is tested, and wait for its answer; raises UnknownChannel."""
        ...


class Messages(Protocol):
    """The messages exchanged with the RIS; every method may raise StoreUnavailable."""

    def messages(self, limit: int, *, dead: bool = False) -> Sequence[LoggedMessage]:
        """The newest messages, newest first; `dead`: only those to be looked after."""
        ...

    def dead_letter(self, message_id: str) -> LoggedMessage:
        """One dead letter with its bytes.

        Raises
        ------
        worklist.exchange_views.UnknownMessage
            If there is none of this number.
        worklist.exchange_views.NoDeadLetter
            If it is none.
        """
        ...

    def again(self, message_id: str, actor: str) -> LoggedMessage:
        """Send a dead letter again, or read it again; raises as `dead_letter` does."""
        ...

    def dismiss(self, message_id: str, actor: str, reason: str) -> LoggedMessage:
        """Let a dead letter be over; raises as `dead_letter` does, and MissingReason."""
        ...


class NoMessages:
    """Nothing is exchanged with a RIS."""

    def messages(self, limit: int, *, dead: bool = False) -> Sequence[LoggedMessage]:
        """None."""
        del limit, dead
        return ()

    def dead_letter(self, message_id: str) -> LoggedMessage:
        """None of any number."""
        raise UnknownMessage(f"no message {message_id[:40]} is kept")

    def again(self, message_id: str, actor: str) -> LoggedMessage:
        """None of any number."""
        del actor
        return self.dead_letter(message_id)

    def dismiss(self, message_id: str, actor: str, reason: str) -> LoggedMessage:
        """None of any number."""
        del actor, reason
        return self.dead_letter(message_id)


class Record(Protocol):
    """The event log, as people ask it."""

    def study_at(self, uid: StudyInstanceUID, moment: datetime, *, limit: int) -> StudyThen:
        """A study and at most so many lines of the list, as they were; raises StoreUnavailable."""
        ...


class NoRecord:
    """Nothing was recorded."""

    def study_at(self, uid: StudyInstanceUID, moment: datetime, *, limit: int) -> StudyThen:
        """Nothing of any study."""
        return study_then(uid, moment, 0, replay=ListReplay(), events=(), ai=(), limit=limit)


class People(Protocol):
    """Persons and machines at the door; every method may raise StoreUnavailable."""

    @property
    def limits(self) -> SessionLimits:
        """How long sessions last."""
        ...

    def sign_in(self, name: str, password: str, visitor: Visitor, now: datetime) -> NewSession:
        """Begin a session; raises SignInRefused or TooManyTries."""
        ...

    def sign_out(self, secret: str, now: datetime) -> None:
        """End a session; nothing happens if it does not hold."""
        ...

    def who(self, secret: str, now: datetime, *, attended: bool) -> SignedIn | None:
        """Whose session this is, if it holds; `attended`: a person is there, not just a page."""
        ...

    def change_password(
        self, signed_in: SignedIn, old: str, new: str, visitor: Visitor, now: datetime
    ) -> NewSession:
        """Begin a session by a new password; raises SignInRefused, TooManyTries, WeakPassword."""
        ...

    def present(self, names: Collection[AccountName], now: datetime) -> Collection[AccountName]:
        """Those of these people who are signed in somewhere."""
        ...

    def token(self, secret: str, now: datetime) -> ApiToken | None:
        """Which machine's token this is, if it holds."""
        ...

    def token_holds(self, token: ApiToken, now: datetime) -> bool:
        """Whether a token that was found is still good."""
        ...


class SignOn(Protocol):
    """Single sign-on by a provider."""

    @property
    def label(self) -> str:
        """What stands on the button."""
        ...

    def set_out(self, redirect_uri: str, visitor: Visitor, now: datetime) -> tuple[str, str]:
        """Where to send the browser, and the secret it keeps meanwhile; raises TooManyTries."""
        ...

    def come_back(
        self,
        *,
        code: str | None,
        state: str,
        browser: str | None,
        redirect_uri: str,
        visitor: Visitor,
        now: datetime,
    ) -> NewSession:
        """Begin a session; raises SignInRefused, or another VigieError if nobody can tell."""
        ...

    def sign_out_address(self, back_to: str) -> str | None:
        """Where to send the browser to sign out of the provider too; None: nowhere."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """One decoded frame, ready to be windowed.

    pixels: float32 (row, column), modality values (CT: Hounsfield units), higher is brighter
    (MONOCHROME1 is inverted already); or uint8 (row, column, 3) RGB, which is shown as it is.
    """

    pixels: npt.NDArray[np.float32] | npt.NDArray[np.uint8]
    window: tuple[float, float] | None = None  # centre and width from the header, if any
    pixel_aspect: float = 1.0  # how many times as high as wide a pixel is


DecodeFrame = Callable[[Path, int], Frame]
"""Decodes a frame (counts from 1) of the object at a path; raises CannotDecode."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One thing a node needs to be of use."""

    name: str
    ok: bool
    detail: str = ""  # a sentence for the administrator
    warns: bool = False  # it works, but not as most sites would want it


Readiness = Callable[[], Sequence[Check]]


Listen = Callable[[], AbstractAsyncContextManager[AsyncIterator[WorklistChange]]]
"""Entered: changes are heard from now on. The iterator raises when they no longer are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NodeInfo:
    """How modalities reach this node."""

    ae_title: str
    dicom_port: int
    version: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SiteLinks:
    """Pages of the site that a study leads to, as its administrator wrote them."""

    report_address: str | None = None  # with {accession_number}
    viewers: Mapping[str, str] = field(default_factory=dict)  # name: with {study_instance_uid}


NO_LINKS = SiteLinks()


TestDestination = Callable[[str], tuple[bool, str]]
"""Asks the destination of a name whether it is there; called in threads.

Whether it can be reached, and a line about it; raises `worklist.outbound.UnknownDestination`.
"""
