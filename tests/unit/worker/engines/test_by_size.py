"""What does not fit into memory is painted tile by tile, to the same picture."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from worker.engines.by_size import SizedEngine
from worker.engines.choice import EngineFactory, EngineName
from worker.engines.memory import needed_bytes
from worker.engines.openvino.programs import activation_bytes
from worker.engines.port import Pixels
from worker.engines.pytorch.engine import TorchEngine
from worker.net import NetConfig, TransformNet
from worker.net.grain import PERIOD, paint

CPU = torch.device("cpu")
CONFIG = NetConfig(4, 1)
SMALL, LARGE, THIN = (40, 30), (300, 40), (600, 1)


class Counting:
    """A check that counts how often it is made: once a tile, or once a photo."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1


#: Bytes that the small photo takes as a whole, by engine.
NEEDED = {
    "torch": needed_bytes(*SMALL, CONFIG.width),
    "openvino": activation_bytes(CONFIG, *SMALL),
}


def net() -> TransformNet:
    torch.manual_seed(0)
    made = TransformNet(CONFIG).eval()
    torch.nn.init.normal_(made.paint.weight, std=0.05)
    return made


def noise(height: int, width: int) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("name", ["torch", "openvino"])
def test_a_photo_beyond_the_memory_is_painted_tile_by_tile(name: EngineName) -> None:
    """By what its own engine takes; a thin one as much as the wider one that nets extend it to."""
    engine = EngineFactory(name, CPU, threads=1, memory_bytes=NEEDED[name])(net())
    for size, tiles in ((SMALL, False), (LARGE, True), (THIN, True)):
        check = Counting()
        painted = engine.stylize(noise(*size), check).astype(int)
        expected = TorchEngine(net(), device=CPU).stylize(noise(*size))
        assert np.abs(painted - expected).max() <= 1
        assert (check.calls > 1) == tiles


@pytest.mark.parametrize("name", ["torch", "openvino"])
def test_a_net_with_a_grain_paints_the_photo_under_it(name: EngineName) -> None:
    """As the trainer does, as a whole and tile by tile, also where the noise begins anew."""
    rough = TransformNet(replace(CONFIG, grain=30.0))
    rough.load_state_dict(net().state_dict())
    engine = EngineFactory(name, CPU, threads=1, memory_bytes=NEEDED[name])(rough)
    for size in (SMALL, LARGE, THIN, (20, PERIOD + 30)):
        rgb = noise(*size)
        before = rgb.copy()
        shown = torch.tensor(rgb).permute(2, 0, 1)[None] / 255
        expected = paint(rough, shown)[0].permute(1, 2, 0).mul(255).round().numpy()
        assert np.abs(engine.stylize(rgb).astype(int) - expected).max() <= 1
        assert np.array_equal(rgb, before)
    plain = EngineFactory(name, CPU, threads=1)(net()).stylize(noise(*SMALL)).astype(int)
    assert np.abs(engine.stylize(noise(*SMALL)) - plain).max() > 10


def test_activations_are_given_back_for_a_large_photo() -> None:
    factory = EngineFactory("openvino", CPU, threads=1, memory_bytes=NEEDED["openvino"])
    engine = factory(net())
    engine.stylize(noise(*SMALL))
    assert factory.held_bytes > 0
    engine.stylize(noise(*LARGE))
    assert factory.held_bytes == 0


def test_where_memory_runs_out_tiles_take_over() -> None:
    made = EngineFactory("torch", CPU, threads=1)(net())
    assert isinstance(made, SizedEngine)
    poor = TorchEngine(net(), device=CPU, available=lambda: 0)
    check = Counting()
    painted = SizedEngine(poor, made.streamed, limit_bytes=None).stylize(noise(*SMALL), check)
    assert check.calls > 1
    assert np.abs(painted.astype(int) - made.stylize(noise(*SMALL))).max() <= 1


@pytest.mark.parametrize("free", [None, 0])
def test_photos_of_one_size_are_painted_as_if_alone(free: int | None) -> None:
    """Together where there is room, else tile by tile."""
    made = EngineFactory("torch", CPU, threads=1)(net())
    assert isinstance(made, SizedEngine)
    whole = TorchEngine(net(), device=CPU, available=lambda: free)
    photos = [noise(*SMALL), 255 - noise(*SMALL)]
    painted = SizedEngine(whole, made.streamed, limit_bytes=None).stylize_batch(photos)
    for rgb, painting in zip(photos, painted, strict=True):
        assert np.abs(painting.astype(int) - made.stylize(rgb)).max() <= 1
