"""What several scans of one study show together."""

import pytest

from models.haemorrhage_findings import FRACTURE_OF_SKULL, Findings
from models.haemorrhage_scans import together
from worklist.finding import Evidence, ImageScore, Lesion, Region, SuspectedKind
from worklist.uid import SOPInstanceUID


def _region(uid: str, score: float, lesion: int | None, kind: str = "") -> Region:
    return Region(
        sop_instance_uid=SOPInstanceUID(uid),
        frame_number=1,
        polygon=((0, 0), (1, 0), (1, 1)),
        score=score,
        kind=kind,
        lesion=lesion,
    )


def _scan(
    root: str,
    lesions: tuple[float, ...] = (),
    fractures: tuple[float, ...] = (),
    kinds: tuple[tuple[str, float], ...] = (),
) -> Findings:
    """Findings on one image; each lesion's score is that of its region."""
    uid = SOPInstanceUID(f"{root}.1")
    blood = [_region(uid, score, number) for number, score in enumerate(lesions, start=1)]
    broken = [_region(uid, score, None, FRACTURE_OF_SKULL) for score in fractures]
    return Findings(
        regions=(*blood, *broken),
        evidence=Evidence(
            image_scores=(ImageScore(sop_instance_uid=uid, frame_number=1, score=0.5),),
            kinds=tuple(SuspectedKind(name=name, score=score) for name, score in kinds),
            lesions=tuple(
                Lesion(
                    number=number,
                    score=score,
                    centre_mm=None,
                    diameter_mm=None,
                    first_image=uid,
                    last_image=uid,
                )
                for number, score in enumerate(lesions, start=1)
            ),
        ),
    )


@pytest.mark.parametrize(
    "alone", [_scan("1.2"), _scan("1.2", (0.9, 0.4), (0.8, 0.1), (("subdural", 0.6),))]
)
def test_one_scan_shows_what_it_shows(alone: Findings) -> None:
    assert together([alone]) == alone


def test_lesions_are_numbered_through_the_study_and_their_regions_follow() -> None:
    both = together([_scan("1.2", (0.9, 0.4)), _scan("1.3", (0.7, 0.4, 0.2))])
    lesions = [(one.number, one.score, one.first_image) for one in both.evidence.lesions]
    assert lesions == [
        (1, 0.9, "1.2.1"),
        (2, 0.7, "1.3.1"),
        (3, 0.4, "1.2.1"),  # the decisive scan's comes first among equals
        (4, 0.4, "1.3.1"),
        (5, 0.2, "1.3.1"),
    ]
    regions = [(one.lesion, one.score, one.sop_instance_uid) for one in both.regions]
    assert regions == lesions


def test_fractures_of_all_scans_come_after_all_blood() -> None:
    both = together([_scan("1.2", (0.3,), (0.9,)), _scan("1.3", (0.2,), (0.95,))])
    assert [one.score for one in both.regions] == [0.3, 0.2, 0.95, 0.9]
    assert [one.lesion for one in both.regions] == [1, 2, None, None]


def test_a_kind_is_as_suspect_as_where_it_is_most_so() -> None:
    both = together(
        [
            _scan("1.2", kinds=(("subdural", 0.5), ("epidural", 0.4))),
            _scan("1.3", kinds=(("epidural", 0.8), ("subdural", 0.3))),
        ]
    )
    kinds = [(one.name, one.score) for one in both.evidence.kinds]
    assert kinds == [("epidural", 0.8), ("subdural", 0.5)]
    assert [one.sop_instance_uid for one in both.evidence.image_scores] == ["1.2.1", "1.3.1"]
