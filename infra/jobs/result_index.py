"""The index of results: where the result of a hash lies, and what it is.

An entry is written after its result, so whoever finds the entry may rely on a whole result. One
that leads nowhere does no harm: the photo is painted again.
"""

from pydantic import ValidationError

from infra.jobs.domain.model import Value
from infra.jobs.formats import ResultFormat
from infra.storage.port import ObjectMissing, ObjectStore


class ResultLocation(Value):
    """The object key of a result: the part of an entry that removal needs, in any version."""

    key: str


class ResultIndexEntry(ResultLocation):
    """A whole result: its location, its size in bytes and pixels, its format, and what to tell."""

    bytes: int
    width: int
    height: int
    format: ResultFormat
    note: str | None = None


def result_location(objects: ObjectStore, entry: str) -> str | None:
    """Return the key of the result that the index entry with the key `entry` leads to.

    None where the entry is missing or damaged. Raises ServiceUnavailable.
    """
    try:
        return ResultLocation.model_validate_json(objects.get(entry)).key
    except (ObjectMissing, ValidationError):
        return None
