"""The OpenAPI description, with the problems that an answer may be instead."""

import re
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI

from viewer.access import RULES, Rule, Who

_PROBLEM = "application/problem+json"
_REFERENCE = {"$ref": "#/components/schemas/Problem"}
_SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "Why an answer is not the one that was asked for (RFC 9457).",
    "type": "object",
    "properties": {
        "title": {"type": "string", "description": "The status in words."},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "A sentence for people."},
        "code": {"type": "string", "description": "A stable word for programs, in snake case."},
    },
    "required": ["title", "status"],
}
# What the routes of one kind refuse, beside what the gate and the shape of a request come to.
_OF_KIND: dict[str, frozenset[int]] = {
    "studies": frozenset({406}),
    "dicomweb": frozenset({406, 422}),  # searches take attributes that are not listed
}
_OF_CHANGES: dict[str, frozenset[int]] = {
    "reading": frozenset({409}),
    "acts": frozenset({409}),
    "personal": frozenset({409}),
    "accounts": frozenset({409}),
    "deliveries": frozenset({409}),
    "session": frozenset({401, 429}),
    "dicomweb": frozenset({408, 415, 507}),
}
_OF_PATH: dict[str, frozenset[int]] = {
    "/api/ai/stop": frozenset({404}),  # an unknown detector
    "/api/ai/start": frozenset({404}),
    "/api/deliveries/resend": frozenset({404}),  # an unknown study, delivery or destination
    "/api/sign-on": frozenset({404}),  # where none is set up
    "/api/sign-on/callback": frozenset({404}),
}
_SAFE = frozenset({"get", "head"})


class DescribedApp(FastAPI):
    """An app whose description says what every route may answer."""

    def openapi(self) -> dict[str, Any]:
        """The description, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = with_problems(super().openapi())
        return self.openapi_schema


def with_problems(description: dict[str, Any]) -> dict[str, Any]:
    """A description with every problem of every operation."""
    rules = {(rule.method.lower(), _plain(rule.path)): rule for rule in RULES}
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            _describe(operation, method, rules[method, path])
    schemas = description.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):  # not how we say it
        schemas.pop(name, None)
    schemas["Problem"] = _SCHEMA
    return description


def _plain(path: str) -> str:
    """As the description has it: without converters."""
    return re.sub(r":\w+}", "}", path)


def _describe(operation: dict[str, Any], method: str, rule: Rule) -> None:
    responses = operation["responses"]
    responses.pop("422", None)  # FastAPI's own says how it would tell of it
    for status in sorted(_statuses(operation, method, rule)):
        response = responses.setdefault(
            str(status), {"description": HTTPStatus(status).phrase, "content": {}}
        )
        response.setdefault("content", {}).setdefault(_PROBLEM, {"schema": _REFERENCE})
    if any(one["name"] == "if-none-match" for one in operation.get("parameters", ())):
        responses.setdefault("304", {"description": HTTPStatus.NOT_MODIFIED.phrase})


def _statuses(operation: dict[str, Any], method: str, rule: Rule) -> set[int]:
    """Of the problems that an operation may answer."""
    kind = operation["tags"][0]
    nothing: frozenset[int] = frozenset()
    found = {400, 421, 503, *_OF_KIND.get(kind, nothing), *_OF_PATH.get(rule.path, nothing)}
    if rule.who is not Who.ANYONE:
        found |= {401}
    if not rule.in_the_clear:
        found |= {403}
    if method not in _SAFE:
        found |= _OF_CHANGES.get(kind, nothing)
        found |= {411, 413} if rule.longest_body is not None else set()
    if "{" in rule.path:
        found |= {404}
    if operation.get("parameters"):
        found |= {422}
    if "requestBody" in operation:
        found |= {422}
    return found
