"""Who speaks in a document: the node, a device (TID 1002 and 1004)."""

from highdicom.sr import DeviceObserverIdentifyingAttributes, ObserverContext
from pydicom.sr.codedict import codes

from results.document import MANUFACTURER, MODEL_NAME
from results.facts import AssessmentFacts
from results.words import ascii_text


def observer(facts: AssessmentFacts) -> ObserverContext:
    """The device that speaks (TID 1004)."""
    return ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=DeviceObserverIdentifyingAttributes(
            uid=facts.device.uid,
            name=ascii_text(facts.device.station_name),
            manufacturer_name=MANUFACTURER,
            model_name=MODEL_NAME,
            serial_number=facts.device.uid,
        ),
    )
