"""The objects of one STOW request, handed to the inbox while they come (PS3.18 section 10.5)."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from viewer.dicomweb.elements import EXPLICIT, Broken, element_at
from viewer.dicomweb.multipart_reader import (
    BrokenMultipart,
    MultipartReader,
    PartBegins,
    PartData,
    PartEnds,
)
from viewer.dicomweb.uids_in import SERIES_INSTANCE_UID, STUDY_INSTANCE_UID, UidsIn
from worklist.errors import InvalidUID, VigieError
from worklist.uid import SOPInstanceUID, StudyInstanceUID

OUT_OF_RESOURCES = 0xA700  # Failure Reasons: PS3.18 table I.2-2
CANNOT_UNDERSTAND = 0xC000
DOES_NOT_MATCH = 0xB007  # Warning Reason: kept, and the administrator looks at it
_MOST_META_BYTES = 1024**2
MOST_PARTS = 20_000  # of one request; whoever has more objects sends another
_DICOM = "application/dicom"


class CannotStore(VigieError):
    """Objects cannot be taken at all; nothing of the request was kept."""


class NoRoom(CannotStore):
    """The disk is nearly full: what C-STORE answers with 0xA700."""


class TooSlow(CannotStore):
    """The sender fell silent in the middle of a request, or as good as that."""


class TooBusy(CannotStore):
    """As many requests as are taken at once are under way; try again soon."""


class TooManyParts(BrokenMultipart):
    """A request of more parts than are taken at once; those before were."""


class UnsupportedBody(CannotStore):
    """A request that holds no objects as they are taken."""


class StoreObject(Protocol):
    """One object on its way into the inbox."""

    def write(self, data: memoryview) -> None:
        """Take the next bytes of its data set."""
        ...

    def finish(self) -> int | None:
        """Make it durable; then None, else a DIMSE status."""
        ...

    def discard(self) -> None:
        """Forget it."""
        ...


class StoreSession(Protocol):
    """The way into the inbox for one request; every method may raise OSError."""

    @property
    def has_room(self) -> bool:
        """Whether the disk takes more objects."""
        ...

    def begin(
        self, sop_class_uid: bytes, sop_instance_uid: bytes, transfer_syntax_uid: str
    ) -> StoreObject:
        """Start to receive an object."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What became of one object."""

    sop_class_uid: str = ""  # as its file header says; empty: it has none that can be read
    sop_instance_uid: str = ""
    study_instance_uid: str = ""  # as the data set says, if it does
    series_instance_uid: str = ""
    failure: int | None = None  # Failure Reason; None: it is durable
    warning: int | None = None


class StowRequest:
    """Takes the bytes of a request, and says what became of each object.

    Nothing of an object but its file header is looked at before it is durable; where it must be of
    one study, that UID too.

    Parameters
    ----------
    boundary
        Of its parts; None: the whole request is one object.
    study
        The only study that objects may be of; None: any.
    """

    def __init__(
        self, session: StoreSession, boundary: str | None, study: StudyInstanceUID | None
    ) -> None:
        self._session = session
        self._study = study
        self._reader = None if boundary is None else MultipartReader(boundary)
        self._part = _Part(session, study) if boundary is None else None
        self._parts = 0
        self.results: list[Result] = []

    def feed(self, content: bytes) -> None:
        """Take the next bytes; raises BrokenMultipart, TooManyParts."""
        if self._reader is None:
            if self._part is not None:
                self._part.write(memoryview(content))
            return
        for event in self._reader.feed(content):
            match event:
                case PartBegins(headers):
                    self._parts += 1
                    if self._parts > MOST_PARTS:
                        raise TooManyParts(f"a request may have {MOST_PARTS} parts at most")
                    kind = headers.get("content-type", _DICOM).partition(";")[0].strip().lower()
                    self._part = _Part(self._session, self._study, is_dicom=kind == _DICOM)
                case PartData(data):
                    if self._part is not None:
                        self._part.write(data)
                case PartEnds():
                    self._end_part()

    def finish(self) -> bool:
        """The request is over; whether it was whole."""
        if self._reader is None:
            self._end_part()
            return True
        is_whole = self._reader.is_over and self._part is None
        self.discard()
        return is_whole

    def discard(self) -> None:
        """Forget the object that is not whole."""
        if self._part is not None:
            self._part.discard()
            self._part = None

    def _end_part(self) -> None:
        if self._part is not None:
            part, self._part = self._part, None
            self.results.append(part.finish())


@dataclass(slots=True)
class _Part:
    session: StoreSession
    study: StudyInstanceUID | None
    is_dicom: bool = True
    head: bytearray = field(default_factory=bytearray)  # until the file header is whole
    meta: dict[int, bytes] | None = None
    received: StoreObject | None = None
    uids: UidsIn | None = None
    failure: int | None = None

    def write(self, data: memoryview) -> None:
        if self.failure is not None or not self.is_dicom:
            return
        if self.received is not None:
            self._write(data)
            return
        self.head += data
        try:
            found = file_meta(bytes(self.head))
        except Broken:
            self.failure = CANNOT_UNDERSTAND
            return
        if found is None:
            if len(self.head) > _MOST_META_BYTES:
                self.failure = CANNOT_UNDERSTAND
            return
        self.meta, start = found
        self.received = self.session.begin(
            self.meta.get(0x00020002, b""), self.meta.get(0x00020003, b""), self._syntax()
        )
        self.uids = UidsIn(self._syntax())
        self._write(memoryview(bytes(self.head[start:])))
        self.head = bytearray()

    def _write(self, data: memoryview) -> None:
        if self.received is not None:
            self.received.write(data)
        if self.uids is not None:
            self.uids.write(data)

    def finish(self) -> Result:
        received, self.received = self.received, None
        if received is None or self.meta is None:
            return Result(failure=self.failure or CANNOT_UNDERSTAND)
        sop_class, instance = self._text(0x00020002), self._text(0x00020003)
        uids = {} if self.uids is None else self.uids.found()
        if self.study is not None and uids.get(STUDY_INSTANCE_UID) != self.study:
            received.discard()
            return Result(
                sop_class_uid=sop_class, sop_instance_uid=instance, failure=CANNOT_UNDERSTAND
            )
        failure = received.finish()
        warning = None if _is_uid(instance) and _is_uid(sop_class) else DOES_NOT_MATCH
        return Result(
            sop_class_uid=sop_class,
            sop_instance_uid=instance,
            study_instance_uid=uids.get(STUDY_INSTANCE_UID, ""),
            series_instance_uid=uids.get(SERIES_INSTANCE_UID, ""),
            failure=failure,
            warning=warning if failure is None else None,
        )

    def discard(self) -> None:
        if self.received is not None:
            self.received.discard()
            self.received = None

    def _syntax(self) -> str:
        return self._text(0x00020010)

    def _text(self, tag: int) -> str:
        value = (self.meta or {}).get(tag, b"")
        return value.rstrip(b"\0 ").decode("ascii", "replace")[:128]


def file_meta(content: bytes) -> tuple[dict[int, bytes], int] | None:
    """Short values of a file header, and where the data set starts; None: more is needed.

    Raises
    ------
    Broken
        If it is none (PS3.10 section 7.1).
    """
    if content[128:132] != b"DICM"[: max(0, len(content) - 128)]:
        raise Broken
    found: dict[int, bytes] = {}
    position = 132
    while position + 12 <= len(content):
        element = element_at(_over(content), position, EXPLICIT)
        if element.tag >> 16 != 2:
            if 0x00020010 not in found:
                raise Broken
            return found, position
        position = element.value_at + element.length
        if position > _MOST_META_BYTES:
            raise Broken
        if position <= len(content) and element.length <= 128:
            found[element.tag] = content[element.value_at : position]
    return None


def _over(content: bytes) -> Any:
    return lambda position, length: content[position : position + length]


def _is_uid(text: str) -> bool:
    try:
        SOPInstanceUID(text)
    except InvalidUID:
        return False
    return True


def answer(
    results: list[Result], is_whole: bool, base: str, study: StudyInstanceUID | None
) -> dict[str, Any]:
    """The Store Instances response (PS3.18 table I.1-1) as DICOM JSON.

    Parameters
    ----------
    base
        Address of the service.
    study
        The only study that objects could be of; None: any.
    """
    retrieve_url = "" if study is None else f"{base}/studies/{study}"
    said: dict[str, Any] = {"00081190": _one("UR", retrieve_url)}
    stored = [
        dict(sorted({**_item(one), "00081190": _one("UR", _url(one, base))}.items()))
        for one in results
        if one.failure is None
    ]
    failed = [_item(one) for one in results if one.failure is not None and one.sop_instance_uid]
    others = [
        {"00081197": _one("US", one.failure)}
        for one in results
        if one.failure is not None and not one.sop_instance_uid
    ]
    if not is_whole:
        others.append({"00081197": _one("US", CANNOT_UNDERSTAND)})
    for tag, items in (("00081198", failed), ("00081199", stored), ("0008119A", others)):
        if items:
            said[tag] = {"vr": "SQ", "Value": items}
    return dict(sorted(said.items()))


def _url(result: Result, base: str) -> str:
    """Where a stored object can be had once it is filed; empty where its UIDs are none."""
    study, series = result.study_instance_uid, result.series_instance_uid
    if not all(map(_is_uid, (study, series, result.sop_instance_uid))):
        return ""
    return f"{base}/studies/{study}/series/{series}/instances/{result.sop_instance_uid}"


def _item(result: Result) -> dict[str, Any]:
    item = {
        "00081150": _one("UI", result.sop_class_uid),
        "00081155": _one("UI", result.sop_instance_uid),
    }
    if result.warning is not None:
        item["00081196"] = _one("US", result.warning)
    if result.failure is not None:
        item["00081197"] = _one("US", result.failure)
    return item


def _one(vr: str, value: object) -> dict[str, Any]:
    return {"vr": vr, "Value": [value]} if value not in (None, "") else {"vr": vr}
