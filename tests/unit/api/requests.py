"""Requests as clients send them, and problems as they read them."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.fakes.services import STYLE

Photo = tuple[io.BytesIO, str]


def photos(*names: str) -> list[Photo]:
    """Return photos of so many names, whose bytes are their names."""
    return [(io.BytesIO(name.encode()), name) for name in names]


def send(client: FlaskClient, album: Sequence[Photo], **fields: str) -> TestResponse:
    """Upload an album as a form."""
    data = {"style": STYLE, **fields, "photos": list(album)}
    return client.post("/v1/jobs", data=data, content_type="multipart/form-data")


def send_keys(client: FlaskClient, source: Mapping[str, Any], **album: object) -> TestResponse:
    """Send an album whose photos lie in the bucket."""
    return client.post("/v1/jobs", json={"style": STYLE, "photos": source, **album})


def problem(response: TestResponse, status: int) -> dict[str, Any]:
    """Check that a response is a whole problem detail, and return it."""
    assert response.status_code == status, response.text
    assert response.content_type == "application/problem+json"
    details = response.get_json()
    assert set(details) >= {"type", "title", "status", "detail", "instance"}
    assert details["status"] == status
    return details


def slug(response: TestResponse, status: int) -> str:
    """Check a problem, and return the slug of its type."""
    return problem(response, status)["type"].removeprefix("urn:impasto:problem:")
