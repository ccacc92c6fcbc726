"""UIDs that follow from what they name: made twice from the same facts they are the same."""

from uuid import UUID, uuid5

from results.facts import AssessmentFacts, DetectorResult

_OF_NAMES = 5  # the version of such a UUID (RFC 9562)
_DIGITS = 39  # of the largest UUID as a number
_NAMESPACE = UUID("5b2c0a0e-6f37-5e0e-9d0c-3d1b3a5c9f11")


def derived_uid(*facts: object) -> str:
    """A UID of these facts, in their order (PS3.5 B.2: a UUID under 2.25)."""
    text = "\n".join(f"{len(str(one))}:{one}" for one in facts)  # ("a", "b") is not ("ab",)
    return f"2.25.{uuid5(_NAMESPACE, text).int}"


def is_derived(uid: str) -> bool:
    """Whether it is of the kind that `derived_uid` makes: hardly any other program does."""
    root, _, number = uid.rpartition(".")
    if root != "2.25" or len(number) > _DIGITS:
        return False
    value = int(number)
    return value < 1 << 128 and UUID(int=value).version == _OF_NAMES


def object_uid(facts: AssessmentFacts, kind: str, *more: object) -> str:
    """The SOP Instance UID of an object of this kind."""
    return derived_uid("object", kind, *_identity(facts), *more)


def series_uid(facts: AssessmentFacts, modality: str, *more: object) -> str:
    """The Series Instance UID of what one assessment makes in one modality."""
    return derived_uid("series", modality, *_identity(facts), *more)


def whole_study_uid(facts: AssessmentFacts, result: DetectorResult) -> str:
    """The tracking UID of a detector's word on a study: the same in a later assessment."""
    return derived_uid("study", facts.study.study_instance_uid, result.provenance.detector.name)


def lesion_uid(facts: AssessmentFacts, result: DetectorResult, name: str) -> str:
    """The tracking UID of one place that was flagged: of this assessment alone."""
    return derived_uid("lesion", *_identity(facts), result.provenance.detector.name, name)


def _identity(facts: AssessmentFacts) -> tuple[object, ...]:
    """What tells one assessment from any other, and what is said of it from anything else."""
    return facts.study.study_instance_uid, facts.number, facts.digest
