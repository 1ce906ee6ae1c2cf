"""A style learnt through the whole service: HTTP, Celery, checkpoints in S3, and kills."""

import hashlib
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import safetensors.torch
import torch

from api.client import Client
from api.schemas import Job
from infra.catalogue import StyleCatalogue
from infra.jobs.model import JobState
from infra.settings import Settings
from infra.stack import EmbeddedStack
from infra.storage.s3 import S3Store, connect_s3
from tests.fakes.stack import wait_until_gone
from tests.integration.live_stack import LiveStack, command, wait_until
from tests.photos import encoded, scene
from trainer.card import StyleCard, weights_sha256
from trainer.corpus_prepare import FolderSources, Preparation
from trainer.vision import models
from worker.netfile import unpack

#: A first stage that is through at once, and a second that takes a while.
SCHEDULE = "0.2:3,1:36"
#: Times that the trainer is killed on its way.
KILLS = 4
#: Seconds that a training of these tests may take, deaths of its trainer included.
TRAINING_SECONDS = 400.0

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """A stack with weights of an untrained loss network and a corpus of 12 photos.

    Slices of 20 seconds and checkpoints after 2: kills and slice ends fall everywhere.
    """
    weights = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    state = models.get_model("squeezenet1_1", weights=None).state_dict()
    safetensors.torch.save_file(state, weights / "squeezenet1_1.safetensors")
    data = tmp_path_factory.mktemp("studio")
    settings = Settings(
        data=data,
        port=0,
        lease_seconds=4,
        heartbeat_seconds=1,
        sweep_seconds=1,
        ring_patience_seconds=5,
        device="cpu",
        threads=1,
        trainer_threads=1,
        slice_seconds=20,
        checkpoint_seconds=2,
        loss_weights=weights,
    )
    with EmbeddedStack(settings) as running:
        running.wait_ready()
        stack = LiveStack(running)
        add_corpus(connect_s3(stack.settings), tmp_path_factory.mktemp("photos"))
        yield stack
    assert wait_until_gone(data, 10) == []


def add_corpus(objects: S3Store, folder: Path) -> None:
    for n in range(12):
        (folder / f"{n:02d}.jpg").write_bytes(encoded(scene(320 + n, 300), "JPEG"))
    Preparation(objects=objects, tenant="default", name="scenes").run(FolderSources(folder))


@pytest.fixture
def client(studio: LiveStack) -> Iterator[Client]:
    with Client(studio.url) as client:
        yield client


@pytest.fixture(scope="module")
def painting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("painting") / "painting.png"
    path.write_bytes(encoded(scene(200, 160), "PNG"))
    return path


def teach(client: Client, painting: Path, style: str, schedule: str = SCHEDULE) -> Job:
    return client.submit_training(
        painting,
        style=style,
        loss_network="squeezenet1_1",
        corpus="scenes",
        schedule=schedule,
        base="none",
    )


def iteration(client: Client, job: str) -> int:
    training = client.patiently(lambda: client.job(job)).training
    return training.iteration if training else 0


def finished(client: Client, job: str) -> Job:
    wait_until(
        lambda: client.patiently(lambda: client.job(job)).state.terminal,
        "the training to end",
        TRAINING_SECONDS,
    )
    return client.job(job)


def nets(studio: LiveStack, style: str) -> list[str]:
    """Hashes over the weights of a style's stages: a file also names its style."""
    objects = connect_s3(studio.settings)
    stages = StyleCatalogue(objects).get(style).stages
    for stage in stages:
        assert hashlib.sha256(objects.get(stage.key)).hexdigest() == stage.sha256
    return [weights_sha256(unpack(objects.get(stage.key))[0]) for stage in stages]


def kill_trainer(studio: LiveStack, child: bool) -> None:
    """Kill the process that trains, or the one that started it, as `kill -9` does."""
    main = studio.pid("trainer")
    workers = studio.pool("trainer")
    if child and workers:
        workers[0].kill()
    else:
        os.kill(main, signal.SIGKILL)
        studio.wait_back("trainer", main)


def test_a_first_stage_paints_an_album_while_the_next_one_trains(
    studio: LiveStack, client: Client, painting: Path, tmp_path: Path
) -> None:
    job = teach(client, painting, "whole")
    wait_until(
        lambda: any(style.name == "whole" for style in client.styles()),
        "the first stage",
        TRAINING_SECONDS,
    )
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(encoded(scene(240, 200), "JPEG"))
    album = client.submit([photo], style="whole")
    wait_until(lambda: client.job(album.id).state is JobState.SUCCEEDED, "the album", 120)
    now = client.job(job.id)
    assert now.state is JobState.RUNNING
    assert now.training is not None
    assert [stage.stage for stage in now.training.published] == [0]
    end = finished(client, job.id)
    assert end.state is JobState.SUCCEEDED
    objects = connect_s3(studio.settings)
    card = StyleCard.model_validate_json(StyleCatalogue(objects).file("whole", "card.json"))
    assert len(card.stages) + len(card.refused) == 2


def test_a_trainer_killed_again_and_again_ends_in_the_same_nets(
    studio: LiveStack, client: Client, painting: Path
) -> None:
    """Bit for bit those of the style that was trained in peace, for the same order and seed."""
    if "whole" not in [style.name for style in client.styles()]:
        finished(client, teach(client, painting, "whole").id)
    chance = random.Random(7)
    job = teach(client, painting, "killed").id
    seen = 0
    for kill in range(KILLS):
        wait_until(
            lambda at=seen: iteration(client, job) > at, "the training to move", TRAINING_SECONDS
        )
        time.sleep(chance.uniform(0, 3))
        seen = iteration(client, job)
        if client.job(job).state.terminal:
            break
        kill_trainer(studio, child=kill % 3 != 2)
    else:
        kill = KILLS
    assert kill >= 2, "the training was over before it could be disturbed"
    assert finished(client, job).state is JobState.SUCCEEDED
    assert nets(studio, "killed") == nets(studio, "whole")


def test_only_one_trainer_process_is_left(studio: LiveStack) -> None:
    """No child of a killed trainer trains on."""
    trainers = [p for p in psutil.process_iter() if "trainer.app" in " ".join(command(p))]
    mine = {studio.pid("trainer"), *(child.pid for child in studio.children("trainer"))}
    data = str(studio.data)
    assert {p.pid for p in trainers if data in _environment(p)} <= mine


def _environment(process: psutil.Process) -> str:
    try:
        return process.environ().get("IMPASTO_DATA", "")
    except psutil.Error:
        return ""


def test_a_painting_of_20_pixels_fails_with_a_reason(client: Client, tmp_path: Path) -> None:
    small = tmp_path / "small.png"
    small.write_bytes(encoded(scene(20, 200), "PNG"))
    end = finished(client, teach(client, small, "tiny", "0.2:2").id)
    assert end.state is JobState.FAILED
    assert end.error is not None
    assert "painting-too-small" in end.error.type
    assert "tiny" not in [style.name for style in client.styles()]
