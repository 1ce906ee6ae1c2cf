"""Caches so small that everything must go again and again change nothing but the time."""

import hashlib

import numpy as np
import pytest
import torch

from infra.catalogue.style import WeightedNet
from tests.fakes.storage import MemoryStore
from worker.engines.choice import EngineFactory, EngineName
from worker.engines.net_cache import NetCache
from worker.engines.port import Pixels
from worker.engines.pytorch.engine import TorchEngine
from worker.net import NetConfig, TransformNet
from worker.net.netfile import NetCard, pack, unpack

CPU = torch.device("cpu")
CONFIG = NetConfig(4, 1)
SIZES = ((20, 24), (24, 20), (17, 31))


def stored(objects: MemoryStore, seed: int) -> WeightedNet:
    torch.manual_seed(seed)
    data = pack(TransformNet(CONFIG), NetCard(CONFIG, "test", seed, 1.0))
    sha256 = hashlib.sha256(data).hexdigest()
    objects.put(f"nets/{seed}", data)
    return WeightedNet(key=f"nets/{seed}", sha256=sha256, weight=1.0)


def noise(height: int, width: int) -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_tiny_caches_paint_the_same(engine: EngineName) -> None:
    objects = MemoryStore()
    nets = [stored(objects, seed) for seed in range(3)]
    expected = {
        (net.key, size): TorchEngine(unpack(objects.get(net.key))[0], device=CPU).stylize(
            noise(*size)
        )
        for net in nets
        for size in SIZES
    }
    loads: list[None] = []
    factory = EngineFactory(engine, CPU, threads=1, shape_cache_bytes=1)
    cache = NetCache(
        objects=objects, make_engine=factory, limit_bytes=1, on_load=lambda: loads.append(None)
    )
    one_net = 0
    for size in SIZES:
        for net in nets:
            painted = cache.engine([net]).stylize(noise(*size)).astype(int)
            assert np.abs(painted - expected[net.key, size]).max() <= 1
            one_net = one_net or cache.loaded_bytes
            assert cache.loaded_bytes == one_net > 0
            assert factory.held_bytes == 0
    assert len(loads) == len(nets) * len(SIZES)
