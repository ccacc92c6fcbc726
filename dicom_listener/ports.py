"""What the indexer needs of the store; the worklist's service satisfies it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from worklist.study import (
    ArrivalResult,
    Completeness,
    InstanceArrival,
    QuarantinedObject,
    StudyArrival,
)
from worklist.uid import SOPInstanceUID, StudyInstanceUID


class ArrivalStore(Protocol):
    """The database, as the indexer sees it.

    Every method may raise `worklist.errors.StoreUnavailable`; the indexer then waits and asks
    again. The two that record may raise `worklist.errors.RefusedByStore` for the data they were
    given: such an object goes into quarantine. Every method may be called again with the same
    facts, after a crash for example, and must then change nothing.
    """

    def existing_digests(
        self, uids: Sequence[SOPInstanceUID]
    ) -> Mapping[SOPInstanceUID, tuple[str, str]]:
        """(SHA-256 in hex, transfer syntax UID) of those instances that were filed first."""

    def record_arrivals(
        self, arrivals: Sequence[InstanceArrival], *, now: datetime
    ) -> list[ArrivalResult]:
        """Record objects that lie in the archive, in one transaction; one result for each."""

    def record_quarantined(
        self, quarantined: Sequence[QuarantinedObject], *, now: datetime
    ) -> None:
        """Record objects that lie in quarantine, in one transaction."""

    def studies_arriving(self) -> Sequence[StudyArrival]:
        """The studies that are not complete yet, the reopened ones included."""

    def complete_study(
        self, uid: StudyInstanceUID, *, completeness: Completeness, now: datetime
    ) -> None:
        """Hand a study to the detectors."""
