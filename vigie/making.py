"""Makes the objects of recorded assessments, and lets them be sent.

What is due is asked of the database, never remembered; the same facts make the same bytes under
the same UIDs. So this may be killed at any time and repeats what it had in hand.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from results.document import ResultObject
from results.errors import UnusableFacts
from results.facts import AssessmentFacts, ObjectReference
from results.key_image import build_key_image
from results.presentation import build_presentations
from results.report import build_report
from results.segmentation import build_segmentations
from results.selection import Rejection, build_rejection, build_selections
from vigie.result_facts import Site, facts_of, pictures_of, waiting_for_a_look, worth_of
from vigie.result_files import write_object
from worklist.errors import StoreUnavailable
from worklist.outbound import MadeObject, MadeSet, ObjectKind, Wants
from worklist.store.making import AssessedStudy, DueRejection, PostgresMaking
from worklist.uid import StudyInstanceUID

log = structlog.get_logger(__name__)

_AT_ONCE = 20  # assessments asked for in one question
_LONGEST_PROBLEM = 500  # characters
_Outcome = tuple[str, tuple[MadeObject, ...], tuple[str, ...]]  # digest, objects, problems
_NOTHING: _Outcome = ("", (), ())


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscription:
    """A destination, and since when it gets what is assessed."""

    wants: Wants
    since: datetime


class Maker:
    """Makes what is due.

    Parameters
    ----------
    folder
        Where objects are kept until they are sent.
    """

    def __init__(
        self,
        store: PostgresMaking,
        site: Site,
        subscriptions: Sequence[Subscription],
        folder: Path,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._site = site
        self._subscriptions = subscriptions
        self._folder = folder
        self._now = now

    def make_due(self, stopped: Callable[[], bool]) -> int:
        """Make everything that is due; how many assessments and rejections that were."""
        return sum(1 for _ in self._due(stopped))

    def _due(self, stopped: Callable[[], bool]) -> Iterator[None]:
        since = min(one.since for one in self._subscriptions)
        while not stopped():
            found = list(self._store.due(since, _AT_ONCE))
            found += self._store.due_for_reveals(_AT_ONCE)
            rejections = self._store.due_rejections(_AT_ONCE)
            if not found and not rejections:
                return
            for uid, number in found:
                if stopped():
                    return
                self.make(uid, number)
                yield
            for one in rejections:
                if stopped():
                    return
                self.reject(one)
                yield

    def make(self, uid: StudyInstanceUID, number: int) -> None:
        """Make the objects of one assessment, or note why they cannot be made."""
        study = self._store.assessed(uid, number)
        if study is None:
            return  # a later one came meanwhile, and is made in its place
        worth = worth_of(study.results)
        wants = [
            one.wants
            for one in self._subscriptions
            if study.is_asked or study.finished_at >= one.since
        ]
        revealed, withheld = waiting_for_a_look(self._site.modes, study.results, study.revealed)
        kinds = {kind for one in wants for kind in one.kinds if one.wants(kind, worth)}
        made_of, objects, problems = _NOTHING
        if study.results and kinds:
            made_of, objects, problems = self._objects(study, kinds)
        made = MadeSet(
            study_instance_uid=uid,
            assessment_number=number,
            made_at=self._now(),
            objects=objects,
            worth=worth,
            revealed=revealed,
            withheld=withheld,
            problem="; ".join(problems)[:_LONGEST_PROBLEM],
            digest=made_of,
        )
        kept = self._store.keep(made, wants)
        log.info(
            "results_made",
            study_instance_uid=uid,
            assessment_number=number,
            objects=len(objects),
            problem=made.problem or None,
            kept=kept,
        )

    def _objects(self, study: AssessedStudy, kinds: set[ObjectKind]) -> _Outcome:
        """The digest of the facts, what can be made, written, and of what cannot, the reasons.

        What was made of the same facts already is not made again: a report would then name
        itself as the one before it.
        """
        try:
            facts = facts_of(study, self._site)
        except UnusableFacts as error:
            return "", (), (str(error),)
        except StoreUnavailable:
            raise
        except Exception as error:
            # Whatever a header held that nobody expects: said, and the next study's turn comes.
            log.exception("no_facts", study_instance_uid=study.study_instance_uid)
            return "", (), (f"{type(error).__name__}: {error}",)
        made = list(study.made) if study.made_of == facts.digest else []
        known = {one.kind for one in made}
        problems: list[str] = []
        for kind, build in self._builders(facts, study).items():
            if kind not in kinds - known:
                continue
            try:
                built = build()
            except StoreUnavailable:
                raise
            except Exception as error:
                # Whatever a header held that no builder expects: said, and the others are made.
                log.exception(
                    "object_not_made", kind=kind, study_instance_uid=study.study_instance_uid
                )
                problems.append(f"{kind}: {type(error).__name__}: {error}")
                continue
            uid = study.study_instance_uid
            made += [write_object(self._folder, uid, kind, one) for one in built]
        return facts.digest, tuple(made), tuple(problems)

    def _builders(
        self, facts: AssessmentFacts, study: AssessedStudy
    ) -> dict[ObjectKind, Callable[[], list[ResultObject]]]:
        earlier = [_reference(one) for one in study.earlier_reports]

        def key_image() -> list[ResultObject]:
            pictures = pictures_of(facts, study, self._site)
            return [build_key_image(facts, pictures)] if pictures else []

        return {
            ObjectKind.REPORT: lambda: [build_report(facts, supersedes=earlier)],
            ObjectKind.SEGMENTATION: lambda: build_segmentations(facts),
            ObjectKind.PRESENTATION: lambda: build_presentations(facts),
            ObjectKind.KEY_IMAGE: key_image,
            ObjectKind.SELECTION: lambda: build_selections(facts),
        }

    def reject(self, due: DueRejection) -> None:
        """Make the note that objects count no more at one destination."""
        uid = due.study_instance_uid
        try:
            study = self._store.assessed(uid, due.assessment_number, newest=False)
            if study is None:
                raise UnusableFacts("the assessment is gone")
            references = [_reference(one) for one in due.objects]
            why = Rejection(due.why)
            built = build_rejection(facts_of(study, self._site), references, why, now=due.at)
        except StoreUnavailable:
            raise
        except Exception as error:
            # Said where people look, for they must hide the objects themselves now.
            log.exception("no_rejection", study_instance_uid=uid, destination=due.destination)
            self._store.give_up_rejection(due, str(error)[:_LONGEST_PROBLEM], self._now())
            return
        made = write_object(self._folder, uid, ObjectKind.REJECTION, built)
        self._store.keep_rejection(due, made, self._now())
        log.info("rejection_made", study_instance_uid=uid, destination=due.destination)


def _reference(one: MadeObject) -> ObjectReference:
    return ObjectReference(
        sop_class_uid=one.sop_class_uid,
        sop_instance_uid=one.sop_instance_uid,
        series_instance_uid=one.series_instance_uid,
    )
