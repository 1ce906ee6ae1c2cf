"""The client's dataclasses against the service's own schemas, and against what is no answer."""

import json
import tomllib
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from types import UnionType
from typing import Literal, get_args, get_origin, get_type_hints
from urllib.request import urlopen

import pytest
from pydantic import BaseModel

from api.archives.zip_directory import ZIP_BEGINNINGS
from api.schemas import formats as format_schemas
from api.schemas import jobs as job_schemas
from api.schemas import previews as preview_schemas
from api.schemas import styles as style_schemas
from api.schemas.training import TrainingOptions as TrainingSchema
from impasto_client import (
    Client,
    Job,
    Reason,
    StylePreview,
    TrainingOptions,
    formats,
    jobs,
    options,
    styles,
    to_json,
)
from impasto_client.documents import parse
from impasto_client.photo_kinds import ARCHIVE_BEGINNINGS
from infra.jobs.domain import schedule, training_options
from infra.jobs.formats import FormatChoice
from tests.fakes.services import STYLE

ROOT = Path(__file__).resolve().parents[4]

DOCUMENTS = [
    (job_schemas.Job, jobs.Job),
    (job_schemas.JobPage, jobs.JobPage),
    (job_schemas.ItemPage, jobs.ItemPage),
    (style_schemas.StyleList, styles.StyleList),
    (style_schemas.StyleWithCard, styles.StyleWithCard),
    (style_schemas.StageList, styles.StageList),
    (style_schemas.CorpusList, styles.CorpusList),
    (format_schemas.Formats, formats.Formats),
    (preview_schemas.StylePreview, StylePreview),
]


def described(kind: object) -> object:
    """The JSON that a type stands for: names, whether they must be there, and their own types."""
    if required := _fields(kind):
        hints = get_type_hints(kind)
        return {name: (must, described(hints[name])) for name, must in required.items()}
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return set(kind)
    if get_origin(kind) is Literal:
        return set(get_args(kind))
    if get_origin(kind) is UnionType:
        return [described(part) for part in get_args(kind)]
    if get_origin(kind) is list:
        return ("list", described(get_args(kind)[0]))
    return str(kind)


def _fields(kind: object) -> dict[str, bool]:
    """The fields of a model, and whether each must be there; none where it is no model."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {name: field.is_required() for name, field in kind.model_fields.items()}
    if is_dataclass(kind):
        return {
            field.name: field.default is MISSING and field.default_factory is MISSING
            for field in fields(kind)
        }
    return {}


@pytest.mark.parametrize(("schema", "document"), DOCUMENTS)
def test_client_knows_every_field_of_the_service(schema: type, document: type) -> None:
    """Both are written down, because the client must install without the service."""
    assert described(document) == described(schema)


def test_options_are_those_of_the_service() -> None:
    """A name that one side lacks would be refused, or never offered."""
    fields = set(TrainingSchema.model_fields) - {"kind", "style"}
    assert set(get_type_hints(TrainingOptions)) == fields
    assert options.LOSS_NETWORKS == training_options.LOSS_NETWORKS
    assert options.PROFILES == training_options.PROFILES
    assert tuple(schedule.SCHEDULES) == options.SCHEDULES
    assert ARCHIVE_BEGINNINGS == ZIP_BEGINNINGS
    assert options.FormatChoice == FormatChoice


def test_answers_are_written_as_they_came(service: str, tmp_path: Path) -> None:
    """Scripts read the same JSON from the command line as from the service."""
    photo = tmp_path / "a.jpg"
    photo.write_bytes(b"a")
    with Client(service) as client:
        job = client.submit([photo], style=STYLE)
        *_, job = client.watch(job.id)
        (item,) = client.items(job.id)
        style = client.style(STYLE)
    for address, document in (
        (f"/v1/jobs/{job.id}", to_json(job)),
        (f"/v1/styles/{STYLE}", to_json(style)),
    ):
        with urlopen(service + address) as answer:
            assert json.loads(answer.read()) == json.loads(json.dumps(document))
    with urlopen(f"{service}/v1/jobs/{job.id}/items") as answer:
        assert json.loads(answer.read())["items"] == [json.loads(json.dumps(to_json(item)))]


def test_fields_of_a_newer_service_are_ignored() -> None:
    text = b'{"type": "a", "detail": "b", "hint": {"more": [1]}}'
    assert parse(Reason, text) == Reason(type="a", detail="b")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"", "Expecting value"),
        (b"\xff", "decode"),
        (b"[]", "is no dict"),
        (b'{"type": "a"}', "lacks detail"),
        (b'{"type": "a", "detail": null}', "is no str"),
        (b'{"type": "a", "detail": 1}', "is no str"),
        (b"[" * 100_000, "cannot be read"),
    ],
)
def test_text_that_is_no_answer_is_a_value_error(text: bytes, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        parse(Reason, text)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"state": "melted"}, "not a valid JobState"),
        ({"kind": "sculpt"}, "is none of"),
        ({"created": "yesterday"}, "Invalid isoformat"),
        ({"progress": True}, "is no int"),
        ({"progress": 10**400}, "cannot be read"),
        ({"counts": [1, 2, 3]}, "is no dict"),
        ({"training": {"published": "all"}}, "Training lacks"),
    ],
)
def test_job_with_a_wrong_field_is_a_value_error(change: dict[str, object], fault: str) -> None:
    whole = {
        **{"id": "j", "kind": "stylize", "state": "running", "style": "night", "strength": 1},
        **{"counts": {"total": 3, "done": 0, "failed": 0}, "progress": 0.5},
        **{"eta_seconds": 9, "created": "2026-01-01T00:00:00Z", "started": None},
        **{"finished": None, "error": None},
        "links": {"self": "/v1/jobs/j", "cancel": "/c", "style": "/s"},
    }
    assert parse(Job, json.dumps(whole).encode()).state is jobs.JobState.RUNNING
    with pytest.raises(ValueError, match=fault):
        parse(Job, json.dumps({**whole, **change}).encode())


def test_client_and_service_have_one_version() -> None:
    """Each distribution reads its number from the same file."""
    sources: list[Path] = []
    for folder in (ROOT, ROOT / "api" / "client"):
        project = tomllib.loads((folder / "pyproject.toml").read_text())
        assert "version" in project["project"]["dynamic"]
        sources.append(folder / project["tool"]["setuptools"]["dynamic"]["version"]["file"])
    assert sources[0] == sources[1]
    assert sources[0].read_text().strip()
