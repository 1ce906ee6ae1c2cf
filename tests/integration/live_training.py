"""A real stack with all that a small training takes, and trainings on it."""

import hashlib
from pathlib import Path

import safetensors.torch
import torch

from impasto_client import Client, Job
from infra.catalogue import Style, StyleCatalogue
from infra.settings import Settings
from infra.storage.s3 import S3Store, connect_s3
from tests.integration.live_stack import LiveStack, wait_until
from tests.photos import encoded, scene
from trainer.card import weights_sha256
from trainer.data.prepare import FolderSources, Preparation
from trainer.loss.torchvision_import import models
from worker.net.netfile import unpack

#: Seconds that a small training may take, deaths of its trainer included.
TRAINING_SECONDS = 800.0


def training_settings(data: Path, **chosen: object) -> Settings:
    """Return the settings of a stack whose trainings are small; with weights of nothing learnt.

    Leases end soon and checkpoints come often, so that a few seconds hold a whole life.
    """
    weights = data.parent / f"{data.name}-weights"
    weights.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    state = models.get_model("squeezenet1_1", weights=None).state_dict()
    safetensors.torch.save_file(state, weights / "squeezenet1_1.safetensors")
    usual: dict[str, object] = {
        "data": data,
        "port": 0,
        "lease_seconds": 4,
        "heartbeat_seconds": 1,
        "sweep_seconds": 1,
        "ring_patience_seconds": 5,
        "device": "cpu",
        "threads": 1,
        "trainer_threads": 1,
        "slice_seconds": 10,
        "checkpoint_seconds": 2,
        "loss_weights": weights,
    }
    return Settings.model_validate({**usual, **chosen})


def add_corpus(objects: S3Store, folder: Path, tenant: str = "default") -> None:
    """Prepare 12 photos as the corpus `scenes` of a tenant."""
    for n in range(12):
        (folder / f"{n:02d}.jpg").write_bytes(encoded(scene(320 + n, 300), "JPEG"))
    Preparation(objects=objects, tenant=tenant, name="scenes").run(FolderSources(folder))


def write_painting(folder: Path) -> Path:
    """Write a painting to learn from."""
    path = folder / "painting.png"
    path.write_bytes(encoded(scene(200, 160), "PNG"))
    return path


def submit_training(client: Client, painting: Path, style: str, schedule: str) -> Job:
    """Send a training from random weights."""
    return client.submit_training(
        painting,
        style=style,
        loss_network="squeezenet1_1",
        corpus="scenes",
        schedule=schedule,
        base="none",
    )


def iteration(client: Client, job: str) -> int:
    """Return how many iterations of a training are done, as the service knows."""
    training = client.patiently(lambda: client.job(job)).training
    return training.iteration if training else 0


def ended(client: Client, job: str) -> bool:
    """Whether a training has come to its end, whichever."""
    return client.patiently(lambda: client.job(job)).state.terminal


def finished(client: Client, job: str) -> Job:
    """Wait for the end of a training."""
    wait_until(lambda: ended(client, job), "the training to end", TRAINING_SECONDS)
    return client.job(job)


def nets(stack: LiveStack, style: str) -> list[str]:
    """Hashes over the weights of a style's stages: a file also names its style."""
    objects = connect_s3(stack.settings)
    return net_hashes(objects, StyleCatalogue(objects).get(style))


def net_hashes(objects: S3Store, style: Style) -> list[str]:
    """Hashes over the weights of a style's stages; each file must be the one its index names."""
    for stage in style.stages:
        assert hashlib.sha256(objects.get(stage.key)).hexdigest() == stage.sha256
    return [weights_sha256(unpack(objects.get(stage.key))[0]) for stage in style.stages]
