"""Where previews lie in the bucket: pure functions from names to keys, and back."""

from typing import Final

from infra.layout.ids import is_job_id
from infra.layout.parts import is_part, part, tenant_prefix

#: Every preview's marker, so that a sweep finds those whose time is over.
PREVIEWS_PREFIX: Final = "previews/"


def preview_marker(tenant: str, preview: str) -> str:
    """Empty object: the preview is there, or was cut off as it came."""
    return f"{PREVIEWS_PREFIX}{part(tenant)}/{part(preview)}"


def parse_preview_marker(key: str) -> tuple[str, str] | None:
    """Return the tenant and id of a `preview_marker` key; None for any other key."""
    match key.split("/"):
        case ["previews", tenant, preview] if is_part(tenant) and is_job_id(preview):
            return tenant, preview
        case _:
            return None


def preview_prefix(tenant: str, preview: str) -> str:
    """Everything of one preview but its marker."""
    return f"{tenant_prefix(tenant)}previews/{part(preview)}/"


def preview_photo(tenant: str, preview: str) -> str:
    """The photo as it came."""
    return f"{preview_prefix(tenant, preview)}photo"


def preview_spec(tenant: str, preview: str) -> str:
    """What is to be painted; a preview exists if and only if this does."""
    return f"{preview_prefix(tenant, preview)}preview.json"


def preview_outcome(tenant: str, preview: str) -> str:
    """How it ended; written when all pictures are there."""
    return f"{preview_prefix(tenant, preview)}outcome.json"


def preview_sheet(tenant: str, preview: str) -> str:
    """All its pictures as one."""
    return f"{preview_prefix(tenant, preview)}sheet.jpg"


def preview_picture(tenant: str, preview: str, number: int) -> str:
    """One of its pictures, from 0."""
    return f"{preview_prefix(tenant, preview)}pictures/{number}.jpg"
