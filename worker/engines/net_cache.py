"""The cache of loaded nets: each is fetched, verified and put on the device once a process.

A quick style stays as a vector of some kilobytes. The backbone that it is applied to is loaded once
for all quick styles.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from infra import layout
from infra.catalogue.style import WeightedNet
from infra.jobs.domain.model import Stroke
from infra.storage.port import ObjectMissing, ObjectStore
from worker.engines.photo_share import blend_engine
from worker.engines.port import Engine
from worker.net import TransformNet
from worker.net.affine import Affine, apply, is_affine, mix, unpack_affine
from worker.net.netfile import NetFileRejected, blend, unpack

#: The key of a loaded style: the files that it is mixed from, and their weights.
BlendKey = tuple[tuple[str, float], ...]
#: Engines of quick styles that are kept: enough for a sheet of fifteen. A compiled one
#: holds some 12 MB, and compiling takes as long as painting a quarter of a megapixel.
READY_ENGINES = 16


@dataclass(frozen=True, slots=True)
class _Kept:
    """Something loaded: an engine of a whole net, a quick style's vector, or a backbone."""

    thing: Engine | Affine | TransformNet
    bytes: int


class NetCache:
    """Engines by blend, evicted least recently used first when weights exceed `limit_bytes`.

    The net in use always stays, even if it alone exceeds the limit.
    """

    def __init__(
        self,
        *,
        objects: ObjectStore,
        make_engine: Callable[[TransformNet], Engine],
        limit_bytes: int,
        on_load: Callable[[], None] = lambda: None,
    ) -> None:
        self._objects = objects
        self._make_engine = make_engine
        self._limit_bytes = limit_bytes
        self._on_load = on_load
        #: By blend, backbones by their SHA-256; the most recently used last.
        self._kept: OrderedDict[BlendKey | str, _Kept] = OrderedDict()
        self._ready: OrderedDict[BlendKey, Engine] = OrderedDict()

    @property
    def loaded_bytes(self) -> int:
        """Bytes of weights that are loaded."""
        return sum(kept.bytes for kept in self._kept.values())

    def engine(self, nets: Sequence[WeightedNet], stroke: Stroke = "native") -> Engine:
        """Return the engine of a blend, loading it if necessary; see `blend_engine`.

        Raises ObjectMissing for a net that is not in the store, and NetFileRejected for one whose
        bytes have changed since the job was accepted or that cannot be blended with the others.
        """
        return blend_engine(nets, stroke, self._loaded)

    def _loaded(self, nets: Sequence[WeightedNet]) -> Engine:
        key = tuple((net.sha256, net.weight) for net in nets)
        found = self._keep(key, lambda: self._load(nets))
        if isinstance(found, Affine):
            backbone = self._keep(found.backbone, lambda: self._load_backbone(found))
            assert isinstance(backbone, TransformNet)
            self._evict(in_use=2)
            return self._with_affine(key, backbone, found)
        self._evict(in_use=1)
        assert not isinstance(found, TransformNet)
        return found

    def _keep(
        self, key: BlendKey | str, load: Callable[[], _Kept]
    ) -> Engine | Affine | TransformNet:
        if key not in self._kept:
            self._kept[key] = load()
            self._on_load()
        self._kept.move_to_end(key)
        return self._kept[key].thing

    def _evict(self, in_use: int) -> None:
        excess = self.loaded_bytes - self._limit_bytes
        while excess > 0 and len(self._kept) > in_use:
            _, gone = self._kept.popitem(last=False)
            excess -= gone.bytes
            if isinstance(gone.thing, TransformNet):
                self._ready.clear()  # They would keep the backbone's weights alive.

    def _with_affine(self, key: BlendKey, backbone: TransformNet, affine: Affine) -> Engine:
        if key not in self._ready:
            self._ready[key] = self._make_engine(apply(backbone, affine))
        self._ready.move_to_end(key)
        while len(self._ready) > READY_ENGINES:
            self._ready.popitem(last=False)
        return self._ready[key]

    def _load(self, nets: Sequence[WeightedNet]) -> _Kept:
        files = [(self._fetch(net.key, net.sha256), net.weight) for net in nets]
        try:
            if all(is_affine(data) for data, _ in files):
                return _kept_affine(mix([(unpack_affine(data)[0], w) for data, w in files]))
            net = blend([(self._whole(data), weight) for data, weight in files])
        except ValueError as error:
            raise NetFileRejected(f"The blend is impossible: {error}.") from error
        engine = self._make_engine(net)
        return _Kept(engine, engine.held_bytes)

    def _whole(self, data: bytes) -> TransformNet:
        """Return the net of a file, a quick style's with its backbone's convolutions."""
        if not is_affine(data):
            return unpack(data)[0]
        affine, _ = unpack_affine(data)
        backbone = self._load_backbone(affine).thing
        assert isinstance(backbone, TransformNet)
        return apply(backbone, affine)

    def _load_backbone(self, affine: Affine) -> _Kept:
        key = layout.backbone(affine.backbone)
        try:
            body = self._fetch(key, affine.backbone)
        except ObjectMissing:
            key = layout.imported_backbone(affine.backbone)
            body = self._fetch(key, affine.backbone)
        net, card = unpack(body)
        if card.config != affine.config:
            raise NetFileRejected(f"{key} has another shape than the quick style made for it.")
        return _Kept(net, _net_bytes(net))

    def _fetch(self, key: str, sha256: str) -> bytes:
        data = self._objects.get(key)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise NetFileRejected(f"{key} is not the file that was published under this name.")
        return data


def _kept_affine(affine: Affine) -> _Kept:
    return _Kept(affine, affine.values.nbytes)


def _net_bytes(net: TransformNet) -> int:
    return sum(weight.nbytes for weight in net.state_dict().values())
