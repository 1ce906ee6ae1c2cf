"""Trainings as clients ask for them."""

import io
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from infra.jobs.domain.model import TrainingConfig
from tests.fakes.services import World

NAME = "starry-night"
#: Begins like a JPEG; who looks further finds no size in it.
PAINTING = b"\xff\xd8\xff oil on canvas"
SCHEDULE = "0.1:10,1.5:20,4:30"


def submit_training(client: FlaskClient, **fields: Any) -> TestResponse:  # noqa: ANN401
    """Send a painting as form data."""
    form = {
        "kind": "train",
        "style": NAME,
        "schedule": SCHEDULE,
        "painting": (io.BytesIO(PAINTING), "Starry Night.JPG"),
        **fields,
    }
    return client.post(
        "/v1/jobs",
        data={name: value for name, value in form.items() if value is not None},
        content_type="multipart/form-data",
    )


def submit_stored(client: FlaskClient, **config: Any) -> TestResponse:  # noqa: ANN401
    """Name a painting that lies in the bucket."""
    known = {"kind": "train", "style": NAME, "painting": {"key": "paintings/night.jpg"}}
    return client.post("/v1/jobs", json={**known, **config})


def config_of(world: World, job: str) -> TrainingConfig:
    """Return what a training's record says that it was asked for."""
    record = world.records.load(job)
    assert record is not None
    return record.spec.training_config
