"""Health, metrics, and how errors come out."""

import threading
from http import HTTPStatus

import pytest
from flask.testing import FlaskClient

from api.app import create_app
from api.health import HealthCheck, Waiting
from api.wsgi import Preparation
from infra.errors import InvalidRequest, ServiceUnavailable
from tests.fakes.services import World
from tests.unit.api.requests import problem, slug


def broken() -> None:
    raise ConnectionRefusedError("10.0.0.7:6379 refused")


def waiting() -> None:
    raise Waiting("no worker has announced itself")


def test_health_says_only_that_the_process_lives(world: World) -> None:
    world.probes["redis"] = broken
    client = create_app(world.services()).test_client()
    assert client.get("/healthz").get_json() == {"status": "ok"}


def test_readiness_names_the_missing_parts_and_no_address(world: World) -> None:
    world.probes.update(redis=broken, s3=lambda: None, workers=waiting)
    client = create_app(world.services()).test_client()
    details = problem(client.get("/readyz"), 503)
    assert details["parts"] == {
        "redis": "cannot be reached",
        "s3": "ok",
        "workers": "no worker has announced itself",
    }
    assert details["detail"] == (
        "redis: cannot be reached; workers: no worker has announced itself"
    )


def test_readiness_when_every_part_answers(world: World) -> None:
    world.probes["redis"] = lambda: None
    client = create_app(world.services()).test_client()
    assert client.get("/readyz").get_json() == {"status": "ready", "parts": {"redis": "ok"}}


def test_health_needs_no_key_and_no_loopback(client: FlaskClient) -> None:
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    assert client.get("/healthz", environ_overrides=elsewhere).status_code == 200
    assert client.get("/readyz", environ_overrides=elsewhere).status_code == 200
    for path in ("/metrics", "/v1/jobs", "/v1/styles"):
        assert slug(client.get(path, environ_overrides=elsewhere), 403) == "forbidden"


def test_part_that_hangs_is_reported_and_not_asked_twice() -> None:
    probes, release = [0], threading.Event()

    def hang() -> None:
        probes[0] += 1
        release.wait()

    check = HealthCheck({"s3": hang}, seconds=0.02)
    assert check.parts() == {"s3": "does not answer in time"}
    assert check.parts() == {"s3": "does not answer in time"}
    release.set()
    assert probes == [1]


def test_metrics_show_what_every_process_counted(client: FlaskClient, world: World) -> None:
    world.counters.increment("net_loads_total", style="water-lilies")
    world.counters.increment("net_loads_total", style="great-wave")
    world.counters.increment("photos_total", 3, outcome="done")
    client.get("/v1/jobs/" + "0" * 26)
    text = client.get("/metrics").text
    assert 'impasto_net_loads_total{style="water-lilies"} 1.0' in text
    assert 'impasto_photos_total{outcome="done"} 3.0' in text
    assert "impasto_jobs_open 0.0" in text
    assert (
        'impasto_http_requests_total{method="GET",route="/v1/jobs/<job_id>",status="404"} 1.0'
        in text
    )


def test_methods_that_nobody_knows_are_counted_as_one(client: FlaskClient) -> None:
    """A counter lives as long as the process, and anyone may make up methods."""
    for method in ("BREW", "WHEN", "PUT"):
        client.open("/v1/jobs", method=method)
    text = client.get("/metrics").text
    assert "BREW" not in text
    assert 'impasto_http_requests_total{method="other",route="none",status="405"} 2.0' in text
    assert 'impasto_http_requests_total{method="PUT",route="none",status="405"} 1.0' in text


def test_metrics_survive_a_redis_that_is_down(client: FlaskClient, world: World) -> None:
    world.records.down = True
    text = client.get("/metrics").text
    assert "impasto_jobs_open" not in text
    assert "process_resident_memory_bytes" in text


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/nope", 404, "not-found"),
        ("PUT", "/v1/jobs", 405, "method-not-allowed"),
        ("GET", "/v1/jobs?limit=0", 422, "invalid-request"),
        ("GET", "/v1/jobs?page=2", 422, "invalid-request"),
        ("GET", "/v1/jobs?after=../x", 422, "invalid-request"),
    ],
)
def test_errors_of_the_http_layer_are_problems_too(
    client: FlaskClient, method: str, path: str, status: int, kind: str
) -> None:
    response = client.open(path, method=method)
    assert slug(response, status) == kind
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        assert "GET" in response.headers["Allow"]


def test_unexpected_error_shows_a_number_and_nothing_of_the_inside(world: World) -> None:
    def explode() -> str:
        raise RuntimeError("the secret is hunter2")

    app = create_app(world.services())
    app.add_url_rule("/explode", view_func=explode)
    response = app.test_client().get("/explode")
    details = problem(response, 500)
    assert details["incident"] in details["detail"]
    assert "hunter2" not in response.text


def test_index_leads_to_everything(client: FlaskClient) -> None:
    links = client.get("/").get_json()["links"]
    assert {client.get(link).status_code for link in links.values()} == {200}


def test_preparation_waits_for_s3_and_says_what_it_waits_for() -> None:
    answers: list[Exception | None] = [
        ServiceUnavailable("S3 cannot be reached."),
        InvalidRequest("The style is broken."),
        None,
    ]
    seen: list[str] = []

    def work() -> None:
        try:
            preparation.check()
        except Waiting as reason:
            seen.append(str(reason))
        if (answer := answers.pop(0)) is not None:
            raise answer

    preparation = Preparation(work, pause=0)
    preparation.run()
    preparation.check()
    assert seen[1:] == ["S3 cannot be reached.", "The style is broken."]
