"""Metrics for Prometheus: counters of the service, current gauges, and requests to the API."""

import time
from collections.abc import Iterator, Sequence
from http import HTTPMethod
from itertools import groupby
from operator import attrgetter

import structlog
from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.services import Services
from infra.errors import ServiceUnavailable
from infra.redis.counters import Count

#: Routes that machines ask for every few seconds.
QUIET = {"/healthz", "/readyz", "/metrics"}

log = structlog.get_logger(__name__)


def install(app: Flask, services: Services) -> CollectorRegistry:
    """Count and log the app's requests; return the registry of /metrics."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(ServiceCollector(services))
    _Requests(registry).install(app)
    return registry


class ServiceCollector(Collector):
    """Collects the counters of all processes, and current gauges."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def describe(self) -> list[Metric]:
        """Return no names beforehand: the counters are known only when they are read."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every metric; without those of a server that does not answer."""
        try:
            yield from self._counters()
            for name, read in self._services.gauges.items():
                yield GaugeMetricFamily(f"impasto_{name}", name.replace("_", " "), read())
        except ServiceUnavailable as error:
            log.warning("metrics are incomplete", reason=error.detail)

    def _counters(self) -> Iterator[Metric]:
        for name, counts in groupby(self._services.counters.read(), attrgetter("name")):
            yield _family(name, list(counts))


def _family(name: str, counts: Sequence[Count]) -> Metric:
    labels = sorted({label for count in counts for label, _ in count.labels})
    family = CounterMetricFamily(f"impasto_{name}", name.replace("_", " "), labels=labels)
    for count in counts:
        known = dict(count.labels)
        family.add_metric([known.get(label, "") for label in labels], count.value)
    return family


class _Requests:
    """The API's own requests."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._count = Counter(
            "impasto_http_requests",
            "Requests answered.",
            ["method", "route", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "impasto_http_request_seconds",
            "Seconds from a request to the head of its response.",
            ["method", "route"],
            registry=registry,
        )

    def install(self, app: Flask) -> None:
        app.before_request(self._begin)
        app.after_request(self._end)

    def _begin(self) -> None:
        g.began = time.perf_counter()

    def _end(self, response: Response) -> Response:
        seconds = time.perf_counter() - g.began
        # The rule, not the path: a label for every job would never end.
        route = request.url_rule.rule if request.url_rule else "none"
        # Nor would one for every method that a client makes up.
        method = request.method if request.method in HTTPMethod.__members__ else "other"
        self._count.labels(method, route, response.status_code).inc()
        self._seconds.labels(method, route).observe(seconds)
        # What machines ask every few seconds would drown the rest.
        speak = log.debug if route in QUIET and response.status_code < 300 else log.info
        speak(
            "request",
            method=request.method,
            path=request.path,
            status=response.status_code,
            seconds=round(seconds, 4),
        )
        return response
