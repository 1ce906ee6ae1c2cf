"""A job record as the text that a store keeps."""

from pydantic import ValidationError

from infra.errors import JobUnreadable
from infra.jobs.domain.model import JobRecord


def parse_record(key: str, document: str) -> JobRecord:
    """Read the JSON of a live job that lies under a key; raises JobUnreadable, which names it."""
    try:
        return JobRecord.model_validate_json(document)
    except ValidationError as error:
        raise JobUnreadable(key, live=True) from error
