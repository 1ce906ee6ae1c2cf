"""Log lines: JSON, from every library, without secrets."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from infra.log import HIDDEN, configure_logging


@pytest.fixture(autouse=True)
def _logging_restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    logging.captureWarnings(False)
    structlog.reset_defaults()


def _lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_an_event_is_one_json_object_with_its_fields(capsys: pytest.CaptureFixture[str]) -> None:
    """Event, fields, and when, where, how bad."""
    configure_logging("info", "worker")
    structlog.get_logger("worker.album").info("chunk committed", job_id="j1", photos=8)
    (line,) = _lines(capsys)
    assert line["event"] == "chunk committed"
    assert (line["job_id"], line["photos"]) == ("j1", 8)
    assert (line["process"], line["level"]) == ("worker", "info")
    assert line["timestamp"].endswith("Z")


def test_lines_of_celery_and_gunicorn_look_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """Even after they gave their loggers handlers of their own."""
    gunicorn = logging.getLogger("gunicorn.error")
    gunicorn.addHandler(logging.StreamHandler())
    gunicorn.propagate = False
    configure_logging("INFO", "api")
    gunicorn.info("Listening at %s", "http://127.0.0.1:8000")
    logging.getLogger("celery").warning("mingle: %d", 3)
    first, second = _lines(capsys)
    assert first["event"] == "Listening at http://127.0.0.1:8000"
    assert second["event"] == "mingle: 3"
    assert first["process"] == second["process"] == "api"


def test_secrets_are_never_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """By field name, by type, inside addresses, and inside exceptions."""
    configure_logging("INFO", "api")
    log = structlog.get_logger()
    log.info(
        "connecting to redis://:geheim@localhost:1/0",
        s3_secret_key="geheim",
        nested={"api_key": "geheim", "urls": ["https://u:geheim@host/"]},
        typed=SecretStr("geheim"),
        presigned="https://host/k?X-Amz-Signature=geheim&x=1",
        key="tenants/a/photo.jpg",
        token=7,
    )
    try:
        raise ConnectionError("redis://:geheim@localhost:1/0 is away")
    except ConnectionError:
        log.exception("redis is away")
    output = capsys.readouterr().err
    assert "geheim" not in output
    first, second = map(json.loads, output.splitlines())
    assert first["key"] == "tenants/a/photo.jpg"
    assert first["token"] == 7
    assert first["nested"]["urls"] == [f"https://{HIDDEN}@host/"]
    assert "ConnectionError" in second["exception"]


def test_what_lies_below_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    """And libraries whose debug lines hold signatures stay quiet even at DEBUG."""
    configure_logging("DEBUG", "api")
    structlog.get_logger("api").debug("seen")
    logging.getLogger("botocore.auth").debug("the whole signed request")
    logging.getLogger("gunicorn.access").info("GET /healthz")
    assert [line["event"] for line in _lines(capsys)] == ["seen"]


def test_an_unknown_level_is_refused() -> None:
    """A typing error in IMPASTO_LOG_LEVEL does not silence a process."""
    with pytest.raises(ValueError, match="root"):
        configure_logging("chatty", "api")
