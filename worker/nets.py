"""Nets that stay loaded: each is fetched, checked and put on the device once a process."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Sequence

from infra.jobs.model import WeightedNet
from infra.storage.port import ObjectStore
from worker.engine import Engine
from worker.net import TransformNet
from worker.netfile import NetFileRejected, blend, unpack

#: What identifies a loaded net: the files it is mixed from and their weights.
BlendKey = tuple[tuple[str, float], ...]


class NetCache:
    """Engines by blend; the least recently used go when their nets outgrow `limit_bytes`.

    The net in use always stays, even where it alone is larger than the limit.
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
        self._loaded: OrderedDict[BlendKey, tuple[Engine, int]] = OrderedDict()

    @property
    def bytes(self) -> int:
        """Bytes of weights that are loaded."""
        return sum(size for _, size in self._loaded.values())

    def engine(self, nets: Sequence[WeightedNet]) -> Engine:
        """Return the engine of a blend, loading it where it is not there yet.

        Raises ObjectMissing for a net that is not in the store and NetFileRejected for one whose
        bytes are not what the job was promised.
        """
        key = tuple((net.sha256, net.weight) for net in nets)
        if key not in self._loaded:
            self._load(key, nets)
        self._loaded.move_to_end(key)
        return self._loaded[key][0]

    def _load(self, key: BlendKey, nets: Sequence[WeightedNet]) -> None:
        net = blend([(self._fetch(part), part.weight) for part in nets])
        size = sum(weight.nbytes for weight in net.state_dict().values())
        self._loaded[key] = (self._make_engine(net), size)
        self._on_load()
        while self.bytes > self._limit_bytes and len(self._loaded) > 1:
            self._loaded.popitem(last=False)

    def _fetch(self, part: WeightedNet) -> TransformNet:
        data = self._objects.get(part.key)
        if hashlib.sha256(data).hexdigest() != part.sha256:
            raise NetFileRejected(f"{part.key} is not the file that was published under this name.")
        return unpack(data)[0]
