"""Metrics over HTTP."""

from typing import cast

from flask import Response, current_app
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from api.views.openapi import file
from api.views.routing import Views

#: Where the app keeps its metrics.
REGISTRY = "impasto.metrics"

views = Views("metrics", "What was counted.")


@views.get("/metrics", "metrics", {200: file("Prometheus text format.", "text/plain")})
def metrics() -> Response:
    """Read counters and gauges, for Prometheus."""
    registry = cast("CollectorRegistry", current_app.extensions[REGISTRY])
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
