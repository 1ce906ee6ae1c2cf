"""The index of the service, and its OpenAPI document."""

from typing import Any, cast

from flask import Blueprint, Response, current_app, jsonify

DOCUMENT = "/openapi/openapi.json"

blueprint = Blueprint("index", __name__)


@blueprint.get("/")
def index() -> Response:
    """Show the name of the service and the addresses of its parts."""
    return jsonify(
        name="Impasto",
        links={
            "openapi": DOCUMENT,
            "styles": "/v1/styles",
            "corpora": "/v1/corpora",
            "formats": "/v1/formats",
            "jobs": "/v1/jobs",
            "health": "/healthz",
            "readiness": "/readyz",
            "metrics": "/metrics",
        },
    )


@blueprint.get(DOCUMENT)
def openapi() -> Response:
    """Describe the API (OpenAPI 3.1)."""
    document = cast("dict[str, Any]", cast("Any", current_app).api_doc)
    return jsonify(document)
