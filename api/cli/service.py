"""Connection of the command line to its service, and messages when that fails."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from http import HTTPStatus
from typing import NoReturn

from impasto_client import Client, ClientError, Limits, ServiceUnreachable
from infra.errors import ImpastoError
from infra.settings import Settings, load_settings
from infra.stack.state import running_stack

#: Exit codes: some photos failed, or the job did; wrong usage, or the service does not work.
FAILED, TROUBLE, INTERRUPTED = 1, 2, 130


class UsageError(Exception):
    """A command cannot be run as given; the message is one line."""


def find_url(requested: str | None, settings: Settings) -> str:
    """Return the service's address: requested, set, of the running stack, or the default."""
    if requested:
        return requested
    if "url" not in settings.model_fields_set and (stack := running_stack(settings.data)):
        return stack.url
    return settings.url


@contextmanager
def connect(url: str | None) -> Generator[Client]:
    """Open the client for one command, and end the process with one line where it fails."""
    try:
        settings = load_settings()
        key = settings.api_key.get_secret_value() if settings.api_key else None
        with Client(find_url(url, settings), key) as client:
            yield client
    except ServiceUnreachable as error:
        hint = "" if error.status else " Is it running? Start it with `impasto up`."
        fail(f"{error}{hint}")
    except (ClientError, UsageError, ImpastoError, OSError) as error:
        fail(str(error))


def ask_limits(client: Client) -> Limits:
    """Return the limits that the service runs with.

    One of before 0.2.0 does not tell them: then those of this machine's settings.
    """
    try:
        return client.formats().limits
    except ClientError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
    settings = load_settings()
    return Limits(
        photo_bytes=settings.max_photo_bytes,
        photo_megapixels=settings.max_photo_megapixels,
        archive_bytes=settings.max_archive_bytes,
        album_photos=settings.max_album_photos,
    )


def fail(line: str) -> NoReturn:
    """Print one line about the error, and exit with TROUBLE."""
    sys.stderr.write(f"impasto: {' '.join(line.split())}\n")
    raise SystemExit(TROUBLE)
