"""What the nodule card says of its limits, as far as its own figures bear it out."""

from collections.abc import Mapping
from typing import Any

_LEARNT = (
    "Trained on single axial cuts around LUNA16 candidates (LIDC-IDRI, slices of 2.5 mm and less); "
    "the network sees no volume, so that a vessel across the slice can look like a nodule.",
    "The probability of a study and the operating point rest on nodules simulated in the scan of "
    "one patient: they are semi-synthetic; elsewhere false positives may be several times as many.",
    "No patient's sex, age or scanner is known for the training data, and one patient's scan "
    "carries the simulation: nothing is known of subgroups by sex, age or vendor.",
    "Slices 5 mm apart hide most nodules below 6 mm; ground-glass nodules, those at vessels and "
    "those at the hilum are found less often.",
    "What something dense runs through, in on one side and out on the other, counts as less "
    "suspect: a nodule narrower than about 2.2 times the vessel that it sits astride loses up to 6 "
    "log odds, and may not be told.",
    "Masses above 30 mm, consolidation and lesions that are not surrounded by lung are not looked "
    "for; a large mass can be passed over altogether.",
    "Slices that are missing at either end of a scan are not noticed, nor that every other one is "
    "missing: of the lungs on them nothing is said.",
    "Of two slices at one place the first in the series counts: what only the other shows is not "
    "looked for, and it is named as not looked at.",
    "Diameters are those of a ball of the outlined volume; outlines at vessels and the chest wall "
    "are guesses.",
)
_LABELS = "LUNA16's negatives were not read again: some are nodules that few readers marked."


def limits_of(performance: Mapping[str, Any]) -> tuple[str, ...]:
    """Sentences for people.

    Parameters
    ----------
    performance
        Of the card; without the figures of simulated scans these do not count as made.
    """
    return (*_LEARNT, _of_the_operating_point(performance), _LABELS)


def _of_the_operating_point(performance: Mapping[str, Any]) -> str:
    if "study_chosen_on" not in performance:
        return (
            "The operating point is not yet chosen for these networks, nor is the probability of a "
            "study fitted on them: both are those of the detector installed when they were trained."
        )
    wanted = performance["study_least_sensitivity"]
    reached = performance.get("study_sensitivity")
    anew = (
        "not tried on scans drawn anew"
        if reached is None
        else f"drawn anew, {reached:.2f} were flagged"
    )
    return (
        "The operating point is the highest that surely (95 % confidence) flags at least "
        f"{wanted:.2f} of simulated scans with a single nodule of 6 mm or more, on one patient's "
        f"vessels; {anew}. The scans show 10 cm of the chest, so that a whole chest without a "
        "nodule is flagged more often than stated."
    )
