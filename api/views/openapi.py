"""Parts of the OpenAPI document beyond signatures: bodies by media type, files, problems."""

from typing import Any, cast

from flask_openapi3.models.info import Info
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.problems import MEDIA_TYPE, ProblemDetails
from api.schemas.jobs import AlbumByKeys, AlbumOptions
from api.schemas.previews import PreviewOptions
from api.schemas.styles import StyleChange, StyleImport
from api.schemas.training import MAX_PREVIEWS, TrainingByKeys, TrainingOptions

INFO = Info(
    title="Impasto",
    version="1",
    summary="Photo albums, painted in a style; styles, learnt from a painting.",
    description=(
        "Send an album and the name of a style; a job is answered at once. Watch the job, then "
        "fetch each photo's result, or all of them as a zip. Send a painting, and the job learns "
        "a style from it, whose stages can be used one by one as they are published. Every error "
        "is a problem detail (RFC 9457)."
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
    500: problem(
        "`internal`: the service's log tells more under the incident's number. Of a job, also "
        "`job-unreadable`: what is stored about it is damaged."
    ),
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
QUEUE_FULL = {
    429: problem("`queue-full`: too much waits already; `Retry-After` says when to try again."),
}
PRECONDITION_FAILED = {
    412: problem("`precondition-failed`: the file is not the one that `If-Match` names."),
}
STYLE_MISSING = {404: problem("`style-missing`: there is no such style that can be read.")}


def submission_body() -> dict[str, Any]:
    """Document the ways to send a job: by its kind, with its files or by their keys."""
    return {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": _either("AlbumUpload", "TrainingUpload", combined="anyOf")
            },
            "application/json": {
                "schema": _either(AlbumByKeys.__name__, TrainingByKeys.__name__, combined="oneOf"),
                "examples": _EXAMPLES,
            },
        },
    }


def style_file_body() -> dict[str, Any]:
    """Document the import of a style."""
    schema = StyleImport.model_json_schema()
    schema["properties"] |= {"file": {**_FILE, "description": "A style, as its export gives it."}}
    schema["required"] = ["file"]
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}


def style_change_body() -> dict[str, Any]:
    """Document a change of a style."""
    example = {"value": {"visibility": "shared"}}
    content = {"schema": StyleChange.model_json_schema(), "examples": {"share": example}}
    return {"required": True, "content": {"application/json": content}}


def preview_body() -> dict[str, Any]:
    """Document a preview's photo, and what it is shown in."""
    schema = PreviewOptions.model_json_schema()
    photo = {**_FILE, "description": "The photo: JPEG, HEIC, AVIF, PNG, WebP, TIFF, BMP or GIF."}
    schema["properties"] |= {"photo": photo}
    schema["required"] = ["photo"]
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}


def body_schemas() -> dict[str, dict[str, Any]]:
    """Return the schemas of request bodies, by the names under which they are referred to."""
    models = (AlbumByKeys, TrainingByKeys)
    _, found = models_json_schema(
        [(model, "validation") for model in models], ref_template=f"{_SCHEMAS}{{model}}"
    )
    schemas = cast("dict[str, dict[str, Any]]", found["$defs"])
    schemas["AlbumUpload"] = _upload_schema(
        AlbumOptions, ["style", "photos"], photos=_files("The photos, or ZIP files", minItems=1)
    )
    schemas["TrainingUpload"] = _upload_schema(
        TrainingOptions,
        ["kind", "style", "painting"],
        painting={**_FILE, "description": "The painting to learn from."},
        previews=_files("Your own photos, to be shown in each stage", maxItems=MAX_PREVIEWS),
    )
    return schemas


_SCHEMAS = "#/components/schemas/"
_FILE = {"type": "string", "format": "binary"}


def _album(photos: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "stylize", "style": "water-lilies", "strength": 0.8, "photos": photos}


_EXAMPLES: dict[str, Any] = {
    "keys": {"value": _album({"keys": ["holiday/1.jpg", "holiday/2.jpg"]})},
    "prefix": {"value": _album({"prefix": "holiday/"})},
    "training": {
        "value": {
            "kind": "train",
            "style": "starry-night",
            "painting": {"key": "paintings/starry-night.jpg"},
            "profile": "light",
            "schedule": "0.02:900,0.4:400,4:600",
        }
    },
}


def _either(album: str, training: str, *, combined: str) -> dict[str, Any]:
    mapping = {"stylize": f"{_SCHEMAS}{album}", "train": f"{_SCHEMAS}{training}"}
    return {
        combined: [{"$ref": schema} for schema in mapping.values()],
        "discriminator": {"propertyName": "kind", "mapping": mapping},
    }


def _files(what: str, **limits: int) -> dict[str, Any]:
    about = f"{what}: JPEG, PNG or WebP, the field once a file."
    return {"type": "array", "items": _FILE, "description": about, **limits}


def _upload_schema(
    model: type[BaseModel], required: list[str], **files: dict[str, Any]
) -> dict[str, Any]:
    schema = model.model_json_schema()
    schema["properties"] |= files
    schema["required"] = required
    return schema
