"""Submissions in JSON, of either kind."""

import re
from typing import Final

from pydantic import ValidationError

from api.problems import invalid_fields
from api.schemas.jobs import AnyJob
from api.services import Services
from api.submission.album import submit_keys
from api.submission.training import submit_stored_painting
from infra.errors import AlbumTooLarge, InvalidRequest
from infra.jobs.views import JobView

#: Fields that a submission may have in all its objects together; no kind of job has half as many.
MAX_FIELDS: Final = 100

#: A string at most, brackets, numbers and white space, and the mark that follows: a colon after
#: each name, a comma after each value but the last. Reads no byte twice.
_MARKS: Final = re.compile(rb'[^":,]*+(?:"(?:[^"\\]++|\\.)*+"?)?+[^":,]*+([:,]?)', re.DOTALL)


def submit_json(body: bytes, *, services: Services, tenant: str) -> JobView:
    """Submit a job whose files lie in the bucket.

    Raises what its kind raises, InvalidRequest and AlbumTooLarge. The kind is read first, so that
    errors concern that kind alone.
    """
    _check_room(body, services.settings.max_album_photos)
    try:
        kind = AnyJob.model_validate_json(body, strict=True).kind
    except ValidationError as error:
        raise invalid_fields(error) from error
    submit = submit_stored_painting if kind == "train" else submit_keys
    return submit(body, services=services, tenant=tenant)


def _check_room(body: bytes, max_photos: int) -> None:
    """Raise for a body with more fields or values than any submission has, before parsing it.

    A value takes thirty bytes once parsed, and a mistake some hundreds, however short it is.
    """
    fields = values = 0
    for mark in _MARKS.finditer(body):
        fields += mark[1] == b":"
        values += mark[1] == b","
        if fields > MAX_FIELDS:
            raise InvalidRequest(f"The body has more than {MAX_FIELDS} fields; no job has so many.")
        if values > max_photos + MAX_FIELDS:
            raise AlbumTooLarge(f"An album may have {max_photos} photos; send more than one job.")
        if not mark[1]:  # the end, or no JSON from here on
            return
