"""Which series the nodule detector looks at, by their headers, and which of several."""

import pytest

from models.detector import SeriesHeader
from models.nodule_rules import best_first, instances_left_out, why_not_usable, why_rather
from tests.nodule_scans import header, instance

CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
ENHANCED = "1.2.840.10008.5.1.4.1.1.2.1"
LEGACY_CONVERTED = "1.2.840.10008.5.1.4.1.1.2.2"
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)


@pytest.mark.parametrize(
    "part", ["CHEST", "THORAX", "LUNG", "", "CHEST_ABDOMEN", "CHESTABDPELVIS", "TAP"]
)
def test_the_chest_is_looked_at(part: str) -> None:
    assert why_not_usable(header(body_part_examined=part)) is None


@pytest.mark.parametrize(
    "text",
    [
        "CT Thorax nativ",
        "TDM thoracique",
        "CT TAP avec injection",
        "Poumon fin",
        "Lunge 1.0",
        "TAC torace",
        "TC tórax",
        "HRCT",
        "CT Thorax/Abdomen",
        "CT Chest Abdomen Pelvis W",
    ],
)
def test_descriptions_in_several_languages_that_name_the_chest_are_looked_at(text: str) -> None:
    assert why_not_usable(header(body_part_examined="", study_description=text)) is None
    assert why_not_usable(header(body_part_examined="ABDOMEN", series_description=text)) is None


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ("HEAD", "head"),
        ("BRAIN", "head"),
        ("ABDOMEN", "abdomen"),
        ("PELVIS", "abdomen"),
        ("LSPINE", "spine"),
        ("KNEE", "limbs"),
        ("NECK", "neck"),
        ("CABEZA", "head"),
        ("TESTA", "head"),
        ("TETE", "head"),
        ("HEADNECK", "head"),
        ("RODILLA", "limbs"),
        ("COLUMNA", "spine"),
        ("COLONNA", "spine"),
        ("ADDOME", "abdomen"),
    ],
)
def test_other_parts_are_not(part: str, named: str) -> None:
    reason = why_not_usable(header(body_part_examined=part))
    assert reason is not None and named in reason


@pytest.mark.parametrize(
    "text",
    ["CT Schädel", "CT cérébral", "TAC Cráneo", "Hirn nativ", "Abdomen portal", "Rachis lombaire"],
)
def test_descriptions_of_other_parts_count_where_no_chest_is_named(text: str) -> None:
    assert why_not_usable(header(body_part_examined="", study_description=text)) is not None


@pytest.mark.parametrize("modality", ["MR", "PT", "DX", "CR", "OT", ""])
def test_other_modalities_are_not(modality: str) -> None:
    reason = why_not_usable(header(modality=modality))
    assert reason is not None and reason.startswith("The modality is")


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("LOCALIZER", "localizer"),
        ("MIP", "projection"),
        ("PROJECTION IMAGE", "projection"),
        ("VOLUME_RENDERED", "rendering"),
        ("SCREEN SAVE", "screen"),
    ],
)
def test_localizers_projections_and_captures_are_left_out(value: str, named: str) -> None:
    odd = instance(500, image_type=("DERIVED", "SECONDARY", value))
    assert named in str(why_not_usable(header([odd] * 20)))
    mixed = header([*header().instances, odd])
    assert why_not_usable(mixed) is None
    ((uid, reason),) = instances_left_out(mixed)
    assert uid == odd.sop_instance_uid and named in reason


@pytest.mark.parametrize(
    "description", ["Scout", "Topogram 0.6", "Dose Report", "MIP 8mm", "Premonitoring", "Localizer"]
)
def test_series_called_after_no_slices_are_not_looked_at(description: str) -> None:
    assert "is called" in str(why_not_usable(header(series_description=description)))


def test_secondary_captures_and_other_objects_are_not_looked_at() -> None:
    capture = instance(sop_class_uid="1.2.840.10008.5.1.4.1.1.7")
    assert "secondary capture" in str(why_not_usable(header([capture] * 20)))
    other = instance(sop_class_uid="1.2.840.10008.5.1.4.1.1.4")
    assert "not a CT image" in str(why_not_usable(header([other] * 20)))


@pytest.mark.parametrize("orientation", [CORONAL, SAGITTAL])
def test_reformats_are_not_looked_at(orientation: tuple[float, ...]) -> None:
    slices = [instance(n, image_orientation=orientation) for n in range(80)]
    assert "not axial" in str(why_not_usable(header(slices)))


def test_a_tilted_gantry_is_axial_still() -> None:
    tilted = (1.0, 0.0, 0.0, 0.0, 0.94, -0.34)
    slices = [instance(n, image_orientation=tilted) for n in range(80)]
    assert why_not_usable(header(slices)) is None


def test_contrast_is_no_reason_against_a_series() -> None:
    assert why_not_usable(header(contrast_bolus_agent="Iomeprol 400")) is None


@pytest.mark.parametrize(("gap", "fine"), [(0.6, True), (5.0, True), (5.5, True), (5.6, False)])
def test_slices_up_to_five_millimetres_apart_are_looked_at(gap: float, fine: bool) -> None:
    slices = [instance(n, image_position_mm=(0.0, 0.0, gap * n)) for n in range(100)]
    assert (why_not_usable(header(slices)) is None) == fine


@pytest.mark.parametrize(("count", "fine"), [(9, False), (10, False), (50, False), (51, True)])
def test_too_few_slices_are_not_looked_at(count: int, fine: bool) -> None:
    slices = [instance(n) for n in range(count)]
    assert (why_not_usable(header(slices)) is None) == fine


def test_slices_without_geometry_say_what_is_missing() -> None:
    no_spacing = [instance(n, pixel_spacing_mm=None) for n in range(80)]
    assert "pixel spacing" in str(why_not_usable(header(no_spacing)))
    no_place = [instance(n, image_position_mm=None) for n in range(80)]
    assert "position" in str(why_not_usable(header(no_place)))


@pytest.mark.parametrize("sop_class_uid", [ENHANCED, LEGACY_CONVERTED])
def test_an_enhanced_object_is_judged_when_it_is_decoded(sop_class_uid: str) -> None:
    enhanced = instance(sop_class_uid=sop_class_uid, number_of_frames=200, image_position_mm=None)
    assert why_not_usable(header([enhanced])) is None


def test_a_series_without_images_is_not_looked_at() -> None:
    assert why_not_usable(header([])) == "The series has no images."


def _spaced(gap: float, height: float = 300.0, **changes: object) -> SeriesHeader:
    count = round(height / gap) + 1
    return header(
        [instance(n, image_position_mm=(0.0, 0.0, gap * n)) for n in range(count)], **changes
    )


def _order(*series: SeriesHeader) -> list[int]:
    return best_first(series)


def test_the_thinnest_slices_win_and_the_others_hear_why() -> None:
    thick, thin, middling = _spaced(5.0), _spaced(1.0), _spaced(2.5)
    assert _order(thick, thin, middling) == [1, 2, 0]
    assert why_rather(thin, thick) == "Another series has thinner slices (1.0 mm, not 5.0 mm)."
    assert "thinner slices (1.0 mm, not 2.5 mm)" in why_rather(thin, middling)


def test_of_the_same_slices_the_sharper_kernel_wins() -> None:
    soft, sharp = (_spaced(1.0, convolution_kernel=kernel) for kernel in ("B30f", "LUNG"))
    assert _order(soft, sharp) == [1, 0]
    assert "sharper kernel" in why_rather(sharp, soft)


def test_of_two_alike_no_better_reason_is_made_up() -> None:
    reason = why_rather(_spaced(1.0), _spaced(1.0, convolution_kernel="B30f"))
    assert reason == "Another series of the same scan shows what this one does."
    # the better one was broken, say: neither its slices nor its kernel are why
    assert why_rather(_spaced(5.0), _spaced(1.0, convolution_kernel="LUNG")) == reason


def test_below_a_millimetre_the_kernel_counts_before_the_thickness() -> None:
    thinner = _spaced(0.6, convolution_kernel="B30f")
    sharper = _spaced(1.0, convolution_kernel="Bl57d")
    assert _order(thinner, sharper) == [1, 0]


def test_a_thin_series_of_a_part_of_the_chest_does_not_replace_the_whole() -> None:
    part, whole = _spaced(1.0, height=60.0), _spaced(1.5)
    assert _order(part, whole) == [1, 0]
    assert why_rather(whole, part) == "Another series covers more (300 mm, not 60 mm)."


@pytest.mark.parametrize(("height", "best"), [(199.0, 1), (200.0, 0), (201.0, 0)])
def test_four_fifths_of_the_tallest_series_are_the_whole_chest(height: float, best: int) -> None:
    assert _order(_spaced(1.0, height=height), _spaced(2.5, height=250.0))[0] == best


@pytest.mark.parametrize(("height", "best"), [(239.0, 1), (240.0, 0)])
def test_what_a_series_covers_beyond_the_lungs_does_not_count(height: float, best: int) -> None:
    chest, down_to_the_pelvis = _spaced(1.0, height=height), _spaced(5.0, height=700.0)
    assert _order(chest, down_to_the_pelvis)[0] == best


def test_an_enhanced_object_covers_what_its_frames_are_thick() -> None:
    frames = {"image_position_mm": None, "slice_thickness_mm": 1.0}
    whole = header([instance(sop_class_uid=ENHANCED, number_of_frames=301, **frames)])
    part = header([instance(sop_class_uid=ENHANCED, number_of_frames=61, **frames)])
    assert _order(_spaced(1.5), whole)[0] == 1
    assert _order(_spaced(1.5), part)[0] == 0
