"""An archive of a few files for DICOMweb, without a database."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from fastapi import FastAPI
from pydicom import dcmread
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset
from pydicom.filewriter import dcmwrite

from dicom_listener.settings import ListenerSettings
from dicom_listener.stow import StowDoor
from tests.fake_personal import FakePersonal
from tests.people import unasked_accounts
from tests.undelivered import nothing_is_set, unasked_deliveries
from tests.viewer_parts import (
    INSTANCE,
    NOW,
    SERIES,
    STUDY,
    FakePeople,
    FakeReader,
    decode,
    room,
    silence,
)
from viewer.app import create_app
from viewer.dicomweb.json_model import describe
from viewer.dicomweb.ports import DicomWeb
from viewer.ports import NodeInfo
from vigie.frames import decode_stored, transcode
from worklist.archive_search import ArchiveQuery, Found
from worklist.archived import ArchivedObject
from worklist.errors import UnknownStudy
from worklist.personal import Personal
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID
from worklist.views import UnknownInstance


@dataclass
class FakeArchive:
    """These objects."""

    filed: list[ArchivedObject]

    def objects(
        self,
        study: StudyInstanceUID,
        series: SeriesInstanceUID | None = None,
        instance: SOPInstanceUID | None = None,
    ) -> Sequence[ArchivedObject]:
        found = [
            one
            for one in self.filed
            if one.study_instance_uid == study
            and series in (None, one.series_instance_uid)
            and instance in (None, one.sop_instance_uid)
        ]
        if found:
            return found
        raise UnknownInstance("no such object") if series else UnknownStudy("no such study")

    def shown_for(
        self,
        study: StudyInstanceUID,
        series: SeriesInstanceUID | None = None,
        instance: SOPInstanceUID | None = None,
    ) -> ArchivedObject:
        return self.objects(study, series, instance)[0]

    def search(self, query: ArchiveQuery) -> Sequence[Found]:
        return []  # the real one is searched in integration/test_dicomweb_search.py


def archived_object(path: Path, number: int = 1) -> ArchivedObject:
    """A file of the study that the fake list has."""
    uid = INSTANCE if number == 1 else SOPInstanceUID(f"{SERIES}.{number}")
    return ArchivedObject(
        study_instance_uid=STUDY,
        series_instance_uid=SERIES,
        sop_instance_uid=uid,
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        sha256=f"{number:064x}",
        path=path,
        instance_number=number,
        number_of_frames=1,
        rows=None,
        columns=None,
    )


def found_object(path: Path) -> ArchivedObject:
    """A file as others wrote it, under the UIDs of the fake list."""
    with disable_value_validation(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header = dcmread(path, stop_before_pixels=True, force=True)
        frames = header.get("NumberOfFrames")
        return replace(
            archived_object(path),
            transfer_syntax_uid=str(header.file_meta.TransferSyntaxUID),
            number_of_frames=int(frames or 1),
        )


def written(folder: Path, data_set: Dataset, number: int = 1) -> ArchivedObject:
    """A file of a data set (see `tests.archived.image`)."""
    one = archived_object(folder / f"{number}.dcm", number)
    data_set.SOPInstanceUID = one.sop_instance_uid
    data_set.file_meta.MediaStorageSOPInstanceUID = one.sop_instance_uid
    data_set.file_meta.MediaStorageSOPClassUID = data_set.SOPClassUID
    dcmwrite(one.path, data_set, enforce_file_format=True)
    return replace(
        one,
        transfer_syntax_uid=str(data_set.file_meta.TransferSyntaxUID),
        number_of_frames=int(data_set.get("NumberOfFrames") or 1),
    )


def dicomweb_of(folder: Path, objects: Sequence[ArchivedObject]) -> DicomWeb:
    """DICOMweb over these objects, without other processes."""
    return DicomWeb(
        archive=FakeArchive(list(objects)),
        describe=describe,
        decode_stored=decode_stored,
        transcode=transcode,
        store=StowDoor(ListenerSettings(data=folder / "data", disk_reserve_bytes=0)),
        cache=folder / "metadata",
        cache_limit_bytes=10**6,
    )


def dicomweb_app(
    folder: Path,
    objects: Sequence[ArchivedObject],
    dicomweb: DicomWeb | None = None,
    people: FakePeople | None = None,
) -> FastAPI:
    """The whole app over these objects; one person is signed in."""
    archive = folder / "none.dcm"
    return create_app(
        people=people or FakePeople(),
        accounts=unasked_accounts(),
        reader=FakeReader(archive),
        worklist=room(),
        personal=Personal(FakePersonal()),
        deliveries=unasked_deliveries(),
        test_destination=nothing_is_set,
        listen=silence,
        decode_frame=decode,
        dicomweb=dicomweb or dicomweb_of(folder, objects),
        readiness=list,
        node=NodeInfo(ae_title="VIGIE", dicom_port=11112, version="1.0"),
        now=lambda: NOW,
        static_folder=folder / "missing",
    )


def parts_of(answer: httpx.Response) -> list[tuple[str, bytes]]:
    """Content type and content of each part of a multipart answer."""
    _, _, mark = answer.headers["content-type"].partition("boundary=")
    before, *parts, after = answer.content.split(b"--" + mark.encode())
    assert (before, after) == (b"", b"--\r\n")
    found = []
    for part in parts:
        head, _, content = part.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().strip().split("\r\n"))
        assert content.endswith(b"\r\n")
        assert int(fields["Content-Length"]) == len(content) - 2
        found.append((fields["Content-Type"], content[:-2]))
    return found
