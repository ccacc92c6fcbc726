"""Files that others made, described and decoded as pydicom does: two readers, one answer."""

import json
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset
from pydicom.misc import is_dicom

from tests.dicomweb_parts import dicomweb_app, dicomweb_of, found_object, parts_of
from tests.viewer_parts import INSTANCE, SERIES, STUDY, getter
from viewer.dicomweb.elements import EXPLICIT_LITTLE
from viewer.dicomweb.frames_api import read_frame
from viewer.dicomweb.json_model import ToDescribe, describe
from viewer.ports import CannotDecode

# The JSON's own character set; the transfer syntax; padding behind the pixels, which are last.
_NOT_COMPARED = {"00080005", "00083002", "FFFCFFFC"}


@pytest.fixture(scope="module")
def files(shared_dicom: Path) -> list[Path]:
    """The corpus, and one image of each whole study."""
    corpus = sorted(path for path in (shared_dicom / "corpus").rglob("*") if path.is_file())
    studies = [next(one.rglob("*.dcm")) for one in sorted((shared_dicom / "studies").iterdir())]
    found = [path for path in [*corpus, *studies] if is_dicom(path)]
    assert len(found) >= 120
    return found


def read(path: Path) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dcmread(path)


def differences(theirs: dict[str, Any], ours: dict[str, Any], where: str = "") -> list[str]:
    """What pydicom says otherwise; group lengths are no attributes of an object."""
    tags = {tag for tag in set(theirs) | set(ours) if not tag.endswith("0000")} - _NOT_COMPARED
    found: list[str] = []
    for tag in sorted(tags):
        one, other = theirs.get(tag), ours.get(tag)
        if one is None and other["vr"] == "UI" and len(other["Value"][0]) > 64:
            continue  # pydicom leaves out a UID that is too long
        if one is None or other is None or one["vr"] != other["vr"]:
            found.append(f"{where}{tag}: {one} / {other}")
        elif one["vr"] == "SQ":
            items, others = one.get("Value", []), other.get("Value", [])
            if len(items) != len(others):
                found.append(f"{where}{tag}: {len(items)} / {len(others)} items")
            for number, pair in enumerate(zip(items, others, strict=False)):
                found += differences(*pair, where=f"{where}{tag}/{number}/")
        elif "InlineBinary" in other:
            if one.get("InlineBinary") != other["InlineBinary"]:
                found.append(f"{where}{tag}: bytes")
        elif "BulkDataURI" not in other and _plain(one) != _plain(other):
            found.append(f"{where}{tag}: {one} / {other}")
    return found


def _plain(attribute: dict[str, Any]) -> list[Any]:
    """Values without padding; an empty one is null (PS3.18 F.2.5), which pydicom does not write."""
    values = attribute.get("Value") or []
    stripped = [one.strip() if isinstance(one, str) else one for one in values]
    kept = [None if one in ("", {}) else one for one in stripped]
    return kept if any(one is not None for one in kept) else []


def test_every_file_of_the_corpus_is_described_as_pydicom_describes_it(files: list[Path]) -> None:
    compared = 0
    for path in files:
        (content,) = describe([ToDescribe(path=path, address="here")])
        assert content is not None, path
        ours = json.loads(content)
        with warnings.catch_warnings(), disable_value_validation():
            warnings.simplefilter("ignore")
            theirs = read(path).to_json_dict(suppress_invalid_tags=True)
        assert differences(theirs, ours) == [], path
        compared += len(ours)
    assert compared > 10_000


def test_p9_every_frame_is_what_pydicom_decodes_or_refused_with_a_reason(
    files: list[Path], tmp_path: Path
) -> None:
    told: Counter[str] = Counter()
    for path in files:
        one = found_object(path)
        try:
            part = read_frame(dicomweb_of(tmp_path, []), one, one.number_of_frames, as_stored=False)
        except CannotDecode as error:
            told[str(error)[:60]] += 1
            continue
        assert part.content_type.endswith(EXPLICIT_LITTLE)
        data_set = read(path)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                pixels = data_set.pixel_array
        except Exception:  # noqa: BLE001 - pydicom reads fewer than we do
            told["not by pydicom"] += 1
            continue
        frame = pixels[-1] if one.number_of_frames > 1 else pixels
        if data_set.BitsAllocated == 1:
            found = np.unpackbits(np.frombuffer(part.content, np.uint8), bitorder="little")
            same = found[: frame.size].tolist() == frame.ravel().tolist()
        else:
            same = _alike(data_set, part.content, frame)
        assert same, path
        told["same"] += 1
    assert told["same"] >= 75, told


def _alike(data_set: Dataset, content: bytes, frame: np.ndarray[Any, Any]) -> bool:
    # Native colour is handed out as it lies and as it is described; pydicom makes RGB of it.
    is_native = not data_set.file_meta.TransferSyntaxUID.is_encapsulated
    if data_set.PhotometricInterpretation.startswith("YBR") and is_native:
        bytes_per_pixel = 2 if data_set.PhotometricInterpretation.endswith("422") else 3
        return len(content) == frame.shape[0] * frame.shape[1] * bytes_per_pixel
    if data_set.get("PlanarConfiguration") == 1 and is_native:
        frame = np.moveaxis(frame, -1, 0)
    if len(content) != frame.nbytes:
        return False
    found = np.frombuffer(content, frame.dtype.newbyteorder("<")).reshape(frame.shape)
    if is_native and data_set.PixelRepresentation == 0:  # overlays may lie in the bits above
        found = found & (2**data_set.BitsStored - 1)
    return bool(np.array_equal(found, frame))


def test_p9_the_whole_corpus_is_served_and_nothing_is_an_accident(
    files: list[Path], tmp_path: Path
) -> None:
    base = f"/dicomweb/studies/{STUDY}/series/{SERIES}/instances/{INSTANCE}"
    accept = 'multipart/related; type="application/octet-stream"; transfer-syntax=*'
    told: Counter[tuple[str, int]] = Counter()
    for path in files:
        get = getter(dicomweb_app(tmp_path, [found_object(path)]))
        assert get(f"{base}/metadata").status_code == 200
        answer = get(f"{base}/frames/1", accept=accept)
        told["stored", answer.status_code] += 1
        if answer.status_code == 200:
            ((kind, content),) = parts_of(answer)
            assert content
            assert "transfer-syntax=" in kind
        told["decoded", get(f"{base}/frames/1").status_code] += 1
    assert {status for _, status in told} <= {200, 406, 422}, told
    assert told["stored", 200] >= 95, told
    assert told["decoded", 200] >= 95, told
