"""Which CT series the haemorrhage detector looks at, by their headers."""

from dataclasses import replace

import pytest

from models.detector import SeriesHeader
from models.haemorrhage_rules import (
    aptness,
    instances_left_out,
    why_less_apt,
    why_not_usable,
)
from tests.haemorrhage_heads import header_of, instance

CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
TILTED = (1.0, 0.0, 0.0, 0.0, 0.8829, -0.4695)  # a gantry at 28 degrees


def test_a_plain_head_ct_is_usable() -> None:
    assert why_not_usable(header_of()) is None


@pytest.mark.parametrize(
    "words",
    ["CRANE SANS INJECTION", "Schädel nativ", "CEREBRAL", "Cráneo simple", "CT BRAIN", "Encephale"],
)
def test_heads_are_known_by_their_description_in_several_languages(words: str) -> None:
    header = header_of(body_part_examined="", study_description="", series_description=words)
    assert why_not_usable(header) is None


def test_a_series_that_says_nothing_is_left_to_its_images() -> None:
    header = header_of(body_part_examined="", study_description="", series_description="")
    assert why_not_usable(header) is None


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"modality": "MR"}, "modality is MR"),
        ({"modality": ""}, "not stated"),
        ({"instances": ()}, "no images"),
        ({"contrast_bolus_agent": "OMNIPAQUE 350"}, "Contrast agent"),
        ({"series_description": "CTA HEAD 0.6"}, "with contrast"),
        ({"series_description": "ANGIO POLYGONE"}, "with contrast"),
        ({"series_description": "Perfusion 5.0"}, "with contrast"),
        ({"protocol_name": "HEAD WITH CONTRAST"}, "with contrast"),
        ({"series_description": "HEAD WITH IV CONTRAST"}, "with contrast"),
        ({"series_description": "CRANE INJECTE"}, "with contrast"),
        ({"series_description": "CTA HEAD W WO CONTRAST"}, "with contrast"),
        ({"series_description": "AXIAL 5MM", "protocol_name": "HEAD W WO"}, "with contrast"),
        ({"series_description": "CTA HEAD", "protocol_name": "HEAD W/O"}, "with contrast"),
        ({"series_description": "Topogram 0.6"}, "localizer"),
        ({"series_description": "SCOUT"}, "localizer"),
        ({"series_description": "HEAD MIP"}, "rendering"),
        ({"series_description": "Dose Report"}, "report"),
        ({"body_part_examined": "CHEST"}, "chest"),
        ({"body_part_examined": "CSPINE"}, "spine"),
        ({"body_part_examined": "NECK"}, "neck"),
        ({"body_part_examined": "COLONNA"}, "spine"),
        ({"body_part_examined": "COLON"}, "abdomen"),
        ({"series_description": "SINUS"}, "sinuses"),
        ({"series_description": "ORBITS BONE"}, "orbits"),
        ({"series_description": "TEMPORAL BONES"}, "ear"),
        ({"series_description": "C-SPINE 2.0"}, "spine"),
        ({"body_part_examined": "", "study_description": "CT ABDOMEN"}, "abdomen"),
        ({"series_description": "DENTAL CBCT"}, "teeth"),
    ],
)
def test_other_series_are_not_and_the_reason_says_why(
    changed: dict[str, object], word: str
) -> None:
    header = header_of(**{"series_description": "", **changed})
    reason = why_not_usable(header)
    assert reason is not None
    assert word in reason


@pytest.mark.parametrize("agent", ["NONE", "No contrast", "without"])
def test_an_agent_that_says_none_is_none(agent: str) -> None:
    assert why_not_usable(header_of(contrast_bolus_agent=agent)) is None


@pytest.mark.parametrize("agent", ["NON-IONIC", "OMNIPAQUE 350 IV NO ORAL", "ISOVUE 370 W/O ORAL"])
def test_an_agent_whose_name_holds_a_no_is_one(agent: str) -> None:
    assert "Contrast agent" in str(why_not_usable(header_of(contrast_bolus_agent=agent)))


@pytest.mark.parametrize("protocol", ["CTA HEAD", "HEAD W WO", "CRANE AVEC INJECTION"])
def test_the_series_without_contrast_of_a_study_with_it_is_looked_at(protocol: str) -> None:
    native = header_of(series_description="HEAD W/O 5MM", protocol_name=protocol)
    assert why_not_usable(native) is None


@pytest.mark.parametrize("words", ["HEAD W/O CONTRAST", "TETE SANS INJECTION", "NON CONTRAST HEAD"])
def test_without_contrast_is_not_read_as_with(words: str) -> None:
    assert why_not_usable(header_of(series_description=words)) is None


@pytest.mark.parametrize(("images", "usable"), [(5, False), (6, True), (7, True)])
def test_a_head_needs_six_images(images: int, usable: bool) -> None:
    assert (why_not_usable(header_of(images)) is None) is usable


def test_the_frames_of_an_enhanced_object_count() -> None:
    enhanced = instance(
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2.1", number_of_frames=30, image_orientation=None
    )
    assert why_not_usable(header_of(instances=(enhanced,))) is None


def test_a_tilted_gantry_is_axial_and_a_reformat_is_not() -> None:
    tilted = tuple(instance(n, image_orientation=TILTED) for n in range(20))
    coronal = tuple(instance(n, image_orientation=CORONAL) for n in range(20))
    assert why_not_usable(header_of(instances=tilted)) is None
    assert "not axial" in str(why_not_usable(header_of(instances=coronal)))


def test_a_localizer_among_the_slices_is_left_out() -> None:
    scout = instance(99, image_type=("ORIGINAL", "PRIMARY", "LOCALIZER"))
    capture = instance(98, sop_class_uid="1.2.840.10008.5.1.4.1.1.7")
    header = header_of(instances=(scout, capture, *header_of().instances))
    assert why_not_usable(header) is None
    left_out = dict(instances_left_out(header))
    assert set(left_out) == {"1.2.99", "1.2.98"}
    assert "LOCALIZER" in left_out[scout.sop_instance_uid]


def test_soft_kernels_come_before_bone_kernels_and_five_mm_before_thin() -> None:
    thick = header_of(number=1)
    thin = header_of(
        number=2, instances=tuple(instance(n, slice_thickness_mm=0.625) for n in range(200))
    )
    bone = header_of(number=3, convolution_kernel="H70h", series_description="BONE 5MM")
    assert sorted([bone, thin, thick], key=aptness) == [thick, thin, bone]


@pytest.mark.parametrize(
    ("kernel", "description"),
    [
        ("Hr40f", ""),
        ("Hr44", ""),
        ("H31s", ""),
        ("J40s", ""),
        ("FC26", ""),
        ("FC64", ""),
        ("FC68", ""),
        ("STANDARD", ""),
        ("", "CORTES FINOS"),
        ("", "CORTES GRUESOS"),
        ("", "DOS CORTES"),
    ],
)
def test_soft_kernels_are_none_for_bone(kernel: str, description: str) -> None:
    soft = header_of(number=2, convolution_kernel=kernel, series_description=description)
    bone = header_of(number=1, convolution_kernel="BONEPLUS")
    assert aptness(soft) < aptness(bone)


@pytest.mark.parametrize(
    ("kernel", "description"),
    [
        ("H70h", ""),
        ("Hr59", ""),
        ("Hr68h", ""),
        ("B60s", ""),
        ("U90u", ""),
        ("FC30", ""),
        ("FC51", ""),
        ("FC81", ""),
        ("YC", ""),
        ("BONEPLUS", ""),
        ("", "CRANE OS"),
        ("", "Fenêtre osseuse"),
        ("", "Schädel Knochen"),
        ("", "CRANEO HUESO"),
        ("", "cranio osso"),
    ],
)
def test_kernels_for_bone_come_last(kernel: str, description: str) -> None:
    bone = header_of(number=1, convolution_kernel=kernel, series_description=description)
    assert aptness(header_of(number=2)) < aptness(bone)


def test_the_order_of_like_series_is_always_the_same() -> None:
    first, second = header_of(number=1), header_of(number=2)
    assert aptness(first) < aptness(replace(second, instances=first.instances))


MIXED = header_of(
    number=2,
    instances=tuple(instance(n, rows=516 if n == 9 else 512) for n in range(1, 40)),
)


def test_images_of_one_size_come_after_soft_kernels_and_before_5_mm_and_many() -> None:
    thin = header_of(instances=tuple(instance(n, slice_thickness_mm=0.6) for n in range(1, 30)))
    sharp = header_of(convolution_kernel="H70h")
    assert aptness(thin) < aptness(MIXED) < aptness(sharp)
    small = replace(MIXED.instances[0], rows=64)  # is left out, and so makes no difference
    one_size = replace(header_of(number=2), instances=(small, *MIXED.instances[:8]))
    assert aptness(one_size) < aptness(MIXED)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (header_of(number=2, convolution_kernel="H70h"), "bone kernel"),
        (
            header_of(instances=tuple(instance(n, slice_thickness_mm=0.6) for n in range(200))),
            "5 mm are nearer to 5 mm than these of 0.6 mm",
        ),
        (header_of(20, number=2), "more images"),
        (MIXED, "another size"),
        (header_of(number=2), "alike"),
    ],
    ids=["kernel", "thickness", "images", "sizes", "alike"],
)
def test_a_series_that_does_not_judge_the_study_hears_why(other: SeriesHeader, words: str) -> None:
    assert aptness(header_of()) < aptness(other)
    assert words in why_less_apt(header_of(), other)
