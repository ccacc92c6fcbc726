"""The web process: uvicorn with an end that open event streams do not hold up."""

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from worklist.errors import VigieError

_GRACE_S = 5


class InTheClear(VigieError, ValueError):
    """An address that other machines could reach, without TLS."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Transport:
    """How browsers reach the page."""

    host: str
    port: int
    certificate: Path | None = None  # PEM; None: no TLS of our own
    key: Path | None = None  # None: in the certificate's file
    trusted_proxies: Sequence[str] = ()  # addresses whose X-Forwarded-* are believed


class Server(uvicorn.Server):
    """Ends the event streams first: uvicorn waits for open answers, and those never end."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close streams, finish what is being answered, then stop."""
        app = self.config.app
        if isinstance(app, FastAPI):
            app.state.feed.close()
        await super().shutdown(sockets)


def make_server(app: FastAPI, transport: Transport) -> Server:
    """A server for an app of `viewer.app.create_app`; ``run()`` it in the main thread.

    Raises
    ------
    InTheClear
        If other machines could reach it without TLS: then passwords and patients' data could be
        read on the way.
    """
    is_covered = transport.certificate is not None or bool(transport.trusted_proxies)
    if not is_loopback(transport.host) and not is_covered:
        raise InTheClear(
            f"refusing to serve patients' data on {transport.host} in the clear: without TLS the "
            "web page may only listen on the loopback (127.0.0.1, ::1 or localhost)"
        )
    config = uvicorn.Config(
        app,
        host=transport.host,
        port=transport.port,
        ssl_certfile=transport.certificate,
        ssl_keyfile=transport.key,
        log_config=None,
        access_log=False,
        proxy_headers=bool(transport.trusted_proxies),
        forwarded_allow_ips=list(transport.trusted_proxies),
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
        ws="none",
    )
    return Server(config)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
