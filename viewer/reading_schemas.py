"""The JSON of reading a study: what the page shows of it, and what a reader sends.

Made from `worklist.looking.ShownStudy`; see `viewer.schemas` for the rest.
"""

import math
from datetime import date, datetime
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, field_validator

from viewer.asked import Asked
from viewer.ports import SiteLinks
from viewer.schemas import StudyAnswer
from worklist.conclusion import Answer
from worklist.finding import TargetFinding
from worklist.highlighting import Highlighting
from worklist.looking import ShownStudy
from worklist.outlines import MOST_POINTS
from worklist.priors import Priors
from worklist.readings import Conclusion, DrawnFinding, FirstLook, Judgement, Readings

LONGEST_TEXT = 2000  # characters of a comment or a reason
_LONGEST_READING_S = 7 * 24 * 3600.0

Answers = dict[TargetFinding, Answer]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class _Said(_Frozen):
    by: str  # the account
    display_name: str
    at: datetime
    mine: bool


class FirstLookAnswer(_Said):
    """What a person saw before the marks were shown."""

    assessment_number: int
    answers: Answers


class ConclusionAnswer(_Said):
    """What a person concluded; the last one is in force."""

    number: int
    assessment_number: int
    answers: Answers
    reading_s: float
    amends: bool


class AgreementAnswer(_Said):
    """Whether a person agrees with a result, or with one lesion or region of it."""

    detector: str
    assessment_number: int
    lesion: int | None
    region: int | None
    agrees: bool
    comment: str | None


class DrawnAnswer(_Said):
    """A finding that a person outlined because no detector did."""

    id: int
    target: TargetFinding
    sop_instance_uid: str
    frame_number: int
    polygon: list[tuple[float, float]]
    withdrawn_at: datetime | None


class ViewerLinkAnswer(_Frozen):
    """Another viewer that can open the study."""

    name: str
    address: str  # http, https or weasis: the site's own, with the study's UID in it


class ReadingAnswer(_Frozen):
    """The reading of a study, as the person who asks may see it.

    ``targets`` must be answered in a conclusion; ``open_targets`` may be: their detector has not
    looked yet. ``first_look`` is one's own.
    """

    assessment_number: int
    targets: list[TargetFinding]
    open_targets: list[TargetFinding]
    modes: dict[str, Highlighting]
    revealed: dict[str, bool]
    first_look: list[FirstLookAnswer]
    conclusions: list[ConclusionAnswer]
    agreements: list[AgreementAnswer]
    drawn: list[DrawnAnswer]
    reading_s: float | None
    report_address: str | None  # where the report is dictated; nothing here writes one (P5)
    viewer_links: list[ViewerLinkAnswer]


class OpenedStudyAnswer(StudyAnswer):
    """One study, opened by one person. Marks of the detectors in ``withheld`` are not in it."""

    reading: ReadingAnswer
    withheld: list[str]


class PriorAnswer(_Frozen):
    """Another study of the same patient."""

    model_config = ConfigDict(from_attributes=True, frozen=True)

    study_instance_uid: str
    study_at: datetime | None
    study_date: date | None
    received_at: datetime
    modalities: list[str]
    study_description: str
    body_part: str
    accession_number: str
    instance_count: int


class PriorsAnswer(_Frozen):
    """Other studies of the same patient, newest first."""

    studies: list[PriorAnswer]
    limited: bool  # there are older ones that are left out


class FirstLookRequest(Asked):
    """What a person sees without marks; ``assessment_number`` as the page showed it."""

    answers: Answers
    assessment_number: int | None = Field(None, ge=0, le=2**31 - 1)


class RevealRequest(Asked):
    """Whose marks to show."""

    detector: str = Field(max_length=256)


class AgreementRequest(Asked):
    """Whether the person agrees; neither lesion nor region: with the result as a whole."""

    detector: str = Field(max_length=256)
    lesion: int | None = Field(None, ge=0, le=2**31 - 1)
    region: int | None = Field(None, ge=1, le=2**31 - 1)
    agrees: bool
    comment: str | None = Field(None, max_length=LONGEST_TEXT)


_Point = tuple[float, float]


class DrawnRequest(Asked):
    """An outline in the pixels of one frame; (0, 0) is the top-left corner (SCOORD)."""

    target: TargetFinding
    sop_instance_uid: str = Field(max_length=256)
    frame_number: int = Field(1, ge=1, le=1_000_000)
    polygon: Annotated[tuple[_Point, ...], Field(min_length=3, max_length=MOST_POINTS)]

    @field_validator("polygon")
    @classmethod
    def _finite(cls, value: tuple[_Point, ...]) -> tuple[_Point, ...]:
        if not all(math.isfinite(one) for point in value for one in point):
            raise ValueError("a point that is nowhere")
        return value


class ConclusionRequest(Asked):
    """What the person concludes; ``instance_count`` as the page showed it."""

    answers: Answers
    reading_s: float = Field(ge=0, le=_LONGEST_READING_S, allow_inf_nan=False)
    instance_count: int | None = Field(None, ge=0, le=2**31 - 1)


class ReopenRequest(Asked):
    """Why a study that was read goes back on the list."""

    reason: str = Field(max_length=LONGEST_TEXT)


def opened_study(shown: ShownStudy, links: SiteLinks) -> OpenedStudyAnswer:
    """The answer to who opens a study."""
    study = StudyAnswer.model_validate(shown.study)
    return OpenedStudyAnswer(
        **{**dict(study), "row": study.row.seen_by(shown.looker.account)},
        reading=_reading(shown, links),
        withheld=sorted(shown.withheld),
    )


def report_link(template: str | None, accession_number: str) -> str | None:
    """The site's report page of one study; None where the site or the study names none."""
    accession = accession_number.strip()
    if template is None or not accession:
        return None
    return template.replace("{accession_number}", quote(accession, safe=""))


def priors_answer(priors: Priors) -> PriorsAnswer:
    """As JSON."""
    return PriorsAnswer(
        studies=[
            PriorAnswer(
                study_date=one.study_at.date() if one.study_at else None,
                **{
                    name: getattr(one, name)
                    for name in PriorAnswer.model_fields
                    if name != "study_date"
                },
            )
            for one in priors.studies
        ],
        limited=priors.limited,
    )


def _reading(shown: ShownStudy, links: SiteLinks) -> ReadingAnswer:
    kept, row = shown.study.readings, shown.study.row
    judged = {one.detector for one in kept.results}
    waiting = {one.target for one in row.detectors if one.name not in judged and one.target}
    said = _Sayings(kept, shown.looker.account)
    return ReadingAnswer(
        assessment_number=kept.assessment_number,
        targets=[one for one in TargetFinding if one in kept.targets],
        open_targets=[one for one in TargetFinding if one in waiting - kept.targets],
        modes=dict(shown.modes),
        revealed={name: name in shown.revealed for name in shown.modes},
        first_look=[
            said.first_look(one) for one in kept.first_looks if one.account == shown.looker.account
        ],
        conclusions=[said.conclusion(one) for one in kept.conclusions],
        agreements=[said.agreement(one) for one in kept.judgements_in_force],
        drawn=[said.drawn(one) for one in kept.drawn],
        reading_s=kept.conclusions[-1].reading_s if kept.conclusions else None,
        report_address=report_link(links.report_address, row.accession_number),
        viewer_links=[
            ViewerLinkAnswer(
                name=name,
                address=address.replace("{study_instance_uid}", row.study_instance_uid),
            )
            for name, address in links.viewers.items()
        ],
    )


class _Sayings:
    """What people said, as JSON for one of them."""

    def __init__(self, kept: Readings, me: str | None) -> None:
        self._names = kept.names
        self._me = me

    def first_look(self, one: FirstLook) -> FirstLookAnswer:
        return FirstLookAnswer(
            **self._by(one.account, one.at),
            assessment_number=one.assessment_number,
            answers=dict(one.answers),
        )

    def conclusion(self, one: Conclusion) -> ConclusionAnswer:
        return ConclusionAnswer(
            **self._by(one.account, one.concluded_at),
            number=one.number,
            assessment_number=one.assessment_number,
            answers=dict(one.answers),
            reading_s=one.reading_s,
            amends=one.amends,
        )

    def agreement(self, one: Judgement) -> AgreementAnswer:
        return AgreementAnswer(
            **self._by(one.account, one.at),
            detector=one.detector,
            assessment_number=one.assessment_number,
            lesion=one.lesion,
            region=one.region,
            agrees=one.agrees,
            comment=one.comment or None,
        )

    def drawn(self, one: DrawnFinding) -> DrawnAnswer:
        return DrawnAnswer(
            **self._by(one.account, one.at),
            id=one.drawn_id,
            target=one.outline.target,
            sop_instance_uid=one.outline.sop_instance_uid,
            frame_number=one.outline.frame_number,
            polygon=list(one.outline.polygon),
            withdrawn_at=one.withdrawn_at,
        )

    def _by(self, account: str, at: datetime) -> dict[str, Any]:
        return {
            "by": account,
            "display_name": self._names.get(account, account),
            "at": at,
            "mine": account == self._me,
        }
