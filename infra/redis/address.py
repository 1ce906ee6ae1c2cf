"""The address of a Redis, read once for redis-py and for kombu: server, TLS and options."""

import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

from infra.errors import InvalidSettings, ServiceUnavailable
from infra.settings import Settings

#: Seconds until a connection must stand.
CONNECT_SECONDS: Final = 2.0
#: Seconds until an answer must come. A worker's blocking pop waits one second in the server, and
#: without a limit, publishing to a server that vanished would wait for ever.
ANSWER_SECONDS: Final = 5.0
#: Seconds for an answer that an address may ask for at least: above that blocking pop.
SHORTEST_ANSWER: Final = 2.0
#: Seconds of silence after which a connection is tried before it is used.
HEALTH_CHECK_SECONDS: Final = 15
#: Connections that a worker's broker needs at least; kombu's own default.
BROKER_CONNECTIONS: Final = 10

_EXAMPLE: Final = (
    "IMPASTO_REDIS_URL is no address of a Redis, such as redis://:PASSWORD@HOST:6379/0 "
    "(in a password, write / as %2F, ? as %3F, # as %23 and @ as %40)."
)
#: What an option's name looks like. Anything else behind a "?" may be part of a password.
_OPTION: Final = re.compile(r"[a-z][a-z_]{1,40}")
#: Options that are files.
_FILES: Final = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
#: The settings that name the same files.
_SETTINGS: Final = {
    "ssl_ca_certs": "redis_ca_certs",
    "ssl_certfile": "redis_certfile",
    "ssl_keyfile": "redis_keyfile",
}


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """A server, and how to connect to it; `options` are keyword arguments of redis-py.

    They hold the password, so no text of this object shows them.
    """

    scheme: str
    #: The address without user, password and options, for people and logs.
    public: str
    options: Mapping[str, Any] = field(repr=False)
    #: Connections that one process may have at the same time; None is any number.
    max_connections: int | None = None
    #: Version of the protocol that records are spoken in; the broker stays with 2.
    protocol: int = 2
    #: Tells addresses apart that differ in what is not shown: kombu shares connections among those
    #: whose options look the same. Another number in each process, as a password is in it.
    identity: int = 0

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.scheme == "rediss"


def redis_address(settings: Settings) -> RedisAddress:
    """Return the address that the settings name, checked as far as that needs no server.

    Raises ServiceUnavailable when none is named, and InvalidSettings, in words that hold no
    password, for one that cannot be used.
    """
    if settings.redis_url is None:
        raise ServiceUnavailable(
            "No Redis is named: set IMPASTO_REDIS_URL, or start everything with `impasto up`."
        )
    try:
        parts = urlsplit(settings.redis_url.get_secret_value().strip())
        server = _server(parts)
    except ValueError:
        # From None: an error of parsing repeats parts of the address, which holds a password.
        raise InvalidSettings(_EXAMPLE) from None
    asked = _asked(parts)
    files = _files(parts.scheme, asked, settings)
    options: dict[str, Any] = {**_DEFAULTS, **server, **asked, **files}
    protocol, connections = options.pop("protocol", 2), options.pop("max_connections", None)
    if parts.scheme == "unix":
        options.pop("socket_keepalive", None)
    if parts.scheme == "rediss":
        _check_certificates(options)
    public = f"{parts.scheme}://{_where(server)}/{options['db']}"
    identity = hash((public, *sorted(map(repr, options.items()))))
    return RedisAddress(parts.scheme, public, options, connections, protocol, identity)


def absolute_address(settings: Settings) -> str:
    """Return the address with files that do not depend on the working directory.

    The programs of `impasto up` have another one than the user. Raises as `redis_address` does.
    """
    redis_address(settings)
    assert settings.redis_url is not None
    parts = urlsplit(settings.redis_url.get_secret_value().strip())
    pairs = [
        (name, str(_path(value)) if name in _FILES else value)
        for name, value in parse_qsl(parts.query)
    ]
    return parts._replace(query=urlencode(pairs)).geturl()


_DEFAULTS: Final[Mapping[str, Any]] = {
    "db": 0,
    "socket_connect_timeout": CONNECT_SECONDS,
    "socket_timeout": ANSWER_SECONDS,
    "socket_keepalive": True,
    "health_check_interval": HEALTH_CHECK_SECONDS,
}


def _server(parts: SplitResult) -> dict[str, Any]:
    """Return where the server is and who asks; raises ValueError."""
    if parts.scheme not in ("redis", "rediss", "unix") or parts.fragment:
        raise ValueError
    found: dict[str, Any] = {
        "username": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
    }
    if parts.scheme == "unix":
        if not parts.path:
            raise ValueError
        return {**found, "path": unquote(parts.path)}
    number = parts.path.strip("/")
    return {
        **found,
        "host": unquote(parts.hostname or "localhost"),
        "port": parts.port or 6379,
        "db": _whole(number, 0) if number else 0,
    }


def _where(server: Mapping[str, Any]) -> str:
    if "path" in server:
        return str(server["path"])
    host = str(server["host"])
    return f"[{host}]:{server['port']}" if ":" in host else f"{host}:{server['port']}"


def _whole(text: str, least: int) -> int:
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
    "db": (lambda text: _whole(text, 0), "a number of a database"),
    "protocol": (lambda text: int(_one_of("2", "3")(text)), "2 or 3"),
    "client_name": (_plain, "a name without spaces"),
    "socket_timeout": (
        lambda text: _seconds(text, SHORTEST_ANSWER),
        f"a number of seconds, {SHORTEST_ANSWER:.0f} at least",
    ),
    "socket_connect_timeout": (lambda text: _seconds(text, 0.1), "a number of seconds"),
    "socket_keepalive": (_truth, "true or false"),
    "health_check_interval": (lambda text: _whole(text, 0), "a whole number of seconds"),
    "retry_on_timeout": (_truth, "true or false"),
    "max_connections": (lambda text: _whole(text, 1), "a whole number, 1 at least"),
    "ssl_ca_certs": (str, "a file of certificates"),
    "ssl_certfile": (str, "a file with a certificate"),
    "ssl_keyfile": (str, "a file with a private key"),
    "ssl_password": (str, "the password of a private key"),
    "ssl_cert_reqs": (_one_of("required", "optional", "none"), "required, optional or none"),
    "ssl_check_hostname": (_truth, "true or false"),
}


def _asked(parts: SplitResult) -> dict[str, Any]:
    """Return the options behind the "?", read; raises InvalidSettings."""
    found: dict[str, Any] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if not _OPTION.fullmatch(name) or "@" in parts.query:
            raise InvalidSettings(_EXAMPLE)
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


def _path(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _files(scheme: str, asked: Mapping[str, Any], settings: Settings) -> dict[str, str]:
    """Return the files of certificates, the address's before those of settings of their own."""
    found: dict[str, str] = {}
    for option, setting in _SETTINGS.items():
        ours: Path | None = getattr(settings, setting)
        variable = f"IMPASTO_{setting.upper()}"
        if ours is not None and scheme != "rediss":
            raise InvalidSettings(
                f"{variable} is set, but IMPASTO_REDIS_URL does not connect by TLS: its address "
                "must begin with rediss://."
            )
        if option in asked:
            found[option] = _readable(_path(asked[option]), f"IMPASTO_REDIS_URL: {option}")
        elif ours is not None:
            found[option] = _readable(ours.absolute(), variable)
    return found


def _readable(path: Path, name: str) -> str:
    try:
        path.open("rb").close()
    except OSError as error:
        raise InvalidSettings(f"{name} cannot be read: {path}: {error.strerror}.") from None
    return str(path)


def _check_certificates(options: Mapping[str, Any]) -> None:
    """Refuse files that hold no certificates: each connection would fail on them."""
    authorities, own = options.get("ssl_ca_certs"), options.get("ssl_certfile")
    key, password = options.get("ssl_keyfile"), options.get("ssl_password")
    if key and not own:
        raise InvalidSettings("A client's key for Redis needs its certificate too (ssl_certfile).")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    what = authorities
    try:
        if authorities:
            context.load_verify_locations(authorities)
        what = own
        if own:
            # Without a password OpenSSL would ask the terminal for it.
            context.load_cert_chain(own, key, password or "")
    except (OSError, ValueError):
        raise InvalidSettings(
            f"The certificates for Redis in {what} cannot be used: PEM files are needed"
            f"{', and the key that belongs to the certificate' if what == own else ''}."
        ) from None
