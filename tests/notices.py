"""Notices to tell in tests, with everything filled in."""

import uuid
from collections.abc import Mapping
from typing import Any

from results.notifying.message import Node
from tests.builders import HAEMORRHAGE, NOON, STUDY
from worklist.notifying import Flag, Notice, PatientDatum

NODE = Node(ae_title="VIGIE", software_version="0.1", public_address="https://vigie.example.org/")
NUMBER = uuid.UUID("5b2c0a0e-6f37-5e0e-9d0c-3d1b3a5c9f11")
ACCESSION = {PatientDatum.ACCESSION_NUMBER: "A-4711"}


def a_flag(**more: Any) -> Flag:
    """A haemorrhage that is suspected."""
    usual = {
        "outcome_id": 1,
        "study_instance_uid": STUDY,
        "detector": HAEMORRHAGE,
        "probability": 0.914,
        "flagged_at": NOON,
    }
    return Flag(**usual | more)


def a_notice(
    study: Mapping[PatientDatum, str] = ACCESSION, probability: float | None = 0.914, **more: Any
) -> Notice:
    """What a channel is told of that."""
    return Notice(
        notification_id=NUMBER,
        channel="pager",
        flag=a_flag(),
        probability=probability,
        study=study,
        **more,
    )


A_TEST = Notice(notification_id=NUMBER, channel="pager", flag=None, probability=None)
