"""An album and a training over servers of other makers: SeaweedFS for S3, Valkey for Redis."""

import io
import os
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from impasto_client import Client, ItemState, JobState
from infra.stack import EmbeddedStack
from infra.stack.environment import settings_environment
from infra.storage.s3 import connect_s3
from tests.contract.servers import Servers, program
from tests.fakes.stack import wait_until_gone
from tests.integration.live_stack import LiveStack, wait_until
from tests.integration.live_training import (
    add_corpus,
    ended,
    finished,
    submit_training,
    training_settings,
    write_painting,
)
from tests.photos import encoded, scene

#: Photos of the album: more than a page of folders, at two in a chunk.
PHOTOS = 25
#: Seconds until the stack must be ready, on a machine that is busy with other things.
READY_SECONDS = 600.0

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """API, worker and trainer over the two servers, with a corpus and chunks of two photos."""
    data = tmp_path_factory.mktemp("stack")
    with Servers(tmp_path_factory.mktemp("servers")) as servers:
        servers.redis("valkey")
        servers.s3("seaweedfs")
        named = servers.settings("valkey", "seaweedfs")
        chosen = {name: getattr(named, name) for name in named.model_fields_set}
        with EmbeddedStack(training_settings(data, chunk_photos=2, **chosen)) as running:
            running.wait_ready(READY_SECONDS)
            stack = LiveStack(running)
            add_corpus(connect_s3(stack.settings), tmp_path_factory.mktemp("photos"))
            yield stack
    assert wait_until_gone(data, 10) == []


def test_every_painting_comes_by_each_way_there_is(stack: LiveStack, tmp_path: Path) -> None:
    """By its item, in the archive, and into the folder of who watches."""
    paths = [tmp_path / f"{n:02d}.jpg" for n in range(PHOTOS)]
    for n, path in enumerate(paths):
        path.write_bytes(encoded(scene(96 + n, 80), "JPEG"))
    stems = {path.stem for path in paths}
    with Client(stack.url) as client:
        job = client.submit(paths, style="water-lilies").id
        wait_until(lambda: ended(client, job), "the album", 300)
        assert client.job(job).state is JobState.SUCCEEDED
        items = list(client.items(job))
        assert [item.state for item in items] == [ItemState.DONE] * PHOTOS
        single = {client.download(item, tmp_path / "single") for item in items}
        archive = client.save(f"/v1/jobs/{job}/results.zip", tmp_path / "results.zip")
    assert {path.stem for path in single} == stems
    bodies = {path.name: path.read_bytes() for path in single}
    with zipfile.ZipFile(io.BytesIO(archive.read_bytes())) as file:
        assert {name: file.read(name) for name in file.namelist()} == bodies
    out = tmp_path / "watched"
    environment = {**os.environ, **settings_environment(stack.settings)}
    command = [program("impasto"), "watch", job, "--out", str(out)]
    subprocess.run(command, env=environment, check=True, timeout=120)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == bodies


def test_corpus_is_listed_and_a_style_is_learnt(stack: LiveStack, tmp_path: Path) -> None:
    with Client(stack.url) as client:
        assert [corpus.name for corpus in client.corpora()] == ["scenes"]
        job = submit_training(client, write_painting(tmp_path), "learnt", "0.2:2").id
        training = finished(client, job)
        assert training.error is None
        assert training.state is JobState.SUCCEEDED
        assert training.training is not None
        assert training.training.iteration == 2
        # The only stage of a style from random weights has nothing to be better than.
        assert [stage.ratio for stage in client.stages("learnt")] == [0.2]
        photo = tmp_path / "photo.jpg"
        photo.write_bytes(encoded(scene(90, 70), "JPEG"))
        album = client.submit([photo], style="learnt").id
        assert finished(client, album).state is JobState.SUCCEEDED
