"""Answers to requests that no app gets to see: problem details (RFC 9457), as the app's."""

import json
from http import HTTPStatus
from typing import Final

from infra.errors import ImpastoError

#: Characters of gunicorn's message that are sent back: it may quote a header of any length.
MAX_DETAIL_LENGTH: Final = 200


class UnsentAnswer:
    """Takes the place of a client while gunicorn answers an error in HTML, and keeps the answer."""

    def __init__(self) -> None:
        self._sent = bytearray()

    @property
    def status(self) -> HTTPStatus:
        """The status that gunicorn has chosen."""
        return HTTPStatus(int(self._sent.split(maxsplit=2)[1]))

    def gettimeout(self) -> float:
        """Return the timeout of a socket that never waits."""
        return 0.0

    def sendall(self, data: bytes) -> None:
        """Keep what is sent."""
        self._sent += data


def problem_answer(status: HTTPStatus, error: BaseException) -> bytes:
    """Return a whole answer, head and body, after which the connection ends.

    It names no `instance`: gunicorn mostly gives up before it knows the path.
    """
    body = json.dumps(_problem(status, error)).encode()
    head = (
        f"HTTP/1.1 {status} {status.phrase}\r\n"
        "Connection: close\r\n"
        "Content-Type: application/problem+json\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        "\r\n"
    )
    return head.encode() + body


def _problem(status: HTTPStatus, error: BaseException) -> dict[str, str | int]:
    slug, title = status.phrase.lower().replace(" ", "-"), f"{status.phrase}."
    detail = f"The server cannot take the request: {error}"[:MAX_DETAIL_LENGTH]
    if status is HTTPStatus.INTERNAL_SERVER_ERROR:  # what went wrong inside is for the log
        slug, title = ImpastoError.type, ImpastoError.title
        detail = "The service's log tells more about it."
    return {
        "type": f"urn:impasto:problem:{slug}",
        "title": title,
        "status": status,
        "detail": detail,
    }
