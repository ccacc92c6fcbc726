"""The HTTP application, put together from what `vigie` hands in."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection
from datetime import UTC, datetime
from pathlib import Path

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from viewer import (
    accounts_api,
    acts_api,
    cases_api,
    deliveries_api,
    events,
    health,
    messages_api,
    metrics,
    models_api,
    notifications_api,
    page,
    personal_api,
    reading_api,
    record_api,
    reports_api,
    session_api,
    sign_on_api,
    simulations_api,
    studies_api,
    worklist_api,
)
from viewer.blind import BlindReview
from viewer.description import DescribedApp
from viewer.dicomweb.ports import DicomWeb
from viewer.dicomweb.routers import make_routers
from viewer.gate import Caller, Gate, still_holds
from viewer.guard import HostCheck, LastResort, SecurityHeaders
from viewer.languages import SpokenLanguage
from viewer.ports import (
    NO_LINKS,
    DecodeFrame,
    Listen,
    Messages,
    NodeInfo,
    NoMessages,
    NoRecord,
    Notifying,
    People,
    Readiness,
    Record,
    SignOn,
    SiteLinks,
    TestDestination,
    WorklistReader,
)
from viewer.problems import translate_errors
from viewer.simulations_api import Simulate, Simulator
from worklist.accounts import Accounts
from worklist.cases import Cases
from worklist.deliveries import Deliveries
from worklist.due_time import DueTargets
from worklist.personal import Personal
from worklist.service import Worklist


def utc_now() -> datetime:
    """The clock of the app, unless another is handed in."""
    return datetime.now(UTC)


def create_app(
    *,
    people: People,
    accounts: Accounts,
    reader: WorklistReader,
    worklist: Worklist,
    personal: Personal,
    listen: Listen,
    decode_frame: DecodeFrame,
    dicomweb: DicomWeb,
    readiness: Readiness,
    node: NodeInfo,
    deliveries: Deliveries,
    test_destination: TestDestination,
    sign_on: SignOn | None = None,
    messages: Messages | None = None,
    record: Record | None = None,
    links: SiteLinks = NO_LINKS,
    notifying: Notifying | None = None,
    simulate: Simulate | None = None,
    cases: Cases | None = None,
    allowed_hosts: Collection[str] = (),
    now: Callable[[], datetime] = utc_now,
    static_folder: Path = page.STATIC_FOLDER,
) -> FastAPI:
    """The whole HTTP edge as one ASGI application.

    Parameters
    ----------
    worklist, personal, accounts
        What people do to the list and its studies, to their own page, and to accounts.
    deliveries
        What goes back, and what people do about it.
    people, reader, listen, decode_frame, dicomweb, readiness, node, test_destination
        The ports of `viewer.ports`. `decode_frame` is called in threads;
        `viewer.decoding.Isolated` keeps hostile files out of this process.
    sign_on
        Single sign-on, where it is set up.
    messages
        Those exchanged with the RIS, where that is set up.
    record
        The event log, for who asks how the list was.
    links
        Where the site's other pages are.
    notifying
        What is told on channels, where any are set.
    simulate
        How orders of the list are simulated; None: with the usual targets.
    cases
        Those of quality assurance; None: none are kept here.
    allowed_hosts
        Host names, without ports, that are served besides those of the loopback.
    """
    feed = events.ChangeFeed(listen, reader.missed_flags)

    def holds(caller: Caller) -> bool:
        return still_holds(people, caller, now())

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        del app
        hearing = asyncio.create_task(feed.run())
        try:
            yield
        finally:
            feed.close()
            hearing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await hearing

    app = DescribedApp(
        title="Vigie",
        summary="The reading worklist. AI results are not reviewed. Not a medical device.",
        version=node.version,
        openapi_url="/api/openapi.json",
        docs_url=None,  # its page would fetch scripts from a CDN
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.feed = feed
    registry = CollectorRegistry()
    registry.register(metrics.NodeCollector(reader))
    translate_errors(app)
    app.include_router(worklist_api.make_router(reader, node, now))
    if cases is None:
        app.include_router(reading_api.make_router(reader, worklist, now, links))
    else:
        app.include_router(reading_api.make_router(reader, worklist, now, links, cases.is_blind))
        app.include_router(cases_api.make_router(cases, now))
    app.include_router(reports_api.make_router(reader))
    app.include_router(studies_api.make_router(reader, decode_frame))
    app.include_router(acts_api.make_router(worklist, reader, now))
    app.include_router(deliveries_api.make_router(deliveries, test_destination, now))
    app.include_router(personal_api.make_router(personal, now))
    app.include_router(accounts_api.make_router(accounts, people, now))
    app.include_router(models_api.make_router(reader))
    told = notifying or notifications_api.NoChannels()
    app.include_router(notifications_api.make_router(told, now))
    app.include_router(messages_api.make_router(messages or NoMessages()))
    app.include_router(record_api.make_router(record or NoRecord()))
    simulate = simulate or Simulator(DueTargets()).simulate
    app.include_router(simulations_api.make_router(simulate))
    for router in make_routers(dicomweb, decode_frame):
        app.include_router(router)
    app.include_router(events.make_router(feed, holds))
    app.include_router(session_api.make_router(people, sign_on, now))
    app.include_router(sign_on_api.make_router(sign_on, now))
    app.include_router(health.make_router(readiness))
    app.include_router(metrics.make_router(registry))
    app.include_router(page.make_router(static_folder))
    app.mount("/assets", page.Assets(directory=static_folder / "assets", check_dir=False))
    # The last one added stands outermost.
    if cases is not None:
        app.add_middleware(BlindReview, cases=cases)
    app.add_middleware(Gate, people=people, now=now)
    app.add_middleware(HostCheck, allowed_hosts=allowed_hosts)
    app.add_middleware(LastResort)
    app.add_middleware(metrics.Latency, registry=registry)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(SpokenLanguage)
    return app
