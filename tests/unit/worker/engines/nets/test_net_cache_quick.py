"""Quick styles in the cache: one backbone, any number of vectors."""

import gc
import hashlib
import weakref
from dataclasses import dataclass

import pytest
import torch

from infra import layout
from infra.catalogue.style import WeightedNet
from infra.storage.port import ObjectMissing
from tests.fakes.storage import MemoryStore
from worker.engines.net_cache import READY_ENGINES, NetCache
from worker.engines.port import Check, Engine, Pixels, go_on
from worker.net import NetConfig, TransformNet
from worker.net.affine import Affine, AffineCard, norm_sizes, pack_affine
from worker.net.netfile import NetCard, NetFileRejected, pack, unpack

CONFIG = NetConfig(2, 1)
VECTOR_BYTES = 4 * sum(norm_sizes(CONFIG).values())
NET_BYTES = sum(weight.nbytes for weight in TransformNet(CONFIG).state_dict().values())


@dataclass
class Named(Engine):
    """An engine that only keeps its net."""

    net: TransformNet

    @property
    def held_bytes(self) -> int:
        return sum(weight.nbytes for weight in self.net.state_dict().values())

    def stylize(self, rgb: Pixels, check: Check = go_on) -> Pixels:
        return rgb


class Wardrobe:
    """A store with a backbone and quick styles, a cache over it, and a count of loads."""

    def __init__(self, *, limit_bytes: int = 1 << 30) -> None:
        self.objects = MemoryStore()
        self.loads = 0
        self.cache = NetCache(
            objects=self.objects, make_engine=Named, limit_bytes=limit_bytes, on_load=self._count
        )
        self.backbone = self.publish_backbone(1)

    def _count(self) -> None:
        self.loads += 1

    def publish_backbone(self, seed: int, config: NetConfig = CONFIG) -> str:
        torch.manual_seed(seed)
        data = pack(TransformNet(config), NetCard(config, "backbone", 0, 1.0))
        sha256 = hashlib.sha256(data).hexdigest()
        self.objects.put(layout.backbone(sha256), data)
        return sha256

    def style(self, value: float, weight: float = 1.0, backbone: str = "") -> WeightedNet:
        """A quick style whose numbers are all `value`."""
        values = torch.full((sum(norm_sizes(CONFIG).values()),), value)
        affine = Affine(CONFIG, backbone or self.backbone, values)
        return self.put(pack_affine(affine, AffineCard("test", 1, 1.0)), weight)

    def put(self, data: bytes, weight: float = 1.0) -> WeightedNet:
        sha256 = hashlib.sha256(data).hexdigest()
        self.objects.put(f"styles/{sha256}", data)
        return WeightedNet(key=f"styles/{sha256}", sha256=sha256, weight=weight)

    def net(self, *nets: WeightedNet) -> TransformNet:
        engine = self.cache.engine(nets)
        assert isinstance(engine, Named)
        return engine.net


def test_quick_styles_share_the_backbones_convolutions() -> None:
    wardrobe = Wardrobe()
    a, b = wardrobe.net(wardrobe.style(1)), wardrobe.net(wardrobe.style(2))
    assert a.paint.weight is b.paint.weight
    assert wardrobe.loads == 3  # two vectors, one backbone
    assert wardrobe.cache.loaded_bytes == NET_BYTES + 2 * VECTOR_BYTES
    norms = [dict(net.named_parameters())["up.0.norm.shift"] for net in (a, b)]
    assert [norm.mean().item() for norm in norms] == [1, 2]


def test_a_thousand_quick_styles_stay_as_vectors() -> None:
    wardrobe = Wardrobe()
    styles = [wardrobe.style(n / 8) for n in range(1000)]
    alive = [weakref.ref(wardrobe.net(style)) for style in styles]
    gc.collect()
    assert wardrobe.cache.loaded_bytes == NET_BYTES + 1000 * VECTOR_BYTES
    assert sum(ref() is not None for ref in alive) == READY_ENGINES
    wardrobe.net(styles[0])
    assert wardrobe.loads == 1001


def test_strength_and_blends_are_points_between_vectors() -> None:
    wardrobe = Wardrobe()
    mixed = wardrobe.net(wardrobe.style(1, 0.25), wardrobe.style(3, 0.75))
    assert dict(mixed.named_parameters())["up.0.norm.shift"].mean().item() == 2.5


def test_vectors_go_before_the_backbone_that_others_still_use() -> None:
    wardrobe = Wardrobe(limit_bytes=NET_BYTES + 2 * VECTOR_BYTES)
    styles = [wardrobe.style(n) for n in (1, 2, 3)]
    for style in styles:
        wardrobe.net(style)
    assert wardrobe.cache.loaded_bytes == NET_BYTES + 2 * VECTOR_BYTES
    wardrobe.net(styles[2])
    assert wardrobe.loads == 4
    wardrobe.net(styles[0])
    assert wardrobe.loads == 5


def test_a_backbone_that_goes_leaves_no_engine_behind() -> None:
    wardrobe = Wardrobe(limit_bytes=NET_BYTES + VECTOR_BYTES)
    first = weakref.ref(wardrobe.net(wardrobe.style(1)).paint.weight)
    wardrobe.net(wardrobe.style(1, backbone=wardrobe.publish_backbone(2)))
    gc.collect()
    assert first() is None


def test_a_style_larger_than_the_limit_still_works() -> None:
    wardrobe = Wardrobe(limit_bytes=1)
    style = wardrobe.style(1)
    assert wardrobe.net(style) is wardrobe.net(style)


def test_styles_over_different_backbones_are_not_blended() -> None:
    wardrobe = Wardrobe()
    other = wardrobe.style(1, 0.5, backbone=wardrobe.publish_backbone(2))
    with pytest.raises(NetFileRejected, match="one backbone"):
        wardrobe.net(wardrobe.style(1, 0.5), other)


def test_a_quick_style_and_a_whole_net_are_blended_as_nets() -> None:
    """The whole one has learned from the backbone, so it lies close to all over it."""
    wardrobe = Wardrobe()
    torch.manual_seed(5)
    learned = TransformNet(CONFIG)
    whole = wardrobe.put(pack(learned, NetCard(CONFIG, "whole", 1, 1.0)), 0.25)
    mixed = dict(wardrobe.net(wardrobe.style(2, 0.75), whole).named_parameters())
    backbone, _ = unpack(wardrobe.objects.get(layout.backbone(wardrobe.backbone)))
    ours = learned.paint.weight.half().float()
    torch.testing.assert_close(mixed["paint.weight"], 0.75 * backbone.paint.weight + 0.25 * ours)
    shift = dict(learned.named_parameters())["up.0.norm.shift"]
    torch.testing.assert_close(mixed["up.0.norm.shift"], 1.5 + 0.25 * shift, rtol=0, atol=1e-3)


def test_a_whole_net_of_another_shape_is_not_blended_with_a_quick_style() -> None:
    wardrobe = Wardrobe()
    other = NetConfig(3, 1)
    whole = wardrobe.put(pack(TransformNet(other), NetCard(other, "whole", 0, 1.0)), 0.5)
    with pytest.raises(NetFileRejected, match="one shape"):
        wardrobe.net(wardrobe.style(1, 0.5), whole)


def test_a_backbone_that_is_gone_says_so() -> None:
    wardrobe = Wardrobe()
    wardrobe.objects.delete(layout.backbone(wardrobe.backbone))
    with pytest.raises(ObjectMissing):
        wardrobe.net(wardrobe.style(1))


def test_a_replaced_backbone_is_not_the_one_that_was_named() -> None:
    wardrobe = Wardrobe()
    wardrobe.objects.put(layout.backbone(wardrobe.backbone), b"something else")
    with pytest.raises(NetFileRejected, match="not the file"):
        wardrobe.net(wardrobe.style(1))


def test_a_backbone_of_another_shape_is_refused() -> None:
    wardrobe = Wardrobe()
    style = wardrobe.style(1, backbone=wardrobe.publish_backbone(3, NetConfig(3, 1)))
    with pytest.raises(NetFileRejected, match="another shape"):
        wardrobe.net(style)
