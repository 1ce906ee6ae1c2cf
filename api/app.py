"""The Flask app: views, errors and headers over the services it is given."""

from http import HTTPStatus
from typing import Any, cast

from flask import Flask, Response
from flask_openapi3.models.schema import Schema
from flask_openapi3.openapi import OpenAPI

from api import metrics, problems
from api.health import HealthCheck
from api.path_prefix import PathPrefix
from api.problems import ProblemDetails, invalid_fields
from api.services import EXTENSION, Services
from api.views import (
    corpora,
    formats,
    health,
    index,
    jobs,
    previews,
    results,
    style_changes,
    style_files,
    styles,
)
from api.views import metrics as metrics_views
from api.views.openapi import INFO, SECURITY_SCHEMES, body_schemas

VIEWS = (
    jobs,
    results,
    styles,
    style_changes,
    style_files,
    previews,
    corpora,
    formats,
    health,
    metrics_views,
)
#: Bytes of a JSON body: room for 100,000 keys of some 600 bytes.
MAX_JSON_BYTES = 64 * 1024 * 1024


def create_app(services: Services) -> OpenAPI:
    """Build the app over its services; connects to none of them."""
    app = OpenAPI(
        "api",
        info=INFO,
        security_schemes=SECURITY_SCHEMES,
        # The library documents its own answer under this status wherever a view documents none;
        # every view documents this one, and 422 where it can happen.
        validation_error_status=HTTPStatus.INTERNAL_SERVER_ERROR.value,
        validation_error_model=ProblemDetails,
        validation_error_callback=_refuse,
        doc_ui=False,
        static_folder=None,
    )
    app.config["MAX_CONTENT_LENGTH"] = MAX_JSON_BYTES
    app.extensions[EXTENSION] = services
    app.extensions[health.HEALTH_CHECK] = HealthCheck(services.probes)
    app.extensions[metrics_views.REGISTRY] = metrics.install(app, services)
    for module in VIEWS:
        app.register_api(module.views.blueprint)
    schemas = {name: Schema(**schema) for name, schema in body_schemas().items()}
    cast("dict[str, Schema]", cast("Any", app).components_schemas).update(schemas)
    app.register_blueprint(index.blueprint)
    app.wsgi_app = PathPrefix(app.wsgi_app, services.settings.path_prefix)
    problems.install(app)
    _install_headers(app)
    return app


def _refuse(error: problems.ValidationError) -> Response:
    raise invalid_fields(error) from error


def _install_headers(app: Flask) -> None:
    def add_headers(response: Response) -> Response:
        response.headers["X-Content-Type-Options"] = "nosniff"
        if response.mimetype in ("application/json", problems.MEDIA_TYPE):
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    app.after_request(add_headers)
