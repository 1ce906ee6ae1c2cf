"""Health over HTTP: liveness and readiness."""

from typing import cast

from flask import Response, current_app

from api.health import OK, HealthCheck
from api.problems import NotReady
from api.responses.render import json_response
from api.schemas.health import Health, Readiness
from api.views.openapi import problem
from api.views.routing import Views

#: Where the app keeps its health check.
HEALTH_CHECK = "impasto.health"

views = Views("health", "How the service is.", secured=False)


@views.get("/healthz", "health", {200: Health})
def healthz() -> Response:
    """Answer while the process runs."""
    return json_response(Health())


@views.get(
    "/readyz",
    "readiness",
    {200: Readiness, 503: problem("`not-ready`: `parts` says what is missing.")},
)
def readyz() -> Response:
    """Check Redis, S3, the styles and the workers."""
    check = cast("HealthCheck", current_app.extensions[HEALTH_CHECK])
    parts = check.parts()
    missing = [f"{name}: {state}" for name, state in parts.items() if state != OK]
    if missing:
        raise NotReady("; ".join(missing), parts)
    return json_response(Readiness(parts=parts))
