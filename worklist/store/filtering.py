"""Filters of the list as SQL: on the narrow rows of the list, or on the studies that were read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY

from worklist.filters import ListFilter, StateAsked
from worklist.finding import OutcomeState
from worklist.oversight import AISwitch
from worklist.store import tables as t

_KINDS = (
    OutcomeState.FLAGGED,
    OutcomeState.NOT_FLAGGED,
    OutcomeState.NOT_APPLICABLE,
    OutcomeState.FAILED,
    OutcomeState.TOO_LATE,
)
Condition = sa.ColumnElement[bool]


@dataclass(frozen=True, kw_only=True, slots=True)
class Filtered:
    """The rows of one table that a filter is held against."""

    table: sa.Table  # `worklist_entry` or `study`
    detectors: Sequence[str]  # installed
    switch: AISwitch

    def conditions(self, asked: ListFilter) -> list[Condition]:
        """What must be true of a row; of all of these, each."""
        found = [
            self._any(f"{kind}:{value}" for value in values)
            for kind, values in (
                ("modality", asked.modalities),
                ("body", asked.body_parts),
                ("priority", asked.priorities),
            )
            if values
        ]
        if asked.words:
            query = " & ".join(f"'{word}':*" for word in asked.words)
            search: sa.ColumnElement[Any] = self.table.c.search
            found.append(search.bool_op("@@")(sa.cast(query, TSQUERY)))
        if asked.states:
            found.append(sa.or_(sa.false(), *map(self._in_state, sorted(asked.states, key=str))))
        found += self._claimed(asked)
        return found

    def _any(self, facets: Iterable[str]) -> Condition:
        column: sa.ColumnElement[Any] = self.table.c.facets
        return column.bool_op("&&")(sa.cast(sorted(facets), ARRAY(sa.Text)))

    def _claimed(self, asked: ListFilter) -> list[Condition]:
        claim = t.claim.c
        held = sa.select(claim.study_instance_uid).where(claim.ended_at.is_(None))
        uid = self.table.c.study_instance_uid
        ways = []
        if asked.claimed_by is not None:
            ways.append(uid.in_(held.where(claim.account == asked.claimed_by)))
        if asked.unclaimed:
            ways.append(uid.not_in(held))
        return [sa.or_(*ways)] if ways else []

    def _in_state(self, asked: StateAsked) -> Condition:
        """As `worklist.store.listing` shows it; what a person has stopped is in no other state."""
        named = [one for one in self.detectors if asked.detector in (None, one)]
        stopped = [one for one in named if self.switch.is_stopped(one)]
        going = [one for one in named if one not in stopped]
        match asked.state:
            case OutcomeState.STOPPED:
                return sa.true() if stopped else sa.false()
            case OutcomeState.RUNNING:
                return sa.or_(sa.false(), *map(self._running, going))
            case OutcomeState.NOT_RUN_YET:
                return sa.or_(
                    sa.false(),
                    *(
                        sa.not_(sa.or_(self._any(_states(one, _KINDS)), self._running(one)))
                        for one in going
                    ),
                )
            case state:
                return self._any(facet for one in going for facet in _states(one, [state]))

    def _running(self, detector: str) -> Condition:
        """A worker is at the newest assessment, and this detector has said nothing in it yet."""
        assessment, outcome, study = t.assessment.c, t.outcome.c, t.study.c
        said = sa.exists().where(
            outcome.study_instance_uid == study.study_instance_uid,
            outcome.detector == detector,
            outcome.current,
            sa.or_(study.arriving, outcome.assessment_number >= study.assessment_number),
        )
        at_work = (
            sa.select(study.study_instance_uid)
            .join(
                t.assessment,
                sa.and_(
                    assessment.study_instance_uid == study.study_instance_uid,
                    assessment.number == study.assessment_number,
                ),
            )
            .where(assessment.started_at.is_not(None), assessment.finished_at.is_(None), ~said)
            .correlate(None)
        )
        # As an array: it is made once, and the rows are found by their key.
        return self.table.c.study_instance_uid == sa.any_(sa.func.array(at_work.scalar_subquery()))


def _states(detector: str, states: Iterable[OutcomeState]) -> list[str]:
    return [f"state:{detector[:64]}:{state}" for state in states]
