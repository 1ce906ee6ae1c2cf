"""Query parameters: unknown ones are refused as unknown fields of a body are."""

import pytest
from flask.testing import FlaskClient

from tests.fakes.services import STYLE
from tests.unit.api.requests import photos


@pytest.fixture
def job(client: FlaskClient) -> str:
    return client.post("/v1/jobs", data={"style": STYLE, "photos": photos("a.jpg")}).headers[
        "Location"
    ]


@pytest.mark.parametrize(
    "address",
    [
        "/v1/jobs?limt=5",
        "/v1/jobs?limit=5&state=failed",
        "{job}?verbose=1",
        "{job}/items?page=2",
        "{job}/results/0?size=small",
        "{job}/results.zip?format=png",
        "/v1/styles?sort=name",
        "/v1/corpora?x=",
    ],
)
def test_unknown_parameter_is_named(client: FlaskClient, job: str, address: str) -> None:
    for method in ("GET", "HEAD"):
        response = client.open(address.format(job=job), method=method)
        assert (response.status_code, response.content_type) == (422, "application/problem+json")
    problem = client.get(address.format(job=job)).get_json()
    assert problem["type"] == "urn:impasto:problem:invalid-request"
    name = address.rpartition("?")[2].rpartition("&")[2].partition("=")[0]
    assert [error["pointer"] for error in problem["errors"]] == [f"/{name}"]


def test_option_of_an_album_in_the_address_is_refused(client: FlaskClient) -> None:
    """It would be painted without the option otherwise, and nobody told."""
    data = {"style": STYLE, "photos": photos("a.jpg")}
    response = client.post("/v1/jobs?strength=0.2", data=data)
    assert response.status_code == 422
    assert client.get("/v1/jobs").get_json()["jobs"] == []


def test_address_that_is_not_there_stays_missing(client: FlaskClient) -> None:
    assert client.get("/v1/nothing?x=1").status_code == 404


def test_probes_and_known_parameters_are_answered(client: FlaskClient, job: str) -> None:
    known = ("/v1/jobs?limit=5", f"{job}/items?offset=0")
    for address in ("/healthz?t=1", "/metrics?name[]=x", *known):
        assert client.get(address).status_code == 200, address
