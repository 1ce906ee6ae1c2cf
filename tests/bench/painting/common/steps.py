"""Seconds of each step of a photo, as the worker takes them, one after the other."""

import hashlib
import time
from collections.abc import Callable
from typing import TypeVar

from infra.storage.port import ObjectStore
from worker.album.results import ResultStore
from worker.engines.port import Engine
from worker.pixels import PixelLimits, decode, encode

T = TypeVar("T")

#: Tenant under which results are kept, so that no other album finds them.
TENANT = "bench"
#: Job that they would belong to.
JOB = "steps"


class _Watch:
    """Adds up the seconds of each step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def time(self, step: str, work: Callable[[], T]) -> T:
        begun = time.perf_counter()
        done = work()
        taken = time.perf_counter() - begun
        self.seconds[step] = self.seconds.get(step, 0.0) + taken
        return done


def step_seconds(
    objects: ObjectStore, engine: Engine, files: dict[str, bytes], limits: PixelLimits
) -> dict[str, float]:
    """Return the mean seconds of fetch, look-up, decode, paint, encode and store.

    The commit is not among them: it belongs to a job.
    """
    store, watch = ResultStore(objects=objects, tenant=TENANT, job=JOB), _Watch()
    for name, data in files.items():
        objects.put(f"inbox/steps/{name}", data)
    for name in files:
        _one(objects, store, engine, f"inbox/steps/{name}", limits, watch)
    return {step: seconds / len(files) for step, seconds in watch.seconds.items()}


def _one(
    objects: ObjectStore,
    store: ResultStore,
    engine: Engine,
    key: str,
    limits: PixelLimits,
    watch: _Watch,
) -> None:
    data = watch.time("fetch", lambda: (objects.head(key), objects.get(key))[1])
    digest = hashlib.sha256(data).hexdigest()
    watch.time("look up", lambda: store.find(digest))
    photo = watch.time("decode", lambda: decode(data, limits))
    painting = watch.time("paint", lambda: engine.stylize(photo.rgb))
    result = watch.time("encode", lambda: encode(painting, photo))
    watch.time("store", lambda: store.keep(digest, result, photo))
