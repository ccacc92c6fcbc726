"""Probabilities for a site where a finding is rarer, or more common, than in the training data.

A calibrated probability holds for the share of studies with the finding that it was calibrated
at. Where a site knows its own share, the odds move by the ratio of both (Elkan 2001, *The
foundations of cost-sensitive learning*; Saerens et al. 2002). The order of the scores, and with
it which studies are flagged, stays as it is: the operating point moves along.
"""

import logging
from collections.abc import Sequence
from dataclasses import replace

from models.card import ModelCard
from models.detector import (
    Assessment,
    Detector,
    Eligibility,
    SeriesHeader,
    SeriesImages,
    Unsuitable,
)

log = logging.getLogger(__name__)


def at_prevalence(probability: float, *, learnt: float, site: float) -> float:
    """The probability of a finding where another share of the studies has it.

    Parameters
    ----------
    probability
        0 to 1, calibrated where ``learnt`` of the studies had the finding.
    learnt, site
        Shares of studies with the finding, above 0 and below 1.

    Raises
    ------
    ValueError
        If a share is not between 0 and 1.
    """
    if not (0.0 < learnt < 1.0 and 0.0 < site < 1.0):
        raise ValueError(f"a prevalence lies between 0 and 1, not {learnt} or {site}")
    present = probability * site / learnt
    absent = (1.0 - probability) * (1.0 - site) / (1.0 - learnt)
    return present / (present + absent)


class DetectorAtPrevalence:
    """A detector (``models.detector.Detector``) whose probabilities are those of a site.

    Parameters
    ----------
    detector
        Its card must say ``prevalence`` in its calibration.
    site
        Share of the site's eligible studies that show the finding, above 0 and below 1.
    """

    def __init__(self, detector: Detector, *, site: float) -> None:
        self._detector = detector
        self._learnt = float(detector.card.calibration["prevalence"])
        self._site = site
        self.card: ModelCard = replace(
            detector.card, operating_point=self._moved(detector.card.operating_point)
        )

    def eligibility(self, series: SeriesHeader) -> Eligibility:
        """As the detector says."""
        return self._detector.eligibility(series)

    def assess(self, series: Sequence[SeriesImages]) -> Assessment | Unsuitable:
        """As the detector says, the probability moved."""
        said = self._detector.assess(series)
        if isinstance(said, Unsuitable) or not 0.0 <= said.probability <= 1.0:
            return said  # what is no probability is the runner's to refuse
        return replace(said, probability=self._moved(float(said.probability)))

    def _moved(self, probability: float) -> float:
        return at_prevalence(probability, learnt=self._learnt, site=self._site)


def adjusted(detector: Detector, site: float | None) -> Detector:
    """The detector for a site's prevalence; as it is where that or its own is not known."""
    if site is None:
        return detector
    if "prevalence" not in detector.card.calibration:
        log.warning(
            "detector %s: its card does not say the prevalence it was calibrated at; "
            "the site's prevalence is not applied",
            detector.card.name,
        )
        return detector
    return DetectorAtPrevalence(detector, site=site)
