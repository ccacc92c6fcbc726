"""What a detector answers in classes of its own becomes plain before it goes to another process."""

import io
import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from typing import Any, cast

import numpy as np
import pytest

from models.answers import OddAnswer, plain_answer, plain_eligibility, plain_identity
from models.card import ModelCard, card_content
from models.detector import (
    Assessment,
    Eligible,
    NotEligible,
    NotShown,
    PassedOver,
    Refused,
    Unjudgeable,
    Unsuitable,
)
from tests.haemorrhage_heads import card
from worklist.finding import (
    Evidence,
    ImageScore,
    Lesion,
    Region,
    SuspectedKind,
    TargetFinding,
    TurnedImage,
)
from worklist.uid import SeriesInstanceUID, SOPInstanceUID

UID = SOPInstanceUID("1.2")


class Translated(str):
    """As libraries of translations have it; stays what it is, whatever is done to it."""

    def __str__(self) -> str:
        return self


class Why(StrEnum):
    """A vendor's reasons."""

    ODD = "It is odd."


class Count(IntEnum):
    """A vendor's numbers."""

    ONE = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoredRegion(Region):
    """A vendor's region, with more to it."""

    vendor: str = "acme"


REGION = Region(
    sop_instance_uid=cast(SOPInstanceUID, Translated("1.2")),
    frame_number=Count.ONE,
    polygon=((np.float64(1), np.float32(2)), [3, 4]),  # type: ignore[arg-type]
    score=np.float64(0.5),
    polygon_mm=np.zeros((2, 3)),  # type: ignore[arg-type]
    kind=Why.ODD,
    lesion=Count.ONE,
)
LESION = Lesion(
    number=Count.ONE,
    score=np.float64(0.5),
    centre_mm=np.ones(3),  # type: ignore[arg-type]
    diameter_mm=np.float64(3),
    first_image=cast(SOPInstanceUID, Translated("1.2")),
    last_image=UID,
)
ANSWER = Assessment(
    probability=np.float64(0.75),
    regions=[  # type: ignore[arg-type]
        REGION,
        ScoredRegion(sop_instance_uid=UID, frame_number=1, polygon=(), score=1),
    ],
    evidence=Evidence(
        image_scores=(ImageScore(sop_instance_uid=UID, frame_number=Count.ONE, score=1),),
        kinds=(SuspectedKind(name=Translated("subdural"), score=np.float64(0.5)),),
        lesions=(LESION,),
        turned=(TurnedImage(sop_instance_uid=UID, frame_number=Count.ONE, quarters=Count.ONE),),
    ),
    passed_over=(
        PassedOver(series_instance_uid=cast(SeriesInstanceUID, Translated("1.3")), reason=Why.ODD),
    ),
    refused=(Refused(sop_instance_uid=UID, frame_number=Count.ONE, reason=Why.ODD),),
    not_shown=(
        NotShown(
            series_instance_uid=cast(SeriesInstanceUID, Translated("1.3")),
            reason=Why.ODD,
            may_hide=np.True_,  # type: ignore[arg-type]
        ),
    ),
)


class Naming(pickle.Unpickler):
    """Notes which modules' classes a pickle holds."""

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content))
        self.modules: set[str] = set()

    def find_class(self, module_name: str, global_name: str) -> Any:
        self.modules.add(module_name)
        return super().find_class(module_name, global_name)


@pytest.mark.parametrize(
    "plain",
    [
        lambda: plain_answer(ANSWER),
        lambda: plain_answer(Unsuitable(reason=Translated("It is odd."))),
        lambda: plain_answer(Unjudgeable(reason=Translated("It is odd."))),
        lambda: plain_eligibility(NotEligible(reason=Why.ODD)),
        lambda: plain_eligibility(
            Eligible(left_out=((cast(SOPInstanceUID, Translated("1.2")), Why.ODD),))
        ),
        lambda: plain_identity(odd_card()),
        lambda: card_content(odd_card()),
    ],
)
def test_what_goes_to_another_process_is_made_of_our_own_classes(
    plain: Callable[[], object],
) -> None:
    content = Naming(pickle.dumps(plain()))
    content.load()
    assert content.modules <= {
        "models.detector", "worklist.finding", "worklist.uid", "copyreg", "builtins"
    }  # fmt: skip


def odd_card() -> ModelCard:
    return replace(
        card(operating_point=np.float64(0.5)),
        name=Translated("fracture.odd"),
        version=Why.ODD,
        performance={Translated("auc"): np.float64(0.9), "cases": Count.ONE, "on": Why.ODD},
    )


def test_what_was_answered_is_the_same_in_plain_types() -> None:
    answer = plain_answer(ANSWER)
    assert isinstance(answer, Assessment)
    first, second = answer.regions
    assert first.polygon == ((1.0, 2.0), (3.0, 4.0))
    assert first.polygon_mm == ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    assert (first.kind, first.lesion, first.frame_number) == ("It is odd.", 1, 1)
    assert second == Region(sop_instance_uid=UID, frame_number=1, polygon=(), score=1.0)
    assert answer.evidence.lesions[0].centre_mm == (1.0, 1.0, 1.0)
    assert answer.evidence.kinds[0].name == "subdural"
    assert answer.evidence.turned == (
        TurnedImage(sop_instance_uid=UID, frame_number=1, quarters=1),
    )
    assert answer.passed_over[0].reason == answer.refused[0].reason == "It is odd."
    assert answer.not_shown[0].reason == "It is odd." and answer.not_shown[0].may_hide is True
    identity = plain_identity(odd_card())
    assert (identity.name, identity.version) == ("fracture.odd", "It is odd.")
    assert card_content(odd_card())["performance"] == {"auc": 0.9, "cases": 1, "on": "It is odd."}


ODD: list[tuple[Any, str]] = [
    (None, "NoneType, which is no assessment"),
    (Assessment(probability="high"), "str as a probability, which is no number"),  # type: ignore[arg-type]
    (Assessment(probability=1, regions=("here",)), "str, which is no region"),  # type: ignore[arg-type]
    (Assessment(probability=1, regions=5), "int as regions"),  # type: ignore[arg-type]
    (
        Assessment(
            probability=1,
            regions=(
                Region(
                    sop_instance_uid=cast(SOPInstanceUID, "x"), frame_number=1, polygon=(), score=1
                ),
            ),
        ),
        "an image that is not a DICOM UID: 'x'",
    ),
    (
        Assessment(
            probability=1,
            regions=(
                Region(sop_instance_uid=UID, frame_number=1, polygon=((1,),), score=1),  # type: ignore[arg-type]
            ),
        ),
        "a polygon of points without 2 numbers",
    ),
    (Assessment(probability=1, evidence=None), "NoneType, which is no evidence"),  # type: ignore[arg-type]
    (Assessment(probability=1, not_shown=(UID,)), "which is no part that is not shown"),  # type: ignore[arg-type]
    (Unsuitable(reason=5), "int as a reason, which is no text"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("said", "why"), ODD)
def test_p4_what_no_detector_may_answer_is_named(said: Any, why: str) -> None:
    with pytest.raises(OddAnswer, match=why):
        plain_answer(said)


def test_what_is_no_eligibility_or_target_is_named() -> None:
    with pytest.raises(OddAnswer, match="bool, which is no eligibility"):
        plain_eligibility(True)
    with pytest.raises(OddAnswer, match="str as its target finding"):
        plain_identity(replace(odd_card(), target=cast(TargetFinding, "flu")))


def test_p4_an_answer_that_it_could_not_tell_stays_one() -> None:
    assert plain_answer(Unjudgeable(reason="It is cut.")) == Unjudgeable(reason="It is cut.")
    assert plain_answer(Unsuitable(reason="It is a hand.")) == Unsuitable(reason="It is a hand.")
