"""In which window a finding is shown: where a CT is meant, the one that it is seen in."""

from results.facts import SourceImage, Window
from worklist.finding import TargetFinding

_OF_CT = {
    TargetFinding.INTRACRANIAL_HAEMORRHAGE: Window(center=40.0, width=80.0),
    TargetFinding.PULMONARY_NODULE: Window(center=-600.0, width=1500.0),
    TargetFinding.FRACTURE: Window(center=400.0, width=1800.0),
}  # HU: brain, lung, bone


def window_for(target: TargetFinding, image: SourceImage) -> Window | None:
    """Of a CT in Hounsfield units that of the finding, else the image's own; None: it has none."""
    if image.grey is None:
        return None
    is_hounsfield = image.modality == "CT" and image.grey.rescale is not None
    return _OF_CT[target] if is_hounsfield else image.grey.window
