"""Files that lie in the bucket already: the keys that a request may name."""

from collections.abc import Iterable

from api.problems import MAX_LISTED_ERRORS, FieldError, InvalidFields
from api.schemas.base import MAX_KEY_BYTES
from api.services import Services
from infra import layout


def allowed_prefix(services: Services, tenant: str) -> str:
    """Return the prefix of all keys that a tenant may name; empty for a service without keys."""
    return layout.tenant_prefix(tenant) if services.settings.api_keys else ""


def check_keys(keys: Iterable[str], allowed: str, pointer: str) -> None:
    """Raise InvalidFields naming the keys at `pointer` that may not be used."""
    errors = [
        FieldError(pointer=f"{pointer}/{index}", detail=fault)
        for index, key in enumerate(keys)
        if (fault := key_fault(key, allowed))
    ]
    if errors:
        raise InvalidFields(errors[:MAX_LISTED_ERRORS])


def key_fault(key: str, allowed: str, *, prefix: bool = False) -> str | None:
    """Return what is wrong with a key, or None; a prefix may end with a slash.

    Empty parts and dots are refused because a store over a folder would follow them, out of the
    tenant's prefix.
    """
    if not key.startswith(allowed):
        return f"only keys below {allowed} may be named"
    if len(key.encode()) > MAX_KEY_BYTES:
        return f"no usable key: it has more than {MAX_KEY_BYTES} bytes"
    parts = (key.removesuffix("/") if prefix else key).split("/")
    if not key.isprintable() or any(part in ("", ".", "..") for part in parts):
        return "no usable key: it has an empty part, a part of dots, or an unprintable character"
    return None
