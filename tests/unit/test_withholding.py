"""Nothing of a withheld detector is in a study as it is shown, whatever the study holds (P8)."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.builders import NOON
from tests.viewer_parts import INSTANCE, ROW, SERIES
from viewer.ports import SiteLinks
from viewer.reading_schemas import opened_study
from worklist.due_time import probability_in_words
from worklist.finding import ImageScore, Lesion, OutcomeState, SuspectedKind, TargetFinding
from worklist.highlighting import Highlighting, Looker
from worklist.history import in_a_sentence
from worklist.looking import ShownStudy
from worklist.people import Role
from worklist.readings import DrawnFinding, FirstLook, Judgement, Outline, Readings
from worklist.views import (
    DetectorView,
    EventView,
    EvidenceView,
    InstanceView,
    ProvenanceView,
    RegionView,
    SeriesView,
    StudyView,
)
from worklist.withholding import without_marks

ANNA = Looker(actor="person anna", account="anna", roles=frozenset({Role.RADIOLOGIST}))
DETECTORS = {
    "haemorrhage": TargetFinding.INTRACRANIAL_HAEMORRHAGE,
    "fracture": TargetFinding.FRACTURE,
    "nodule": TargetFinding.PULMONARY_NODULE,
}
_AT = {name: number for number, name in enumerate(DETECTORS, start=1)}


def marker(name: str) -> float:
    """A number that only this detector's marks hold."""
    return _AT[name] * 1000 + 0.0625


def probability(name: str) -> float:
    return 0.3 + _AT[name] / 7


def term(name: str) -> str:
    return f"{DETECTORS[name].words} {probability_in_words(probability(name))} → 11 min"


REASON = "; ".join(["routine 24 h", *map(term, DETECTORS)])


def region(name: str) -> RegionView:
    return RegionView(
        detector=name,
        sop_instance_uid=INSTANCE,
        frame_number=1,
        polygon=((marker(name), 0.0), (2.0, 0.0), (2.0, 3.0)),
        score=0.5,
        kind=f"kind of {name}",
        lesion=1,
    )


def evidence(name: str) -> EvidenceView:
    lesion = Lesion(
        number=1,
        score=0.5,
        centre_mm=(marker(name), 0, 0),
        diameter_mm=None,
        first_image=INSTANCE,
        last_image=INSTANCE,
    )
    return EvidenceView(
        detector=name,
        image_scores=(ImageScore(sop_instance_uid=INSTANCE, frame_number=1, score=marker(name)),),
        kinds=(SuspectedKind(name=f"kind of {name}", score=0.5),),
        lesions=(lesion,),
    )


def provenance(name: str) -> ProvenanceView:
    suspect = f"Judged by itself ({probability_in_words(probability(name))}), it is less suspect."
    return ProvenanceView(
        detector=name,
        version="1",
        weights_sha256="ab" * 32,
        operating_point=0.5,
        software_version="1",
        instances=((INSTANCE, "cd" * 32),),
        not_eligible=(("1.9", suspect),),
        started_at=NOON,
        finished_at=NOON,
    )


def event(kind: str, actor: str, details: dict[str, Any]) -> EventView:
    return EventView(
        event_id=1,
        at=NOON,
        kind=kind,
        actor=actor,
        words=in_a_sentence(kind, details),
        details=details,
    )


def events(name: str, actor: str) -> list[EventView]:
    moved = {
        "due_at": NOON.isoformat(),
        "due_before": NOON.isoformat(),
        "place": 1,
        "place_before": 2,
        "reason": REASON,
    }
    outcome = {
        "assessment_number": 1,
        "detector": name,
        "outcome": "flagged",
        "probability": probability(name),
        "regions": 17,
        "regions_of_kind": {f"kind of {name}": 17},
        "too_late": False,
    }
    return [
        event("outcome_recorded", f"detector {name} 1.0", outcome),
        event("due_time_changed", f"detector {name} 1.0", moved),
        event("study_reopened", "vigie", {**moved, "new_images": 1, "was_read": True}),
        event("priority_overridden", actor, {**moved, "priority": "stat", "why": "in theatre"}),
        event(
            "finding_judged",
            actor,
            {
                "detector": name,
                "lesion": 1,
                "region": None,
                "agrees": False,
                "comment": f"comment on {name}",
            },
        ),
    ]


def judgement(name: str) -> Judgement:
    return Judgement(
        account="ben",
        detector=name,
        assessment_number=1,
        lesion=1,
        region=None,
        agrees=False,
        comment=f"comment on {name}",
        at=NOON,
    )


def drawn(name: str, account: str) -> DrawnFinding:
    return DrawnFinding(
        drawn_id=1,
        account=account,
        outline=Outline(
            target=DETECTORS[name],
            sop_instance_uid=INSTANCE,
            frame_number=1,
            polygon=((marker(name), 1.0), (2.0, 0.0), (2.0, 3.0)),
        ),
        at=NOON,
    )


def study(states: dict[str, OutcomeState], actor: str) -> StudyView:
    detectors = tuple(
        DetectorView(
            name=name,
            target=DETECTORS[name],
            state=state,
            probability=probability(name)
            if state in {OutcomeState.FLAGGED, OutcomeState.NOT_FLAGGED, OutcomeState.TOO_LATE}
            else None,
            reason=f"running again; before: flagged {probability_in_words(probability(name))}"
            if state in {OutcomeState.RUNNING, OutcomeState.NOT_RUN_YET}
            else None,
        )
        for name, state in states.items()
    )
    image = InstanceView(
        sop_instance_uid=INSTANCE, instance_number=1, number_of_frames=1, rows=9, columns=9
    )
    return StudyView(
        row=replace(ROW, reason=REASON, detectors=detectors),
        series=(
            SeriesView(
                series_instance_uid=SERIES,
                modality="CT",
                description="",
                body_part="",
                instances=(image,),
            ),
        ),
        regions=tuple(map(region, states)),
        evidence=tuple(map(evidence, states)),
        provenance=tuple(map(provenance, states)),
        events=tuple(one for name in states for one in events(name, actor)),
        readings=Readings(
            judgements=tuple(map(judgement, states)),
            drawn=tuple(drawn(name, "ben") for name in states),
        ),
    )


def as_json(view: StudyView, withheld: set[str]) -> str:
    shown = ShownStudy(
        study=view,
        looker=ANNA,
        modes=dict.fromkeys(DETECTORS, Highlighting.AFTER_FIRST_LOOK),
        withheld=frozenset(withheld),
        revealed=frozenset(),
    )
    return opened_study(shown, SiteLinks()).model_dump_json()


def marks_of(name: str) -> tuple[str, ...]:
    """Texts that would give the detector's marks away."""
    return (
        repr(marker(name)),
        repr(probability(name)),
        f"{DETECTORS[name].words} {probability_in_words(probability(name))}",
        f"flagged {probability_in_words(probability(name))}",
        f"itself ({probability_in_words(probability(name))})",
        f"kind of {name}",
        f"comment on {name}",
        f"disagrees with {name}",
    )


every_state = st.fixed_dictionaries({name: st.sampled_from(OutcomeState) for name in DETECTORS})


@given(
    states=every_state,
    withheld=st.sets(st.sampled_from(sorted(DETECTORS))),
    actor=st.sampled_from(["person anna", "person ben", "vigie"]),
)
def test_nothing_of_a_withheld_detector_is_shown_and_all_of_the_others(
    states: dict[str, OutcomeState], withheld: set[str], actor: str
) -> None:
    view = study(states, actor)
    text = as_json(
        without_marks(view, {name: DETECTORS[name] for name in withheld}, ANNA), withheld
    )
    for name in withheld:
        for mark in marks_of(name):
            assert mark not in text, mark
    for name in set(DETECTORS) - withheld:
        assert repr(marker(name)) in text
        assert f"comment on {name}" in text
        assert term(name) in json.loads(text)["row"]["reason"]


def test_the_check_above_can_fail() -> None:
    text = as_json(study(dict.fromkeys(DETECTORS, OutcomeState.FLAGGED), "person ben"), set())
    for name in DETECTORS:
        for mark in marks_of(name)[:3] + marks_of(name)[4:]:
            assert mark in text, mark


def test_states_stay_and_so_does_why_images_could_not_be_judged() -> None:
    states = dict.fromkeys(DETECTORS, OutcomeState.FAILED)
    view = study(states, "vigie")
    failed = replace(view.row.detectors[0], reason="1 of 2 images not looked at")
    view = replace(view, row=replace(view.row, detectors=(failed, *view.row.detectors[1:])))
    shown = without_marks(view, DETECTORS, ANNA)
    assert shown.row.detectors[0] == failed
    assert shown.row.due_at == view.row.due_at
    assert shown.row.reason == (
        "routine 24 h; haemorrhage not shown; fracture not shown; nodule not shown"
    )


def test_nothing_is_left_out_of_a_study_where_nothing_is_withheld() -> None:
    view = study(dict.fromkeys(DETECTORS, OutcomeState.FLAGGED), "vigie")
    assert without_marks(view, {}, ANNA) is view


def test_ones_own_words_stay_and_those_of_others_go() -> None:
    blood = {"haemorrhage": DETECTORS["haemorrhage"]}
    said = {"first_answers": {"intracranial_haemorrhage": "present", "fracture": "absent"}}
    mark = {"target": "intracranial_haemorrhage", "polygon": [[1, 2]], "drawn_id": 1}
    view = study({}, "vigie")
    view = replace(
        view,
        events=tuple(
            event(kind, actor, details)
            for actor in ("person anna", "person ben")
            for kind, details in (("first_look", said), ("finding_drawn", mark))
        ),
        readings=Readings(drawn=(drawn("haemorrhage", "anna"), drawn("haemorrhage", "ben"))),
    )
    shown = without_marks(view, blood, ANNA)
    assert [one.account for one in shown.readings.drawn] == ["anna"]
    mine_look, mine_mark, look, other = shown.events
    assert (mine_look.details, mine_mark.details) == (said, mark)
    assert look.details == {"first_answers": {"fracture": "absent"}}
    assert look.words == "first look, before any mark: fracture absent"
    assert other.details == {"target": "intracranial_haemorrhage"}


def test_first_looks_of_others_are_never_told() -> None:
    looks = tuple(
        FirstLook(
            account=account,
            assessment_number=1,
            answers={},
            at=NOON + timedelta(minutes=1),
        )
        for account in ("anna", "ben")
    )
    view = replace(study({}, "vigie"), readings=Readings(first_looks=looks))
    told = json.loads(as_json(view, set()))["reading"]["first_look"]
    assert [one["by"] for one in told] == ["anna"]
