"""What OpenAPI says that no view's signature can: bodies by media type, files, and problems."""

from typing import Any

from flask_openapi3.models.info import Info

from api.problems import MEDIA_TYPE, ProblemDetails
from api.schemas import AlbumByKeys, AlbumOptions

INFO = Info(
    title="Impasto",
    version="1",
    summary="Photo albums, painted in a style.",
    description=(
        "Send an album and the name of a style; a job is answered at once. Watch the job, then "
        "fetch each photo's result, or all of them as a zip. Every error is a problem detail "
        "(RFC 9457)."
    ),
)

SECURITY_SCHEMES: dict[str, Any] = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key of a tenant. A service without keys answers only its machine.",
    }
}
#: A key, or none where the service has no keys.
SECURED: list[dict[str, list[Any]]] = [{"key": []}, {}]

_PROBLEM_SCHEMA = {"$ref": f"#/components/schemas/{ProblemDetails.__name__}"}


def problem(description: str) -> dict[str, Any]:
    """Document one problem response."""
    return {"description": description, "content": {MEDIA_TYPE: {"schema": _PROBLEM_SCHEMA}}}


def file(description: str, *media_types: str) -> dict[str, Any]:
    """Document a response that is a file."""
    content = {media_type: {"schema": {"type": "string"}} for media_type in media_types}
    return {"description": description, "content": content}


#: What any address may answer.
ANYWHERE: dict[str | int, Any] = {
    500: problem("`internal`: the service's log tells more under the incident's number."),
}

#: What any address that is not open to everyone may answer.
PROBLEMS: dict[str | int, Any] = {
    **ANYWHERE,
    400: problem("The request cannot be read."),
    401: problem("`unauthorized`: the key is missing or wrong."),
    403: problem("`forbidden`: the service has no keys and was not asked by its own machine."),
    422: problem("`invalid-request`: `errors` says where."),
    503: problem("`service-unavailable`: Redis or S3 does not answer; try again."),
}

JOB_MISSING = {404: problem("`job-missing`: there is no such job.")}
STYLE_MISSING = {404: problem("`style-missing`: there is no such style.")}


def submission_body() -> dict[str, Any]:
    """Document the two ways to send an album."""
    by_keys = {
        "keys": {"value": _album({"keys": ["holiday/1.jpg", "holiday/2.jpg"]})},
        "prefix": {"value": _album({"prefix": "holiday/"})},
    }
    schema = _inline(AlbumByKeys.model_json_schema())
    return {
        "required": True,
        "content": {
            "multipart/form-data": {"schema": _upload_schema()},
            "application/json": {"schema": schema, "examples": by_keys},
        },
    }


def _album(photos: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "stylize", "style": "water-lilies", "strength": 0.8, "photos": photos}


def _upload_schema() -> dict[str, Any]:
    schema = AlbumOptions.model_json_schema()
    schema["properties"]["photos"] = {
        "type": "array",
        "minItems": 1,
        "items": {"type": "string", "format": "binary"},
        "description": "The photos: JPEG, PNG or WebP, the field once a file.",
    }
    schema["required"] = ["style", "photos"]
    return schema


def _inline(schema: dict[str, Any]) -> dict[str, Any]:
    """Put the one nested model where it is used: definitions of a body have no home elsewhere."""
    definitions = schema.pop("$defs")
    schema["properties"]["photos"] = definitions["PhotoSource"]
    return schema
