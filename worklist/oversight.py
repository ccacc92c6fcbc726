"""People overrule (P7): which detectors a person has stopped, and what then still counts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from worklist.finding import TargetFinding


@dataclass(frozen=True, kw_only=True, slots=True)
class AISwitch:
    """What a person has switched off."""

    whole: bool = False  # no detector runs and none counts
    detectors: frozenset[str] = frozenset()  # the names stopped one by one

    def is_stopped(self, detector: str) -> bool:
        """Whether this detector neither runs nor counts."""
        return self.whole or detector in self.detectors

    def stopped(self, detectors: Iterable[str] | None) -> "AISwitch":
        """With these detectors stopped as well; None: with AI stopped as a whole."""
        if detectors is None:
            return AISwitch(whole=True, detectors=self.detectors)
        return AISwitch(whole=self.whole, detectors=self.detectors | frozenset(detectors))

    def started(self, detectors: Iterable[str] | None, *, installed: Iterable[str]) -> "AISwitch":
        """With these detectors started and no other one; None: with nothing stopped.

        After AI was stopped as a whole, the other installed ones stay stopped one by one.
        """
        if detectors is None:
            return AISwitch()
        stopped = self.detectors | frozenset(installed if self.whole else ())
        return AISwitch(detectors=stopped - frozenset(detectors))


@dataclass(frozen=True, kw_only=True, slots=True)
class CountedProbability:
    """One outcome's probability, as far as the order is concerned."""

    detector: str
    finding: TargetFinding
    probability: float  # calibrated, 0 to 1


def strongest_probabilities(
    counted: Iterable[CountedProbability], switch: AISwitch
) -> Mapping[TargetFinding, float]:
    """The highest probability ever given to each finding by a detector that is not stopped.

    Taking the highest over all assessments, not the latest, makes "no outcome ever moves a due
    time later" true whatever the order in which outcomes arrive.
    """
    strongest: dict[TargetFinding, float] = {}
    for one in counted:
        if not switch.is_stopped(one.detector):
            strongest[one.finding] = max(one.probability, strongest.get(one.finding, 0.0))
    return strongest
