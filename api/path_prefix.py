"""The path below which a proxy in front offers the service: addresses in answers begin with it."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from infra.settings import read_path_prefix

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

#: How Traefik and others tell what they took off the path.
_HEADER: Final = "HTTP_X_FORWARDED_PREFIX"


class PathPrefix:
    """WSGI middleware that notes the prefix as SCRIPT_NAME, from where Flask has it.

    The one that is set counts, whether the proxy took it off the path or not; else that of the
    header X-Forwarded-Prefix, as long as it is a path. A header from a stranger only changes the
    answer that the stranger gets.
    """

    def __init__(self, app: "WSGIApplication", prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    def __call__(self, environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request as the app does."""
        prefix = self._prefix or _of_header(str(environ.get(_HEADER, "")))
        if prefix:
            environ["SCRIPT_NAME"] = prefix
            path = str(environ.get("PATH_INFO", ""))
            if self._prefix and path.startswith(f"{prefix}/"):
                environ["PATH_INFO"] = path.removeprefix(prefix)
        return self._app(environ, start_response)


def _of_header(value: str) -> str:
    try:
        return read_path_prefix(value)
    except ValueError:
        return ""
