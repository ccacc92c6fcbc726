"""Whatever people, detectors and images do, in any order: what is withheld is not shown (P8)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from tests.builders import FRACTURE, HAEMORRHAGE, NOON, account, arrival, provenance
from viewer.ports import SiteLinks
from viewer.reading_schemas import opened_study
from worklist.conclusion import Answer
from worklist.due_time import DueTargets, probability_in_words
from worklist.errors import VigieError
from worklist.finding import (
    DetectorIdentity,
    Evidence,
    Failed,
    Flagged,
    Lesion,
    NotApplicable,
    NotFlagged,
    Outcome,
    Region,
    SuspectedKind,
    TargetFinding,
)
from worklist.highlighting import Highlighting, Looker, Modes
from worklist.people import Role
from worklist.readings import Outline
from worklist.service import Worklist
from worklist.store.people import PostgresPeople
from worklist.store.postgres import PostgresStore
from worklist.store.reader import PostgresReader
from worklist.study import Completeness
from worklist.uid import SOPInstanceUID, StudyInstanceUID

NODULE = DetectorIdentity(
    name="nodule",
    version="3.0",
    target=TargetFinding.PULMONARY_NODULE,
    weights_sha256="b" * 64,
    operating_point=0.5,
)
DETECTORS = {one.name: one for one in (FRACTURE, HAEMORRHAGE, NODULE)}
MODES = Modes(
    chosen={
        "haemorrhage": Highlighting.AFTER_FIRST_LOOK,
        "nodule": Highlighting.TRIAGE_ONLY,
    }
)


def looker(name: str, *roles: Role) -> Looker:
    return Looker(actor=f"person {name}", account=name, roles=frozenset(roles))


READERS = (looker("anna", Role.RADIOLOGIST), looker("ben", Role.RADIOLOGIST, Role.ADMINISTRATOR))
LOOKERS = (
    *READERS,
    looker("quinn", Role.QA_REVIEWER),
    Looker(actor="token pacs", account=None),
)
_studies = count(1)


@dataclass
class Site:
    """One study of a site, and what the test knows of it by itself."""

    engine: sa.Engine
    folder: Path
    uid: StudyInstanceUID = field(default_factory=lambda: StudyInstanceUID(f"1.7.{next(_studies)}"))
    images: int = 0
    number: int = 0  # of the newest assessment
    results: dict[str, int] = field(default_factory=dict)  # newest assessment with an outcome
    answered: dict[tuple[str, TargetFinding], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        store = PostgresStore(self.engine)
        self.worklist = Worklist(store, DueTargets(), modes=MODES)
        self.reader = PostgresReader(self.engine, archive=self.folder, inbox_objects=lambda: 0)
        self.now = NOON
        self.arrives()

    def arrives(self) -> None:
        """One more image; a new assessment is begun."""
        self.images += 1
        image = f"{self.uid}.{self.images}"
        self.worklist.record_arrivals([arrival(image, study=self.uid)], now=self.now)
        whole = Completeness.COMPLETE
        self.worklist.complete_study(self.uid, completeness=whole, now=self.now)
        self.number += 1
        self.worklist.begin_assessment(self.uid, self.number, now=self.now)

    def must_not_see(self, one: Looker) -> set[str]:
        """The rule, said once more and otherwise."""
        hidden = {"nodule"}
        if one.account is None or Role.RADIOLOGIST in one.roles:
            target = TargetFinding.INTRACRANIAL_HAEMORRHAGE
            looked_at = self.answered.get((one.account or "", target), 0)
            if looked_at < self.results.get("haemorrhage", self.number):
                hidden.add("haemorrhage")
        return hidden

    def check(self, one: Looker) -> None:
        """Nothing of what this looker must not see is in the answer; the rest of the marks is."""
        self.now += timedelta(seconds=1)
        shown = self.worklist.show(self.reader.study(self.uid, self.now), one, now=self.now)
        answer = opened_study(shown, SiteLinks())
        hidden = self.must_not_see(one)
        assert set(answer.withheld) == hidden
        text = answer.model_dump_json()
        for name in hidden:
            for mark in marks_of(name):
                assert mark not in text, (one.actor, mark)
        for region in answer.regions:
            assert region.detector not in hidden


def probability(name: str, number: int) -> float:
    return {"fracture": 0.21, "haemorrhage": 0.51, "nodule": 0.81}[name] + number / 64


def marked(name: str, number: int, image: str, *, flag: bool) -> Outcome:
    region = Region(
        sop_instance_uid=SOPInstanceUID(image),
        frame_number=1,
        polygon=((1.5, 1.5), (9.0, 1.5), (9.0, 9.0)),
        score=0.5,
        kind=f"sort of {name}",
        lesion=1,
    )
    lesion = Lesion(
        number=1,
        score=0.5,
        centre_mm=None,
        diameter_mm=None,
        first_image=SOPInstanceUID(image),
        last_image=SOPInstanceUID(image),
    )
    evidence = Evidence(
        kinds=(SuspectedKind(name=f"sort of {name}", score=0.5),), lesions=(lesion,)
    )
    kind = Flagged if flag else NotFlagged
    return kind(probability=probability(name, number), regions=(region,), evidence=evidence)


def marks_of(name: str) -> list[str]:
    """Texts that would give a detector's marks away."""
    numbers = [probability(name, number) for number in range(1, 12)]
    words = DETECTORS[name].target.words
    return [
        f"sort of {name}",
        f"remark on {name}",
        *map(repr, numbers),
        *(f"{words} {probability_in_words(one)}" for one in numbers),
        *(f"flagged {probability_in_words(one)}" for one in numbers),
    ]


people = st.sampled_from(READERS)
names = st.sampled_from(sorted(DETECTORS))
findings = st.sampled_from(TargetFinding)
answers = st.dictionaries(findings, st.sampled_from(Answer), max_size=3)
steps = st.one_of(
    st.tuples(st.just("arrives")),
    st.tuples(st.just("outcome"), names, st.sampled_from(["flag", "no flag", "failed", "none"])),
    st.tuples(st.just("first look"), people, answers),
    st.tuples(st.just("reveal"), st.sampled_from(LOOKERS), names),
    st.tuples(st.just("judge"), people, names),
    st.tuples(st.just("draw"), people, findings),
    st.tuples(st.just("conclude"), people, answers),
    st.tuples(st.just("reopen")),
    st.tuples(st.just("priority")),
    st.tuples(st.just("switch"), st.booleans()),
    st.tuples(st.just("open"), st.sampled_from(LOOKERS)),
)
Step = tuple[object, ...]


def play(site: Site, step: Step) -> None:
    """Do it; what is refused is not done."""
    match step:
        case ("arrives",):
            site.arrives()
        case ("outcome", str(name), str(said)):
            _outcome(site, name, said)
        case ("first look", Looker() as one, dict(said)):
            site.worklist.first_look(site.uid, said, one, now=site.now)
            _note(site, one, said)
        case ("reveal", Looker() as one, str(name)):
            site.worklist.reveal(site.uid, name, one, now=site.now)
        case ("judge", Looker() as one, str(name)):
            remark = f"remark on {name}"
            site.worklist.judge(
                site.uid, name, one, agrees=False, lesion=1, comment=remark, now=site.now
            )
        case ("draw", Looker() as one, TargetFinding() as target):
            image = SOPInstanceUID(f"{site.uid}.1")
            polygon = ((2.5, 2.5), (9.0, 2.5), (9.0, 9.0))
            outline = Outline(
                target=target, sop_instance_uid=image, frame_number=1, polygon=polygon
            )
            site.worklist.draw(site.uid, outline, one, now=site.now)
        case ("conclude", Looker(account=str(name)) as one, dict(said)):
            site.worklist.claim(site.uid, account(name).name, take_over=True, now=site.now)
            site.worklist.conclude(site.uid, said, one, reading_s=1, now=site.now)
            _note(site, one, said)
        case ("reopen",):
            site.worklist.reopen(site.uid, actor="anna", reason="again", now=site.now)
        case ("priority",):
            site.worklist.override_priority(
                site.uid, None, actor="anna", reason="a mistake", now=site.now
            )
        case ("switch", bool(stop)):
            act = site.worklist.stop_ai if stop else site.worklist.start_ai
            installed = sorted(DETECTORS)
            act(None, installed=installed, actor="anna", reason="odd results", now=site.now)
            site.number = site.reader.study(site.uid, site.now).readings.assessment_number
        case ("open", Looker() as one):
            site.check(one)


def _outcome(site: Site, name: str, said: str) -> None:
    outcomes: dict[str, Outcome] = {
        "flag": marked(name, site.number, f"{site.uid}.1", flag=True),
        "no flag": marked(name, site.number, f"{site.uid}.1", flag=False),
        "failed": Failed(reason="out of memory"),
        "none": NotApplicable(reason="another part of the body"),
    }
    rests_on = provenance(DETECTORS[name])
    site.worklist.record_outcome(site.uid, site.number, outcomes[said], rests_on, now=site.now)
    site.results[name] = site.number


def _note(site: Site, one: Looker, said: dict[TargetFinding, Answer]) -> None:
    for target in said:
        site.answered[one.account or "", target] = site.number


@pytest.fixture
def staffed(emptied_engine: sa.Engine) -> sa.Engine:
    """Everybody has an account, every detector is installed."""
    PostgresStore(emptied_engine).register_detectors(list(DETECTORS.values()), {}, NOON)
    with PostgresPeople(emptied_engine).transaction() as transaction:
        for one in LOOKERS:
            if one.account is not None:
                transaction.save_account(account(one.account, *one.roles))
    return emptied_engine


BLOOD = TargetFinding.INTRACRANIAL_HAEMORRHAGE
SEEN: Step = ("first look", READERS[0], {BLOOD: Answer.PRESENT})
AGAIN: tuple[Step, ...] = (("arrives",), ("outcome", "haemorrhage", "flag"))


@example(history=[SEEN, *AGAIN])
@example(history=[SEEN, ("judge", READERS[0], "haemorrhage"), ("draw", READERS[0], BLOOD), *AGAIN])
@example(history=[("conclude", READERS[0], dict.fromkeys(TargetFinding, Answer.ABSENT)), *AGAIN])
@settings(
    max_examples=25,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink takes minutes
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(history=st.lists(steps, max_size=12))
def test_what_is_withheld_is_not_shown_whatever_happened(
    staffed: sa.Engine, tmp_path: Path, history: Sequence[Step]
) -> None:
    site = Site(staffed, tmp_path)
    for name in DETECTORS:
        _outcome(site, name, "flag")
    for step in history:
        try:
            play(site, step)
        except VigieError:
            continue
    for one in LOOKERS:
        site.check(one)
        site.check(one)  # the first one may have revealed something
