"""A style learnt through the whole service: HTTP, Celery, checkpoints in S3, and kills."""

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from impasto_client import Client, ClientError, JobState
from infra.catalogue import StyleCatalogue
from infra.catalogue.card import StyleCard
from infra.stack import EmbeddedStack
from infra.storage.s3 import connect_s3
from tests.fakes.stack import wait_until_gone
from tests.integration.live_stack import LiveStack, command, wait_until
from tests.integration.live_training import (
    TRAINING_SECONDS,
    add_corpus,
    ended,
    finished,
    iteration,
    nets,
    submit_training,
    training_settings,
    write_painting,
)
from tests.photos import encoded, scene

#: A first stage that is through at once, and a second that takes a while.
SCHEDULE = "0.2:3,1:26"
#: Seconds until the stack must be ready, on a machine that is busy with other things.
READY_SECONDS = 600.0
#: Times that the trainer is killed on its way.
KILLS = 3

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """A stack with weights of an untrained loss network and a corpus of 12 photos.

    Slices of 10 seconds and checkpoints after 2: kills and slice ends fall everywhere.
    """
    data = tmp_path_factory.mktemp("stack")
    with EmbeddedStack(training_settings(data)) as running:
        running.wait_ready(READY_SECONDS)
        stack = LiveStack(running)
        add_corpus(connect_s3(stack.settings), tmp_path_factory.mktemp("photos"))
        yield stack
    assert wait_until_gone(data, 10) == []


@pytest.fixture
def client(stack: LiveStack) -> Iterator[Client]:
    with Client(stack.url) as client:
        yield client


@pytest.fixture(scope="module")
def painting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_painting(tmp_path_factory.mktemp("painting"))


def kill_trainer(stack: LiveStack, child: bool) -> None:
    """Kill the process that trains, or the one that started it, as `kill -9` does."""
    main = stack.pid("trainer")
    workers = stack.pool("trainer")
    if child and workers:
        workers[0].kill()
    else:
        os.kill(main, signal.SIGKILL)
        stack.wait_back("trainer", main)


def test_a_first_stage_paints_an_album_while_the_next_one_trains(
    stack: LiveStack, client: Client, painting: Path, tmp_path: Path
) -> None:
    job = submit_training(client, painting, "whole", SCHEDULE)
    wait_until(
        lambda: any(style.name == "whole" for style in client.styles()),
        "the first stage",
        TRAINING_SECONDS,
    )
    album = client.submit(photos(tmp_path), style="whole")
    wait_until(lambda: client.job(album.id).state is JobState.SUCCEEDED, "the album", 120)
    begun = client.job(album.id).started
    assert begun is not None
    assert (begun - album.created).total_seconds() < stack.settings.slice_seconds
    now = client.job(job.id)
    assert now.state is JobState.RUNNING
    assert now.training is not None
    assert [stage.stage for stage in now.training.published] == [0]
    end = finished(client, job.id)
    assert end.state is JobState.SUCCEEDED
    objects = connect_s3(stack.settings)
    card = StyleCard.model_validate_json(StyleCatalogue(objects).file("whole", "card.json"))
    assert len(card.stages) + len(card.refused) == 2


def test_a_training_makes_way_for_an_album_that_waits(
    stack: LiveStack, client: Client, painting: Path, tmp_path: Path
) -> None:
    """The worker is busy with an album, here because it stands still; the next one waits."""
    job = submit_training(client, painting, "patient", "0.2:500").id
    wait_until(lambda: iteration(client, job) > 0, "the training to begin", TRAINING_SECONDS)
    log = stack.data / "logs" / "trainer.log"
    worker = stack.pool_child()
    worker.suspend()
    try:
        albums = [client.submit(photos(tmp_path), style="water-lilies").id for _ in range(2)]
        wait_until(lambda: '"making way"' in log.read_text(), "the training to make way", 120)
    finally:
        worker.resume()
    for album in albums:
        wait_until(lambda at=album: ended(client, at), "an album", 120)
        assert client.job(album).state is JobState.SUCCEEDED
    before = iteration(client, job)
    wait_until(lambda: iteration(client, job) > before, "the training to go on", TRAINING_SECONDS)
    client.cancel(job)
    assert finished(client, job).state is JobState.CANCELLED


def photos(folder: Path) -> list[Path]:
    """Five photos, each another one."""
    paths = [folder / f"{n}.jpg" for n in range(5)]
    for n, path in enumerate(paths):
        path.write_bytes(encoded(scene(240 + n, 200), "JPEG"))
    return paths


def test_a_trainer_killed_again_and_again_ends_in_the_same_nets(
    stack: LiveStack, client: Client, painting: Path
) -> None:
    """Bit for bit those of the style that was trained in peace, for the same order and seed."""
    if "whole" not in [style.name for style in client.styles()]:
        finished(client, submit_training(client, painting, "whole", SCHEDULE).id)
    chance = random.Random(7)
    job = submit_training(client, painting, "killed", SCHEDULE).id
    seen = 0
    for kill in range(KILLS):
        wait_until(
            lambda at=seen: iteration(client, job) > at, "the training to move", TRAINING_SECONDS
        )
        time.sleep(chance.uniform(0, 3))
        seen = iteration(client, job)
        if client.job(job).state.terminal:
            break
        kill_trainer(stack, child=kill % 3 != 2)
    else:
        kill = KILLS
    assert kill >= 2, "the training was over before it could be disturbed"
    assert finished(client, job).state is JobState.SUCCEEDED
    assert nets(stack, "killed") == nets(stack, "whole")


def test_only_one_trainer_process_is_left(stack: LiveStack) -> None:
    """No child of a killed trainer trains on."""
    trainers = [p for p in psutil.process_iter() if "trainer.app" in " ".join(command(p))]
    mine = {stack.pid("trainer"), *(child.pid for child in stack.children("trainer"))}
    data = str(stack.data)
    assert {p.pid for p in trainers if data in _environment(p)} <= mine


def _environment(process: psutil.Process) -> str:
    try:
        return process.environ().get("IMPASTO_DATA", "")
    except psutil.Error:
        return ""


def test_a_painting_of_20_pixels_is_refused_with_a_reason(client: Client, tmp_path: Path) -> None:
    small = tmp_path / "small.png"
    small.write_bytes(encoded(scene(20, 200), "PNG"))
    with pytest.raises(ClientError, match="20×200 pixels; the short side"):
        submit_training(client, small, "tiny", "0.2:2")
    assert "tiny" not in [style.name for style in client.styles()]
