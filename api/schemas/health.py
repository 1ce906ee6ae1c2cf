"""The JSON of health, as pydantic models."""

from typing import Literal

from pydantic import BaseModel, Field

from api.schemas.base import example


class Health(BaseModel):
    """The process lives."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Every part of the service answers."""

    status: Literal["ready"] = "ready"
    parts: dict[str, str] = Field(
        json_schema_extra=example({"redis": "ok", "s3": "ok", "styles": "ok", "workers": "ok"})
    )
