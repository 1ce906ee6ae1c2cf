"""An app, and a worker that loses patience at once, for tests of how the API's gunicorn waits."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from infra.stack.gunicorn.worker import PatientWorker

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

#: Bytes of the answer to /large: more than the system takes without a reader.
LARGE = 64 * 1024 * 1024


class HastyWorker(PatientWorker):
    """The API's worker, in a hurry."""

    header_seconds = 0.6
    idle_seconds = 0.6
    linger_seconds = 0.3
    throughput_seconds = 0.6
    min_bytes_per_second = 1000


def app(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Answer how many bytes the body has, or that it cannot be read; /large gets many."""
    try:
        answer = str(len(environ["wsgi.input"].read())).encode()
    except OSError:
        answer = b"unreadable"
    if environ["PATH_INFO"] == "/large":
        answer = bytes(LARGE)
    start_response("200 OK", [("Content-Length", str(len(answer)))])
    return [answer]
