"""Answers about a full queue, jobs that will be removed, and retries."""

import io
from typing import Any

from flask.testing import FlaskClient

from api.app import create_app
from infra.jobs.domain.model import JobSpec, PhotoEntry, PhotoOutcome, Problem
from infra.settings import Settings
from tests.fakes.services import STYLE, World


def album(*names: str) -> dict[str, Any]:
    photos = [(io.BytesIO(name.encode()), name) for name in names]
    return {"style": STYLE, "photos": photos}


def submit(client: FlaskClient, *names: str) -> Any:  # noqa: ANN401
    return client.post("/v1/jobs", data=album(*names))


def bounded(**settings: object) -> tuple[World, FlaskClient]:
    world = World(settings=Settings.model_validate(settings))
    return world, create_app(world.services()).test_client()


def test_full_queue_is_429_with_retry_after_and_keeps_nothing() -> None:
    world, client = bounded(max_tenant_open_jobs=1)
    assert submit(client, "a.jpg").status_code == 202
    before = dict(world.objects.objects)
    key = {"kind": "stylize", "style": STYLE, "photos": {"keys": ["photos/a.jpg"]}}
    for refused in (submit(client, "b.jpg"), client.post("/v1/jobs", json=key)):
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) > 0
        assert refused.get_json()["type"].endswith(":queue-full")
    assert world.objects.objects == before
    world.work(world.paint)
    assert submit(client, "b.jpg").status_code == 202


def test_bytes_of_uploads_count() -> None:
    _, client = bounded(max_waiting_bytes=10)
    assert submit(client, "five.", "five!").status_code == 202
    refused = submit(client, "b.jpg")
    assert refused.status_code == 429
    assert "10 bytes waiting" in refused.get_json()["detail"]


def test_job_says_when_it_will_be_removed() -> None:
    world, client = bounded(retention_days=1)
    job = submit(client, "a.jpg").get_json()
    assert job["expires_at"] is None
    world.work(world.paint)
    ended = client.get(job["links"]["self"]).get_json()
    assert ended["finished"][:8] < ended["expires_at"]
    world.clock.advance(24 * 3600 + 1)
    world.jobs.sweep.run()
    assert client.get(job["links"]["self"]).status_code == 404
    assert client.get("/v1/jobs").get_json()["jobs"] == []


def test_retry_is_a_new_job_over_the_failed_photos() -> None:
    world, client = bounded()

    def paint(spec: JobSpec, photo: PhotoEntry) -> PhotoOutcome:
        if photo.name == "bad.jpg" and spec.retry_of is None:
            error = Problem(type="truncated-photo", detail="It ends early.")
            return PhotoOutcome(index=photo.index, error=error)
        return world.paint(spec, photo)

    job = submit(client, "good.jpg", "bad.jpg").get_json()
    assert client.post(job["links"]["retry"]).status_code == 409
    world.work(paint)
    again = client.post(job["links"]["retry"])
    assert again.status_code == 202
    assert again.get_json()["retry_of"] == job["id"]
    assert again.headers["Location"] == again.get_json()["links"]["self"]
    world.work(paint)
    items = client.get(again.get_json()["links"]["items"]).get_json()["items"]
    assert [(item["name"], item["state"]) for item in items] == [("bad.jpg", "done")]
    assert client.post(again.get_json()["links"]["retry"]).status_code == 409
    assert client.post("/v1/jobs/nothing/retry").status_code == 404
