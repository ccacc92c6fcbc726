"""A study as a blind reviewer may see it: its images, and nothing that anybody said of them."""

from dataclasses import replace

from worklist.highlighting import Looker
from worklist.looking import ShownStudy
from worklist.study import RequestedPriority
from worklist.views import StudyView


def blinded(study: StudyView, looker: Looker) -> ShownStudy:
    """The images alone, for whoever is to say what is on them before she knows what others said.

    Neither AI nor readers are told of: not by a state, a place, a time that AI moved, the image
    that stands for the study, or its history.
    """
    row = study.row
    bare = replace(
        row,
        place=None,
        detectors=(),
        reason="",
        due_at=row.due_without_ai_at,
        requested_priority=RequestedPriority.ROUTINE,
        priority_in_force=RequestedPriority.ROUTINE,
        pinned=False,
        claim=None,
        preview=None,
    )
    images = StudyView(
        row=bare, series=study.series, regions=(), evidence=(), provenance=(), events=()
    )
    return ShownStudy(
        study=images, looker=looker, modes={}, withheld=frozenset(), revealed=frozenset()
    )
