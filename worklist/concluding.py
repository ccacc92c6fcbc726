"""What a person says of a study: agreement, findings that were missed, her conclusion."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from worklist.claiming import claim_ended
from worklist.claims import AlreadyRead, ClaimedByAnother, ClaimEnd, NotClaimed
from worklist.conclusion import (
    Answers,
    ImagesCame,
    bounded_reading_s,
    ordered,
    require_answers,
)
from worklist.highlighting import Looker
from worklist.looking import Looking, account_of, reading_event
from worklist.outlines import UnknownDrawing, UnknownMark, check_outline
from worklist.placement import locked, moved_event
from worklist.ports import StudyRecord, Transaction
from worklist.reading import ReadingAct, ReadingState, after
from worklist.readings import Conclusion, DrawnFinding, Judgement, Outline, Readings, Result
from worklist.uid import StudyInstanceUID


class Concluding(Looking):
    """The part of the service by which readers speak."""

    def judge(
        self,
        uid: StudyInstanceUID,
        detector: str,
        looker: Looker,
        *,
        agrees: bool,
        lesion: int | None = None,
        region: int | None = None,
        comment: str = "",
        now: datetime,
    ) -> None:
        """Keep whether a person agrees with a result, or with one thing on it that was marked.

        Raises
        ------
        UnknownMark
            If the result has no such lesion or region, or no marks at all.
        FirstLookFirst, TriageOnly, UnknownDetector
            As `reveal`.
        """
        account = account_of(looker)
        with self._store.transaction() as transaction:
            locked(transaction, uid)
            result = self._visible(transaction.readings_of(uid), detector, looker)
            _require_mark(result, lesion, region)
            judgement = Judgement(
                account=account,
                detector=detector,
                assessment_number=result.assessment_number,
                lesion=lesion,
                region=region,
                agrees=agrees,
                comment=comment,
                at=now,
            )
            transaction.add_judgement(uid, judgement)
            details = {
                "detector": detector,
                "assessment_number": result.assessment_number,
                "lesion": lesion,
                "region": region,
                "agrees": agrees,
                "comment": comment,
            }
            transaction.append_events([reading_event("finding_judged", uid, looker, now, details)])

    def draw(
        self, uid: StudyInstanceUID, outline: Outline, looker: Looker, *, now: datetime
    ) -> DrawnFinding:
        """Keep a finding that a person outlines because no detector did.

        Raises
        ------
        worklist.outlines.InvalidOutline
            If it does not lie in the image.
        worklist.views.UnknownInstance
            If the study has no such image.
        """
        account = account_of(looker)
        with self._store.transaction() as transaction:
            locked(transaction, uid)
            check_outline(outline, transaction.image_size(uid, outline.sop_instance_uid))
            drawn_id = transaction.add_drawn(uid, account, outline, now)
            details = {
                "drawn_id": drawn_id,
                "target": outline.target,
                "sop_instance_uid": outline.sop_instance_uid,
                "frame_number": outline.frame_number,
                "polygon": [list(point) for point in outline.polygon],
            }
            transaction.append_events([reading_event("finding_drawn", uid, looker, now, details)])
        return DrawnFinding(drawn_id=drawn_id, account=account, outline=outline, at=now)

    def withdraw(
        self, uid: StudyInstanceUID, drawn_id: int, looker: Looker, *, now: datetime
    ) -> None:
        """Take back one's own outline; it is kept, marked so. Again: nothing happens.

        Raises
        ------
        UnknownDrawing
            If this person has drawn no such finding in this study.
        """
        account = account_of(looker)
        with self._store.transaction() as transaction:
            locked(transaction, uid)
            drawn = transaction.readings_of(uid).drawn
            mine = [one for one in drawn if one.drawn_id == drawn_id and one.account == account]
            if not mine:
                raise UnknownDrawing("you have drawn no such finding in this study")
            if mine[0].withdrawn_at is not None:
                return
            transaction.withdraw_drawn(drawn_id, now)
            details = {"drawn_id": drawn_id, "target": mine[0].outline.target}
            transaction.append_events([reading_event("drawn_withdrawn", uid, looker, now, details)])

    def conclude(
        self,
        uid: StudyInstanceUID,
        answers: Answers,
        looker: Looker,
        *,
        reading_s: float,
        instance_count: int | None = None,
        now: datetime,
    ) -> StudyRecord:
        """Keep a person's conclusion; the study is read, and her claim ends.

        Who concluded it last may put that right, also while it is read: both are kept.

        Parameters
        ----------
        reading_s
            Active seconds on its page, as the browser measured them.
        instance_count
            How many objects the page showed; None: not said.

        Raises
        ------
        NotClaimed, ClaimedByAnother
            If it is not hers to read.
        AlreadyRead
            If somebody else has read it.
        AnswersMissing
            If a finding that a detector looked for is not answered.
        ImagesCame
            If there are other images now.
        """
        account = account_of(looker)
        with self._store.transaction() as transaction:
            before = locked(transaction, uid)
            if instance_count is not None and instance_count != before.instance_count:
                raise ImagesCame("images have come since this page was opened: look at them first")
            kept = transaction.readings_of(uid)
            amends = before.reading_state is ReadingState.READ
            opened_at = (
                _amended(kept, account).concluded_at if amends else _hers(transaction, uid, account)
            )
            opened_at = min(opened_at, now)  # this clock may be behind the one that opened it
            require_answers(answers, kept.targets)
            conclusion = Conclusion(
                number=len(kept.conclusions) + 1,
                account=account,
                answers=ordered(answers),
                assessment_number=before.assessment_number,
                reading_s=bounded_reading_s(reading_s, opened_at, now),
                opened_at=opened_at,
                concluded_at=now,
                amends=amends,
            )
            transaction.add_conclusion(uid, conclusion)
            if amends:
                kind, details = "conclusion_amended", _concluded_details(conclusion)
                transaction.append_events([reading_event(kind, uid, looker, now, details)])
                return before
            return self._read(transaction, before, conclusion, looker, now)

    def _read(
        self,
        transaction: Transaction,
        before: StudyRecord,
        conclusion: Conclusion,
        looker: Looker,
        now: datetime,
    ) -> StudyRecord:
        record = replace(before, reading_state=after(before.reading_state, ReadingAct.MARK_READ))
        event = moved_event(
            transaction,
            before,
            record,
            kind="concluded",
            actor=looker.actor,
            details=_concluded_details(conclusion),
            now=now,
        )
        ended = claim_ended(
            transaction, record.study_instance_uid, ClaimEnd.CONCLUDED, actor=looker.actor, now=now
        )
        transaction.save_study(record)
        transaction.append_events([event, *ended])
        return record


def _require_mark(result: Result, lesion: int | None, region: int | None) -> None:
    if not result.has_marks:
        raise UnknownMark(f"{result.detector} has no result here to agree with")
    if lesion is not None and region is not None:
        raise UnknownMark("name a lesion or a region, not both")
    if lesion is not None and lesion not in result.lesions:
        raise UnknownMark(f"{result.detector} has marked no lesion {lesion}")
    if region is not None and not 1 <= region <= result.regions:
        raise UnknownMark(f"{result.detector} has marked no region {region}")


def _hers(transaction: Transaction, uid: StudyInstanceUID, account: str) -> datetime:
    """Since when the study is this person's to read."""
    claim = transaction.claim_of(uid)
    if claim is None:
        raise NotClaimed("claim the study first: so that nobody reads it at the same time")
    if claim.account != account:
        raise ClaimedByAnother(claim)
    return claim.claimed_at


def _amended(kept: Readings, account: str) -> Conclusion:
    """The conclusion that this person may put right: the last, if it is hers."""
    if not kept.conclusions or kept.conclusions[-1].account != account:
        raise AlreadyRead("the study is read: reopen it to conclude it anew")
    return kept.conclusions[-1]


def _concluded_details(conclusion: Conclusion) -> dict[str, Any]:
    return {
        "conclusion": conclusion.number,
        "answers": conclusion.answers,
        "assessment_number": conclusion.assessment_number,
        "reading_s": round(conclusion.reading_s, 1),
        "opened_at": conclusion.opened_at.isoformat(),
    }
