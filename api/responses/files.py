"""Objects sent as files: streamed, named, and with a fixed media type."""

from http import HTTPStatus
from pathlib import PurePosixPath
from urllib.parse import quote

from flask import Response, request
from werkzeug.exceptions import PreconditionFailed

from infra.storage.port import ObjectStore

_TYPES = {
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
}


def stream_file(response: Response, objects: ObjectStore, key: str) -> Response:
    """Let a response carry an object, read piece by piece, unless it is a HEAD or a 304.

    Opens the object now, while its absence can still be the answer: raises ObjectMissing.
    """
    if request.method != "HEAD" and response.status_code == HTTPStatus.OK:
        response.response = objects.stream(key)
    return response


def conditional(response: Response) -> Response:
    """Return a response with an entity tag as the client wants it: bare where it has that already.

    Raises PreconditionFailed where it wants another one.
    """
    response.make_conditional(request)
    if response.status_code == HTTPStatus.PRECONDITION_FAILED:  # its body would be the file
        raise PreconditionFailed("The file is not the one that `If-Match` names; fetch it anew.")
    return response


def content_type(key: str) -> str:
    """Return the media type of an object by its key."""
    return _TYPES.get(PurePosixPath(key).suffix, "application/octet-stream")


def attachment(name: str, *, inline: bool = False) -> str:
    """Return a Content-Disposition (RFC 6266): the name in UTF-8, and in ASCII for old clients."""
    plain = name.encode("ascii", "replace").decode().translate({ord(c): "_" for c in '?"\\%'})
    disposition = "inline" if inline else "attachment"
    return f"{disposition}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
