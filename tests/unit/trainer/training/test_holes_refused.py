"""A net that leaves holes in photos is not published."""

import copy
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from infra.bundled import BUNDLED_BACKBONE
from tests.flat_grey import flat_grey
from tests.run_configs import run_config
from trainer.loss.holes import blank_of, dead_share
from trainer.loss.network import load_loss_network
from trainer.loss.objective import Hyperparameters
from trainer.loss.weights import WeightsSource
from trainer.schedule.guard import GuardRules, TrainingDiverged
from trainer.training.context import to_tensor
from trainer.training.quick import FLOOR_RATE, PEAK_RATE, SPIKES, Backbone, QuickContext
from trainer.training.run import TrainingRun
from worker.net import TransformNet
from worker.net.grain import paint
from worker.net.netfile import NetCard, pack

pytestmark = pytest.mark.skipif(
    "IMPASTO_ASSETS" not in os.environ,
    reason="needs the paintings, photos and weights of IMPASTO_ASSETS",
)

#: Share of a photo, 0..1, of flat grey beyond its own that nobody sees.
FLAT = 0.001


@pytest.fixture(scope="module")
def assets() -> Path:
    return Path(os.environ["IMPASTO_ASSETS"])


def bundled() -> Backbone:
    return Backbone.read(BUNDLED_BACKBONE.read_bytes())


def quick(assets: Path, painting: str, backbone: Backbone, schedule: str) -> QuickContext:
    config = run_config(
        assets / "paintings" / f"{painting}.jpg",
        assets / "photos" / "corpus",
        schedule,
        net=backbone.net.config,
        hyperparameters=Hyperparameters(
            batch=2,
            crop=128,
            smoothness=0.2,
            floor_rate=FLOOR_RATE,
            later_rate=PEAK_RATE,
            spikes=SPIKES,
        ),
        painting_side=384,
    )
    network = load_loss_network("squeezenet1_0", WeightsSource(folder=assets / "weights"))
    return QuickContext(config, network, backbone)


def with_holes(backbone: Backbone) -> Backbone:
    """The bundled backbone with a last layer pressed down, so that pale areas are dead."""
    net = copy.deepcopy(backbone.net)
    with torch.no_grad():
        net.up[-1].get_parameter("norm.shift").sub_(0.36)
    return Backbone.read(pack(net, NetCard(net.config, "backbone", 0, 0.1)))


def test_a_net_with_holes_is_not_published(assets: Path) -> None:
    context = quick(assets, "starry_night", with_holes(bundled()), "0.02:1")
    run = TrainingRun(context, base=context.stage_zero())
    with pytest.raises(TrainingDiverged, match=r"No stage could be published.*paints holes"):
        run.end_stage()
    assert run.card.stages == []
    assert run.card.refused[0].held_out.dead > GuardRules().dead


def check_painted(assets: Path, net: TransformNet) -> None:
    """Check that a net leaves no dead area, and no flat grey that the photo has not."""
    album = sorted((assets / "photos" / "album").glob("*.jpg"))
    assert len(album) == 24
    for path in album:
        with Image.open(path) as opened:
            opened.thumbnail((512, 512))
            photo = to_tensor(np.asarray(opened.convert("RGB")))
        painted = (paint(net, photo) * 255).round() / 255
        assert dead_share(painted, blank_of(net)) == 0, path.name
        assert flat_grey(painted) <= flat_grey(photo) + FLAT, path.name


def test_the_backbone_leaves_nothing_unpainted(assets: Path) -> None:
    check_painted(assets, bundled().net)


@pytest.mark.parametrize("painting", ["great_wave", "starry_night", "the_scream", "udnie"])
def test_quick_styles_leave_nothing_unpainted(assets: Path, painting: str) -> None:
    """After nine steps at the highest rate; `bench quick` measures whole ones."""
    context = quick(assets, painting, bundled(), "0.02:1,10:9")
    net = context.first_net()
    trainer = context.stage_trainer(1, net)
    while not trainer.done:
        trainer.step()
    trainer.close()
    check_painted(assets, net)
