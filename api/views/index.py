"""The index of the service, and its OpenAPI document."""

from typing import Any, cast

from flask import Blueprint, Response, current_app, jsonify

from api.responses.addresses import address

DOCUMENT = "/openapi/openapi.json"

blueprint = Blueprint("index", __name__)


@blueprint.get("/")
def index() -> Response:
    """Show the name of the service and the addresses of its parts."""
    return jsonify(
        name="Impasto",
        links={
            "openapi": address(DOCUMENT),
            "styles": address("/v1/styles"),
            "corpora": address("/v1/corpora"),
            "formats": address("/v1/formats"),
            "jobs": address("/v1/jobs"),
            "health": address("/healthz"),
            "readiness": address("/readyz"),
            "metrics": address("/metrics"),
        },
    )


@blueprint.get(DOCUMENT)
def openapi() -> Response:
    """Describe the API (OpenAPI 3.1); behind a proxy's prefix, its server is that."""
    document = cast("dict[str, Any]", cast("Any", current_app).api_doc)
    prefix = address("")
    return jsonify(document | {"servers": [{"url": prefix}]} if prefix else document)
