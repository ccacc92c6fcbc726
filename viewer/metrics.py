"""What operators scrape: a Prometheus registry of this app alone."""

import time
from collections.abc import Iterator

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from viewer.ports import WorklistReader
from worklist.errors import StoreUnavailable

_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_STREAMS = frozenset({"/api/events"})  # open for hours: no latency to speak of


class NodeCollector(Collector):
    """Asks the store when it is scraped, and says so when the store does not answer."""

    def __init__(self, reader: WorklistReader) -> None:
        self._reader = reader

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The counts of this moment."""
        store_up = GaugeMetricFamily("vigie_store_up", "1 when the database answers")
        try:
            counts = self._reader.counts()
        except StoreUnavailable:
            store_up.add_metric([], 0)
            yield store_up
            return
        store_up.add_metric([], 1)
        yield store_up
        studies = GaugeMetricFamily("vigie_studies", "Studies by state", labels=["state"])
        for state, count in counts.studies.items():
            studies.add_metric([state], count)
        yield studies
        outcomes = GaugeMetricFamily(
            "vigie_outcomes", "Studies by detector and outcome", labels=["detector", "state"]
        )
        for (detector, state), count in counts.outcomes.items():
            outcomes.add_metric([detector, state], count)
        yield outcomes
        told = GaugeMetricFamily(
            "vigie_notifications", "Notifications by state", labels=["channel", "state"]
        )
        for (channel, state), count in counts.notifications.items():
            told.add_metric([channel, state], count)
        yield told
        dead = GaugeMetricFamily(
            "vigie_hl7_dead_letters",
            "Messages of the RIS that need looking after",
            labels=["direction", "type"],
        )
        for (direction, kind), count in counts.dead_letters.items():
            dead.add_metric([direction, kind], count)
        yield dead
        for name, words, value in (
            ("vigie_hl7_messages_waiting", "To go to the RIS", counts.messages_waiting),
            ("vigie_inbox_objects", "Acknowledged, not filed yet", counts.inbox_objects),
            ("vigie_quarantined_objects", "Kept, cannot be filed", counts.quarantined_objects),
            ("vigie_conflicts", "Kept beside the first object of their UID", counts.conflicts),
            ("vigie_jobs_waiting", "Assessments waiting", counts.jobs_waiting),
            ("vigie_jobs_failed", "Assessments that gave up", counts.jobs_failed),
        ):
            yield GaugeMetricFamily(name, words, value=value)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Nothing: registering must not ask the store."""
        return iter(())


class Latency:
    """Times every request by its route, so that no UID becomes a label."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self.app = app
        self._seconds = Histogram(
            "vigie_http_request_seconds",
            "Time to answer",
            labelnames=["method", "route", "status"],
            registry=registry,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application and note how long it took."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status = "500"

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            if route not in _STREAMS:
                method = scope["method"] if scope["method"] in {"GET", "HEAD", "POST"} else "OTHER"
                elapsed_s = time.perf_counter() - started
                self._seconds.labels(method, route, status).observe(elapsed_s)


def make_router(registry: CollectorRegistry) -> APIRouter:
    """The route ``/metrics``."""
    router = APIRouter(tags=["health"])

    @router.get(
        "/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}}
    )
    def metrics() -> Response:
        """The Prometheus text format."""
        return Response(generate_latest(registry), headers={"Content-Type": _CONTENT_TYPE})

    return router
