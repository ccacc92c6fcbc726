"""In which language an answer's sentences are: the one that the request asks for (RFC 9110 12.5.4).

Only what our own code says is translated, when an answer is written; names, descriptions and
people's words are data, and what is kept stays English.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import PlainSerializer
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from viewer.translation import Translator, read_catalogue

ENGLISH = "en"
_CATALOGUES: Mapping[str, Path] = {"fr": Path(__file__).with_name("french.toml")}
LANGUAGES = (ENGLISH, *_CATALOGUES)

_SPOKEN = ("application/json", "application/problem+json")  # not DICOM's own

_asked_for: ContextVar[str] = ContextVar("language", default=ENGLISH)


def language() -> str:
    """The language of the request that is being answered."""
    return _asked_for.get()


def say(sentence: str) -> str:
    """A sentence of ours in the language of the request that is being answered."""
    language = _asked_for.get()
    return sentence if language == ENGLISH else translator(language).say(sentence)


Said = Annotated[str, PlainSerializer(say, return_type=str)]
"""A field of an answer that holds a sentence, or a word, of our own."""


@cache
def translator(language: str) -> Translator:
    """The one of a language other than English."""
    return Translator(read_catalogue(_CATALOGUES[language]))


def chosen(accept_language: str) -> str:
    """The language of ours that a request prefers; English where it says nothing known."""
    best, best_quality = ENGLISH, 0.0
    for entry in accept_language.split(","):
        tag, _, parameter = entry.partition(";")
        language = tag.strip().lower().partition("-")[0]
        quality = _quality(parameter)
        if language in LANGUAGES and quality > best_quality:
            best, best_quality = language, quality
    return best


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        quality = float(value)
    except ValueError:
        return 0.0
    return quality if 0.0 <= quality <= 1.0 else 0.0


class SpokenLanguage:
    """Reads Accept-Language, and says in JSON answers which language they are in."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer in the language asked for."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        language = chosen(Headers(scope=scope).get("accept-language", ""))
        before = _asked_for.set(language)
        try:
            await self.app(scope, receive, _labelled(send, language))
        finally:
            _asked_for.reset(before)


def _labelled(send: Send, language: str) -> Send:
    async def send_labelled(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if headers.get("content-type", "").startswith(_SPOKEN):
                headers["Content-Language"] = language
                headers.add_vary_header("Accept-Language")
        await send(message)

    return send_labelled
