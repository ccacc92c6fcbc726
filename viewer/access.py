"""Who may ask what: one table, and what is not in it nobody gets.

`viewer.gate` holds every request against it before anything else sees it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from starlette.routing import compile_path

from worklist.api_tokens import Scope
from worklist.people import Role


class Who(Enum):
    """For whom a rule is meant, where roles do not matter."""

    ANYONE = auto()  # who has not signed in too
    HERSELF = auto()  # whoever has signed in, also with a password that must be changed first


RADIOLOGIST = frozenset({Role.RADIOLOGIST})
QA_REVIEWER = frozenset({Role.QA_REVIEWER})
ADMINISTRATOR = frozenset({Role.ADMINISTRATOR})
EVERY_ROLE = RADIOLOGIST | QA_REVIEWER | ADMINISTRATOR


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may use one method on one path."""

    method: str
    path: str  # as the route has it
    who: Who | frozenset[Role]
    scope: Scope | None = None  # machines with a token of this scope may, too
    on_this_machine: bool = False  # whoever asks from the node's own machine may, too
    in_the_clear: bool = False  # also without TLS from another machine: nothing secret is said
    by_itself: bool = False  # asked by the page, not by a person: prolongs no session
    longest_body: int | None = 16_384  # bytes; None: the route reads it piece by piece


_ANYONE, _HERSELF = Who.ANYONE, Who.HERSELF
_ACCOUNT = "/api/accounts/{name}"
_READ_STUDY = "/api/studies/{study_instance_uid}"
_FRAME = (
    "/api/studies/{study_instance_uid}/series/{series_instance_uid}"
    "/instances/{sop_instance_uid}/frames/{frame_number}/rendered"
)
_STUDY = "/dicomweb/studies/{study_instance_uid}"
_SERIES = f"{_STUDY}/series/{{series_instance_uid}}"
_INSTANCE = f"{_SERIES}/instances/{{sop_instance_uid}}"
_FRAMES = f"{_INSTANCE}/frames/{{frames}}"
_DICOMWEB = (  # all that is read; objects come in by POST
    "/dicomweb/studies",
    "/dicomweb/series",
    "/dicomweb/instances",
    f"{_STUDY}/series",
    f"{_STUDY}/instances",
    f"{_SERIES}/instances",
    _STUDY,
    _SERIES,
    _INSTANCE,
    *(f"{path}/metadata" for path in (_STUDY, _SERIES, _INSTANCE)),
    *(f"{path}/thumbnail" for path in (_STUDY, _SERIES, _INSTANCE, _FRAMES)),
    *(f"{path}/rendered" for path in (_INSTANCE, _FRAMES)),
    _FRAMES,
    f"{_INSTANCE}/bulkdata/{{address:path}}",
)

RULES = (
    Rule("GET", "/", _ANYONE),
    Rule("GET", "/assets/{path:path}", _ANYONE),
    Rule("GET", "/health/live", _ANYONE, in_the_clear=True),
    Rule("GET", "/health/ready", _ANYONE, in_the_clear=True),
    Rule("GET", "/metrics", ADMINISTRATOR, Scope.METRICS, on_this_machine=True),
    Rule("GET", "/api/session", _ANYONE),
    Rule("POST", "/api/session", _ANYONE),
    Rule("DELETE", "/api/session", _HERSELF),
    Rule("GET", "/api/sign-on", _ANYONE),
    Rule("GET", "/api/sign-on/callback", _ANYONE),
    Rule("POST", "/api/session/password", _HERSELF),
    Rule("GET", "/api/openapi.json", EVERY_ROLE, Scope.READ),
    Rule("GET", "/api/node", EVERY_ROLE, Scope.READ),
    Rule("GET", "/api/worklist", EVERY_ROLE, Scope.READ),
    Rule("GET", "/api/worklist/choices", EVERY_ROLE, Scope.READ),
    Rule("GET", "/api/worklist/{study_instance_uid}", EVERY_ROLE, Scope.READ),
    Rule("GET", "/api/events", EVERY_ROLE, Scope.READ, by_itself=True),
    Rule("GET", _READ_STUDY, EVERY_ROLE, Scope.READ),
    Rule("GET", f"{_READ_STUDY}/priors", EVERY_ROLE, Scope.READ),
    Rule("GET", f"{_READ_STUDY}/reports", RADIOLOGIST | QA_REVIEWER),
    Rule("POST", f"{_READ_STUDY}/first-look", RADIOLOGIST),
    Rule("POST", f"{_READ_STUDY}/reveal", EVERY_ROLE),
    Rule("POST", f"{_READ_STUDY}/agreements", RADIOLOGIST),
    Rule("POST", f"{_READ_STUDY}/drawn", RADIOLOGIST, longest_body=65_536),
    Rule("DELETE", f"{_READ_STUDY}/drawn/{{drawn_id}}", RADIOLOGIST),
    Rule("POST", f"{_READ_STUDY}/conclusion", RADIOLOGIST),
    Rule("POST", f"{_READ_STUDY}/reopen", RADIOLOGIST | ADMINISTRATOR),
    Rule("POST", f"{_READ_STUDY}/claim", RADIOLOGIST),
    Rule("DELETE", f"{_READ_STUDY}/claim", RADIOLOGIST | ADMINISTRATOR),
    Rule("POST", f"{_READ_STUDY}/priority", RADIOLOGIST | ADMINISTRATOR),
    Rule("POST", f"{_READ_STUDY}/pin", RADIOLOGIST | ADMINISTRATOR),
    Rule("GET", f"{_READ_STUDY}/deliveries", EVERY_ROLE, Scope.READ),
    Rule("POST", f"{_READ_STUDY}/retract-results", ADMINISTRATOR),
    Rule("POST", f"{_READ_STUDY}/make-results-anew", ADMINISTRATOR),
    Rule("GET", "/api/deliveries", ADMINISTRATOR),
    Rule("GET", "/api/deliveries/problems", ADMINISTRATOR),
    Rule("POST", "/api/destinations/{name}/release", ADMINISTRATOR),
    Rule("POST", "/api/deliveries/resend", ADMINISTRATOR),
    Rule("GET", "/api/destinations", ADMINISTRATOR),
    Rule("POST", "/api/destinations/{name}/test", ADMINISTRATOR),
    Rule("POST", "/api/ai/stop", ADMINISTRATOR),
    Rule("POST", "/api/ai/start", ADMINISTRATOR),
    Rule("GET", "/api/me/preferences", EVERY_ROLE),
    Rule("PUT", "/api/me/preferences", EVERY_ROLE),
    Rule("GET", "/api/me/views", EVERY_ROLE),
    Rule("POST", "/api/me/views", EVERY_ROLE),
    Rule("PUT", "/api/me/views/{view_id}", EVERY_ROLE),
    Rule("DELETE", "/api/me/views/{view_id}", EVERY_ROLE),
    Rule("GET", "/api/accounts", ADMINISTRATOR),
    Rule("POST", "/api/accounts", ADMINISTRATOR),
    Rule("PUT", f"{_ACCOUNT}/roles", ADMINISTRATOR),
    Rule("POST", f"{_ACCOUNT}/disable", ADMINISTRATOR),
    Rule("POST", f"{_ACCOUNT}/enable", ADMINISTRATOR),
    Rule("POST", f"{_ACCOUNT}/reset", ADMINISTRATOR),
    Rule("POST", f"{_ACCOUNT}/end-sessions", ADMINISTRATOR),
    Rule("GET", "/api/cases", QA_REVIEWER | ADMINISTRATOR),
    Rule("GET", "/api/cases/export.csv", QA_REVIEWER | ADMINISTRATOR),
    Rule("GET", "/api/cases/measures", QA_REVIEWER | ADMINISTRATOR),
    Rule("GET", "/api/cases/{case_id}", QA_REVIEWER | ADMINISTRATOR),
    Rule("POST", "/api/cases/{case_id}/review", QA_REVIEWER),
    Rule("POST", "/api/cases/{case_id}/assign", QA_REVIEWER | ADMINISTRATOR),
    Rule("POST", "/api/cases/{case_id}/comments", QA_REVIEWER | ADMINISTRATOR),
    Rule("POST", "/api/cases/{case_id}/close", QA_REVIEWER | ADMINISTRATOR),
    Rule("GET", "/api/notifications", ADMINISTRATOR),
    Rule("POST", "/api/notifications/{notification_id}/send-again", ADMINISTRATOR),
    Rule("POST", "/api/notifications/channels/{name}/test", ADMINISTRATOR),
    Rule("GET", "/api/hl7/messages", ADMINISTRATOR),
    Rule("GET", "/api/hl7/dead-letters/{message_id}", ADMINISTRATOR),
    Rule("POST", "/api/hl7/messages/{message_id}/resend", ADMINISTRATOR),
    Rule("POST", "/api/hl7/messages/{message_id}/dismiss", ADMINISTRATOR),
    Rule("POST", "/api/simulations", QA_REVIEWER | ADMINISTRATOR),
    Rule("GET", "/api/record/{study_instance_uid}", ADMINISTRATOR),
    Rule("GET", _FRAME, EVERY_ROLE, Scope.READ),
    Rule("GET", "/api/models", EVERY_ROLE, Scope.READ),
    Rule("GET", "/api/models/{name}", EVERY_ROLE, Scope.READ),
    *(Rule("GET", path, EVERY_ROLE, Scope.READ) for path in _DICOMWEB),
    Rule("POST", "/dicomweb/studies", ADMINISTRATOR, Scope.STORE, longest_body=None),
    Rule("POST", _STUDY, ADMINISTRATOR, Scope.STORE, longest_body=None),
)


class RuleBook:
    """Finds the rule of a request."""

    def __init__(self, rules: tuple[Rule, ...] = RULES) -> None:
        self._rules: list[tuple[re.Pattern[str], Rule]] = [
            (compile_path(rule.path)[0], rule) for rule in rules
        ]

    def find(self, method: str, path: str) -> Rule | None:
        """The rule; None where there is none, and so nothing for anybody."""
        method = "GET" if method == "HEAD" else method
        return next((rule for rule in self._of(path) if rule.method == method), None)

    def methods(self, path: str) -> list[str]:
        """Those for which a path has rules."""
        return sorted({rule.method for rule in self._of(path)})

    def _of(self, path: str) -> Iterator[Rule]:
        return (rule for pattern, rule in self._rules if pattern.match(path))
