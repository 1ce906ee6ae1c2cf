"""What many quick styles take beside their backbone, counted and measured."""

import gc
import hashlib

import psutil
import torch

from infra import layout
from infra.catalogue.style import WeightedNet
from tests.fakes.storage import MemoryStore
from trainer.training.quick import Backbone
from worker.engines.net_cache import NetCache
from worker.engines.pytorch.engine import TorchEngine
from worker.net.affine import AffineCard, pack_affine
from worker.net.netfile import NetCard, pack

RESIDENT = 1000


class _MadeToOrder(MemoryStore):
    """A store that makes quick styles as they are fetched, so that it takes no memory itself."""

    def __init__(self, over: Backbone, backbone: bytes) -> None:
        super().__init__()
        self._over = over
        super().put(layout.backbone(over.sha256), backbone)

    def get(self, key: str, *, limit: int | None = None) -> bytes:
        return self.style(int(key)) if key.isdigit() else super().get(key, limit=limit)

    def style(self, number: int) -> bytes:
        torch.manual_seed(number)
        affine = self._over.neutral
        values = affine.values + 0.1 * torch.randn_like(affine.values)
        noisy = type(affine)(affine.config, affine.backbone, values)
        return pack_affine(noisy, AffineCard(f"style-{number}", 1, 1.0))

    def weighted(self, number: int) -> WeightedNet:
        sha256 = hashlib.sha256(self.style(number)).hexdigest()
        return WeightedNet(key=str(number), sha256=sha256, weight=1.0)


def resident(over: Backbone, count: int = RESIDENT) -> str:
    """Load many quick styles into one cache and say what they take, counted and measured."""
    card = NetCard(over.net.config, "backbone", 0, 0.02)
    file = pack(over.net, card)
    store = _MadeToOrder(Backbone.read(file), file)
    cache = NetCache(
        objects=store,
        make_engine=lambda net: TorchEngine(net, device=torch.device("cpu")),
        limit_bytes=1 << 30,
    )
    photo = torch.zeros(64, 64, 3, dtype=torch.uint8).numpy()
    cache.engine([store.weighted(0)]).stylize(photo)
    before, counted = _resident_bytes(), cache.loaded_bytes
    for number in range(1, count + 1):
        cache.engine([store.weighted(number)])
    cache.engine([store.weighted(count)]).stylize(photo)
    grown, vectors = _resident_bytes() - before, cache.loaded_bytes - counted
    return (
        f"{count} quick styles resident beside their backbone: {vectors / 1e6:.1f} MB of vectors; "
        f"the process grew by {grown / 1e6:.1f} MB. One file: {len(store.style(1)):,} bytes."
    )


def _resident_bytes() -> int:
    gc.collect()
    return psutil.Process().memory_info().rss
