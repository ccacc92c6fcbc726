"""The bodies of ``/api/simulations``: what is to be simulated, within bounds, and what came out."""

from dataclasses import replace
from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field

from viewer.asked import Asked
from worklist.due_time import DueTargets
from worklist.errors import VigieError
from worklist.finding import TargetFinding
from worklist.simulation import Figures
from worklist.simulation_ai import BinormalScores
from worklist.simulation_length import Run, readings
from worklist.simulation_policies import Policy
from worklist.simulation_setting import ReadingTime, Setting, SimulatedFinding, StudyKind
from worklist.simulation_studies import StudyClass
from worklist.study import RequestedPriority

POLICIES = (Policy.FLAGGED_FIRST, Policy.FLAGGED_FIRST_PREEMPTIVE, Policy.SCORE, Policy.DUE_TIME)
MOST_READINGS = 800_000  # about ten seconds of one core
_WEEK_MIN = 10_080


class SimulationTooLarge(VigieError, ValueError):
    """It would take the machine for too long; `vigie simulate` has no such limit."""


class SimulationBody(Asked):
    """One kind of studies with one finding; what is left out has its default."""

    traffic: float = Field(default=0.8, ge=0.05, le=0.95, description="Share of time readers read.")
    readers: int = Field(default=1, ge=1, le=40)
    reading_min: float = Field(default=10.0, ge=0.1, le=240, description="Mean, exponential.")
    finding: TargetFinding = TargetFinding.INTRACRANIAL_HAEMORRHAGE
    prevalence: float = Field(default=0.1, ge=0.001, le=0.9)
    auc: float = Field(default=0.936, ge=0.51, le=0.999, description="Of binormal scores.")
    sensitivity: float = Field(default=0.9, ge=0.01, le=0.999)
    interrupting_share: float = Field(default=0.0, ge=0, le=0.5, description="For 5 minutes each.")
    ai_delay_min: float = Field(default=0.0, ge=0, le=240)
    ai_failure_share: float = Field(default=0.0, ge=0, le=0.9)
    routine_target_min: float | None = Field(
        default=None, ge=1, le=_WEEK_MIN, description="Null: the node's."
    )
    finding_target_min: float | None = Field(
        default=None, ge=1, le=_WEEK_MIN, description="Null: the node's."
    )
    studies: int = Field(default=2000, ge=50, le=20_000, description="Counted in each of 10 runs.")
    seed: int = Field(default=1, ge=0, le=2**31 - 1)

    def setting(self, targets: DueTargets) -> Setting:
        """What is simulated, on a node with these targets."""
        requested, findings = dict(targets.requested), dict(targets.findings)
        if self.routine_target_min is not None:
            requested[RequestedPriority.ROUTINE] = timedelta(minutes=self.routine_target_min)
        if self.finding_target_min is not None:
            findings[self.finding] = timedelta(minutes=self.finding_target_min)
        found = SimulatedFinding(
            finding=self.finding,
            prevalence=self.prevalence,
            performance=BinormalScores(auc=self.auc, sensitivity=self.sensitivity),
        )
        kind = StudyKind(reading=ReadingTime(mean_min=self.reading_min), findings=(found,))
        return Setting(
            traffic=self.traffic,
            readers=self.readers,
            kinds=(kind,),
            interrupting_share=self.interrupting_share,
            ai_delay_min=self.ai_delay_min,
            ai_failure_share=self.ai_failure_share,
            targets=replace(targets, requested=requested, findings=findings),
        )

    def run(self) -> Run:
        """How much is simulated."""
        return Run(replications=10, studies=self.studies, seed=self.seed)

    def check(self, targets: DueTargets) -> None:
        """Refuse what would take too long.

        Raises
        ------
        SimulationTooLarge
            If it would take more than `MOST_READINGS`.
        """
        asked = readings(self.setting(targets), len(POLICIES) + 1, self.run())
        if asked > MOST_READINGS:
            raise SimulationTooLarge(
                f"{asked} simulated readings are too many at once, {MOST_READINGS} are the most: "
                "ask for fewer studies or less traffic"
            )


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)


class EstimateAnswer(_Answer):
    """A figure with its 95 % interval; null: too few to say."""

    value: float
    low: float | None
    high: float | None


class ClassAnswer(_Answer):
    """The waits of one class of studies under one order, minutes."""

    studies: int
    mean: EstimateAnswer
    median: EstimateAnswer
    percentile_95: EstimateAnswer
    percentile_99: EstimateAnswer
    longest: float
    over_target: EstimateAnswer  # share of the class
    won: EstimateAnswer  # against the order without AI
    lost: EstimateAnswer
    change: EstimateAnswer
    theory_mean: float | None  # null: there is no formula


class OrderAnswer(_Answer):
    """One order of the list."""

    policy: Policy
    classes: dict[StudyClass, ClassAnswer]


class SimulationAnswer(_Answer):
    """Every order on the same studies; the first is the one without AI."""

    orders: list[OrderAnswer]
    routine_target_min: float
    finding_target_min: float

    @classmethod
    def of(cls, body: SimulationBody, targets: DueTargets, figures: Figures) -> "SimulationAnswer":
        """As people and programs are told it."""
        in_force = body.setting(targets).targets
        return cls(
            orders=[
                OrderAnswer(
                    policy=Policy(name),
                    classes={one: ClassAnswer.model_validate(f) for one, f in classes.items()},
                )
                for name, classes in figures.items()
            ],
            routine_target_min=_minutes(in_force.requested[RequestedPriority.ROUTINE]),
            finding_target_min=_minutes(in_force.findings[body.finding]),
        )


def _minutes(span: timedelta) -> float:
    return span.total_seconds() / 60
