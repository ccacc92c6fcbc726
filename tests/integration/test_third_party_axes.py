"""Volumes reach others' networks along the axes they were trained with, and places come back."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from models.assessment import look, select
from models.headers import read_series_headers
from models.third_party import load_folder
from models.third_party_adding import CannotAdd, add_model
from tests.dicom_series import archived, write_series
from tests.third_party import (
    Corner,
    card,
    inference,
    metadata,
    tried_here,
    write_bundle,
    zipped,
)
from worklist.finding import DetectorIdentity, Flagged, NotFlagged, Outcome

SLICES = 6
TOP, BOTTOM = SLICES, 1  # numbers of the images; their positions rise towards the head
RIGHT, LEFT = 0, 3  # columns
FRONT, BACK = 0, 3  # rows

VOLUME = 'modality = ["CT"]\nwindow = [500, 1000]\n'
OUTPUT = (
    'score = "score"\nmeaning = "probability"\nheat_map = "heat"\n'
    'heat_map_meaning = "probability"\nregion_score = 0.6'
)
ORIENTED = {"_target_": "Orientationd", "keys": ["image"], "axcodes": "RAS"}
BY_REFERENCE = {"_target_": "monai.transforms.OrientationD", "axcodes": "@axcodes"}
SPACED = {"_target_": "Spacingd", "pixdim": [1.0, 1.0, 2.0]}
FLIPPED = {"_target_": "Flipd", "spatial_axis": 0}


def add_bundle(
    folder: Path,
    *,
    shape: Sequence[int],
    taken: str = "",
    transforms: Mapping[str, Any] | None = None,
    as_zip: bool = False,
) -> Path:
    """Add a bundle with `Corner` and this in its card's [input]."""
    text = card("nodule.corner", target="pulmonary_nodule", taken=VOLUME + taken, given=OUTPUT)
    bundle = write_bundle(
        folder / "vendor",
        said=metadata(shape=shape),
        card=text,
        scripted=Corner(),
        transforms=transforms,
    )
    source = zipped(bundle, folder / "vendor.zip") if as_zip else bundle
    return add_model(source, folder / "models", trial=tried_here).folder


def outcome_on(
    model: Path, archive: Path, *, bright: tuple[int, int], on_slice: int, slices: int = SLICES
) -> Outcome:
    """Of a series of 4 x 4 pixels of 1 mm and slices 2 mm apart with one bright voxel."""
    values = [950 if number == on_slice else 0 for number in range(1, slices + 1)]
    paths = write_series(archive, values, modality="CT", gap_mm=2.0, bright=bright)
    detector = load_folder(model, threads=1, cache=None)
    selection = select(detector, read_series_headers(archived(paths, archive), archive))
    return look(detector, selection, limit_bytes=2**20).outcome


@pytest.mark.parametrize(
    ("shape", "taken", "transforms", "row", "column", "on_slice"),
    [
        ((4, 4, 6), "", None, FRONT, RIGHT, TOP),
        ((4, 4, 6), "", inference(ORIENTED, SPACED), FRONT, RIGHT, TOP),
        ((4, 4, 6), "", inference(FLIPPED, BY_REFERENCE), BACK, LEFT, TOP),
        ((4, 6, 4), "", inference({**ORIENTED, "axcodes": "PIR"}), BACK, RIGHT, BOTTOM),
        ((4, 4, 6), "", inference({**ORIENTED, "as_closest_canonical": True}), FRONT, RIGHT, TOP),
        ((6, 4, 4), 'orientation = "IAL"', inference(), FRONT, LEFT, BOTTOM),
        ((6, 4, 4), 'axes = ["slices", "rows", "columns"]', inference(), BACK, LEFT, TOP),
        ((4, 4, 6), 'axes = ["columns", "rows", "slices"]', None, BACK, LEFT, TOP),
    ],
)
@pytest.mark.parametrize("as_zip", [False, True], ids=["folder", "zip"])
def test_each_axis_of_a_bundles_network_runs_to_the_end_of_the_patient_it_was_made_for(
    tmp_path: Path,
    shape: tuple[int, ...],
    taken: str,
    transforms: Mapping[str, Any] | None,
    row: int,
    column: int,
    on_slice: int,
    as_zip: bool,
) -> None:
    model = add_bundle(tmp_path, shape=shape, taken=taken, transforms=transforms, as_zip=as_zip)
    outcome = outcome_on(model, tmp_path / "archive", bright=(row, column), on_slice=on_slice)
    assert isinstance(outcome, Flagged)
    assert outcome.probability == pytest.approx(0.95)
    [region] = outcome.regions
    assert region.sop_instance_uid == f"1.2.3.{on_slice}"
    assert region.polygon[0] == (float(column), float(row))
    assert region.polygon[2] == (column + 1.0, row + 1.0)
    [lesion] = outcome.evidence.lesions
    assert lesion.first_image == lesion.last_image == f"1.2.3.{on_slice}"


def test_the_same_voxel_elsewhere_is_not_at_the_end_of_every_axis(tmp_path: Path) -> None:
    model = add_bundle(tmp_path, shape=(4, 4, 6), transforms=inference(ORIENTED))
    outcome = outcome_on(model, tmp_path / "archive", bright=(FRONT, LEFT), on_slice=TOP)
    assert isinstance(outcome, NotFlagged)
    [region] = outcome.regions
    assert region.polygon[0] == (float(LEFT), float(FRONT))


def test_spacings_are_in_the_order_of_the_size(tmp_path: Path) -> None:
    taken = "spacing_mm = [1.0, 1.0, 2.0]"
    model = add_bundle(tmp_path, shape=(4, 4, 6), taken=taken, transforms=inference(ORIENTED))
    fits = outcome_on(model, tmp_path / "archive", bright=(FRONT, RIGHT), on_slice=TOP)
    assert isinstance(fits, Flagged)
    thick = outcome_on(model, tmp_path / "thick", bright=(FRONT, RIGHT), on_slice=8, slices=8)
    assert isinstance(thick, NotFlagged)  # its ends are cut off, as the network's size says


UNKNOWN = {
    "not oriented": (inference(SPACED), "", "name no orientation"),
    "turned afterwards": (inference(ORIENTED, FLIPPED), "", "Flip may turn"),
    "by others' code": (
        inference(ORIENTED, {"_target_": "scripts.Mine"}),
        "",
        "scripts.Mine may turn",
    ),
    "two orientations": (
        inference(ORIENTED, {**ORIENTED, "axcodes": "LPS"}),
        "",
        "several orientations: LPS, RAS",
    ),
    "an expression": (
        inference({**ORIENTED, "axcodes": "$'R' + 'AS'"}),
        "",
        "axcodes of its Orientation transform are not plain",
    ),
    "not loaded": ({"network": {"_target_": "UNet"}}, "", "do not say how images are loaded"),
    "switched off": (inference({**ORIENTED, "_disabled_": True}), "", "name no orientation"),
    "another one": (
        inference(ORIENTED),
        'orientation = "LPS"',
        "orientation is not what the bundle's transforms say: orientation RAS",
    ),
    "other axes": (
        inference(ORIENTED),
        'axes = ["slices", "rows", "columns"]',
        "axes is not what the bundle's transforms say",
    ),
    "no letters": (None, 'orientation = "RAX"', 'as "RAS"'),
    "both": (
        None,
        'orientation = "RAS"\naxes = ["slices", "rows", "columns"]',
        "stands in place of axes",
    ),
    "an axis twice": (None, 'axes = ["rows", "rows", "slices"]', "each once"),
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_a_bundle_whose_axes_cannot_be_known_is_refused_and_says_why(
    tmp_path: Path, what: str
) -> None:
    transforms, taken, why = UNKNOWN[what]
    with pytest.raises(CannotAdd, match=why.replace("$", r"\$")):
        add_bundle(tmp_path, shape=(4, 4, 6), taken=taken, transforms=transforms)
    assert list((tmp_path / "models").iterdir()) == []


def test_a_bundle_with_transforms_in_another_format_is_refused_unless_the_card_says_its_axes(
    tmp_path: Path,
) -> None:
    def add(where: str, taken: str) -> DetectorIdentity:
        text = card("nodule.corner", target="pulmonary_nodule", taken=VOLUME + taken, given=OUTPUT)
        bundle = write_bundle(
            tmp_path / where, said=metadata(shape=(4, 4, 6)), card=text, scripted=Corner()
        )
        (bundle / "configs" / "inference.yaml").write_text("preprocessing: ...")
        return add_model(bundle, tmp_path / "models", trial=tried_here).identity

    with pytest.raises(CannotAdd, match=r"inference\.yaml is not read"):
        add("silent", "")
    assert add("told", 'orientation = "RAS"').name == "nodule.corner"


class FarLeft(torch.nn.Module):
    """Its score is the pixel at the end of its first axis and the beginning of its second."""

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        """Of an image (1, 1, first, second)."""
        return {"score": image[:, 0, -1, 0], "heat": image}


def test_a_bundle_for_single_images_gets_columns_before_rows_as_monai_reads_them(
    tmp_path: Path,
) -> None:
    text = card("nodule.flat", target="pulmonary_nodule", taken=VOLUME, given=OUTPUT)
    bundle = write_bundle(
        tmp_path / "vendor", said=metadata(shape=(4, 4)), card=text, scripted=FarLeft()
    )
    model = add_model(bundle, tmp_path / "models", trial=tried_here).folder
    outcome = outcome_on(model, tmp_path / "archive", bright=(0, 3), on_slice=1, slices=1)
    assert isinstance(outcome, Flagged)
    [region] = outcome.regions
    assert region.polygon[0] == (3.0, 0.0)
