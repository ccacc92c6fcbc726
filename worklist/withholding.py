"""A study as one person may see it: the marks of some detectors left out, wherever they show.

What stays is what the list says of every study: the state of each detector, the due time, the
place. What goes is where something was seen, how surely, and what others said of that.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from worklist.due_time import without_terms
from worklist.finding import OutcomeState, TargetFinding
from worklist.highlighting import Looker
from worklist.history import in_a_sentence
from worklist.readings import Readings
from worklist.views import DetectorView, EventView, ProvenanceView, StudyView

# Of an event about one detector: what is no mark. Whatever else an event holds is left out.
_NO_MARKS = frozenset(
    {
        "assessment_number",
        "detector",
        "instances_seen",
        "operating_point",
        "outcome",
        "too_late",
        "weights_sha256",
        "why",
    }
)
# Reasons that say what was wrong with the images; others quote an earlier result.
_REASON_STAYS = frozenset({OutcomeState.FAILED, OutcomeState.NOT_APPLICABLE})


def without_marks(
    study: StudyView, withheld: Mapping[str, TargetFinding], looker: Looker
) -> StudyView:
    """The study without any mark of these detectors.

    Parameters
    ----------
    study
        As it is kept.
    withheld
        Detectors by name, with what they look for.
    looker
        Who asks: her own words stay.
    """
    if not withheld:
        return study
    findings = frozenset(withheld.values())
    row = study.row
    return replace(
        study,
        row=replace(
            row,
            reason=without_terms(row.reason, findings),
            detectors=tuple(
                _detector(one) if one.name in withheld else one for one in row.detectors
            ),
        ),
        regions=tuple(one for one in study.regions if one.detector not in withheld),
        evidence=tuple(one for one in study.evidence if one.detector not in withheld),
        provenance=tuple(_provenance(one, withheld) for one in study.provenance),
        events=tuple(_event(one, withheld, findings, looker) for one in study.events),
        readings=_readings(study.readings, withheld, findings, looker),
    )


def _detector(view: DetectorView) -> DetectorView:
    return replace(
        view, probability=None, reason=view.reason if view.state in _REASON_STAYS else None
    )


def _provenance(view: ProvenanceView, withheld: Mapping[str, TargetFinding]) -> ProvenanceView:
    """Why a series was not used may be that another one is more suspect, and by how much."""
    return replace(view, not_eligible=()) if view.detector in withheld else view


def _readings(
    readings: Readings,
    withheld: Mapping[str, TargetFinding],
    findings: frozenset[TargetFinding],
    looker: Looker,
) -> Readings:
    """What others said of the marks, and drew because there were none, tells of them."""
    return replace(
        readings,
        judgements=tuple(one for one in readings.judgements if one.detector not in withheld),
        drawn=tuple(
            one
            for one in readings.drawn
            if one.outline.target not in findings or one.account == looker.account
        ),
    )


def _event(
    event: EventView,
    withheld: Mapping[str, TargetFinding],
    findings: frozenset[TargetFinding],
    looker: Looker,
) -> EventView:
    details = dict(event.details)
    if details.get("detector") in withheld:
        details = {name: value for name, value in details.items() if name in _NO_MARKS}
    if event.actor != looker.actor:
        details = _not_of_others(details, findings)
    if isinstance(details.get("reason"), str):
        details["reason"] = without_terms(str(details["reason"]), findings)
    if details == event.details:
        return event
    return replace(event, details=details, words=in_a_sentence(event.kind, details))


def _not_of_others(details: dict[str, Any], findings: frozenset[TargetFinding]) -> dict[str, Any]:
    """Without what somebody else drew, or said at a first look, of these findings."""
    if details.get("target") in findings:
        return {"target": details["target"]}
    if "first_answers" in details:
        said = details["first_answers"]
        kept = {target: answer for target, answer in said.items() if target not in findings}
        return {**details, "first_answers": kept}
    return details
