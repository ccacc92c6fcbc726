"""A browser without a window: asks the app as one does, with cookies, origin and token."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from tests.dicomweb_parts import archived_object, dicomweb_of
from tests.people import House
from tests.undelivered import nothing_is_set
from tests.viewer_parts import FakeReader, decode, silence
from viewer.app import create_app
from viewer.ports import Check, NodeInfo, SignOn, WorklistReader
from viewer.simulations_schemas import SimulationAnswer, SimulationBody, SimulationTooLarge
from vigie.people import People
from worklist.api_tokens import ApiTokens
from worklist.cases import Cases, QualityRules
from worklist.deliveries import Deliveries
from worklist.due_time import DueTargets
from worklist.personal import Personal
from worklist.service import Worklist
from worklist.store.outbound import PostgresOutbound
from worklist.store.personal import PostgresPersonal
from worklist.store.postgres import PostgresStore
from worklist.store.quality import PostgresQuality

HOST = "reading.hospital"


def app_of(
    house: House,
    folder: Path,
    sign_on: SignOn | None = None,
    checks: Sequence[Check] = (),
    reader: WorklistReader | None = None,
    **parts: Any,
) -> FastAPI:
    """The whole app over real accounts and a list of one study; event streams end at once.

    With a `reader` of the house's own database, the list is the real one. Other `parts` of
    `create_app` replace the usual ones.
    """
    archive = folder / "1.dcm"
    archive.write_bytes(b"pixels")
    static = folder / "static"
    (static / "assets").mkdir(parents=True)
    (static / "index.html").write_text("page")
    (static / "assets" / "a.js").write_text("1")
    usual = {
        "worklist": Worklist(PostgresStore(house.engine), DueTargets()),
        "dicomweb": dicomweb_of(folder, [archived_object(archive)]),
        "decode_frame": decode,
        "cases": Cases(PostgresQuality(house.engine), QualityRules()),
        "deliveries": Deliveries(PostgresOutbound(house.engine), []),
        "test_destination": nothing_is_set,
        "simulate": refused,
    }
    app = create_app(
        people=People(house.door, ApiTokens(house.store, house.passwords)),
        accounts=house.accounts,
        reader=FakeReader(archive) if reader is None else reader,
        personal=Personal(PostgresPersonal(house.engine)),
        listen=silence,
        readiness=lambda: checks,
        node=NodeInfo(ae_title="VIGIE", dicom_port=11112, version="1.0"),
        sign_on=sign_on,
        allowed_hosts=[HOST, "127.0.0.1"],
        now=lambda: house.now,
        static_folder=static,
        **{**usual, **parts},
    )
    app.state.feed.close()
    return app


async def refused(body: SimulationBody) -> SimulationAnswer:
    """In place of seconds of simulation."""
    raise SimulationTooLarge(f"{body.studies} simulated readings are too many")


@dataclass
class Browser:
    """Keeps cookies as browsers do; `address` is where its requests come from."""

    app: FastAPI
    address: str = "10.0.0.7"
    origin: str = f"https://{HOST}"
    cookies: httpx.Cookies = field(default_factory=httpx.Cookies)
    csrf_token: str = ""

    def ask(
        self, method: str, path: str, body: Any = None, **headers: str | None
    ) -> httpx.Response:
        """One request; a header of None is left out."""
        sent: dict[str, str | None] = {"origin": self.origin, "x-csrf-token": self.csrf_token}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}

        async def once() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app, client=(self.address, 1))
            async with httpx.AsyncClient(
                transport=transport, base_url=self.origin, cookies=self.cookies
            ) as client:
                answer = await client.request(
                    method,
                    path,
                    json=body,
                    headers={name: value for name, value in sent.items() if value is not None},
                )
                self.cookies = client.cookies
                return answer

        answer = asyncio.run(once())
        if path.startswith("/api/session") and "csrf_token" in answer.text:
            self.csrf_token = answer.json()["csrf_token"] or ""
        return answer

    def sign_in(self, name: str, password: str) -> httpx.Response:
        """At the door."""
        return self.ask("POST", "/api/session", {"name": name, "password": password})

    def cookie(self, name: str) -> str | None:
        """The value of a cookie it holds."""
        return self.cookies.get(name)
