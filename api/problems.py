"""Every error of the API as a problem detail (RFC 9457, application/problem+json)."""

import secrets
from collections.abc import Mapping
from http import HTTPStatus
from typing import cast

import structlog
from flask import Flask, Response, request
from pydantic import BaseModel, Field, ValidationError
from werkzeug.exceptions import ClientDisconnected, HTTPException, MethodNotAllowed

from infra.errors import ImpastoError, InvalidRequest, QueueFull, StyleMissing

#: How many single mistakes of one request are listed.
MAX_LISTED_ERRORS = 50
#: Characters of a pointer that are given back: a made-up name may be as long as a body.
MAX_POINTER_LENGTH = 200
MEDIA_TYPE = "application/problem+json"

log = structlog.get_logger(__name__)


class FieldError(BaseModel):
    """One mistake in a request: where it is (JSON pointer, or a parameter's name) and what."""

    pointer: str = Field(json_schema_extra={"example": "/strength"})
    detail: str = Field(json_schema_extra={"example": "Input should be less than or equal to 1"})


class ProblemDetails(BaseModel):
    """RFC 9457 problem details."""

    type: str = Field(
        description="Stable URI of the kind of problem.",
        json_schema_extra={"example": "urn:impasto:problem:job-missing"},
    )
    title: str = Field(description="The kind of problem in one sentence, always the same.")
    status: int = Field(description="HTTP status code.")
    detail: str = Field(description="What happened this time, and what to do about it.")
    instance: str | None = Field(
        default=None,
        description="Path of the request; missing where the server could not read so far.",
    )
    errors: list[FieldError] | None = Field(
        default=None, description="The single mistakes, where the request is not valid."
    )
    parts: dict[str, str] | None = Field(
        default=None, description="State of each part of the service, where one is missing."
    )
    incident: str | None = Field(
        default=None, description="Number under which the log tells more about an internal error."
    )


class InvalidFields(InvalidRequest):
    """Parts of the request break the schema; `errors` lists them."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__(_summary(errors))
        self.errors = errors


class MalformedRequest(InvalidRequest):
    """The body cannot be parsed, or broke off."""

    type = "malformed-request"
    title = "The request body cannot be read."
    status = HTTPStatus.BAD_REQUEST


class UnsupportedMediaType(InvalidRequest):
    """The body is of a kind that this address does not take."""

    type = "unsupported-media-type"
    title = "The request body is of the wrong type."
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class UnknownStyle(StyleMissing):
    """A job names a style that is not there: the address is right, the request is not."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class ResultMissing(ImpastoError):
    """The photo has no result: not yet, or never."""

    type = "result-missing"
    title = "There is no such result."
    status = HTTPStatus.NOT_FOUND


class PreviewFailed(ImpastoError):
    """A sheet was to be the answer, and cannot be painted."""

    type = "preview-failed"
    title = "The preview cannot be painted."
    status = HTTPStatus.UNPROCESSABLE_ENTITY


class Unauthorized(ImpastoError):
    """No key, or a wrong one."""

    type = "unauthorized"
    title = "A valid API key is needed."
    status = HTTPStatus.UNAUTHORIZED


class Forbidden(ImpastoError):
    """The caller may not do this."""

    type = "forbidden"
    title = "This is not allowed."
    status = HTTPStatus.FORBIDDEN


class NotReady(ImpastoError):
    """Some part of the service does not answer; `parts` says which."""

    type = "not-ready"
    title = "The service is not ready."
    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, detail: str, parts: Mapping[str, str]) -> None:
        super().__init__(detail)
        self.parts = dict(parts)


def invalid_fields(error: ValidationError) -> InvalidFields:
    """Turn pydantic's findings into a problem; at most MAX_LISTED_ERRORS are listed."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    listed = found[:MAX_LISTED_ERRORS]
    return InvalidFields(
        [FieldError(pointer=pointer(item["loc"]), detail=item["msg"]) for item in listed]
    )


def pointer(location: tuple[int | str, ...]) -> str:
    """Return the JSON pointer (RFC 6901) of a place in a document; an overlong one is cut."""
    escaped = (str(step).replace("~", "~0").replace("/", "~1") for step in location)
    whole = "".join(f"/{step}" for step in escaped)
    return whole if len(whole) <= MAX_POINTER_LENGTH else f"{whole[:MAX_POINTER_LENGTH]}…"


def render(error: ImpastoError) -> Response:
    """Render a known error."""
    extras = {name: getattr(error, name) for name in ("errors", "parts") if hasattr(error, name)}
    response = _response(error.type, error.title, error.status, error.detail, **extras)
    if isinstance(error, Unauthorized):
        response.headers["WWW-Authenticate"] = 'Bearer realm="impasto"'
    if error.status is HTTPStatus.SERVICE_UNAVAILABLE:
        response.headers["Retry-After"] = "5"
    if isinstance(error, QueueFull):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def install(app: Flask) -> None:
    """Make every error of the app a problem."""
    app.register_error_handler(ImpastoError, render)
    app.register_error_handler(ClientDisconnected, _render_unreadable)
    app.register_error_handler(HTTPException, _render_http)
    app.register_error_handler(Exception, _render_unexpected)


def _render_unreadable(_error: ClientDisconnected) -> Response:
    """Render the error that Werkzeug raises for an OSError while it reads a body."""
    return render(MalformedRequest("The body is damaged, or broke off. Send it again."))


def _render_http(error: HTTPException) -> Response:
    """Render an error of the HTTP layer itself: 404, 405, 413, …"""
    if error.response is not None:
        return cast("Response", error.response)
    status = HTTPStatus(error.code or HTTPStatus.INTERNAL_SERVER_ERROR)
    slug = status.phrase.lower().replace(" ", "-")
    response = _response(slug, f"{status.phrase}.", status, error.description or status.description)
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return response


def _render_unexpected(error: Exception) -> Response:
    """Hide the details of an internal error; the log has them under the incident number."""
    incident = secrets.token_hex(6)
    log.error("unexpected error", incident=incident, path=request.path, exc_info=error)
    return _response(
        ImpastoError.type,
        ImpastoError.title,
        ImpastoError.status,
        f"The service's log tells more about it under incident {incident}.",
        incident=incident,
    )


def _response(slug: str, title: str, status: HTTPStatus, detail: str, **extras: object) -> Response:
    problem = ProblemDetails.model_validate(
        {
            "type": f"urn:impasto:problem:{slug}",
            "title": title,
            "status": status,
            "detail": detail,
            "instance": request.path,
            **extras,
        }
    )
    body = problem.model_dump_json(exclude_none=True)
    return Response(body, status=status, content_type=MEDIA_TYPE)


def _summary(errors: list[FieldError]) -> str:
    first = errors[0]
    rest = f" ({len(errors) - 1} more in `errors`)" if len(errors) > 1 else ""
    return f"{first.pointer or 'The body'}: {first.detail}.{rest}"
