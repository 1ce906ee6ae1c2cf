"""What stands in the addresses of jobs and photos: ids, places, pages."""

from pydantic import BaseModel, Field

from api.schemas.base import Request, example

JOB_ID_EXAMPLE = "01k9zq6d3v8m4x2c7t5b1hnwfj"


class JobPath(BaseModel):
    """The job in an address."""

    job_id: str = Field(description="Id of the job.", json_schema_extra=example(JOB_ID_EXAMPLE))


class ResultPath(JobPath):
    """The photo in an address."""

    index: int = Field(ge=0, description="Place of the photo in the album, from 0.")


class JobQuery(Request):
    """Which jobs to list."""

    limit: int = Field(default=20, ge=1, le=100, description="Jobs on a page.")
    after: str | None = Field(
        default=None,
        pattern="^[0-9a-z]{26}$",
        description="Id of the last job of the page before.",
        json_schema_extra=example(JOB_ID_EXAMPLE),
    )


class ItemQuery(Request):
    """Which photos to list."""

    offset: int = Field(default=0, ge=0, description="Photos to pass over.")
    limit: int = Field(default=100, ge=1, le=1000, description="Photos on a page.")
