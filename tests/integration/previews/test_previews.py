"""Previews through the whole service: HTTP, Redis, a Celery worker and S3, all real."""

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from PIL import Image
from redis import Redis

from impasto_client import Client, ClientError, JobState, PreviewState, Stroke, StylePreview
from infra import layout
from infra.redis.client import connect_redis
from infra.storage.s3 import connect_s3
from tests.integration.live_stack import LiveStack, wait_until
from tests.photos import encoded, scene

STYLE = "water-lilies"
#: Seconds that a preview may take, the death of its worker included.
PREVIEW_SECONDS = 120.0


@pytest.fixture
def client(stack: LiveStack) -> Iterator[Client]:
    stack.wait_ready()
    with Client(stack.url) as client:
        yield client


def photo(folder: Path, width: int, height: int) -> Path:
    path = folder / "photo.jpg"
    path.write_bytes(encoded(scene(width, height), "JPEG"))
    return path


def ended(client: Client, preview: StylePreview) -> StylePreview:
    wait_until(lambda: client.preview(preview.id).state.terminal, "the preview", PREVIEW_SECONDS)
    return client.preview(preview.id)


def pixels(client: Client, address: str | None, folder: Path) -> np.ndarray:
    assert address is not None
    path = client.save(address, folder / "picture.jpg", overwrite=True)
    return np.asarray(Image.open(io.BytesIO(path.read_bytes()))).astype(int)


def test_a_large_photo_is_shown_in_every_style(
    stack: LiveStack, client: Client, tmp_path: Path
) -> None:
    """By the command line, as one picture, in the order of `impasto styles`; no job comes of it."""
    jobs = len(client.jobs())
    path, out = photo(tmp_path, 4000, 3000), tmp_path / "sheet.jpg"
    command = [sys.executable, "-c", "from api.cli.main import main; main()", "styles", "sheet"]
    environment = {**os.environ, "IMPASTO_URL": stack.url}
    ran = subprocess.run(
        [*command, str(path), "--out", str(out)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.splitlines()[0] == str(out)
    count = len(client.styles()) + 1
    with Image.open(out) as sheet:
        columns, rows = sheet.width // 512, sheet.height // 384
        assert columns * rows >= count
    assert len(client.jobs()) == jobs


def test_stronger_is_further_from_the_photo(client: Client, tmp_path: Path) -> None:
    path = photo(tmp_path, 600, 400)
    preview = client.submit_preview(
        path, style=STYLE, strengths=[0.0, 0.5, 1.0], side=300, sheet=False
    )
    found = ended(client, preview)
    assert found.state is PreviewState.SUCCEEDED, found.error
    small = np.asarray(Image.open(path).resize((300, 200), Image.Resampling.LANCZOS)).astype(int)
    away = [abs(pixels(client, one.address, tmp_path) - small).mean() for one in found.pictures]
    assert [(one.width, one.height) for one in found.pictures] == [(300, 200)] * 3
    assert away[0] < away[1] < away[2]


@pytest.mark.parametrize("stroke", ["native", "proportional"])
def test_a_picture_is_what_an_album_paints(client: Client, tmp_path: Path, stroke: Stroke) -> None:
    """Nets, engine and encoding are the same; so is the picture of a photo of that size."""
    path = photo(tmp_path, 256, 192)
    preview = client.submit_preview(path, styles=[STYLE], stroke=stroke, sheet=False)
    job = client.submit([path], style=STYLE, stroke=stroke)
    (picture,) = ended(client, preview).pictures
    wait_until(lambda: client.job(job.id).state.terminal, "the album", PREVIEW_SECONDS)
    assert client.job(job.id).state is JobState.SUCCEEDED
    (item,) = client.items(job.id)
    painting = np.asarray(Image.open(client.download(item, tmp_path / "out"))).astype(int)
    assert abs(pixels(client, picture.address, tmp_path) - painting).max() == 0


@pytest.mark.parametrize(
    ("body", "type"), [(b"no photo at all", "not-an-image"), (b"\xff\xd8\xff", None)]
)
def test_a_broken_photo_says_what_is_wrong(
    client: Client, tmp_path: Path, body: bytes, type: str | None
) -> None:
    path = tmp_path / "broken.jpg"
    path.write_bytes(body)
    found = ended(client, client.submit_preview(path, styles=[STYLE]))
    assert (found.state, found.sheet) == (PreviewState.FAILED, None)
    assert found.error is not None
    assert type is None or found.error.type == type
    with pytest.raises(ClientError, match="failed") as missing:
        client.save(f"/v1/previews/{found.id}/sheet.jpg", tmp_path / "none.jpg")
    assert (missing.value.type, missing.value.status) == ("result-missing", 404)


def test_a_preview_survives_its_workers_death(
    stack: LiveStack, client: Client, tmp_path: Path
) -> None:
    child = stack.pool_child()
    strengths = [n / 7 for n in range(8)]
    path = photo(tmp_path, 800, 700)
    preview = client.submit_preview(path, style=STYLE, strengths=strengths, side=640)
    wait_until(
        lambda: client.preview(preview.id).state is not PreviewState.QUEUED, "it to be taken"
    )
    assert client.preview(preview.id).state is PreviewState.RUNNING
    child.kill()
    found = ended(client, preview)
    assert found.state is PreviewState.SUCCEEDED, found.error
    assert found.sheet is not None
    assert pixels(client, found.sheet.address, tmp_path).shape[:2] == (
        found.sheet.height,
        found.sheet.width,
    )


def test_a_flushed_preview_is_painted_all_the_same(
    stack: LiveStack, client: Client, tmp_path: Path
) -> None:
    child = stack.pool_child()
    child.suspend()
    try:
        preview = client.submit_preview(photo(tmp_path, 64, 64), styles=[STYLE])
        redis = cast("Redis", connect_redis(stack.settings))
        redis.flushall()
        redis.close()
    finally:
        child.resume()
    assert ended(client, preview).state is PreviewState.SUCCEEDED


def test_what_a_preview_kept_lies_in_its_tenants_folder(
    stack: LiveStack, client: Client, tmp_path: Path
) -> None:
    preview = ended(client, client.submit_preview(photo(tmp_path, 64, 64), styles=[STYLE]))
    objects = connect_s3(stack.settings)
    prefix = layout.preview_prefix("default", preview.id)
    assert sorted(info.key.removeprefix(prefix) for info in objects.list(prefix)) == [
        "outcome.json",
        "photo",
        "preview.json",
        "sheet.jpg",
    ]
