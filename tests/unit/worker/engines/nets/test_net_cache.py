"""Nets are loaded once, checked, blended and bounded."""

import hashlib
from dataclasses import dataclass

import pytest
import torch

from infra.catalogue.style import WeightedNet
from infra.storage.port import ObjectMissing
from tests.fakes.storage import MemoryStore
from worker.engines.net_cache import NetCache
from worker.engines.port import Check, Engine, Pixels, go_on
from worker.net import NetConfig, TransformNet
from worker.net.netfile import NetCard, NetFileRejected, pack

CONFIG = NetConfig(2, 1)


@dataclass
class Named(Engine):
    """An engine that only keeps its net."""

    net: TransformNet

    @property
    def held_bytes(self) -> int:
        return sum(weight.nbytes for weight in self.net.state_dict().values())

    def stylize(self, rgb: Pixels, check: Check = go_on) -> Pixels:
        return rgb


class Harness:
    """A store of nets, a cache over it, and a count of loads."""

    def __init__(self, *, limit_bytes: int = 1 << 30) -> None:
        self.objects = MemoryStore()
        self.loads = 0
        self.cache = NetCache(
            objects=self.objects, make_engine=Named, limit_bytes=limit_bytes, on_load=self._count
        )

    def _count(self) -> None:
        self.loads += 1

    def net(self, seed: int, weight: float = 1.0) -> WeightedNet:
        torch.manual_seed(seed)
        data = pack(TransformNet(CONFIG), NetCard(CONFIG, "test", seed, 1.0))
        self.objects.put(f"nets/{seed}", data)
        sha256 = hashlib.sha256(data).hexdigest()
        return WeightedNet(key=f"nets/{seed}", sha256=sha256, weight=weight)


def test_a_net_is_loaded_once() -> None:
    harness = Harness()
    net = harness.net(1)
    assert harness.cache.engine([net]) is harness.cache.engine([net])
    assert harness.loads == 1


def test_a_blend_is_an_engine_of_its_own() -> None:
    harness = Harness()
    harness.cache.engine([harness.net(1)])
    engine = harness.cache.engine([harness.net(1, 0.5), harness.net(2, 0.5)])
    assert harness.loads == 2
    assert isinstance(engine, Named)
    ends = [harness.cache.engine([harness.net(n)]) for n in (1, 2)]
    weight = [end.net.paint.weight for end in ends if isinstance(end, Named)]
    torch.testing.assert_close(engine.net.paint.weight, (weight[0] + weight[1]) / 2)


def test_the_least_recently_used_net_goes_when_bytes_run_out() -> None:
    size = sum(w.nbytes for w in TransformNet(CONFIG).state_dict().values())
    harness = Harness(limit_bytes=2 * size)
    nets = [harness.net(n) for n in (1, 2, 3)]
    for index in (0, 1, 0, 2):  # 1 is the least recently used when 2 comes
        harness.cache.engine([nets[index]])
    assert harness.cache.loaded_bytes == 2 * size
    harness.cache.engine([nets[0]])
    assert harness.loads == 3
    harness.cache.engine([nets[1]])
    assert harness.loads == 4


def test_a_net_larger_than_the_limit_still_works() -> None:
    harness = Harness(limit_bytes=1)
    net = harness.net(1)
    assert harness.cache.engine([net]) is harness.cache.engine([net])


def test_a_replaced_file_is_not_the_net_that_was_promised() -> None:
    harness = Harness()
    net = harness.net(1)
    harness.objects.put(net.key, b"something else")
    with pytest.raises(NetFileRejected, match="not the file"):
        harness.cache.engine([net])


def test_a_net_that_is_gone_says_so() -> None:
    harness = Harness()
    net = harness.net(1)
    harness.objects.delete(net.key)
    with pytest.raises(ObjectMissing):
        harness.cache.engine([net])
