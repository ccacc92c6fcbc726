"""The web process: uvicorn with an end that open event streams do not hold up."""

import ipaddress
import socket

import uvicorn
from fastapi import FastAPI

from worklist.errors import VigieError

_GRACE_S = 5


class NotLoopback(VigieError, ValueError):
    """An address other machines could reach, while nobody has to log in."""


class Server(uvicorn.Server):
    """Ends the event streams first: uvicorn waits for open answers, and those never end."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close streams, finish what is being answered, then stop."""
        app = self.config.app
        if isinstance(app, FastAPI):
            app.state.feed.close()
        await super().shutdown(sockets)


def make_server(app: FastAPI, *, host: str, port: int) -> Server:
    """A server for an app of `viewer.app.create_app`; ``run()`` it in the main thread.

    Raises
    ------
    NotLoopback
        If `host` is any other address than one of the loopback.
    """
    if not _is_loopback(host):
        raise NotLoopback(
            f"refusing to serve patients' data on {host}: without authentication the web page "
            "may only listen on the loopback (127.0.0.1, ::1 or localhost)"
        )
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
        ws="none",
    )
    return Server(config)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
