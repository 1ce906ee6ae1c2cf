"""Jobs over HTTP, from submission to the end."""

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr

from api.app import create_app
from infra import layout
from infra.errors import ServiceUnavailable
from infra.jobs.domain.model import JobSpec, PhotoEntry, PhotoOutcome, Problem
from infra.settings import Settings
from tests.fakes.services import STYLE, World
from tests.unit.api.requests import photos, send, slug


def test_uploaded_album_is_answered_at_once_with_a_job(client: FlaskClient, world: World) -> None:
    response = send(client, photos("a.jpg", "b.png"), strength="0.5", stroke="proportional")
    job = response.get_json()
    assert response.status_code == 202
    assert response.headers["Location"] == job["links"]["self"] == f"/v1/jobs/{job['id']}"
    assert job["state"] == "queued"
    assert (job["strength"], job["stroke"]) == (0.5, "proportional")
    assert job["counts"] == {"total": 2, "done": 0, "failed": 0}
    assert world.notifier.messages == [(job["id"], 0)]


@pytest.mark.parametrize(
    "fault", [TypeError("an unknown argument 'protocol'"), ServiceUnavailable("away"), OSError(9)]
)
def test_stored_job_is_accepted_however_its_notification_fails(
    client: FlaskClient, world: World, fault: Exception
) -> None:
    """A later sweep sends the message; whoever sent the job must not send it again."""
    world.notifier.fault = fault
    response = send(client, photos("a.jpg"))
    assert response.status_code == 202
    assert world.notifier.messages == []
    world.notifier.fault = None
    world.clock.now += world.settings.ring_patience_seconds
    world.jobs.sweep.run()
    assert world.notifier.messages == [(response.get_json()["id"], 0)]


def test_uploads_lie_below_the_job_as_they_were_sent(client: FlaskClient, world: World) -> None:
    job = send(client, photos("a.jpg", "dir/../A.JPG")).get_json()["id"]
    first, second = (
        layout.upload("default", job, index, name) for index, name in enumerate(("a.jpg", "A.JPG"))
    )
    assert world.objects.get(first) == b"a.jpg"
    assert world.objects.get(second) == b"dir/../A.JPG"


def test_fields_may_come_after_the_photos(client: FlaskClient) -> None:
    response = client.post("/v1/jobs", data={"photos": photos("a.jpg"), "style": STYLE})
    assert response.status_code == 202


def test_job_shows_its_photos_one_by_one(client: FlaskClient, world: World) -> None:
    job = send(client, photos("good.jpg", "bad.jpg")).get_json()

    def paint(spec: JobSpec, photo: PhotoEntry) -> PhotoOutcome:
        if photo.name == "bad.jpg":
            error = Problem(type="truncated-photo", detail="The photo ends early.")
            return PhotoOutcome(index=photo.index, error=error)
        return world.paint(spec, photo)

    world.work(paint)
    after = client.get(job["links"]["self"]).get_json()
    assert (after["state"], after["progress"]) == ("succeeded", 1.0)
    assert after["counts"] == {"total": 2, "done": 1, "failed": 1}
    good, bad = client.get(job["links"]["items"]).get_json()["items"]
    assert good["result"] == f"{job['links']['self']}/results/0"
    assert (good["width"], good["height"], good["error"]) == (4, 3, None)
    assert (bad["state"], bad["result"]) == ("failed", None)
    assert bad["error"] == {"type": "truncated-photo", "detail": "The photo ends early."}


def test_items_come_in_pages(client: FlaskClient) -> None:
    job = send(client, photos("0.jpg", "1.jpg", "2.jpg")).get_json()
    first = client.get(f"{job['links']['items']}?limit=2").get_json()
    second = client.get(first["next"]).get_json()
    assert [item["index"] for item in first["items"] + second["items"]] == [0, 1, 2]
    assert (first["total"], second["next"]) == (3, None)


def test_jobs_are_listed_newest_first_in_pages(client: FlaskClient, world: World) -> None:
    sent: list[str] = []
    for _ in range(3):
        world.clock.advance(1)
        sent.append(send(client, photos("a.jpg")).get_json()["id"])
    first = client.get("/v1/jobs?limit=2").get_json()
    second = client.get(first["next"]).get_json()
    assert [job["id"] for job in first["jobs"] + second["jobs"]] == sent[::-1]


def test_job_can_be_cancelled(client: FlaskClient) -> None:
    job = send(client, photos("a.jpg")).get_json()
    assert client.post(job["links"]["cancel"]).get_json()["state"] == "cancelled"


@pytest.mark.parametrize("job", ["nope", "0" * 26, "%2e%2e"])
def test_unknown_job_is_a_problem(client: FlaskClient, job: str) -> None:
    assert slug(client.get(f"/v1/jobs/{job}"), 404) == "job-missing"


def test_damaged_job_is_a_problem_of_those_who_ask_for_it(
    client: FlaskClient, world: World
) -> None:
    whole, broken = (send(client, photos("a.jpg")).get_json() for _ in range(2))
    world.objects.put(layout.job_spec("default", broken["id"]), b"{")
    world.records.remove(broken["id"])
    assert slug(client.get(broken["links"]["self"]), 500) == "job-unreadable"
    assert [job["id"] for job in client.get("/v1/jobs").get_json()["jobs"]] == [whole["id"]]


def test_a_tenant_sees_only_its_own_jobs() -> None:
    keys = {"alice": SecretStr("a"), "bob": SecretStr("b")}
    client = create_app(World(settings=Settings(api_keys=keys)).services()).test_client()
    alice, bob = ({"Authorization": f"Bearer {key}"} for key in "ab")
    data = {"style": STYLE, "photos": photos("a.jpg")}
    job = client.post("/v1/jobs", data=data, headers=alice).get_json()
    assert client.get(job["links"]["self"], headers=alice).status_code == 200
    assert slug(client.get(job["links"]["self"], headers=bob), 404) == "job-missing"
    assert slug(client.get(f"{job['links']['self']}/results/0", headers=bob), 404) == "job-missing"
    assert slug(client.post(job["links"]["cancel"], headers=bob), 404) == "job-missing"
    assert client.get("/v1/jobs", headers=bob).get_json()["jobs"] == []
    refused = client.get(job["links"]["self"])
    assert slug(refused, 401) == "unauthorized"
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")
