"""What is sent, and the peers it is sent to: pynetdicom in this process, DCMTK in its own."""

import subprocess
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    generate_uid,
)
from pynetdicom import AE, evt
from pynetdicom.dsutils import split_dataset

from results.sending.destination import DimseDestination
from tests.listening import eventually

SR = "1.2.840.10008.5.1.4.1.1.88.34"
CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
SHORT = {"connect_timeout_s": 5.0, "answer_timeout_s": 10.0}


def result_file(
    folder: Path, *, sop_class_uid: str = SR, syntax: str = ExplicitVRLittleEndian, size: int = 2000
) -> Path:
    """An object as we make them, with a name in a character set that it breaks."""
    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = UID(syntax)
    one.SOPClassUID = sop_class_uid
    one.SOPInstanceUID = generate_uid()
    one.StudyInstanceUID = "1.2.3.1"
    one.SeriesInstanceUID = "1.2.3.2"
    one.SpecificCharacterSet = "ISO_IR 192"
    one.PatientID = "P1"
    one.TextValue = "x" * size
    path = folder / f"{one.SOPInstanceUID}.dcm"
    one.save_as(path, enforce_file_format=True)
    whole, offset = path.read_bytes(), int(split_dataset(path)[1])
    content = whole[offset:]
    if syntax == DeflatedExplicitVRLittleEndian:
        content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content)
    content = content.replace(b"P1", b"\xff1")
    if syntax == DeflatedExplicitVRLittleEndian:
        deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        content = deflater.compress(content) + deflater.flush()
    path.write_bytes(whole[:offset] + content + b"\0" * (len(content) % 2))
    return path


def uid_of(path: Path) -> str:
    return path.stem


@contextmanager
def storage_peer(
    store: Callable[[evt.Event], int | Dataset],
    *,
    syntaxes: tuple[str, ...] = (ExplicitVRLittleEndian,),
    classes: tuple[str, ...] = (SR, CAPTURE),
    handlers: tuple[Any, ...] = (),
    ae_title: str = "PACS",
    **configuration: Any,
) -> Iterator[int]:
    """pynetdicom as the node that objects are sent to; yields its port."""
    entity = AE(ae_title=ae_title)
    for name, value in configuration.items():
        setattr(entity, name, value)
    for one in classes:
        entity.add_supported_context(one, list(syntaxes))
    opened: list[Any] = []  # pynetdicom forgets some of them
    server = entity.start_server(
        ("127.0.0.1", 0),
        block=False,
        evt_handlers=[
            (evt.EVT_C_STORE, store),
            (evt.EVT_CONN_OPEN, lambda event: opened.append(event.assoc.dul.socket.socket)),
            *handlers,
        ],
    )
    try:
        yield server.socket.getsockname()[1]
    finally:
        server.shutdown()
        for one in opened:
            one.close()


@contextmanager
def storescp(
    program: Callable[[str], str], folder: Path, port: int, *options: str, ready: Callable[[], bool]
) -> Iterator[None]:
    """DCMTK's receiver, which writes into a new folder."""
    folder.mkdir()
    receiver = subprocess.Popen(
        [
            program("storescp"),
            *options,
            "--output-directory",
            str(folder),
            "--filename-extension",
            ".dcm",
            str(port),
        ]
    )
    try:
        assert eventually(ready, 30)
        yield
    finally:
        receiver.terminate()
        receiver.wait(timeout=30)


def at(port: int, **others: Any) -> DimseDestination:
    """That node as a destination."""
    return DimseDestination(
        **{
            "name": "PACS",
            "host": "127.0.0.1",
            "port": port,
            "called_ae_title": "PACS",
            **SHORT,
            **others,
        }
    )
