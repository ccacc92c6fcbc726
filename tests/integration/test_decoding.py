"""Decoding what other people's software wrote: the corpus of ../shared/dicom, never committed."""

from pathlib import Path

import numpy as np
import pytest

from models.images import Frame, UndecodableImage, decode_frame

CT_SLICE = "cornerstone3D/packages/dicomImageLoader/testImages/CTImage.dcm"
ENCAPSULATED = "dicomParser/testImages/encapsulated"
LOSSLESS = [
    "BigEndianExplicitTransferSyntax_1.2.840.10008.1.2.2",
    "DeflatedExplicitVRLittleEndianTransferSyntax_1.2.840.10008.1.2.1.99",
    "JPEG2000LosslessOnlyTransferSyntax_1.2.840.10008.1.2.4.90",
    "JPEGLSLosslessTransferSyntax_1.2.840.10008.1.2.4.80",
    "JPEGProcess14SV1TransferSyntax_1.2.840.10008.1.2.4.70",
    "JPEGProcess14TransferSyntax_1.2.840.10008.1.2.4.57",
    "LittleEndianExplicitTransferSyntax_1.2.840.10008.1.2.1",
    "LittleEndianImplicitTransferSyntax_1.2.840.10008.1.2",
    "RLELosslessTransferSyntax_1.2.840.10008.1.2.5",
]
LOSSY = {  # to the mean error in HU that its quantisation allows
    "JPEG2000TransferSyntax_1.2.840.10008.1.2.4.91": 1.0,
    "JPEGLSLossyTransferSyntax_1.2.840.10008.1.2.4.81": 2.0,
    "JPEGProcess10_12TransferSyntax_1.2.840.10008.1.2.4.55": 10.0,
    "JPEGProcess1TransferSyntax_1.2.840.10008.1.2.4.50": 20.0,  # 8 bits for 4,400 HU
    "JPEGProcess2_4TransferSyntax_1.2.840.10008.1.2.4.51": 10.0,
    "JPEGProcess6_8TransferSyntax_1.2.840.10008.1.2.4.53": 10.0,
}
NOT_IMAGES = {
    "LICENCE", "LICENSE", "NeurosurgeryPlan.dcm", "README.md", "data_details.md",
    "included_licenses.md", "no-pixel-data.dcm", "prLUTs.dcm", "prOverlay.dcm",
    "sm_annotations.dcm", "sr_document.dcm", "sr_document_with_multiple_groups.dcm", "wave_dfl",
}  # fmt: skip


@pytest.fixture(scope="session")
def corpus(shared_dicom: Path) -> Path:
    return shared_dicom / "corpus"


@pytest.fixture(scope="session")
def original(corpus: Path) -> Frame:
    return decode_frame(corpus / CT_SLICE, 1)


def in_transfer_syntax(corpus: Path, name: str) -> Frame:
    return decode_frame(corpus / f"{CT_SLICE}_{name}.dcm", 1)


@pytest.mark.parametrize("name", LOSSLESS)
def test_a_ct_slice_is_the_same_in_every_lossless_transfer_syntax(
    corpus: Path, original: Frame, name: str
) -> None:
    np.testing.assert_array_equal(in_transfer_syntax(corpus, name).pixels, original.pixels)


@pytest.mark.parametrize("name", LOSSY)
def test_a_ct_slice_is_nearly_the_same_in_every_lossy_transfer_syntax(
    corpus: Path, original: Frame, name: str
) -> None:
    difference = np.abs(in_transfer_syntax(corpus, name).pixels - original.pixels)
    assert 0 < difference.mean() < LOSSY[name]


@pytest.mark.parametrize(
    ("pattern", "frames"), [("multi-frame/CT0012.*jpeg_ls.80.dcm", 2), ("single-frame/*.dcm", 1)]
)
def test_fragments_and_offset_tables_make_no_difference(
    corpus: Path, pattern: str, frames: int
) -> None:
    paths = sorted((corpus / ENCAPSULATED).glob(pattern))
    assert len(paths) == 3
    for frame_number in range(1, frames + 1):
        first, *others = [decode_frame(path, frame_number) for path in paths]
        assert first.number_of_frames == frames
        for other in others:
            np.testing.assert_array_equal(other.pixels, first.pixels)


def test_every_object_of_the_corpus_with_pixels_decodes_and_no_other(corpus: Path) -> None:
    refused = {}
    for path in sorted(p for p in corpus.rglob("*") if p.is_file()):
        try:
            frame = decode_frame(path, 1)
        except UndecodableImage as error:
            refused[path.name] = str(error)
        else:
            assert np.isfinite(frame.pixels).all(), path
            assert frame.window_width > 0, path
    assert set(refused) == NOT_IMAGES
    assert all(refused.values())
