"""Parts that all schemas share: strict requests, examples, names, keys and times."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints
from pydantic_core import PydanticCustomError

#: S3's own limit on the length of a key, in bytes of UTF-8; characters are never more.
MAX_KEY_BYTES = 1024

ObjectKey = Annotated[str, StringConstraints(min_length=1, max_length=MAX_KEY_BYTES)]
StyleName = Annotated[str, StringConstraints(min_length=1, max_length=64)]


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise PydanticCustomError("one_line", "Use printable characters, on one line")
    return text


#: Safe in a URL, an object key and a file name.
NewName = Annotated[str, StringConstraints(pattern="^[a-z0-9][a-z0-9-]{0,62}$")]
Line = Annotated[str, StringConstraints(max_length=200), AfterValidator(_one_line)]


def example(value: Any) -> dict[str, Any]:  # noqa: ANN401  (an example may be any JSON)
    """Return the schema extra that shows an example."""
    return {"example": value}


class Request(BaseModel):
    """A request body; an unknown field is an error."""

    model_config = ConfigDict(extra="forbid")


def timestamp(seconds: float) -> datetime:
    """Return a time since the epoch as UTC."""
    return datetime.fromtimestamp(seconds, UTC)
