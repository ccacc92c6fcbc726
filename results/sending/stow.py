"""STOW-RS as user agent (PS3.18 section 10.5).

Objects go as they lie on disk, several to a request; what was answered to earlier requests stays
known when a later one fails.
"""

import http.client
import secrets
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from results.sending.connection import lost, tls_context, unreachable
from results.sending.destination import Delivered, StowDestination, Tls
from results.sending.encodings import (
    EXPLICIT,
    OutgoingObject,
    file_in_explicit,
    outgoing_object,
)
from results.sending.errors import DestinationUnavailable, UnsendableFile
from results.sending.storage import DUPLICATE_SOP_INSTANCE, is_out_of_resources, status_words
from results.sending.stow_answers import (
    FAILED,
    FAILURE_REASON,
    INSTANCE_UID,
    REFERENCED,
    WARNING_REASON,
    Answer,
    items,
    said,
    words,
)
from worklist.errors import InvalidUID
from worklist.uid import SOPInstanceUID

_MOST_OBJECTS = 20  # in one request
_MOST_BYTES = 64 * 1024**2  # of the files of one request, unless one is larger
_MOST_ANSWER_BYTES = 16 * 1024**2
_CHUNK_BYTES = 1024 * 1024
_CAN_BE_ONE_OBJECT = frozenset({400, 409, 413, 415, 422})
_NO_SUCH_SERVICE = frozenset({404, 405, 410, 501})

_REFUSES_US = frozenset({401, 403})
_NOBODY_BEHIND = frozenset({502, 503, 504})
_UNTOLD = "The answer does not say what became of it."
_SYNTAX_NOT_TAKEN = 0xC122  # Referenced Transfer Syntax Not Supported (PS3.18 table I.2-2)


def store(destination: StowDestination, files: Sequence[Path]) -> Sequence[Delivered]:
    """Send files; see `results.sending.ports.Transport.send`."""
    delivered: list[Delivered] = []
    try:
        for lot in _lots([outgoing_object(path) for path in files]):
            _store_lot(destination, lot, delivered)
    except DestinationUnavailable as error:
        begun = error.begun or ()
        raise DestinationUnavailable(str(error), delivered, begun) from error
    return delivered


def look(destination: StowDestination) -> str:
    """Post nothing, and see who answers; see `Transport.test`."""
    answer = _post(destination, ())
    if answer.status in (200, 202, 204) or answer.status in _CAN_BE_ONE_OBJECT:
        return (
            f"{destination.url} answers STOW-RS (HTTP {answer.status} to a request without objects)"
        )
    refused = _REFUSES_US | _NO_SUCH_SERVICE | _NOBODY_BEHIND
    if answer.status < 400 or answer.status in refused:
        raise _unavailable(destination, answer)
    # Some choke on a request without objects, and store one that has some.
    raise DestinationUnavailable(
        f"{destination.url} answers, with HTTP {answer.status} to a request without objects: "
        "only an object will tell",
        is_alive=True,
    )


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
    answer = _post(destination, [_as_it_lies(one) for one in lot])
    data_set = said(answer)
    if data_set is None and answer.status in _CAN_BE_ONE_OBJECT:
        for one in lot:  # to find which of them makes the request fail as a whole
            _store_alone(destination, one, delivered, answer if len(lot) == 1 else None)
        return
    if answer.status not in (200, 202, 409):
        raise _unavailable(destination, answer, lot)
    outcomes = [_outcome(one, answer.status, data_set or {}) for one in lot]
    pairs = list(zip(lot, outcomes, strict=True))
    again = [
        one
        for one, told in pairs
        if told.status == _SYNTAX_NOT_TAKEN and one.transfer_syntax_uid != EXPLICIT
    ]
    without_room = [told for told in outcomes if is_out_of_resources(told.status)]
    delivered += [told for one, told in pairs if one not in again and told not in without_room]
    if without_room:
        raise _no_room(destination, without_room[0])
    for one in again:
        _store_alone(destination, one, delivered, answer)


def _no_room(destination: StowDestination, told: Delivered) -> DestinationUnavailable:
    return DestinationUnavailable(f"{destination.name} has no room: {told.words}", begun=())


def _store_alone(
    destination: StowDestination,
    one: OutgoingObject,
    delivered: list[Delivered],
    answer: Answer | None,
) -> None:
    """Send one object by itself, and in another transfer syntax where its own is not taken.

    Parameters
    ----------
    answer
        To the same, alone already; None: it was sent with others.
    """
    if answer is None:
        answer = _post(destination, [_as_it_lies(one)])
    outcome = _outcome_alone(destination, one, answer)
    other = _other_encoding(one) if outcome.state == "refused" else None
    if other is not None and (answer.status == 415 or outcome.status == _SYNTAX_NOT_TAKEN):
        outcome = _outcome_alone(destination, one, _post(destination, [other]))
    if is_out_of_resources(outcome.status):
        raise _no_room(destination, outcome)
    delivered.append(outcome)


def _outcome_alone(destination: StowDestination, one: OutgoingObject, answer: Answer) -> Delivered:
    data_set = said(answer)
    if data_set is None and answer.status in _CAN_BE_ONE_OBJECT:
        return _delivered(one, "refused", None, f"HTTP {answer.status}: {words(answer)}")
    if answer.status not in (200, 202, 409):
        raise _unavailable(destination, answer, [one])
    return _outcome(one, answer.status, data_set or {})


def _outcome(one: OutgoingObject, http_status: int, data_set: Mapping[str, Any]) -> Delivered:
    for item in items(data_set, FAILED):
        if _value(item, INSTANCE_UID) == one.sop_instance_uid:
            reason = _value(item, FAILURE_REASON)
            reason = reason if isinstance(reason, int) else 0x0110
            is_there = reason == DUPLICATE_SOP_INSTANCE
            return _delivered(
                one, "accepted" if is_there else "refused", reason, status_words(reason)
            )
    for item in items(data_set, REFERENCED):
        if _value(item, INSTANCE_UID) == one.sop_instance_uid:
            warning = _value(item, WARNING_REASON)
            if isinstance(warning, int) and warning:
                return _delivered(one, "accepted", warning, status_words(warning))
            return _delivered(one, "accepted", 0x0000, "")
    if http_status == 200:
        return _delivered(one, "accepted", 0x0000, "")
    untold = _delivered(one, "refused", None, _UNTOLD)
    return replace(untold, may_be_there=http_status == 202)  # then something was stored


def _delivered(one: OutgoingObject, state: Any, status: int | None, words: str) -> Delivered:
    return Delivered(sop_instance_uid=one.sop_instance_uid, state=state, status=status, words=words)


def _value(item: Mapping[str, Any], tag: str) -> str | int | None:
    element = item.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    if not isinstance(values, list) or not values:
        return None
    if tag != INSTANCE_UID:
        return values[0] if isinstance(values[0], int) else None
    try:
        return SOPInstanceUID(str(values[0]))
    except InvalidUID:
        return None


def _unavailable(
    destination: StowDestination, answer: Answer, lot: Sequence[OutgoingObject] = ()
) -> DestinationUnavailable:
    """It does not store now; what was told may have been stored before it failed."""
    url, status = destination.url, answer.status
    if status in _REFUSES_US:
        return DestinationUnavailable(
            f"{url} refuses us (HTTP {status}): check the token.", begun=()
        )
    if status in _NO_SUCH_SERVICE:
        return DestinationUnavailable(
            f"{url} has no STOW-RS (HTTP {status}): check the address of the service.", begun=()
        )
    if 300 <= status < 400:
        return DestinationUnavailable(
            f"{url} points elsewhere (HTTP {status}): give the address that it points to.",
            begun=(),
        )
    return DestinationUnavailable(
        f"{url} cannot store now (HTTP {status}): {words(answer)}",
        begun=[one.sop_instance_uid for one in lot],
    )


def _post(destination: StowDestination, parts: Sequence["_Part"]) -> Answer:
    where = urlsplit(destination.url)
    boundary = f"vigie-{secrets.token_hex(16)}"
    begun: list[str] = []
    try:
        token = destination.token
        connection = _connected(destination)
    except (ValueError, DestinationUnavailable) as error:
        raise DestinationUnavailable(str(error), begun=()) from error
    try:
        connection.putrequest("POST", f"{where.path.rstrip('/')}/studies")
        for name, value in _headers(parts, boundary, token).items():
            connection.putheader(name, value)
        connection.endheaders()
        try:
            for chunk in _body(parts, boundary, begun):
                connection.send(chunk)
        except ConnectionError:  # it may have answered before it heard all
            pass
        response = connection.getresponse()
        return Answer(response.status, response.read(_MOST_ANSWER_BYTES))
    except OSError as error:
        raise DestinationUnavailable(str(lost(where.netloc, error)), begun=begun) from error
    except http.client.HTTPException as error:
        raise DestinationUnavailable(
            f"{where.netloc} does not speak HTTP as we do.", begun=begun
        ) from error
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


@dataclass(frozen=True, kw_only=True, slots=True)
class _Part:
    """An object as it leaves."""

    sop_instance_uid: str
    path: Path
    content: bytes | None = None  # None: as the file lies on disk

    @property
    def size_bytes(self) -> int:
        return self.path.stat().st_size if self.content is None else len(self.content)

    def chunks(self) -> Iterator[bytes]:
        if self.content is not None:
            yield self.content
            return
        with self.path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk


def _as_it_lies(one: OutgoingObject) -> _Part:
    return _Part(sop_instance_uid=one.sop_instance_uid, path=one.path)


def _other_encoding(one: OutgoingObject) -> _Part | None:
    """In the transfer syntax that every server takes (PS3.18 8.7.3); None: it is in it."""
    if one.transfer_syntax_uid == EXPLICIT:
        return None
    try:
        content = file_in_explicit(one)
    except UnsendableFile:
        return None  # then what was answered to its own stands
    return _Part(sop_instance_uid=one.sop_instance_uid, path=one.path, content=content)


def _headers(parts: Sequence[_Part], boundary: str, token: str | None) -> dict[str, str]:
    length = sum(len(_head(boundary)) + one.size_bytes + 2 for one in parts)
    headers = {
        "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
        "Content-Length": str(length + len(_end(boundary))),
        "Accept": "application/dicom+json",
        "User-Agent": "Vigie",
    }
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    return headers


def _body(parts: Sequence[_Part], boundary: str, begun: list[str]) -> Iterator[bytes]:
    """The request's body; adds to `begun` what is about to leave."""
    for one in parts:
        begun.append(one.sop_instance_uid)
        yield _head(boundary)
        yield from one.chunks()
        yield b"\r\n"
    yield _end(boundary)


def _head(boundary: str) -> bytes:
    return f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()


def _end(boundary: str) -> bytes:
    return f"--{boundary}--\r\n".encode()
