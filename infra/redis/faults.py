"""What is said of a Redis that cannot be used, by its error or by what it tells of itself."""

import ssl
from collections.abc import Mapping
from typing import Any, Final

from redis import exceptions

_CLUSTER: Final = (
    "Redis is part of a Cluster, over which Impasto does not work; name a server of its own in "
    "IMPASTO_REDIS_URL."
)
#: Errors whose cause stands in the settings: waiting does not help, as it does with all others.
_SETTINGS: Final[tuple[tuple[tuple[type[exceptions.RedisError], ...], str], ...]] = (
    (
        (exceptions.AuthenticationError,),
        "Redis refuses our user or password; IMPASTO_REDIS_URL needs them, as "
        "redis://USER:PASSWORD@HOST:PORT/0.",
    ),
    (
        (exceptions.NoPermissionError,),
        "Redis lets our user do too little; it needs every command that reads, writes or runs a "
        "script, on all keys.",
    ),
    (
        (exceptions.ReadOnlyError,),
        "Redis is a replica and takes no writes; name the server that it copies in "
        "IMPASTO_REDIS_URL.",
    ),
    (
        (
            exceptions.ClusterError,
            exceptions.ClusterCrossSlotError,
            exceptions.AskError,
        ),
        _CLUSTER,
    ),
    (
        (exceptions.InvalidResponse,),
        "What IMPASTO_REDIS_URL names is no Redis: its answer is none of Redis's.",
    ),
)


def fault(error: BaseException) -> str:
    """Return what is wrong, in words that hold neither a password nor an address."""
    if found := tls_fault(error):
        return found
    for kinds, words in _SETTINGS:
        if isinstance(error, kinds):
            return words
    if isinstance(error, exceptions.ResponseError) and (words := _by_words(str(error))):
        return words
    return f"Redis cannot be used now ({type(error).__name__}); try again soon."


def _by_words(answer: str) -> str | None:
    """Return what a refusal without a class of its own means."""
    if "DB index is out of range" in answer:
        return "Redis has no database of the number that IMPASTO_REDIS_URL names."
    return _CLUSTER if "in cluster mode" in answer else None


def tls_fault(error: BaseException) -> str | None:
    """Return what is wrong with the encryption; None where something else is."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"The certificate of Redis is not trusted ({cause.verify_message}): name the "
                "authority that signed it in IMPASTO_REDIS_CA_CERTS, and Redis as its certificate "
                "does."
            )
        if isinstance(cause, ssl.SSLError):
            return f"Redis and this service cannot agree on TLS ({cause.reason or cause})."
        cause = cause.__cause__ or cause.__context__
    return None


def wrong_kind(info: Mapping[str, Any]) -> str | None:
    """Return why a server that answers cannot keep jobs, by its INFO; None where it can.

    A server of a Cluster refuses commands over keys of several slots, and a Sentinel keeps no keys:
    both answer a PING all the same.
    """
    mode = str(info.get("redis_mode", info.get("server_mode", "standalone")))
    if mode == "cluster":
        return "Redis is part of a Cluster, over which Impasto does not work."
    if mode == "sentinel":
        return "IMPASTO_REDIS_URL names a Sentinel, which knows where a Redis is and is none."
    if info.get("role") in ("slave", "replica"):
        return "Redis is a replica, and takes no writes."
    return None
