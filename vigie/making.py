"""Makes the objects of recorded assessments, and lets them be sent.

What is due is asked of the database, never remembered; the same facts make the same bytes under
the same UIDs. So this may be killed at any time and repeats what it had in hand.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from results.document import ResultObject
from results.errors import UnusableFacts
from results.facts import AssessmentFacts, ObjectReference
from results.key_image import build_key_image
from results.presentation import build_presentations
from results.report import build_report
from results.segmentation import build_segmentations
from results.selection import Rejection, build_rejection, build_selections
from viewer.decoding import may_pass
from vigie.result_facts import Site, facts_of, pictures_of, waiting_for_a_look, worth_of
from vigie.result_files import ResultFolder
from worklist.errors import StoreUnavailable
from worklist.outbound import (
    MadeObject,
    MadeSet,
    ObjectKind,
    RejectionReason,
    Wants,
    Worth,
    rules_of,
)
from worklist.store.assessed import AssessedStudy
from worklist.store.making import DueRejection, PostgresMaking
from worklist.store.result_files import GoneFile, PostgresResultFiles
from worklist.uid import StudyInstanceUID

log = structlog.get_logger(__name__)

_AT_ONCE = 20  # assessments asked for in one question
_LONGEST_PROBLEM = 500  # characters
_DELETED_AT_ONCE = 200
_ABANDONED_AFTER = timedelta(days=1)  # of a file that the database does not know


@dataclass(frozen=True, kw_only=True, slots=True)
class _Built:
    """What became of one assessment."""

    digest: str = ""  # of the facts; empty: there are none
    objects: tuple[MadeObject, ...] = ()
    problems: tuple[str, ...] = ()  # why others are not made
    may_pass: bool = False  # one of the problems is of the moment


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
    kept_for
        How long the file of what was taken, and is answered for by nobody, is kept.
    """

    def __init__(
        self,
        store: PostgresMaking,
        files: PostgresResultFiles,
        site: Site,
        subscriptions: Sequence[Subscription],
        folder: ResultFolder,
        now: Callable[[], datetime],
        *,
        kept_for: timedelta = timedelta(days=7),
    ) -> None:
        self._store = store
        self._files = files
        self._site = site
        self._subscriptions = subscriptions
        self._folder = folder
        self._now = now
        self._kept_for = kept_for

    def make_due(self, stopped: Callable[[], bool]) -> int:
        """Make everything that is due; how many assessments and rejections that were."""
        return sum(1 for _ in self._due(stopped))

    def _due(self, stopped: Callable[[], bool]) -> Iterator[None]:
        since = min(one.since for one in self._subscriptions)
        while not stopped():
            now = self._now()
            found = list(self._store.due(since, now, _AT_ONCE))
            found += self._store.due_for_reveals(now, _AT_ONCE)
            rejections = self._store.due_rejections(now, _AT_ONCE)
            gone = self._files.to_make_again(now, _AT_ONCE)
            if not found and not rejections and not gone:
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
            for lost in gone:
                if stopped():
                    return
                self.make_again(lost)
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
        kinds = {kind for one in wants for kind in one.kinds if one.wants(kind, worth)}
        built = self._objects(study, kinds) if study.results and kinds else _Built()
        problem = "; ".join(built.problems)[:_LONGEST_PROBLEM]
        if built.may_pass and not built.digest:
            if self._store.put_off(uid, number, problem, self._now()):
                log.warning("results_put_off", study_instance_uid=uid, why=problem)
                return
            built = replace(built, may_pass=False)
        made = self._set_of(study, worth, built, problem)
        kept = self._store.keep(made, wants, tries_again=built.may_pass)
        log.info(
            "results_made",
            study_instance_uid=uid,
            assessment_number=number,
            objects=len(made.objects),
            problem=problem or None,
            kept=kept,
        )

    def _set_of(self, study: AssessedStudy, worth: Worth, built: _Built, problem: str) -> MadeSet:
        revealed, withheld = waiting_for_a_look(self._site.modes, study.results, study.revealed)
        return MadeSet(
            study_instance_uid=study.study_instance_uid,
            assessment_number=study.number,
            made_at=self._now(),
            objects=built.objects,
            worth=worth,
            revealed=revealed,
            withheld=withheld,
            problem=problem,
            digest=built.digest,
            rules=rules_of(self._site.device.software_version, self._site.modes),
            was_asked=study.is_asked,
        )

    def _objects(self, study: AssessedStudy, kinds: set[ObjectKind]) -> _Built:
        """What can be made, written, and of what cannot, the reasons.

        What was made of the same facts already is not made again: a report would then name
        itself as the one before it.
        """
        uid, facts = study.study_instance_uid, self._facts(study)
        if isinstance(facts, _Built):
            return facts
        made = list(study.made) if study.made_of == facts.digest else []
        known = {one.kind for one in made}
        problems: list[str] = []
        passing = False
        for kind, build in self._builders(facts, study).items():
            if kind not in kinds - known:
                continue
            try:
                built = build()
            except StoreUnavailable:
                raise
            except Exception as error:
                # Whatever a header held that no builder expects: said, and the others are made.
                log.exception("object_not_made", kind=kind, study_instance_uid=uid)
                problems.append(f"{kind}: {type(error).__name__}: {error}")
                passing = passing or may_pass(error)
                continue
            if self._were_other_bytes(built):
                problems.append(f"{kind}: it was made before, with other bytes under its UID")
                continue
            made += [self._written(study, kind, one) for one in built]
        return _Built(
            digest=facts.digest,
            objects=tuple(made),
            problems=tuple(problems),
            may_pass=passing,
        )

    def _facts(self, study: AssessedStudy) -> AssessmentFacts | _Built:
        """What objects are made of, or why there is nothing."""
        try:
            return facts_of(study, self._site)
        except StoreUnavailable:
            raise
        except Exception as error:
            # Whatever a header held that nobody expects: said, and the next study's turn comes.
            if not isinstance(error, UnusableFacts):
                log.exception("no_facts", study_instance_uid=study.study_instance_uid)
            return _Built(problems=(_words(error),), may_pass=may_pass(error))

    def _were_other_bytes(self, built: Sequence[ResultObject]) -> bool:
        """Whether the UID of one of them is known, with other bytes: it may be out there."""
        kept = self._files.kept([one.reference.sop_instance_uid for one in built])
        return any(
            kept.get(one.reference.sop_instance_uid, sha256_of(one)) != sha256_of(one)
            for one in built
        )

    def _written(self, study: AssessedStudy, kind: ObjectKind, built: ResultObject) -> MadeObject:
        made = self._folder.write(study.study_instance_uid, kind, built)
        if kind is not ObjectKind.REPORT:
            return made
        return replace(made, names=tuple(one.sop_instance_uid for one in study.earlier_reports))

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
            built = self._rejection(study, due.objects, due.why, due.at)
        except StoreUnavailable:
            raise
        except Exception as error:
            if may_pass(error) and self._store.put_off_rejection(due, _words(error), self._now()):
                log.warning("rejection_put_off", study_instance_uid=uid, why=_words(error))
                return
            # Said where people look, for they must hide the objects themselves now.
            log.exception("no_rejection", study_instance_uid=uid, destination=due.destination)
            self._store.give_up_rejection(due, str(error)[:_LONGEST_PROBLEM], self._now())
            return
        made = replace(
            self._folder.write(uid, ObjectKind.REJECTION, built),
            names=tuple(one.sop_instance_uid for one in due.objects),
            why=due.why,
            said_at=due.at,
        )
        self._store.keep_rejection(due, made, self._now())
        log.info("rejection_made", study_instance_uid=uid, destination=due.destination)

    def _rejection(
        self,
        study: AssessedStudy,
        objects: Sequence[MadeObject],
        why: RejectionReason,
        at: datetime,
    ) -> ResultObject:
        references = [_reference(one) for one in objects]
        return build_rejection(facts_of(study, self._site), references, Rejection(why), now=at)

    def make_again(self, gone: GoneFile) -> None:
        """Make the file of an object again, byte for byte; where it would differ, all anew."""
        try:
            built = self._built_again(gone)
        except StoreUnavailable:
            raise
        except Exception as error:
            # Whatever is wrong with its sources by now: said, and others are made.
            words = f"its file is gone and cannot be made again: {_words(error)}"
            if may_pass(error) and self._files.put_off(gone, words, self._now()):
                log.warning("file_put_off", path=gone.made.path, why=_words(error))
                return
            log.exception("file_not_made_again", path=gone.made.path)
            self._files.give_up(gone, words[:_LONGEST_PROBLEM], self._now())
            return
        if built is not None:
            self._folder.write(gone.study_instance_uid, gone.made.kind, built)
            self._files.there(gone.made.sop_instance_uid)
            log.info("file_made_again", path=gone.made.path)
        elif not self._files.make_anew(gone):
            words = "its file is gone and what holds now is something else"
            self._files.give_up(gone, words, self._now())

    def _built_again(self, gone: GoneFile) -> ResultObject | None:
        """The object as it was; None: what it told does not hold any more.

        Raises
        ------
        UnusableFacts
            If it has other bytes now: they must not go out under its UID.
        """
        study = self._store.assessed(gone.study_instance_uid, gone.assessment_number, newest=False)
        if study is None:
            raise UnusableFacts("the assessment is gone")
        study = replace(study, revealed=gone.revealed, earlier_reports=gone.named)
        made, is_told_otherwise = gone.made, False
        if made.kind is ObjectKind.REJECTION:
            why, at = made.why, made.said_at
            if why is None or at is None:
                raise UnusableFacts("what it named is not known any more")
            found = [self._rejection(study, gone.named, why, at)]
        else:
            facts = facts_of(study, self._site)
            is_told_otherwise = facts.digest != gone.digest
            found = self._builders(facts, study)[made.kind]()
        for one in found:
            if sha256_of(one) == made.sha256:
                return one
        if is_told_otherwise:
            return None
        raise UnusableFacts("it is made with other bytes now")

    def tidy(self) -> None:
        """Delete files that nobody waits for."""
        now = self._now()
        while names := self._files.not_needed(now - self._kept_for, now, _DELETED_AT_ONCE):
            self._folder.delete(names)
            log.info("result_files_deleted", files=len(names))

    def sweep(self) -> None:
        """Delete what killed processes left."""
        now = self._now()
        for old in self._folder.abandoned(now - _ABANDONED_AFTER):
            self._folder.delete(sorted(self._files.unknown(old)) if old else ())


def sha256_of(built: ResultObject) -> str:
    """Of its file, hex."""
    return hashlib.sha256(built.file).hexdigest()


def _words(error: Exception) -> str:
    if isinstance(error, UnusableFacts):
        return str(error)
    return f"{type(error).__name__}: {error}"


def _reference(one: MadeObject) -> ObjectReference:
    return ObjectReference(
        sop_class_uid=one.sop_class_uid,
        sop_instance_uid=one.sop_instance_uid,
        series_instance_uid=one.series_instance_uid,
    )
