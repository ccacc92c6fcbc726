"""Cases of quality assurance: they open by themselves, are reviewed blind, and are closed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from worklist.case_review import (
    OPEN_TO_REVIEW,
    Case,
    CaseState,
    MayNotReview,
    Review,
    ReviewFirst,
    RootCause,
    UnknownCase,
    check_closes,
    check_may_review,
    is_blind,
    standing,
)
from worklist.case_views import (
    Measured,
    ReadReport,
    Reason,
    ShownCase,
    blind_name,
    is_reviewer,
    people_in,
    shown_to,
)
from worklist.conclusion import Answer
from worklist.errors import MissingReason, RefusedByStore
from worklist.finding import TargetFinding
from worklist.highlighting import Looker
from worklist.ports import Event
from worklist.quality import CaseKind, Evidence, drawn_kinds, kinds_of, ordered_kinds
from worklist.quality_ports import (
    CaseFilter,
    Comment,
    QualityStore,
    QualityTransaction,
    SignedReport,
)
from worklist.report_reading import Said, read_report
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID
from worklist.verification import sensitivity, specificity

_AT_ONCE = 200  # studies in one look

Refused = Callable[[StudyInstanceUID, RefusedByStore], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class QualityRules:
    """What the site chose."""

    reviews: int = 2  # that must agree
    due_after: timedelta = timedelta(days=14)
    sampled_share: float = 0.01  # of unflagged findings


class Cases:
    """What opens cases, and what people do with them."""

    def __init__(self, store: QualityStore, rules: QualityRules) -> None:
        self._store = store
        self._rules = rules

    def open_due(self, *, now: datetime, refused: Refused) -> int:
        """Look at studies of which something new was said; how many cases got a new reason.

        Parameters
        ----------
        refused
            Told of a study whose data the store refuses; it stays due, and the others do not wait.
        """
        count = 0
        for uid in self._store.due(_AT_ONCE):
            try:
                with self._store.transaction() as transaction:
                    if transaction.lock_due(uid):
                        count += self._look(transaction, uid, now)
                        transaction.looked_at(uid)
            except RefusedByStore as error:
                refused(uid, error)
        return count

    def _look(self, transaction: QualityTransaction, uid: StudyInstanceUID, now: datetime) -> int:
        known = transaction.evidence_of(uid)
        read = read_report(known.report.text) if known.report else None
        count = 0
        for bare in known.findings:
            evidence = replace(bare, report=read.answers[bare.target]) if read else bare
            kinds = kinds_of(evidence)
            if self._rules.sampled_share > 0:
                key, share = transaction.lot_key(), self._rules.sampled_share
                kinds |= drawn_kinds(evidence, uid, key, share)
            if kinds:
                said = _evidence_said(evidence, known.report)
                count += self._open(transaction, uid, evidence.target, kinds, said, now)
        return count

    def _open(
        self,
        transaction: QualityTransaction,
        uid: StudyInstanceUID,
        target: TargetFinding,
        kinds: frozenset[CaseKind],
        said: Mapping[str, Any],
        now: datetime,
    ) -> int:
        case = transaction.case_of(uid, target)
        new = ordered_kinds(kinds - set(case.kinds if case else ()))
        if not new:
            return 0
        if case is None:
            case_id = transaction.add_case(uid, target, now, now + self._rules.due_after)
        else:
            case_id = case.case_id
            if case.state is CaseState.CLOSED:
                transaction.save_case(_reopened(case))
        for kind in new:
            share = self._rules.sampled_share if kind is CaseKind.SAMPLE else None
            transaction.add_reason(case_id, kind, said, now, inclusion_probability=share)
        details = {"case": case_id, "target": target, "kinds": list(new)}
        event = "case_opened" if case is None else "case_reason_added"
        transaction.append_events([_event(event, uid, "vigie", now, details)])
        return 1

    def cases(self, asked: CaseFilter, looker: Looker) -> list[ShownCase]:
        """Cases by their numbers, without what the looker may not know yet."""
        rows = self._store.cases(asked, blind_name(looker))
        blind = (
            self._store.blind_studies(looker.account or "") if is_reviewer(looker) else frozenset()
        )
        shown = [shown_to(row, looker, row.case.study_instance_uid in blind) for row in rows]
        names = self._store.names({name for one in shown for name in people_in(one)})
        return [replace(one, names=names) for one in shown]

    def case(self, case_id: int, looker: Looker) -> ShownCase:
        """One case with everything that the looker may know.

        Raises
        ------
        UnknownCase
            If there is none of this number.
        """
        row = self._store.case(case_id)
        if row is None:
            raise UnknownCase(f"there is no case {case_id}")
        blind = self.is_blind(row.case.study_instance_uid, looker)
        shown = shown_to(row, looker, blind)
        if not blind:
            reasons = tuple(
                Reason(kind=kind, at=at, evidence=evidence)
                for kind, at, evidence in self._store.reasons(case_id)
            )
            shown = replace(
                shown,
                reasons=reasons,
                comments=tuple(self._store.comments(case_id)),
                report=self._report(row.case.study_instance_uid),
            )
        return replace(shown, names=self._store.names(people_in(shown)))

    def _report(self, uid: StudyInstanceUID) -> ReadReport | None:
        report = self._store.signed_report(uid)
        if report is None:
            return None
        return ReadReport(text=report.text, reading=read_report(report.text))

    def is_blind(self, uid: StudyInstanceUID, looker: Looker) -> bool:
        """Whether the looker may yet have to review this study, so that she may not know more."""
        return is_reviewer(looker) and uid in self._store.blind_studies(looker.account or "")

    def blind_studies(self, looker: Looker) -> frozenset[StudyInstanceUID]:
        """Every such study."""
        if not is_reviewer(looker):
            return frozenset()
        return self._store.blind_studies(looker.account or "")

    def holds_results(
        self,
        study: StudyInstanceUID,
        series: SeriesInstanceUID | None,
        instance: SOPInstanceUID | None,
    ) -> bool:
        """Whether there are objects that Vigie made in a study, a series, or under a UID."""
        return self._store.holds_results(study, series, instance)

    def review(
        self, case_id: int, answer: Answer, comment: str, looker: Looker, *, now: datetime
    ) -> None:
        """Keep what a reviewer says of the images.

        Raises
        ------
        UnknownCase, AlreadyReviewed, WrongCaseState, MayNotReview
            As they say.
        """
        account = looker.account
        if account is None:
            raise MayNotReview("a QA reviewer reviews cases")
        with self._store.transaction() as transaction:
            case = _locked(transaction, case_id)
            involved = transaction.involved_in(case.study_instance_uid)
            check_may_review(case, account, looker.roles, involved)
            review = Review(account=account, answer=answer, comment=comment.strip(), at=now)
            reviews = (*case.reviews, review)
            now_stands = standing(reviews, self._rules.reviews)
            transaction.add_review(case_id, len(reviews), review)
            transaction.save_case(replace(case, state=now_stands.state, verdict=now_stands.verdict))
            # What was answered stays out of the log of the study, which others read.
            details = {"case": case_id, "review": len(reviews), "state": now_stands.state}
            transaction.append_events(
                [_event("case_reviewed", case.study_instance_uid, looker.actor, now, details)]
            )

    def assign(self, case_id: int, to: str | None, looker: Looker, *, now: datetime) -> None:
        """Give a case to a reviewer, or to nobody.

        Raises
        ------
        UnknownCase, MayNotReview
            If the person cannot review it, for one of the reasons of `check_may_review`.
        """
        with self._store.transaction() as transaction:
            case = _locked(transaction, case_id)
            if to is not None:
                if not transaction.reviewer_exists(to):
                    raise MayNotReview(f"{to} is no QA reviewer")
                involved = transaction.involved_in(case.study_instance_uid)
                if case.state in OPEN_TO_REVIEW and not is_blind(case, to, involved):
                    raise MayNotReview(f"{to} cannot review this case blind")
            transaction.save_case(replace(case, assigned_to=to))
            details = {"case": case_id, "account": to}
            transaction.append_events(
                [_event("case_assigned", case.study_instance_uid, looker.actor, now, details)]
            )

    def comment(self, case_id: int, text: str, looker: Looker, *, now: datetime) -> None:
        """Keep what somebody writes on a case that she is not to review any more.

        Raises
        ------
        ReviewFirst
            If she may have to.
        """
        if not text.strip():
            raise MissingReason("write something")
        with self._store.transaction() as transaction:
            case = _locked(transaction, case_id)
            _require_sighted(transaction, case, looker)
            comment = Comment(account=looker.account or "", text=text.strip(), at=now)
            transaction.add_comment(case_id, comment)
            details = {"case": case_id}
            transaction.append_events(
                [_event("case_commented", case.study_instance_uid, looker.actor, now, details)]
            )

    def close(
        self,
        case_id: int,
        cause: RootCause,
        action: str,
        looker: Looker,
        *,
        teaches: bool = False,
        now: datetime,
    ) -> None:
        """Close a case that has a verdict, with its root cause and what is done about it.

        Raises
        ------
        WrongCaseState, ReviewFirst, MissingReason
            As they say.
        """
        if not action.strip():
            raise MissingReason("say what is done about it, or that nothing is")
        with self._store.transaction() as transaction:
            case = _locked(transaction, case_id)
            _require_sighted(transaction, case, looker)
            check_closes(case)
            closed = replace(
                case,
                state=CaseState.CLOSED,
                root_cause=cause,
                action=action.strip(),
                closed_at=now,
                closed_by=looker.account,
                teaches=teaches,
            )
            transaction.save_case(closed)
            details = {
                "case": case_id,
                "target": case.target,
                "verdict": case.verdict,
                "root_cause": cause,
                "action": closed.action,
                "teaches": teaches,
            }
            transaction.append_events(
                [_event("case_closed", case.study_instance_uid, looker.actor, now, details)]
            )

    def measured(self) -> list[Measured]:
        """Sensitivity and specificity per finding, without verification bias."""
        found = []
        for target in TargetFinding:
            verified = self._store.verified(target)
            found.append(
                Measured(
                    target=target,
                    sensitivity=sensitivity(verified),
                    specificity=specificity(verified),
                )
            )
        return found


def _locked(transaction: QualityTransaction, case_id: int) -> Case:
    case = transaction.lock_case(case_id)
    if case is None:
        raise UnknownCase(f"there is no case {case_id}")
    return case


def _require_sighted(transaction: QualityTransaction, case: Case, looker: Looker) -> None:
    involved = transaction.involved_in(case.study_instance_uid)
    if is_reviewer(looker) and is_blind(case, looker.account or "", involved):
        raise ReviewFirst("review the case first: what you write may not rest on others' answers")


def _reopened(case: Case) -> Case:
    return replace(
        case,
        state=CaseState.REVIEWED,
        root_cause=None,
        closed_at=None,
        closed_by=None,
        teaches=False,
    )


def _evidence_said(evidence: Evidence, report: SignedReport | None) -> dict[str, Any]:
    """What was known when a case opened, as it is kept."""
    said: dict[str, Any] = {
        "ai": [
            {
                "detector": one.detector,
                "state": one.state,
                "probability": one.probability,
                "was_late": one.was_late,
            }
            for one in evidence.ai
        ],
        "conclusions": [
            {"account": one.account, "answer": one.answer} for one in evidence.conclusions
        ],
    }
    if report is not None and evidence.report not in (None, Said.NOT_MENTIONED):
        said["report"] = {"number": report.report_id, "said": evidence.report}
    return said


def _event(
    kind: str, uid: StudyInstanceUID, actor: str, now: datetime, details: Mapping[str, Any]
) -> Event:
    return Event(kind=kind, at=now, actor=actor, study_instance_uid=uid, details=dict(details))
