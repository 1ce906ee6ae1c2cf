"""Parts that all schemas share: strict requests, examples, names, keys and times."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints

#: S3's own limit on the length of a key, in bytes of UTF-8; characters are never more.
MAX_KEY_BYTES = 1024

ObjectKey = Annotated[str, StringConstraints(min_length=1, max_length=MAX_KEY_BYTES)]
StyleName = Annotated[str, StringConstraints(min_length=1, max_length=64)]


def example(value: Any) -> dict[str, Any]:  # noqa: ANN401  (an example may be any JSON)
    """Return the schema extra that shows an example."""
    return {"example": value}


class Request(BaseModel):
    """A request body; an unknown field is an error."""

    model_config = ConfigDict(extra="forbid")


def timestamp(seconds: float) -> datetime:
    """Return a time since the epoch as UTC."""
    return datetime.fromtimestamp(seconds, UTC)
