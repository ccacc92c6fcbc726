"""Errors as people and programs can read them: problem details (RFC 9457)."""

import re
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from viewer.dicomweb.accept import NotAcceptable
from viewer.dicomweb.bulkdata import InvalidBulkData
from viewer.dicomweb.frames_api import InvalidFrames
from viewer.dicomweb.multipart_reader import BrokenMultipart
from viewer.dicomweb.search import InvalidSearch
from viewer.dicomweb.stow import (
    CannotStore,
    NoRoom,
    TooBusy,
    TooManyParts,
    TooSlow,
    UnsupportedBody,
)
from viewer.languages import say
from viewer.ports import CannotDecode
from viewer.rendering import InvalidRendering
from viewer.schemas import ClaimAnswer
from viewer.simulations_api import SimulationFailed, TooManySimulations
from viewer.simulations_schemas import SimulationTooLarge
from worklist.archive_search import SearchTooLong
from worklist.case_review import (
    AlreadyReviewed,
    MayNotReview,
    ReviewFirst,
    UnknownCase,
    WrongCaseState,
)
from worklist.claims import AlreadyRead, ClaimedByAnother, NotClaimed
from worklist.conclusion import (
    AlreadyAnswered,
    AnswersMissing,
    ImagesCame,
    MarksSeen,
    Superseded,
)
from worklist.errors import (
    InvalidUID,
    MissingReason,
    RefusedByStore,
    StoreUnavailable,
    UnknownDetector,
    UnknownStudy,
    VigieError,
)
from worklist.exchange_views import NoDeadLetter, UnknownMessage
from worklist.filters import InvalidFilter
from worklist.highlighting import FirstLookFirst, TriageOnly
from worklist.notifications import UnknownChannel, UnknownNotification
from worklist.outbound import (
    CannotResend,
    NothingToRetract,
    UnknownDelivery,
    UnknownDestination,
)
from worklist.outlines import InvalidOutline, UnknownDrawing, UnknownMark
from worklist.people import (
    AccountExists,
    InvalidAccountName,
    LastAdministrator,
    OwnAccount,
    UnknownAccount,
    WeakPassword,
)
from worklist.personal import InvalidPreference, NameTaken, UnknownView
from worklist.reading import WrongReadingState
from worklist.sign_in import SignInRefused, TooManyTries
from worklist.views import InvalidCursor, UnknownInstance

_STATUS: dict[type[VigieError], int] = {
    InvalidUID: 422,
    InvalidCursor: 422,
    InvalidFilter: 422,
    InvalidPreference: 422,
    ClaimedByAnother: 409,
    NotClaimed: 409,
    AlreadyRead: 409,
    WrongReadingState: 409,
    NameTaken: 409,
    AccountExists: 409,
    LastAdministrator: 409,
    OwnAccount: 409,
    UnknownAccount: 404,
    InvalidAccountName: 422,
    FirstLookFirst: 409,
    TriageOnly: 409,
    AlreadyAnswered: 409,
    MarksSeen: 409,
    Superseded: 409,
    ImagesCame: 409,
    AnswersMissing: 422,
    InvalidOutline: 422,
    UnknownMark: 422,
    UnknownDrawing: 404,
    UnknownView: 404,
    MissingReason: 422,
    InvalidRendering: 422,
    CannotDecode: 422,
    InvalidBulkData: 422,
    InvalidFrames: 422,
    InvalidSearch: 400,
    SearchTooLong: 503,
    BrokenMultipart: 400,
    TooManyParts: 413,
    UnsupportedBody: 415,
    TooSlow: 408,
    NoRoom: 507,
    TooBusy: 503,
    CannotStore: 503,
    NotAcceptable: 406,
    UnknownCase: 404,
    MayNotReview: 409,
    AlreadyReviewed: 409,
    WrongCaseState: 409,
    ReviewFirst: 409,
    UnknownStudy: 404,
    UnknownInstance: 404,
    UnknownMessage: 404,
    NoDeadLetter: 409,
    UnknownDetector: 404,
    UnknownChannel: 404,
    UnknownNotification: 404,
    UnknownDestination: 404,
    UnknownDelivery: 404,
    CannotResend: 409,
    NothingToRetract: 409,
    SignInRefused: 401,
    WeakPassword: 422,
    TooManyTries: 429,
    SimulationTooLarge: 422,
    TooManySimulations: 503,
    SimulationFailed: 503,
    StoreUnavailable: 503,
    RefusedByStore: 422,
    VigieError: 500,
}


def problem(
    status: int,
    detail: str = "",
    headers: dict[str, str] | None = None,
    *,
    code: str = "",
    more: Mapping[str, object] | None = None,
) -> JSONResponse:
    """A response of the type ``application/problem+json``.

    Parameters
    ----------
    detail
        A sentence for people.
    code
        A stable word for programs, in snake case.
    more
        Further members.
    """
    body: dict[str, object] = {"title": say(HTTPStatus(status).phrase), "status": status}
    if detail:
        body["detail"] = say(detail)
    if code:
        body["code"] = code
    body |= more or {}
    return JSONResponse(
        body, status_code=status, headers=headers, media_type="application/problem+json"
    )


def translate_errors(app: FastAPI) -> None:
    """Let every error that is raised on purpose leave `app` as a problem."""
    app.add_exception_handler(VigieError, _on_vigie_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)


def _on_vigie_error(request: Request, error: Exception) -> JSONResponse:
    del request
    if not isinstance(error, VigieError):
        raise TypeError(f"expected a VigieError, got {type(error).__name__}")
    return problem_of(error)


def problem_of(error: VigieError, *, display_name: str | None = None) -> JSONResponse:
    """An error as people and programs are told it.

    Parameters
    ----------
    display_name
        Of who has claimed a study, where the error is about that.
    """
    status = next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)
    more: dict[str, object] = {}
    if isinstance(error, ClaimedByAnother):
        claim = ClaimAnswer(
            name=error.claim.account,
            display_name=display_name or error.claim.account,
            since=error.claim.claimed_at,
        )
        more["claim"] = claim.model_dump(mode="json")
    return problem(status, str(error), _retry_after(error), code=code_of(error), more=more)


def code_of(error: Exception) -> str:
    """The name of an error's class as programs are told it, for example ``already_read``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(error).__name__).lower()


def _retry_after(error: Exception) -> dict[str, str] | None:
    match error:
        case StoreUnavailable():
            return {"Retry-After": "2"}
        case TooBusy() | TooManySimulations():
            return {"Retry-After": "10"}
        case TooManyTries():
            return {"Retry-After": str(error.wait_s)}
    return None


def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    del request
    if not isinstance(error, HTTPException):
        raise TypeError(f"expected an HTTPException, got {type(error).__name__}")
    detail = "" if error.detail == HTTPStatus(error.status_code).phrase else str(error.detail)
    return problem(error.status_code, detail, dict(error.headers or {}))


def _on_invalid_request(request: Request, error: Exception) -> JSONResponse:
    del request
    if not isinstance(error, RequestValidationError):
        raise TypeError(f"expected a RequestValidationError, got {type(error).__name__}")
    words = "; ".join(f"{entry['loc'][-1]}: {entry['msg']}" for entry in error.errors())
    return problem(422, words, code="invalid_request")
