"""A site with one study that AI and a radiologist judge, and people who review it."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from tests.browser import Browser, app_of
from tests.builders import FRACTURE, HAEMORRHAGE, NOON, STUDY, arrival, provenance
from tests.people import PASSWORD, House
from worklist.cases import Cases, QualityRules
from worklist.conclusion import Answer
from worklist.due_time import DueTargets
from worklist.finding import DetectorIdentity, Outcome, TargetFinding
from worklist.highlighting import Looker
from worklist.orders import Report, ReportStatus
from worklist.people import Role
from worklist.service import Worklist
from worklist.store.postgres import PostgresStore
from worklist.store.quality import PostgresQuality
from worklist.store.reader import PostgresReader
from worklist.study import Completeness
from worklist.uid import StudyInstanceUID

PEOPLE = {
    "anna": (Role.RADIOLOGIST,),
    "ben": (Role.RADIOLOGIST,),
    "quinn": (Role.QA_REVIEWER,),
    "quirin": (Role.QA_REVIEWER,),
    "quenya": (Role.QA_REVIEWER,),
    "both": (Role.QA_REVIEWER, Role.RADIOLOGIST),
    "chief": (Role.QA_REVIEWER, Role.ADMINISTRATOR),
    "ada": (Role.ADMINISTRATOR,),
}
DETECTORS = {one.name: one for one in (FRACTURE, HAEMORRHAGE)}


class Site:
    """Everybody and everything, over one database."""

    def __init__(self, engine: sa.Engine, folder: Path, rules: QualityRules | None = None) -> None:
        self.engine = engine
        self.house = House(engine)
        self.store = PostgresStore(engine)
        self.store.register_detectors([FRACTURE, HAEMORRHAGE], {}, NOON)
        self.worklist = Worklist(self.store, DueTargets())
        self.cases = Cases(PostgresQuality(engine), rules or QualityRules(sampled_share=0))
        self.reader = PostgresReader(engine, archive=folder, inbox_objects=lambda: 0)
        self.app = app_of(
            self.house, folder, reader=self.reader, worklist=self.worklist, cases=self.cases
        )
        self.browsers: dict[str, Browser] = {}

    def as_(self, name: str) -> Browser:
        """This person's browser, signed in."""
        if name not in self.browsers:
            self.house.person(name, *PEOPLE[name])
            self.browsers[name] = Browser(self.app)
            assert self.browsers[name].sign_in(name, PASSWORD).status_code == 200
        return self.browsers[name]

    def file(self, study: str = STUDY, **outcomes: Outcome) -> StudyInstanceUID:
        """A study, complete, with what detectors came to."""
        uid = StudyInstanceUID(study)
        one = arrival(f"{study}.1.1", study=study)
        one = replace(one, study=replace(one.study, accession_number=f"A-{study}"))
        self.worklist.record_arrivals([one], now=NOON)
        self.worklist.complete_study(uid, completeness=Completeness.COMPLETE, now=NOON)
        self.worklist.begin_assessment(uid, 1, now=NOON)
        self.outcomes(uid, **outcomes)
        return uid

    def outcomes(self, uid: StudyInstanceUID, **outcomes: Outcome) -> None:
        """Detectors say this."""
        for name, outcome in outcomes.items():
            identity: DetectorIdentity = DETECTORS[name]
            self.worklist.record_outcome(uid, 1, outcome, provenance(identity), now=NOON)

    def conclude(self, name: str, uid: StudyInstanceUID = STUDY, **said: Answer) -> None:
        """This radiologist claims and concludes the study."""
        self.as_(name)
        looker = Looker(actor=f"person {name}", account=name, roles=frozenset(PEOPLE[name]))
        answers = dict.fromkeys(
            (TargetFinding.FRACTURE, TargetFinding.INTRACRANIAL_HAEMORRHAGE), Answer.CANNOT_SAY
        )
        answers |= {TargetFinding(target): answer for target, answer in said.items()}
        self.worklist.claim(uid, name, take_over=False, now=NOON)  # type: ignore[arg-type]
        self.worklist.conclude(uid, answers, looker, reading_s=1, now=NOON + timedelta(minutes=1))

    def report(
        self,
        text: str,
        uid: StudyInstanceUID = STUDY,
        status: ReportStatus = ReportStatus.FINAL,
        minutes: float = 1,
    ) -> None:
        """The RIS tells of a report."""
        said = Report(
            accession_number=f"A-{uid}",
            patient_ids=("P1",),
            status=status,
            text=text,
            said_at=NOON + timedelta(minutes=minutes),
        )
        with self.store.transaction() as transaction:
            transaction.add_report(said, uid, NOON)

    def open(self) -> int:
        """Look at what is due."""
        return self.cases.open_due(now=self.house.now, refused=lambda *_: pytest.fail("refused"))

    def listed(self, name: str, query: str = "") -> list[dict[str, Any]]:
        """The cases as this person sees them."""
        answer = self.as_(name).ask("GET", f"/api/cases{query}")
        assert answer.status_code == 200, answer.text
        return list(answer.json()["cases"])

    def case(self, name: str, case_id: int = 0) -> dict[str, Any]:
        """One case as this person sees it; 0: the first."""
        number = case_id or self.listed(name)[0]["case_id"]
        answer = self.as_(name).ask("GET", f"/api/cases/{number}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def act(self, name: str, act: str, body: Any, case_id: int = 0) -> httpx.Response:
        """This person does something to a case; 0: the first."""
        number = case_id or self.listed(name)[0]["case_id"]
        return self.as_(name).ask("POST", f"/api/cases/{number}/{act}", body)

    def review(self, name: str, answer: str, case_id: int = 0) -> httpx.Response:
        """This person says what she sees."""
        return self.act(name, "review", {"answer": answer, "comment": f"{name} saw it"}, case_id)
