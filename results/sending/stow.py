"""STOW-RS as user agent (PS3.18 section 10.5).

Objects go as they lie on disk, several to a request; what was answered to earlier requests stays
known when a later one fails.
"""

import http.client
import json
import secrets
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from results.sending.connection import lost, tls_context, unreachable
from results.sending.destination import Delivered, StowDestination, Tls
from results.sending.encodings import OutgoingObject, outgoing_object
from results.sending.errors import DestinationUnavailable
from results.sending.storage import DUPLICATE_SOP_INSTANCE, is_out_of_resources, status_words
from worklist.errors import InvalidUID
from worklist.uid import SOPInstanceUID

_MOST_OBJECTS = 20  # in one request
_MOST_BYTES = 64 * 1024**2  # of the files of one request, unless one is larger
_MOST_ANSWER_BYTES = 16 * 1024**2
_CHUNK_BYTES = 1024 * 1024
_CAN_BE_ONE_OBJECT = frozenset({400, 409, 413, 415, 422})
_NO_SUCH_SERVICE = frozenset({404, 405, 410, 501})

_REFERENCED, _FAILED = "00081199", "00081198"
_INSTANCE_UID, _FAILURE_REASON, _WARNING_REASON = "00081155", "00081197", "00081196"


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    content: bytes


def store(destination: StowDestination, files: Sequence[Path]) -> Sequence[Delivered]:
    """Send files; see `results.sending.ports.Transport.send`."""
    delivered: list[Delivered] = []
    try:
        for lot in _lots([outgoing_object(path) for path in files]):
            _store_lot(destination, lot, delivered)
    except DestinationUnavailable as error:
        raise DestinationUnavailable(str(error), delivered, error.begun) from error
    return delivered


def look(destination: StowDestination) -> str:
    """Post nothing, and see who answers; see `Transport.test`."""
    answer = _post(destination, ())
    if answer.status in (200, 202, 204) or answer.status in _CAN_BE_ONE_OBJECT:
        return (
            f"{destination.url} answers STOW-RS (HTTP {answer.status} to a request without objects)"
        )
    raise _unavailable(destination, answer)


def _lots(objects: Sequence[OutgoingObject]) -> Iterator[list[OutgoingObject]]:
    lot: list[OutgoingObject] = []
    size = 0
    for one in objects:
        more = one.path.stat().st_size
        if lot and (len(lot) == _MOST_OBJECTS or size + more > _MOST_BYTES):
            yield lot
            lot, size = [], 0
        lot.append(one)
        size += more
    if lot:
        yield lot


def _store_lot(
    destination: StowDestination, lot: Sequence[OutgoingObject], delivered: list[Delivered]
) -> None:
    """Send objects in one request, and add what was answered to each."""
    answer = _post(destination, [one.path for one in lot])
    said = _said(answer)
    if said is None and answer.status in _CAN_BE_ONE_OBJECT:
        if len(lot) == 1:
            words = f"HTTP {answer.status}: {_words(answer)}"
            delivered.append(_delivered(lot[0], "refused", None, words))
            return
        for one in lot:  # to find which of them makes the request fail as a whole
            _store_lot(destination, [one], delivered)
        return
    if answer.status not in (200, 202, 409):
        raise _unavailable(destination, answer)
    outcomes = [_outcome(one, answer.status, said or {}) for one in lot]
    without_room = [one for one in outcomes if is_out_of_resources(one.status)]
    delivered += [one for one in outcomes if one not in without_room]
    if without_room:
        raise DestinationUnavailable(f"{destination.name} has no room: {without_room[0].words}")


def _outcome(one: OutgoingObject, http_status: int, said: Mapping[str, Any]) -> Delivered:
    for item in _items(said, _FAILED):
        if _value(item, _INSTANCE_UID) == one.sop_instance_uid:
            reason = _value(item, _FAILURE_REASON)
            reason = reason if isinstance(reason, int) else 0x0110
            is_there = reason == DUPLICATE_SOP_INSTANCE
            return _delivered(
                one, "accepted" if is_there else "refused", reason, status_words(reason)
            )
    for item in _items(said, _REFERENCED):
        if _value(item, _INSTANCE_UID) == one.sop_instance_uid:
            warning = _value(item, _WARNING_REASON)
            if isinstance(warning, int) and warning:
                return _delivered(one, "accepted", warning, status_words(warning))
            return _delivered(one, "accepted", 0x0000, "")
    if http_status == 200:
        return _delivered(one, "accepted", 0x0000, "")
    return _delivered(one, "refused", None, "The answer does not say what became of it.")


def _delivered(one: OutgoingObject, state: Any, status: int | None, words: str) -> Delivered:
    return Delivered(sop_instance_uid=one.sop_instance_uid, state=state, status=status, words=words)


def _said(answer: _Answer) -> Mapping[str, Any] | None:
    """The answer's data set in the DICOM JSON model; None if it is none."""
    try:
        said = json.loads(answer.content)
    except (ValueError, RecursionError):
        return None
    if isinstance(said, list):
        said = said[0] if said else None
    if not isinstance(said, dict) or not ({_REFERENCED, _FAILED} & said.keys()):
        return None
    return said


def _items(said: Mapping[str, Any], tag: str) -> list[Mapping[str, Any]]:
    element = said.get(tag)
    items = element.get("Value") if isinstance(element, dict) else None
    return [one for one in items or () if isinstance(one, dict)]


def _value(item: Mapping[str, Any], tag: str) -> str | int | None:
    element = item.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    if not isinstance(values, list) or not values:
        return None
    if tag != _INSTANCE_UID:
        return values[0] if isinstance(values[0], int) else None
    try:
        return SOPInstanceUID(str(values[0]))
    except InvalidUID:
        return None


def _words(answer: _Answer) -> str:
    """The first words of what a server says, if they are text."""
    text = answer.content[:300].decode("utf-8", "replace")
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def _unavailable(destination: StowDestination, answer: _Answer) -> DestinationUnavailable:
    url, status = destination.url, answer.status
    if status in (401, 403):
        return DestinationUnavailable(f"{url} refuses us (HTTP {status}): check the token.")
    if status in _NO_SUCH_SERVICE:
        return DestinationUnavailable(
            f"{url} has no STOW-RS (HTTP {status}): check the address of the service."
        )
    if 300 <= status < 400:
        return DestinationUnavailable(
            f"{url} points elsewhere (HTTP {status}): give the address that it points to."
        )
    return DestinationUnavailable(f"{url} cannot store now (HTTP {status}): {_words(answer)}")


def _post(destination: StowDestination, files: Sequence[Path]) -> _Answer:
    parts = urlsplit(destination.url)
    where = parts.netloc
    boundary = f"vigie-{secrets.token_hex(16)}"
    try:
        connection = _connected(destination)
    except DestinationUnavailable as error:
        raise DestinationUnavailable(str(error), begun=()) from error
    try:
        connection.putrequest("POST", f"{parts.path.rstrip('/')}/studies")
        for name, value in _headers(destination, files, boundary).items():
            connection.putheader(name, value)
        connection.endheaders()
        try:
            for chunk in _body(files, boundary):
                connection.send(chunk)
        except ConnectionError:  # it may have answered before it heard all
            pass
        response = connection.getresponse()
        return _Answer(response.status, response.read(_MOST_ANSWER_BYTES))
    except OSError as error:
        raise lost(where, error) from error
    except http.client.HTTPException as error:
        raise DestinationUnavailable(f"{where} does not speak HTTP as we do.") from error
    finally:
        connection.close()


def _connected(destination: StowDestination) -> http.client.HTTPConnection:
    parts = urlsplit(destination.url)
    host, timeout_s = parts.hostname or "", destination.connect_timeout_s
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = tls_context(destination.tls or Tls())
        connection = http.client.HTTPSConnection(
            host, parts.port, timeout=timeout_s, context=context
        )
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=timeout_s)
    try:
        connection.connect()
    except ssl.SSLError as error:
        raise lost(parts.netloc, error) from error
    except OSError as error:
        raise unreachable(host, parts.netloc, error) from error
    connection.sock.settimeout(destination.answer_timeout_s)
    return connection


def _headers(destination: StowDestination, files: Sequence[Path], boundary: str) -> dict[str, str]:
    length = sum(len(_head(boundary)) + one.stat().st_size + 2 for one in files)
    headers = {
        "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
        "Content-Length": str(length + len(_end(boundary))),
        "Accept": "application/dicom+json",
        "User-Agent": "Vigie",
    }
    if destination.bearer_token is not None:
        headers["Authorization"] = f"Bearer {destination.bearer_token}"
    return headers


def _body(files: Sequence[Path], boundary: str) -> Iterator[bytes]:
    for path in files:
        yield _head(boundary)
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
        yield b"\r\n"
    yield _end(boundary)


def _head(boundary: str) -> bytes:
    return f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()


def _end(boundary: str) -> bytes:
    return f"--{boundary}--\r\n".encode()
