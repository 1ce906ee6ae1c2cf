"""Submissions in JSON, of whichever kind."""

from pydantic import ValidationError

from api.albums import submit_keys
from api.problems import invalid_fields
from api.schemas import AnyJob
from api.services import Services
from api.trainings import submit_stored_painting
from infra.jobs.views import JobView


def submit_json(body: bytes, *, services: Services, tenant: str) -> JobView:
    """Submit a job whose files lie in the bucket; raises what its kind raises, and InvalidFields.

    The kind is read first, so that mistakes are told of that kind alone.
    """
    try:
        kind = AnyJob.model_validate_json(body, strict=True).kind
    except ValidationError as error:
        raise invalid_fields(error) from error
    submit = submit_stored_painting if kind == "train" else submit_keys
    return submit(body, services=services, tenant=tenant)
