"""A real OpenID Connect provider (oidc-provider-mock) that runs beside the tests.

``python sign_on_provider.py PORT`` serves it. It is stricter than it comes: no code is
exchanged without the verifier (PKCE, RFC 7636) that the challenge was made from.
"""

import base64
import hashlib
import io
import os
import sys
import warnings
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs, urlsplit

Start = Callable[..., Any]


class Pkce:
    """WSGI: keeps the challenge of each code, and looks at the verifier."""

    def __init__(self, app: Callable[[dict[str, Any], Start], Iterable[bytes]]) -> None:
        self.app = app
        self.challenges: dict[str, str] = {}

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        """One request."""
        if environ["PATH_INFO"] == "/oauth2/authorize" and environ["REQUEST_METHOD"] == "POST":
            query = parse_qs(environ["QUERY_STRING"])
            if query["code_challenge_method"] != ["S256"]:
                return self._refused(start)

            def started(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
                back = parse_qs(urlsplit(dict(headers).get("Location", "")).query)
                for code in back.get("code", []):
                    self.challenges[code] = query["code_challenge"][0]
                return start(status, headers, *more)

            return self.app(environ, started)
        if environ["PATH_INFO"] == "/oauth2/token":
            body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
            environ["wsgi.input"] = io.BytesIO(body)
            form = parse_qs(body.decode())
            digest = hashlib.sha256(form["code_verifier"][0].encode()).digest()
            made = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            if self.challenges.get(form["code"][0]) != made:
                return self._refused(start)
        return self.app(environ, start)

    def _refused(self, start: Start) -> Iterable[bytes]:
        start("400 Bad Request", [("Content-Type", "application/json")])
        return [b'{"error": "invalid_grant"}']


def main() -> None:
    """Serve until killed."""
    warnings.simplefilter("ignore")  # the provider's own business
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # this loopback only
    from oidc_provider_mock import app
    from werkzeug.serving import make_server

    provider = app(require_nonce=True)
    provider.wsgi_app = Pkce(provider.wsgi_app)  # type: ignore[method-assign]
    make_server("127.0.0.1", int(sys.argv[1]), provider, threaded=True).serve_forever()


if __name__ == "__main__":
    main()
