"""Engines of blends in which the photo itself is a part."""

import hashlib
import threading
import tracemalloc
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch

from infra.catalogue.style import PHOTO_KEY, PHOTO_SHA256, WeightedNet
from infra.jobs.domain.model import Stroke
from infra.storage.port import ObjectMissing
from tests.fakes.storage import MemoryStore
from worker.engines.choice import EngineFactory, EngineName
from worker.engines.net_cache import NetCache
from worker.engines.photo_share import PhotoItself, PhotoShareEngine
from worker.engines.port import Check, Pixels, go_on
from worker.net import NetConfig, TransformNet
from worker.net.affine import AffineCard, pack_affine, take_affine
from worker.net.netfile import NetCard, pack

CONFIG = NetConfig(4, 1)
CPU = torch.device("cpu")


class Dark:
    """Paints every photo black."""

    held_bytes = 7

    def stylize(self, rgb: Pixels, check: Check = go_on) -> Pixels:
        return np.zeros_like(rgb)

    def stylize_batch(self, photos: Sequence[Pixels], check: Check = go_on) -> list[Pixels]:
        return [self.stylize(rgb) for rgb in photos]


class Atelier:
    """A store of nets, and a cache over it."""

    def __init__(self, engine: EngineName = "torch", memory_bytes: int = 1 << 30) -> None:
        self.objects = MemoryStore()
        self.loads = 0
        factory = EngineFactory(engine, CPU, threads=1, memory_bytes=memory_bytes)
        self.cache = NetCache(
            objects=self.objects, make_engine=factory, limit_bytes=1 << 30, on_load=self._count
        )

    def _count(self) -> None:
        self.loads += 1

    def put(self, data: bytes, key: str = "") -> WeightedNet:
        sha256 = hashlib.sha256(data).hexdigest()
        self.objects.put(key or f"nets/{sha256}", data)
        return WeightedNet(key=key or f"nets/{sha256}", sha256=sha256, weight=1.0)

    def whole(self, seed: int) -> WeightedNet:
        torch.manual_seed(seed)
        return self.put(pack(TransformNet(CONFIG), NetCard(CONFIG, "test", seed, 1.0)))

    def quick(self, seed: int) -> WeightedNet:
        torch.manual_seed(0)
        net = TransformNet(CONFIG)
        data = pack(net, NetCard(CONFIG, "backbone", 0, 1.0))
        sha256 = hashlib.sha256(data).hexdigest()
        self.put(data, f"backbones/{sha256}.safetensors")
        affine = take_affine(net, sha256)
        affine.values.add_(seed / 8)
        return self.put(pack_affine(affine, AffineCard("test", 1, 1.0)))


def photo(weight: float) -> WeightedNet:
    return WeightedNet(key=PHOTO_KEY, sha256=PHOTO_SHA256, weight=weight)


def noise(height: int = 40, width: int = 52, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def weighted(net: WeightedNet, weight: float) -> WeightedNet:
    return net.model_copy(update={"weight": weight})


def test_the_photo_alone_is_the_photo_and_loads_nothing() -> None:
    atelier = Atelier()
    for stroke in ("native", "proportional"):
        engine = atelier.cache.engine([photo(1.0)], stroke)
        rgb = noise()
        (result,) = engine.stylize_batch([rgb])
        assert np.array_equal(result, rgb)
        assert not np.shares_memory(result, rgb)
    assert (atelier.loads, engine.held_bytes) == (0, 0)


@pytest.mark.parametrize("kind", ["torch", "openvino", "streamed"])
@pytest.mark.parametrize("stroke", ["native", "proportional"])
@pytest.mark.parametrize("make", [Atelier.whole, Atelier.quick])
def test_a_share_of_the_photo_shines_through_the_painting(
    kind: str, stroke: Stroke, make: Callable[[Atelier, int], WeightedNet]
) -> None:
    atelier = (
        Atelier("openvino" if kind == "openvino" else "torch")
        if kind != "streamed"
        else Atelier(memory_bytes=1)
    )
    one, other = make(atelier, 1), make(atelier, 2)
    photos = [noise(), noise(seed=1)]
    before = [rgb.copy() for rgb in photos]
    blend = [weighted(one, 0.25), weighted(other, 0.75)]
    painted = atelier.cache.engine(blend, stroke).stylize_batch(photos)
    shares = [photo(0.75), weighted(one, 0.0625), weighted(other, 0.1875)]
    mixed = atelier.cache.engine(shares, stroke).stylize_batch(photos)
    assert atelier.loads == (2 if make is Atelier.quick else 1)  # the nets' blend is the same one
    for rgb, painting, result in zip(photos, painted, mixed, strict=True):
        assert np.array_equal(result, np.rint(0.75 * rgb + 0.25 * painting))
        assert painting.std() > 1
    assert all(map(np.array_equal, photos, before))


@pytest.mark.parametrize("shape", [(1, 1), (3, 70_000), (70_000, 1), (513, 257)])
def test_photos_of_all_sizes_are_mixed_whole(shape: tuple[int, int]) -> None:
    rgb = noise(*shape)
    result = PhotoShareEngine(Dark(), 0.5).stylize(rgb)
    assert np.array_equal(result, np.rint(rgb * 0.5))


def test_no_third_picture_is_in_memory() -> None:
    """Beside photo and painting, of 3 bytes a pixel each, there is room for a band alone."""
    rgb = np.full((3000, 4000, 3), 200, np.uint8)
    tracemalloc.start()
    try:
        result = PhotoShareEngine(Dark(), 0.1).stylize(rgb)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (result == 20).all()
    assert most < rgb.nbytes + 5_000_000


def test_mixing_stops_where_work_has_to() -> None:
    stop = threading.Event()

    def check() -> None:
        if stop.is_set():
            raise InterruptedError

    engine = PhotoShareEngine(Dark(), 0.5)
    engine.stylize(noise(), check)
    stop.set()
    for one in (engine, PhotoItself()):
        with pytest.raises(InterruptedError):
            one.stylize(noise(), check)
    assert engine.held_bytes == 7


def test_a_net_that_is_gone_is_missed_with_the_photo_too() -> None:
    atelier = Atelier()
    net = atelier.whole(1)
    atelier.objects.delete(net.key)
    with pytest.raises(ObjectMissing):
        atelier.cache.engine([photo(0.5), weighted(net, 0.5)])
