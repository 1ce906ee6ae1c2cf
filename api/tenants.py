"""Authentication: API keys to tenants, and the single user of a service without keys."""

import hmac
import re
from collections.abc import Mapping
from hashlib import sha256

from flask import Request
from pydantic import SecretStr

from api.problems import Forbidden, Unauthorized
from infra.loopback import is_loopback
from infra.tenants import DEFAULT_TENANT


def tenant_of(request: Request, keys: Mapping[str, SecretStr]) -> str:
    """Return the tenant that sent the request.

    With keys the request must bear one (raises Unauthorized). Without, only this machine may ask,
    and no web page from elsewhere may do so through its user's browser (raises Forbidden).
    """
    if keys:
        return _tenant_of_key(request.headers.get("Authorization", ""), keys)
    _refuse_strangers(request)
    return DEFAULT_TENANT


def _tenant_of_key(authorization: str, keys: Mapping[str, SecretStr]) -> str:
    """Compare with every key in full, so that timing reveals nothing."""
    scheme, _, sent = authorization.partition(" ")
    # How WSGI hands headers over. As text, the last bytes of some keys would pass for spaces.
    digest = sha256(sent.encode("latin-1").strip()).digest()
    matches = [
        tenant
        for tenant, key in keys.items()
        if hmac.compare_digest(digest, sha256(key.get_secret_value().encode()).digest())
    ]
    if scheme.lower() != "bearer" or not matches:
        raise Unauthorized("Send `Authorization: Bearer KEY` with a key of this service.")
    return matches[0]


def _refuse_strangers(request: Request) -> None:
    if not is_loopback(request.remote_addr or ""):
        raise Forbidden(
            "This service has no API keys, so it answers only its own machine. "
            "Set IMPASTO_API_KEYS to let others in."
        )
    origin = request.headers.get("Origin")
    foreign_page = origin and origin.partition("://")[2] != request.host
    if foreign_page or not is_loopback(_without_port(request.host)):
        raise Forbidden(
            "A service without API keys answers only requests that name it by a loopback "
            "address, and no web page of another site."
        )


def _without_port(host: str) -> str:
    return re.sub(r":\d*$", "", host).strip("[]") if host.count(":") == 1 or "]" in host else host
