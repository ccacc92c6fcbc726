"""Images in colour are none that the detectors were made for."""

from dataclasses import replace
from types import ModuleType

import pytest

from models import fracture_rules, haemorrhage_rules, nodule_rules
from models.colour import why_in_colour
from tests.nodule_scans import instance


@pytest.mark.parametrize("said", ["RGB", "PALETTE COLOR", "YBR_FULL_422"])
@pytest.mark.parametrize("rules", [fracture_rules, haemorrhage_rules, nodule_rules])
def test_no_detector_looks_at_an_image_in_colour(rules: ModuleType, said: str) -> None:
    in_colour = instance(photometric_interpretation=said)
    reason = why_in_colour(in_colour)
    assert reason is not None and "in colour" in reason
    assert rules.why_instance_not_usable(in_colour) == reason


@pytest.mark.parametrize("said", ["MONOCHROME1", "MONOCHROME2", ""])
@pytest.mark.parametrize("rules", [fracture_rules, haemorrhage_rules, nodule_rules])
def test_grey_images_and_those_that_do_not_say_are_looked_at(rules: ModuleType, said: str) -> None:
    grey = replace(instance(), photometric_interpretation=said)
    assert rules.why_instance_not_usable(grey) is None
