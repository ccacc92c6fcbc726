"""Who is shown which marks: a person's first look, and every reveal (P8)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from worklist.conclusion import (
    AlreadyAnswered,
    Answer,
    Answers,
    AnswersMissing,
    MarksSeen,
    Superseded,
    ordered,
)
from worklist.errors import StoreUnavailable, UnknownDetector
from worklist.finding import TargetFinding
from worklist.highlighting import FirstLookFirst, Highlighting, Looker, TriageOnly
from worklist.placement import Rules, locked
from worklist.ports import Event, Transaction
from worklist.readings import FirstLook, Readings, Result, Reveal
from worklist.uid import StudyInstanceUID
from worklist.views import StudyView
from worklist.withholding import without_marks


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownStudy:
    """A study as one looker may see it now."""

    study: StudyView  # without the marks of what is withheld
    looker: Looker
    modes: Mapping[str, Highlighting]  # by detector
    withheld: frozenset[str]  # detectors
    revealed: frozenset[str]  # detectors whose newest marks this looker was shown


class Looking(Rules):
    """The part of the service by which studies are shown.

    An account that looks first is one that reads, as the edge has made sure.
    """

    def show(
        self, study: StudyView, looker: Looker, *, now: datetime, marks: bool = True
    ) -> ShownStudy:
        """What this looker may see of a study; marks shown for the first time are logged (P8).

        Parameters
        ----------
        study
            As one snapshot of the store gave it.
        marks
            False: none is asked for, so none is shown and nothing logged.

        Returns
        -------
        ShownStudy
            What cannot be logged, because the database cannot be written, is withheld.
        """
        detectors = {one.name: one.target for one in study.row.detectors if one.target}
        detectors |= {one.detector: one.target for one in study.readings.results}
        withheld = study.readings.withheld(detectors, self._modes, looker)
        shown = [one for one in study.readings.results if one.detector not in withheld]
        if not marks or not self._logged(study, shown, looker, now):
            withheld, shown = detectors, []
        return ShownStudy(
            study=without_marks(study, withheld, looker),
            looker=looker,
            modes={name: self._modes.of(name) for name in sorted(detectors)},
            withheld=frozenset(withheld),
            revealed=frozenset(one.detector for one in shown if one.has_marks),
        )

    def _logged(
        self, study: StudyView, shown: Iterable[Result], looker: Looker, now: datetime
    ) -> bool:
        new = [
            one
            for one in shown
            if one.has_marks
            and not study.readings.has_seen(looker, one.detector, one.assessment_number)
        ]
        if not new:
            return True
        uid = study.row.study_instance_uid
        try:
            with self._store.transaction() as transaction:
                transaction.lock_studies([uid])  # first, as every act: else two wait for each other
                self._reveal(transaction, uid, new, looker, now)
        except StoreUnavailable:
            return False
        return True

    def _reveal(
        self,
        transaction: Transaction,
        uid: StudyInstanceUID,
        results: Iterable[Result],
        looker: Looker,
        now: datetime,
    ) -> None:
        """Log that these marks are shown; each once for each looker."""
        reveals = [
            Reveal(
                looker=looker.actor,
                detector=one.detector,
                assessment_number=one.assessment_number,
            )
            for one in results
        ]
        new = transaction.add_reveals(uid, reveals, now)
        if new:
            details = {
                "results": {one.detector: one.assessment_number for one in new},
                "highlighting": {one.detector: self._modes.of(one.detector) for one in new},
            }
            transaction.append_events([reading_event("marks_revealed", uid, looker, now, details)])

    def reveal(
        self, uid: StudyInstanceUID, detector: str, looker: Looker, *, now: datetime
    ) -> None:
        """Show the marks of one detector, if they may be shown.

        Raises
        ------
        FirstLookFirst, TriageOnly
            If they may not.
        UnknownDetector
            If it has said nothing of this study.
        """
        with self._store.transaction() as transaction:
            locked(transaction, uid)
            kept = transaction.readings_of(uid)
            result = self._visible(kept, detector, looker)
            if result.has_marks:
                self._reveal(transaction, uid, [result], looker, now)

    def _visible(self, kept: Readings, detector: str, looker: Looker) -> Result:
        """The result of a detector whose marks the looker may see."""
        result = kept.result_of(detector)
        if result is None:
            raise UnknownDetector(f"no detector named {detector} has looked at this study")
        if detector in kept.withheld({}, self._modes, looker):
            if self._modes.of(detector) is Highlighting.TRIAGE_ONLY:
                raise TriageOnly(f"this site shows no marks of {detector}: it orders the list only")
            raise FirstLookFirst(
                f"say first whether you see: {result.target.words}; then its marks are shown"
            )
        return result

    def first_look(
        self,
        uid: StudyInstanceUID,
        answers: Answers,
        looker: Looker,
        *,
        assessment_number: int | None = None,
        now: datetime,
    ) -> None:
        """Keep what a person sees before the marks are shown; then they may be.

        Parameters
        ----------
        assessment_number
            The study's newest when its page was opened; None: not said.

        Raises
        ------
        AnswersMissing
            If nothing is answered.
        Superseded
            If there is a newer assessment, of other images.
        AlreadyAnswered
            If she has said something else before.
        MarksSeen
            If she was shown the marks already.
        """
        account = account_of(looker)
        if not answers:
            raise AnswersMissing("say of at least one finding whether you see it")
        with self._store.transaction() as transaction:
            record = locked(transaction, uid)
            number = record.assessment_number
            if assessment_number is not None and assessment_number != number:
                raise Superseded("images have come since this page was opened: look again")
            kept = transaction.readings_of(uid)
            new = _new_answers(kept, answers, account, number)
            if not new:
                return
            _refuse_seen(kept, new, looker)
            look = FirstLook(account=account, assessment_number=number, answers=new, at=now)
            transaction.add_first_look(uid, look)
            details = {"assessment_number": number, "first_answers": new}
            transaction.append_events([reading_event("first_look", uid, looker, now, details)])
            answered = replace(kept, first_looks=(*kept.first_looks, look))
            self._reveal(transaction, uid, self._now_open(kept, answered, looker), looker, now)

    def _now_open(self, before: Readings, answered: Readings, looker: Looker) -> list[Result]:
        """The results whose marks may be seen by these answers and could not before."""
        was = before.withheld({}, self._modes, looker)
        still = answered.withheld({}, self._modes, looker)
        return [
            one
            for one in answered.results
            if one.has_marks and one.detector in was and one.detector not in still
        ]


def account_of(looker: Looker) -> str:
    if looker.account is None:
        raise TypeError("machines keep no readings")
    return looker.account


def reading_event(
    kind: str, uid: StudyInstanceUID, looker: Looker, now: datetime, details: Mapping[str, Any]
) -> Event:
    return Event(
        kind=kind, at=now, actor=looker.actor, study_instance_uid=uid, details=dict(details)
    )


def _new_answers(
    kept: Readings, answers: Answers, account: str, number: int
) -> dict[TargetFinding, Answer]:
    """Those of the answers that were not given before."""
    said = kept.answers_of(account, number)
    other = [one.words for one in answers if one in said and said[one] is not answers[one]]
    if other:
        raise AlreadyAnswered(f"your first look is kept as you gave it: {'; '.join(other)}")
    return {one: answer for one, answer in ordered(answers).items() if one not in said}


def _refuse_seen(kept: Readings, answers: Answers, looker: Looker) -> None:
    seen = [
        one.target.words
        for one in kept.results
        if one.target in answers and kept.has_seen(looker, one.detector, one.assessment_number)
    ]
    if seen:
        raise MarksSeen(f"you were shown the marks already: {'; '.join(seen)}")
