"""What the command line says of a training before it starts, and what it needs not be told."""

import json
from pathlib import Path

import pytest

from impasto_client import Client
from infra import layout
from infra.corpus import PHOTOS
from tests.fakes.services import CARD, CORPUS, STYLE, World
from tests.unit.api.cli.test_training import run, train
from tests.unit.api.trainings import PAINTING


@pytest.fixture
def painting(tmp_path: Path) -> Path:
    path = tmp_path / "night.jpg"
    path.write_bytes(PAINTING)
    return path


def test_training_says_before_it_starts_how_long_it_takes(service: str, painting: Path) -> None:
    """The one style there was trained at 61.5 s for 900 iterations; this has 10 and 20 of them."""
    told = train(painting, service, "--no-watch").stderr
    assert (
        "At most 30 iterations in 2 stages, 20 where a base stands for the first: "
        "about 1 s to 2 s at the pace of water-lilies.\n"
    ) in told
    assert f"It learns with vgg19_original on the corpus {CORPUS}, 300 photos.\n" in told


def test_pace_over_another_loss_network_is_reckoned_over(
    service: str, painting: Path, world: World
) -> None:
    card = {**CARD, "training": {"loss_network": "squeezenet1_0"}}
    world.objects.put(layout.style_file(STYLE, "card.json"), json.dumps(card).encode())
    told = train(painting, service, "--no-watch", "--schedule", "1:100").stderr
    assert "about 22 s at the pace of water-lilies, reckoned for vgg19_original.\n" in told
    squeezed = ("--schedule", "1:100", "--loss-network", "squeezenet1_0", "--name", "other")
    assert (
        "about 7 s at the pace of water-lilies.\n"
        in train(painting, service, "--no-watch", *squeezed).stderr
    )


def test_a_painting_alone_is_enough(service: str, tmp_path: Path, world: World) -> None:
    """Its file names the style, and it learns on the photos that come along."""
    world.objects.delete_prefix(layout.corpora_prefix("default"))
    painting = tmp_path / "Éric's Night (1889).JPG"
    painting.write_bytes(PAINTING)
    result = run("train", str(painting), "--no-watch", "--url", service)
    assert result.exit_code == 0, result.output
    line = f"It learns with vgg19_original on the corpus starter, {PHOTOS} photos. That is few, "
    assert line in result.stderr
    assert "impasto corpus add NAME FOLDER" in result.stderr
    assert "At most 3,850 iterations in 5 stages, 1,450 where a base" in result.stderr
    with Client(service) as client:
        assert client.jobs()[0].style == "eric-s-night-1889"


def test_a_name_that_the_file_makes_is_told_where_it_is_taken_or_none(
    service: str, tmp_path: Path
) -> None:
    for file, told in ((f"{STYLE}.jpg", "--name"), ("北斎.jpg", "makes no name for a style")):
        painting = tmp_path / file
        painting.write_bytes(PAINTING)
        result = run("train", str(painting), "--no-watch", "--url", service)
        assert result.exit_code == 2, result.output
        assert told in result.stderr


def test_training_without_a_style_to_go_by_says_so(
    service: str, painting: Path, world: World
) -> None:
    for key in [key for key in world.objects.objects if key.startswith("styles/")]:
        world.objects.delete(key)
    told = train(painting, service, "--no-watch", "--schedule", "1:7").stderr
    assert "At most 7 iterations in 1 stage; how long they take is known after" in told
