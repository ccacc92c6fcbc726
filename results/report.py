"""The report: Comprehensive 3D SR after TID 1500, with a group for each answer and each place.

It states what a device suspects, in the device's name: unverified, preliminary and partial. What
was not flagged, or not evaluated, is said in words and codes that nobody can take for an absence.
"""

from collections.abc import Iterator, Sequence
from itertools import chain

from highdicom.sr import (
    AlgorithmIdentification,
    CodedConcept,
    Comprehensive3DSR,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    QualitativeEvaluation,
    RelationshipTypeValues,
    SourceImageForMeasurementGroup,
    TextContentItem,
    TrackingIdentifier,
)
from pydicom.dataset import Dataset
from pydicom.uid import UID, SecondaryCaptureImageStorage

from results import codes as c
from results.document import (
    ResultObject,
    equipment,
    finished,
    placement,
    referenced_study,
    stand_in,
)
from results.facts import AssessmentFacts, DetectorResult, ObjectReference
from results.observer import observer
from results.places import places_of
from results.report_regions import RegionGroup, region_group
from results.uids import derived_uid, object_uid, whole_study_uid
from results.words import ascii_text, statement, turned_words
from worklist.uid import SeriesInstanceUID, SOPInstanceUID


def report_uid(facts: AssessmentFacts, supersedes: Sequence[ObjectReference] = ()) -> str:
    """The SOP Instance UID of the report on this assessment that takes the place of these."""
    earlier = ((one.sop_instance_uid, one.series_instance_uid) for one in supersedes)
    return object_uid(facts, "report", *chain.from_iterable(earlier))


def build_report(
    facts: AssessmentFacts, *, supersedes: Sequence[ObjectReference] = ()
) -> ResultObject:
    """The report on one assessment.

    Parameters
    ----------
    supersedes
        Earlier reports on this study that it takes the place of (Predecessor Documents
        Sequence, PS3.3 C.17.2).
    """
    references = facts.references
    evidence = [_nothing(facts), *(stand_in(facts.study, one) for one in references.values())]
    report = Comprehensive3DSR(
        evidence=evidence,
        content=_content(facts)[0],
        sop_instance_uid=report_uid(facts, supersedes),
        instance_number=1,
        is_complete=False,
        is_final=False,
        is_verified=False,
        previous_versions=[stand_in(facts.study, one) for one in supersedes] or None,
        **equipment(facts),
        **placement(facts, "SR"),
    )
    del report.CurrentRequestedProcedureEvidenceSequence
    if references:
        report.CurrentRequestedProcedureEvidenceSequence = [
            referenced_study(facts.study, references.values())
        ]
    report.CodingSchemeIdentificationSequence = [c.scheme_identification()]
    return finished(report, facts, facts.finished_at)


def _nothing(facts: AssessmentFacts) -> Dataset:
    """What highdicom takes the study from; nothing refers to it."""
    uid = derived_uid("nothing", facts.study.study_instance_uid)
    return stand_in(
        facts.study,
        ObjectReference(
            sop_class_uid=SecondaryCaptureImageStorage,
            sop_instance_uid=SOPInstanceUID(uid),
            series_instance_uid=SeriesInstanceUID(uid),
        ),
    )


def _content(facts: AssessmentFacts) -> MeasurementReport:
    """The tree of TID 1500: every detector's word on the study, then where each saw something."""
    groups = chain.from_iterable(_groups(facts, one) for one in facts.results)
    return MeasurementReport(
        observation_context=ObservationContext(observer_device_context=observer(facts)),
        procedure_reported=_procedure(facts),
        imaging_measurements=list(groups),
    )


def _procedure(facts: AssessmentFacts) -> CodedConcept:
    names = [UID(one.sop_class_uid).name for one in facts.references.values()]
    return c.procedure(names[0] if names else "")


def _groups(
    facts: AssessmentFacts, result: DetectorResult
) -> Iterator[MeasurementsAndQualitativeEvaluations | RegionGroup]:
    yield _whole_study(facts, result)
    for place in places_of(result):
        yield region_group(facts, result, place, algorithm(result))


def _whole_study(
    facts: AssessmentFacts, result: DetectorResult
) -> MeasurementsAndQualitativeEvaluations:
    """One detector's word on the study (TID 1501)."""
    target = c.concept(result.provenance.detector.target.code)
    suspected = c.state_of(result) == c.SUSPECTED
    seen = [facts.references[uid] for uid, _ in result.provenance.instances]
    group = MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(
            uid=whole_study_uid(facts, result),
            identifier=ascii_text(f"{result.provenance.detector.name}, whole study"),
        ),
        finding_type=target if suspected else None,
        algorithm_id=algorithm(result),
        measurements=_probability(result),
        qualitative_evaluations=[QualitativeEvaluation(name=target, value=c.state_of(result))],
        source_images=[
            SourceImageForMeasurementGroup(one.sop_class_uid, one.sop_instance_uid) for one in seen
        ],
    )
    group[0].ContentSequence.append(
        TextContentItem(
            name=c.COMMENT,
            value=statement(facts, result),
            relationship_type=RelationshipTypeValues.CONTAINS,
        )
    )
    return group


def _probability(result: DetectorResult) -> list[Measurement]:
    if result.probability is None:
        return []
    value = round(100 * result.probability, 4)
    return [Measurement(name=c.PROBABILITY, value=value, unit=c.PERCENT)]


def algorithm(result: DetectorResult) -> AlgorithmIdentification:
    """Which model spoke, exactly, of which bytes, and turned how (P6; PS3.16 TID 4019)."""
    detector = result.provenance.detector
    return AlgorithmIdentification(
        name=ascii_text(detector.name),
        version=ascii_text(detector.version),
        parameters=[
            f"SHA-256 of the weights: {detector.weights_sha256}",
            f"Operating point: {detector.operating_point:g}",
            f"SHA-256 of the objects looked at: {result.digest_of_instances}",
            ascii_text(f"Run by Vigie {result.provenance.software_version}"),
            *(turned_words(one) for one in result.turned),
        ],
        family=c.ARTIFICIAL_INTELLIGENCE,
    )
