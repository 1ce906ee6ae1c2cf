"""The API keeps what its OpenAPI document promises, whatever it is sent."""

import io
import json
import re
from typing import Any

import pytest
import schemathesis
from hypothesis import settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.app import create_app
from tests.fakes.services import STYLE, World

WORLD = World()
APP = create_app(WORLD.services())
PATHS: dict[str, Any] = APP.api_doc["paths"]
OPERATIONS = [
    (method, path, operation) for path, item in PATHS.items() for method, operation in item.items()
]

schema = schemathesis.openapi.from_wsgi("/openapi/openapi.json", APP)


# Checks are a parameter because operations without any share one node id, and pytest-xdist runs one
# test for each id.
@pytest.mark.parametrize(
    "checks",
    [
        [
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_schema_conformance,
        ]
    ],
    ids=["conformance"],
)
@schema.parametrize()
@settings(
    max_examples=20,
    derandomize=True,
    database=None,
    deadline=None,
)
def test_answers_are_the_documented_ones(
    case: schemathesis.Case, checks: list[schemathesis.CheckFunction]
) -> None:
    case.call_and_validate(checks=checks)


def test_document_is_openapi_3_1() -> None:
    assert APP.api_doc["openapi"].startswith("3.1")
    assert APP.api_doc["info"]["title"] == "Impasto"


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
def test_every_operation_is_described(method: str, path: str, operation: dict[str, Any]) -> None:
    assert operation["summary"], (method, path)
    assert operation["operationId"]
    assert all(parameter.get("description") for parameter in operation.get("parameters", []))
    assert all(response["description"] for response in operation["responses"].values())


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
def test_every_error_is_documented_as_a_problem(
    method: str, path: str, operation: dict[str, Any]
) -> None:
    errors = {
        status: response for status, response in operation["responses"].items() if status >= "400"
    }
    assert all("application/problem+json" in error["content"] for error in errors.values())
    if path.startswith("/v1"):
        assert {"401", "403", "422", "500", "503"} <= set(errors)


def test_both_kinds_of_jobs_are_documented_in_both_ways_to_send_them() -> None:
    body = PATHS["/v1/jobs"]["post"]["requestBody"]["content"]
    schemas = APP.api_doc["components"]["schemas"]
    for media_type, names in (
        ("multipart/form-data", ("AlbumUpload", "TrainingUpload")),
        ("application/json", ("AlbumByKeys", "TrainingByKeys")),
    ):
        discriminator = body[media_type]["schema"]["discriminator"]
        assert discriminator["propertyName"] == "kind"
        assert [schema.rpartition("/")[2] for schema in discriminator["mapping"].values()] == [
            *names
        ]
        assert set(names) <= set(schemas)
    assert schemas["AlbumUpload"]["properties"]["photos"]["items"]["format"] == "binary"
    assert schemas["AlbumUpload"]["required"] == ["style", "photos"]
    assert schemas["TrainingUpload"]["properties"]["painting"]["format"] == "binary"
    assert schemas["TrainingUpload"]["required"] == ["kind", "style", "painting"]
    assert set(body["application/json"]["examples"]) == {"keys", "prefix", "training"}


def test_every_reference_of_the_document_leads_somewhere() -> None:
    document = json.dumps(APP.api_doc)
    named = set(re.findall(r"#/components/schemas/(\w+)", document))
    assert named <= set(APP.api_doc["components"]["schemas"])


def test_documented_job_is_the_job_that_is_answered() -> None:
    client = APP.test_client()
    data = {"style": STYLE, "photos": [(io.BytesIO(b"x"), "a.jpg")]}
    job = client.post("/v1/jobs", data=data).get_json()
    documented = APP.api_doc["components"]["schemas"]["Job"]["properties"]
    assert set(documented) == set(job)
    data = {"kind": "train", "style": "new", "painting": (io.BytesIO(b"\xff\xd8\xff"), "a.jpg")}
    training = client.post("/v1/jobs", data=data).get_json()
    assert set(training) == set(documented)
    for name, part in (("training", "Training"), ("links", "JobLinks")):
        schema = APP.api_doc["components"]["schemas"][part]
        assert set(training[name]) == set(schema["properties"])
