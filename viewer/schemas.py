"""The JSON of the HTTP API; made from `worklist.views` and documented at /api/openapi.json.

Text is data: names and descriptions are JSON strings as received, never HTML.
"""

from datetime import date, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, computed_field

from viewer.asked import Asked
from viewer.languages import Said
from worklist.finding import OutcomeState, TargetFinding
from worklist.people import Role
from worklist.personal import Density, Language, Theme
from worklist.reading import ReadingState
from worklist.study import Completeness, RequestedPriority
from worklist.views import ModelState


class _Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)


class SignInRequest(Asked):
    """What a person types at the door."""

    name: str = Field(max_length=256)
    password: str = Field(max_length=1024, repr=False)


class PasswordChange(Asked):
    """The present password, and the one to put in its place."""

    present: str = Field(max_length=1024, repr=False)
    new: str = Field(max_length=1024, repr=False)


class ClaimRequest(Asked):
    """A person wants to read a study."""

    take_over: bool = False  # also from another person


class PriorityRequest(Asked):
    """A person's priority in place of the requested one; null takes it back."""

    priority: RequestedPriority | None
    reason: str = Field(max_length=1000)


class PinRequest(Asked):
    """Pin a study to the top of the list, or let go of it."""

    pinned: bool
    reason: str = Field(max_length=1000)


class SwitchRequest(Asked):
    """Stop or start detectors; null: all of them."""

    detectors: list[str] | None = Field(default=None, max_length=100)
    reason: str = Field(max_length=1000)


class SwitchAnswer(_Answer):
    """What is stopped now, and how many studies have another due time."""

    ai_stopped: bool
    stopped_detectors: list[str]
    moved: int


_CLOCK = r"^([01]\d|2[0-3]):[0-5]\d$"


class PreferencesBody(BaseModel):
    """What a person likes; all of it is put in place of the former."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    language: Language | None = None  # null: as the browser says
    theme: Theme | None = None  # null: the page's own
    density: Density = Density.COMFORTABLE
    claim_on_open: bool = True
    notifications: bool = False
    sound: bool = False
    quiet_from: str | None = Field(default=None, pattern=_CLOCK)
    quiet_to: str | None = Field(default=None, pattern=_CLOCK)


class ViewRequest(Asked):
    """A filter to come back to, as the list is asked: ``modality=CT&unclaimed=true``."""

    name: str = Field(min_length=1, max_length=64, pattern=r"\S")
    query: str = Field(max_length=2048)


class ViewAnswer(_Answer):
    """A saved view."""

    id: int
    name: str
    query: str


class SessionAnswer(_Answer):
    """Who is signed in in this browser; without a name: nobody."""

    name: str | None = None
    display_name: str | None = None
    roles: list[Role] = []
    must_change_password: bool = False  # nothing else is answered before
    has_password: bool = False  # false: by single sign-on only
    csrf_token: str | None = None  # to be sent as X-CSRF-Token with whatever changes something
    single_sign_on: str | None = None  # what the button says; null: none is set up
    idle_limit_s: float | None = None
    ends_at: datetime | None = None  # whatever the person does


class SignedOutAnswer(_Answer):
    """Nobody is signed in any more."""

    provider_address: str | None  # where to sign out of the single sign-on provider too


class DetectorAnswer(_Answer):
    """One detector on one study. The state says whether there is a result; read it first."""

    name: str
    target: TargetFinding
    state: OutcomeState
    probability: float | None
    reason: Said | None
    version: str | None
    operating_point: float | None
    assessed_at: datetime | None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def finding(self) -> Said:
        """The finding as people say it."""
        return self.target.words


class ClaimAnswer(_Answer):
    """Who has claimed a study."""

    name: str
    display_name: str
    since: datetime
    mine: bool = False  # of whoever asks


class PreviewAnswer(_Answer):
    """The frame that stands for a study, and how to window it; null: as the image says."""

    series_instance_uid: str
    sop_instance_uid: str
    frame_number: int
    window: tuple[float, float] | None


class WorklistRowAnswer(_Answer):
    """One study, at its place in the list, or read: then it has none."""

    place: int | None
    reading_state: ReadingState
    study_instance_uid: str
    patient_id: str
    patient_name: str
    patient_birth_date: date | None
    patient_sex: str
    accession_number: str
    study_description: str
    modalities: list[str]
    body_part: str
    requested_priority: RequestedPriority
    priority_in_force: RequestedPriority
    pinned: bool
    received_at: datetime
    due_at: datetime
    due_without_ai_at: datetime
    reason: Said
    completeness: Completeness | None
    arriving: bool
    instance_count: int
    conflicts: int
    detectors: list[DetectorAnswer]
    claim: ClaimAnswer | None
    preview: PreviewAnswer | None
    cursor: str

    def seen_by(self, name: str | None) -> "WorklistRowAnswer":
        """The row as this person sees it: a claim of her own says so."""
        if self.claim is None or self.claim.name != name:
            return self
        return self.model_copy(update={"claim": self.claim.model_copy(update={"mine": True})})


class TroubleAnswer(_Answer):
    """A detector that cannot be loaded, or fails on most of the latest studies."""

    detector: str
    broken: bool
    failed: int
    of: int
    since: datetime
    reason: Said


class WorklistAnswer(_Answer):
    """Consecutive rows of the reading worklist, in its order.

    ``place`` is the place in the whole list, whatever the filter; ``matching`` counts what the
    filter lets through, of studies that were read at most 10,000 (``matching_limited``).
    """

    rows: list[WorklistRowAnswer]
    total: int
    matching: int
    matching_limited: bool
    next_cursor: str | None
    ai_stopped: bool
    stopped_detectors: list[str]
    trouble: list[TroubleAnswer]
    generated_at: datetime


class ChoicesAnswer(_Answer):
    """What the list can be filtered by."""

    modalities: list[str]
    body_parts: list[str]


class InstanceAnswer(_Answer):
    """One object of a series."""

    sop_instance_uid: str
    instance_number: int | None
    number_of_frames: int
    rows: int | None
    columns: int | None


class SeriesAnswer(_Answer):
    """One series, its objects in reading order."""

    series_instance_uid: str
    modality: str
    description: str
    body_part: str
    instances: list[InstanceAnswer]


class RegionAnswer(_Answer):
    """A suspect region in the pixels of one frame; (0, 0) is the top-left corner (SCOORD)."""

    detector: str
    number: int  # counts from 1 within the detector's result
    sop_instance_uid: str
    frame_number: int
    polygon: list[tuple[float, float]]
    score: float
    kind: Said
    lesion: int | None


class ImageScoreAnswer(_Answer):
    """How suspect one image is, 0 to 1; not calibrated."""

    sop_instance_uid: str
    frame_number: int
    score: float


class SuspectedKindAnswer(_Answer):
    """A kind of the finding that is suspected; its score, 0 to 1, is not calibrated."""

    name: Said
    score: float


class LesionAnswer(_Answer):
    """One thing in space; the images it shows on, first and last in the order of the series."""

    number: int
    score: float
    centre_mm: tuple[float, float, float] | None
    diameter_mm: float | None
    first_image: str
    last_image: str


class TurnedImageAnswer(_Answer):
    """An image that was turned to be looked at, quarters counterclockwise."""

    sop_instance_uid: str
    frame_number: int
    quarters: int


class EvidenceAnswer(_Answer):
    """What the probability of one detector rests on, as far as the detector says."""

    detector: str
    image_scores: list[ImageScoreAnswer]
    kinds: list[SuspectedKindAnswer]
    lesions: list[LesionAnswer]
    turned: list[TurnedImageAnswer]


class ProvenanceAnswer(_Answer):
    """What the result of one detector rests on.

    ``not_eligible`` names each series that it did not, or not wholly, use, and says why.
    """

    detector: str
    version: str
    weights_sha256: str
    operating_point: float
    software_version: str
    instances: list[tuple[str, str]]
    not_eligible: list[tuple[str, Said]]
    started_at: datetime
    finished_at: datetime


class EventAnswer(_Answer):
    """One line of the study's history."""

    event_id: int
    at: datetime
    kind: str
    actor: Said
    words: Said
    details: dict[str, Any]


class StudyAnswer(_Answer):
    """One study, opened."""

    row: WorklistRowAnswer
    series: list[SeriesAnswer]
    regions: list[RegionAnswer]
    evidence: list[EvidenceAnswer]
    provenance: list[ProvenanceAnswer]
    events: list[EventAnswer]


class ModelAnswer(_Answer):
    """One installed model. Read the state first: stopped and broken ones look at no study."""

    name: str
    target: TargetFinding
    title: str
    version: str
    weights_sha256: str
    operating_point: float
    state: ModelState
    broken: Said | None
    stopped_by: str | None
    stopped_at: datetime | None
    stopped_because: str | None
    registered_at: datetime

    @computed_field  # type: ignore[prop-decorator]
    @property
    def finding(self) -> Said:
        """The finding as people say it."""
        return self.target.words


class CardAnswer(BaseModel):
    """What a model is for, can and cannot, and was measured to do."""

    intended_use: str
    limits: list[str]
    training_data: list[str]
    licence: str
    guards: dict[str, str] = {}  # further weights it needs, to SHA-256
    calibration: dict[str, Any]
    performance: dict[str, Any]


class ModelCardAnswer(ModelAnswer):
    """One installed model with its card; a broken one has none to show."""

    card: CardAnswer | None


class NodeAnswer(_Answer):
    """How modalities reach this node."""

    ae_title: str
    dicom_port: int
    version: str


class CheckAnswer(_Answer):
    """One thing the node needs to be of use."""

    name: str
    ok: bool
    detail: Said


class ReadinessAnswer(_Answer):
    """Whether the node can do its work now."""

    ready: bool
    checks: list[CheckAnswer]


class LivenessAnswer(_Answer):
    """The web process answers."""

    alive: bool
