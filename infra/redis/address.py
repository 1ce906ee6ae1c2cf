"""The address of a Redis, read once for redis-py and for kombu: server, TLS and options."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

from infra.errors import InvalidSettings, ServiceUnavailable
from infra.redis.options import EXAMPLE, read_options, whole
from infra.settings import Settings

#: Seconds until a connection must stand.
CONNECT_SECONDS: Final = 2.0
#: Seconds until an answer must come. A worker's blocking pop waits one second in the server, and
#: without a limit, publishing to a server that vanished would wait for ever.
ANSWER_SECONDS: Final = 5.0
#: Seconds of silence after which a connection is tried before it is used.
HEALTH_CHECK_SECONDS: Final = 15
#: Connections that a worker's broker needs at least; kombu's own default.
BROKER_CONNECTIONS: Final = 10

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
        _refuse_other_kinds(parts)
        server = _server(parts)
    except ValueError:
        # From None: an error of parsing repeats parts of the address, which holds a password.
        raise InvalidSettings(EXAMPLE) from None
    asked = read_options(parts)
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


#: Schemes of addresses that lead to several servers.
_SEVERAL: Final = re.compile(r"(redis|rediss|valkey|valkeys)?[+_-]?(sentinel|cluster)s?")
#: Schemes of Valkey's own client, and what they are called here.
_VALKEY: Final = {"valkey": "redis", "valkeys": "rediss"}


def _refuse_other_kinds(parts: SplitResult) -> None:
    """Say of an address that others understand why it is none here."""
    where = parts.netloc.rpartition("@")[2]
    if _SEVERAL.fullmatch(parts.scheme) or (parts.scheme.startswith("redis") and "," in where):
        raise InvalidSettings(
            "IMPASTO_REDIS_URL names a Sentinel, a Cluster or several servers, over which Impasto "
            "does not work: name one server, as redis://:PASSWORD@HOST:6379/0."
        )
    if (ours := _VALKEY.get(parts.scheme)) is not None:
        raise InvalidSettings(
            f"IMPASTO_REDIS_URL begins with {parts.scheme}://; write {ours}://, for Valkey too."
        )


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
        "db": whole(number, 0) if number else 0,
    }


def _where(server: Mapping[str, Any]) -> str:
    if "path" in server:
        return str(server["path"])
    host = str(server["host"])
    return f"[{host}]:{server['port']}" if ":" in host else f"{host}:{server['port']}"


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
