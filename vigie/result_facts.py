"""From what the database and the archive hold of an assessment to the facts of `results`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from models.data_set import UnreadableDataSet, read_data_set
from results.errors import UnusableFacts
from results.facts import (
    AssessmentFacts,
    DetectorResult,
    Device,
    ObjectReference,
    PatientAndStudy,
    SourceImage,
)
from results.header_values import quiet
from results.key_image import Picture
from results.key_regions import KeyRegion, key_regions
from results.patient_and_study import patient_and_study_of
from results.source import source_image_of
from results.windows import window_for
from viewer.ports import DecodeFrame
from viewer.rendering import apply_window, own_window
from worklist.finding import Flagged, NotApplicable, NotFlagged, Outcome, Provenance
from worklist.highlighting import Highlighting, Modes
from worklist.outbound import Worth
from worklist.store.assessed import AssessedStudy, SeenObject
from worklist.uid import SOPInstanceUID

_SOURCES_TRIED = 5  # headers looked at until one says whose the study is


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """What the site says of itself, and how its frames are decoded."""

    modes: Modes
    device: Device
    zone: Callable[[datetime], tzinfo]  # the site's clock at a time
    decode_frame: DecodeFrame


def facts_of(study: AssessedStudy, site: Site) -> AssessmentFacts:
    """The facts of an assessment.

    Raises
    ------
    UnusableFacts
        If nothing can be made of them: no header says whose the study is, or what was seen is not
        in the archive.
    """
    revealed, _ = waiting_for_a_look(site.modes, study.results, study.revealed)
    results = tuple(
        DetectorResult(
            outcome=outcome,
            provenance=provenance,
            highlighting=site.modes.of(provenance.detector.name),
            is_revealed=provenance.detector.name in revealed,
        )
        for outcome, provenance in study.results
    )
    if not results:
        raise UnusableFacts("an assessment without a result says nothing")
    wanted = {region.sop_instance_uid for one in results for region in one.regions}
    seen = {uid for _, provenance in study.results for uid, _ in provenance.instances}
    finished_at = max(provenance.finished_at for _, provenance in study.results)
    return AssessmentFacts(
        study=_whose(list(study.seen.values())),
        number=study.number,
        completeness=study.completeness,
        results=results,
        seen=tuple(_reference(one) for one in study.seen.values() if one.sop_instance_uid in seen),
        images=tuple(_image(study, uid) for uid in sorted(wanted)),
        device=site.device,
        timezone=site.zone(finished_at),
    )


def waiting_for_a_look(
    modes: Modes, results: Sequence[tuple[Outcome, Provenance]], revealed: frozenset[str]
) -> tuple[frozenset[str], frozenset[str]]:
    """Of the detectors whose marks are for after the first look: those revealed, those not."""
    names = {
        provenance.detector.name
        for outcome, provenance in results
        if modes.of(provenance.detector.name) is Highlighting.AFTER_FIRST_LOOK
        and isinstance(outcome, Flagged | NotFlagged)
    }
    return frozenset(names & revealed), frozenset(names - revealed)


def worth_of(results: Sequence[tuple[Outcome, Provenance]]) -> Worth:
    """The narrowest that a study belongs to."""
    if any(isinstance(outcome, Flagged) for outcome, _ in results):
        return Worth.FLAGGED
    if any(not isinstance(outcome, NotApplicable) for outcome, _ in results):
        return Worth.EVALUATED
    return Worth.ALL


def pictures_of(facts: AssessmentFacts, study: AssessedStudy, site: Site) -> list[Picture]:
    """The frames of the key regions, as they are shown; raises `viewer.ports.CannotDecode`."""
    return [
        Picture(key=key, pixels=_picture(facts, study, site, key)) for key in key_regions(facts)
    ]


def _picture(
    facts: AssessmentFacts, study: AssessedStudy, site: Site, key: KeyRegion
) -> npt.NDArray[np.uint8]:
    path = study.seen[key.region.sop_instance_uid].path
    frame = site.decode_frame(path, key.region.frame_number)
    if frame.pixels.ndim == 3:  # colour: (row, column, RGB)
        mean: npt.NDArray[np.float32] = np.asarray(frame.pixels, np.float32).mean(axis=2)
        return np.asarray(mean, np.uint8)
    values = np.asarray(frame.pixels, np.float32)
    target = key.result.provenance.detector.target
    meant = window_for(target, facts.image(key.region))
    if meant is not None and facts.image(key.region).modality == "CT":
        return apply_window(values, meant.center, meant.width)
    return apply_window(values, *(frame.window or own_window(values)))


def _whose(seen: Sequence[SeenObject]) -> PatientAndStudy:
    """Of the first header that says it; the last one's fault if none of several does."""
    fault: Exception = UnusableFacts("the study holds no object in the archive")
    for one in seen[:_SOURCES_TRIED]:
        try:
            return patient_and_study_of(_header(one.path))
        except UnusableFacts as error:
            fault = error
    raise fault


def _image(study: AssessedStudy, uid: SOPInstanceUID) -> SourceImage:
    known = study.seen.get(uid)
    if known is None:
        raise UnusableFacts(f"a finding lies on {uid}, which no detector saw")
    return source_image_of(_header(known.path))


def _header(path: Path) -> Dataset:
    try:
        with quiet():
            return read_data_set(path, pixels=False)
    except UnreadableDataSet as error:
        raise UnusableFacts(f"a source cannot be read: {error}") from error


def _reference(one: SeenObject) -> ObjectReference:
    return ObjectReference(
        sop_class_uid=one.sop_class_uid,
        sop_instance_uid=one.sop_instance_uid,
        series_instance_uid=one.series_instance_uid,
    )
