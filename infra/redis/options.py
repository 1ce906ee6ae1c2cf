"""The options behind the "?" of a Redis's address: which there are, and what each may be."""

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl

from infra.errors import InvalidSettings

#: Seconds for an answer that an address may ask for at least: above the second that a worker's
#: blocking pop waits in the server.
SHORTEST_ANSWER: Final = 2.0

EXAMPLE: Final = (
    "IMPASTO_REDIS_URL is no address of a Redis, such as redis://:PASSWORD@HOST:6379/0 "
    "(in a password, write / as %2F, ? as %3F, # as %23 and @ as %40)."
)
#: What an option's name looks like. Anything else behind a "?" may be part of a password.
_OPTION: Final = re.compile(r"[a-z][a-z_]{1,40}")


def whole(text: str, least: int) -> int:
    """Read a whole number of `least` or more; raises ValueError."""
    number = int(text)
    if number < least:
        raise ValueError
    return number


def _seconds(text: str, least: float) -> float:
    number = float(text)
    if not least <= number < float("inf"):
        raise ValueError
    return number


def _truth(text: str) -> bool:
    word = text.lower()
    if word not in ("true", "false", "yes", "no", "1", "0"):
        raise ValueError
    return word in ("true", "yes", "1")


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        word = text.lower().removeprefix("cert_")  # as kombu writes it, too
        if word not in words:
            raise ValueError
        return word

    return read


def _plain(text: str) -> str:
    if not text.isprintable() or " " in text:
        raise ValueError
    return text


#: Every option that an address may have: how it is read, and what it may be.
_OPTIONS: Final[Mapping[str, tuple[Callable[[str], Any], str]]] = {
    "db": (lambda text: whole(text, 0), "a number of a database"),
    "protocol": (lambda text: int(_one_of("2", "3")(text)), "2 or 3"),
    "client_name": (_plain, "a name without spaces"),
    "socket_timeout": (
        lambda text: _seconds(text, SHORTEST_ANSWER),
        f"a number of seconds, {SHORTEST_ANSWER:.0f} at least",
    ),
    "socket_connect_timeout": (lambda text: _seconds(text, 0.1), "a number of seconds"),
    "socket_keepalive": (_truth, "true or false"),
    "health_check_interval": (lambda text: whole(text, 0), "a whole number of seconds"),
    "retry_on_timeout": (_truth, "true or false"),
    "max_connections": (lambda text: whole(text, 1), "a whole number, 1 at least"),
    "ssl_ca_certs": (str, "a file of certificates"),
    "ssl_certfile": (str, "a file with a certificate"),
    "ssl_keyfile": (str, "a file with a private key"),
    "ssl_password": (str, "the password of a private key"),
    "ssl_cert_reqs": (_one_of("required", "optional", "none"), "required, optional or none"),
    "ssl_check_hostname": (_truth, "true or false"),
}


def read_options(parts: SplitResult) -> dict[str, Any]:
    """Return the options behind the "?", read; raises InvalidSettings."""
    found: dict[str, Any] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if not _OPTION.fullmatch(name) or "@" in parts.query:
            raise InvalidSettings(EXAMPLE)
        if name not in _OPTIONS:
            raise InvalidSettings(
                f"IMPASTO_REDIS_URL has the option {name!r}, which is none of "
                f"{', '.join(_OPTIONS)}{_nearest(name)}."
            )
        if name.startswith("ssl_") and parts.scheme != "rediss":
            raise InvalidSettings(
                f"IMPASTO_REDIS_URL has the option {name!r}, but does not connect by TLS: its "
                "address must begin with rediss://."
            )
        read, allowed = _OPTIONS[name]
        try:
            found[name] = read(value)
        except ValueError:
            raise InvalidSettings(
                f"IMPASTO_REDIS_URL: the option {name!r} must be {allowed}."
            ) from None
    return found


def _nearest(name: str) -> str:
    near = get_close_matches(name, _OPTIONS, 1)
    return f"; did you mean {near[0]!r}?" if near else ""
