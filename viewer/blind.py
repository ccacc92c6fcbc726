"""Who is to review a study blind learns by no route what AI and the reader said of it."""

import json
import re
from collections.abc import Callable
from typing import Any

import anyio
import anyio.to_thread
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from viewer.gate import Caller
from viewer.problems import problem, problem_of
from viewer.reading_api import looker_of
from worklist.case_review import ReviewFirst
from worklist.cases import Cases
from worklist.errors import InvalidUID, StoreUnavailable
from worklist.people import Role
from worklist.uid import SeriesInstanceUID, SOPInstanceUID, StudyInstanceUID

_STUDY = re.compile(
    r"/(?:api|dicomweb)/(?P<kind>studies|worklist)/(?P<study>[0-9.]+)(?P<rest>/.*)?"
)
_WITHIN = re.compile(r"/series/(?P<series>[0-9.]+)(?:/instances/(?P<instance>[0-9.]+))?")
_IMAGES_ALONE = frozenset({"", "/priors"})  # answers of the API that are blind by themselves
_LISTS = frozenset(
    {
        "/api/worklist",
        "/api/deliveries",
        "/api/deliveries/problems",
        "/api/notifications",
        "/dicomweb/studies",
        "/dicomweb/series",
        "/dicomweb/instances",
    }
)
_NAMES_NO_STUDY = re.compile(r"/api/hl7/.*")  # its messages cannot be told apart
_DICOM_STUDY = "0020000D"


class BlindReview:
    """Stands behind the gate; others than QA reviewers do not notice it."""

    def __init__(self, app: ASGIApp, cases: Cases) -> None:
        self.app = app
        self._cases = cases

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, pass without some studies, or say why not."""
        caller = scope.get("state", {}).get("caller") if scope["type"] == "http" else None
        if not isinstance(caller, Caller) or not _is_reviewer(caller):
            await self.app(scope, receive, send)
            return
        try:
            blind, refused = await anyio.to_thread.run_sync(self._look, caller, scope)
        except StoreUnavailable as error:
            await problem(503, str(error), {"Retry-After": "2"})(scope, receive, send)
            return
        if refused:
            await problem_of(ReviewFirst("review the case first"))(scope, receive, send)
        elif blind and scope["path"] in _LISTS:
            await self.app(scope, receive, _Without(blind, send).send)
        else:
            await self.app(scope, receive, send)

    def _look(self, caller: Caller, scope: Scope) -> tuple[frozenset[str], bool]:
        path = scope["path"]
        found = _STUDY.fullmatch(path)
        if not (found or path in _LISTS or _NAMES_NO_STUDY.fullmatch(path)):
            return frozenset(), False
        blind = frozenset(map(str, self._cases.blind_studies(looker_of(caller))))
        if not blind or found is None:
            return blind, bool(blind) and path not in _LISTS
        if found["study"] not in blind:
            return blind, False
        return blind, self._tells(path, found, is_read=scope["method"] in ("GET", "HEAD"))

    def _tells(self, path: str, found: re.Match[str], *, is_read: bool) -> bool:
        """Whether an answer about a study would say more than its images do."""
        rest = found["rest"] or ""
        is_dicomweb = path.startswith("/dicomweb")
        if found["kind"] == "worklist" or not is_read:
            return True
        if not is_dicomweb and rest in _IMAGES_ALONE:
            return False
        within = _WITHIN.match(rest)
        if within is None and not is_dicomweb:
            return True
        try:
            return self._cases.holds_results(
                StudyInstanceUID(found["study"]),
                SeriesInstanceUID(within["series"]) if within else None,
                SOPInstanceUID(within["instance"]) if within and within["instance"] else None,
            )
        except InvalidUID:
            return False  # the route says so


class _Without:
    """An answer in JSON, without what it says of some studies."""

    def __init__(self, blind: frozenset[str], send: Send) -> None:
        self._blind = blind
        self._send = send
        self._start: Message = {}
        self._body = b""

    async def send(self, message: Message) -> None:
        """Hold the answer back until it is whole."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body", False):
            return
        body = self._body
        if self._start["status"] == 200 and body:
            kept = without_studies(json.loads(body), lambda uid: uid in self._blind)
            body = json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode()
            headers = [
                (name, value)
                for name, value in self._start["headers"]
                if name not in (b"content-length", b"etag")
            ]
            length = (b"content-length", str(len(body)).encode())
            self._start = {**self._start, "headers": [*headers, length]}
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": body})


def without_studies(value: Any, is_blind: Callable[[str], bool]) -> Any:
    """JSON without the members of its lists that name such a study."""
    if isinstance(value, dict):
        return {name: without_studies(one, is_blind) for name, one in value.items()}
    if isinstance(value, list):
        kept = [one for one in value if not is_blind(_study_of(one))]
        return [without_studies(one, is_blind) for one in kept]
    return value


def _study_of(member: Any) -> str:
    if not isinstance(member, dict):
        return ""
    if _DICOM_STUDY in member:
        return str((member[_DICOM_STUDY].get("Value") or [""])[0])
    return str(member.get("study_instance_uid", ""))


def _is_reviewer(caller: Caller) -> bool:
    return caller.account is not None and Role.QA_REVIEWER in caller.account.roles
