"""One part of a key: what a tenant, a job or a file may be called.

Every name that becomes a part of a key is checked here, so that no id or file name from outside can
reach beyond its own prefix.
"""

from typing import Final

TENANTS_PREFIX: Final = "tenants/"


def is_part(name: str) -> bool:
    """Whether a name can be one part of a key."""
    forbidden = any(char == "/" or ord(char) < ord(" ") for char in name)
    return name not in ("", ".", "..") and not forbidden


def part(name: str) -> str:
    """Return the name; raises ValueError where it cannot be one part of a key."""
    if not is_part(name):
        raise ValueError(f"not one part of a key: {name!r}")
    return name


def tenant_prefix(tenant: str) -> str:
    """Everything a tenant owns."""
    return f"{TENANTS_PREFIX}{part(tenant)}/"
