"""An album pipeline in memory: a real job service over fakes, and an engine to watch."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from infra import layout
from infra.catalogue.style import Blend, WeightedNet
from infra.errors import ServiceUnavailable
from infra.jobs.domain.claim import ClaimedChunk
from infra.jobs.domain.model import JobDraft, JobRecord, PhotoEntry, PhotoOutcome, Stroke
from infra.jobs.metadata import MetadataChoice
from infra.jobs.service import connect_jobs
from infra.settings import Settings
from infra.storage.port import ObjectInfo
from tests.fakes.jobs import Clock, MemoryJobStore, RecordingNotifier
from tests.fakes.storage import MemoryStore
from tests.photos import encoded, scene
from worker.album.pipeline import AlbumPipeline
from worker.album.stages import CPU_LIMITS, ConcurrencyLimits, Stages
from worker.engines.photo_share import blend_engine
from worker.engines.port import Check, Engine, go_on
from worker.pixels import Photo, PixelLimits, decode
from worker.pixels.memory_budget import MemoryBudget, Reservation
from worker.pixels.photo import Pixels

BLEND = (WeightedNet(key="styles/test/nets/a.safetensors", sha256="a" * 64, weight=1.0),)


def decoded_by(
    decode: Callable[[bytes], Photo],
) -> Callable[[bytes, Check, MetadataChoice], tuple[Photo, Reservation]]:
    """Return a way to decode for the pipeline, with memory for everything."""
    budget = MemoryBudget(0)
    return lambda data, check, _keep: (decode(data), budget.reserve(0, check))


class WatchedStore(MemoryStore):
    """Objects in memory that tell `watch` (operation, key) before each access.

    Whatever `watch` raises, the caller gets.
    """

    def __init__(self) -> None:
        super().__init__()
        self.watch: Callable[[str, str], None] = lambda _operation, _key: None

    def get(self, key: str, *, limit: int | None = None) -> bytes:
        self.watch("get", key)
        return super().get(key, limit=limit)

    def head(self, key: str) -> ObjectInfo:
        self.watch("head", key)
        return super().head(key)

    def put(self, key: str, body: object, *, content_type: str | None = None) -> None:
        self.watch("put", key)
        super().put(key, body, content_type=content_type)  # pyright: ignore[reportArgumentType]


class InvertingEngine:
    """Turns light into dark; tells `watch` how many photos came before, on the caller's thread."""

    def __init__(self) -> None:
        self.watch: Callable[[int], None] = lambda _number: None
        #: Seconds that a photo takes; it looks whether it may go on all the time.
        self.seconds = 0.0
        #: Told each photo.
        self.seen: Callable[[Pixels], None] = lambda _rgb: None
        self.photos = 0

    @property
    def held_bytes(self) -> int:
        return 0

    def stylize(self, rgb: Pixels, check: Check = go_on) -> Pixels:
        number, self.photos = self.photos, self.photos + 1
        self.watch(number)
        self.seen(rgb)
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            check()
            time.sleep(0.01)
        return 255 - rgb

    def stylize_batch(self, photos: Sequence[Pixels], check: Check = go_on) -> list[Pixels]:
        return [self.stylize(rgb, check) for rgb in photos]


class TogetherEngine(InvertingEngine):
    """Takes several photos at a time, and counts how many; each is told of as if it were alone."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []
        self.alone = 0

    def stylize_batch(self, photos: Sequence[Pixels], check: Check = go_on) -> list[Pixels]:
        assert len({rgb.shape for rgb in photos}) == 1
        if len(photos) == 1:
            self.alone += 1
        else:
            self.batches.append(len(photos))
        return super().stylize_batch(photos, check)


class FakeNets:
    """One engine for the nets of every blend; `error` is raised instead where it is set."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.asked = 0
        self.error: Exception | None = None

    def engine(self, nets: Sequence[WeightedNet], stroke: Stroke = "native") -> Engine:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return blend_engine(nets, stroke, lambda _: self._engine)


class RecordingTally:
    """Counters in a dict, by name and the value of the `outcome` label."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], int] = {}

    def increment(self, name: str, by: int = 1, **labels: str) -> None:
        key = (name, labels.get("outcome", ""))
        self.counts[key] = self.counts.get(key, 0) + by


class AlbumHarness:
    """A pipeline, the service it reports to, and everything both keep."""

    def __init__(
        self,
        *,
        chunk_photos: int = 8,
        heartbeat_seconds: float = 3600,
        limits: ConcurrencyLimits = CPU_LIMITS,
        engine: Engine | None = None,
        max_photo_bytes: int = 1_000_000,
    ) -> None:
        self.clock = Clock()
        self.objects = WatchedStore()
        self.records = MemoryJobStore()
        self.notifier = RecordingNotifier()
        self.settings = Settings(chunk_photos=chunk_photos)
        self.jobs = connect_jobs(
            objects=self.objects,
            records=self.records,
            notifier=self.notifier,
            clock=self.clock,
            settings=self.settings,
        )
        self.engine = InvertingEngine()
        self.nets = FakeNets(engine or self.engine)
        self.tally = RecordingTally()
        self.stop = threading.Event()
        self.pipeline = AlbumPipeline(
            service=self.jobs.chunks,
            objects=self.objects,
            nets=self.nets,
            tally=self.tally,
            stop=self.stop,
            decode=decoded_by(partial(decode, limits=PixelLimits(max_megapixels=50))),
            max_photo_bytes=max_photo_bytes,
            lease_seconds=self.settings.lease_seconds,
            heartbeat_seconds=heartbeat_seconds,
            clock=self.clock,
            stages=Stages(limits),
        )

    def submit(
        self,
        photos: Mapping[str, bytes | None],
        *,
        stroke: Stroke = "native",
        stems: Mapping[str, str] | None = None,
        blend: Blend = BLEND,
    ) -> str:
        """Upload photos (None: leave one out) and submit them as one album; returns its id.

        `stems` are planned names of results that need another suffix than their photos.
        """
        for name, data in photos.items():
            if data is not None:
                self.objects.put(f"photos/{name}", data)
        job = self.jobs.submission.new_job_id()
        draft = JobDraft(id=job, tenant="default", style="test", stroke=stroke, blend=blend)
        entries = [
            PhotoEntry(index=index, name=name, stem=(stems or {}).get(name), key=f"photos/{name}")
            for index, name in enumerate(photos)
        ]
        self.jobs.submission.submit(draft, entries)
        return job

    def claim(self, job: str, chunk: int = 0) -> ClaimedChunk:
        """Take a chunk that must be there to take."""
        claim = self.jobs.chunks.claim(job, chunk, "worker-1")
        assert claim is not None
        return claim

    def work(self, job: str, chunk: int = 0) -> None:
        """Take a chunk and run it through the pipeline."""
        self.pipeline.run(self.claim(job, chunk))

    def record(self, job: str) -> JobRecord:
        """The live record of a job."""
        record = self.records.load(job)
        assert record is not None
        return record

    def outcomes(self, job: str) -> dict[str, PhotoOutcome | None]:
        """What became of each photo, by its name."""
        items = self.jobs.queries.items(job, "default", 0, 1000)
        return {item.name: item.outcome for item in items}

    def results(self) -> list[str]:
        """Keys of every result and result index entry in the bucket."""
        stored = [info.key for info in self.objects.list(layout.tenant_prefix("default"))]
        index = layout.result_index_prefix("default")
        return [key for key in stored if "/results/" in key or key.startswith(index)]

    def lose_lease(self, job: str) -> None:
        """Let so much time pass that the sweeper takes the chunk back."""
        self.clock.advance(self.settings.lease_seconds + 1)
        self.jobs.sweep.run()


def away() -> ServiceUnavailable:
    """The error of a server that cannot be reached."""
    return ServiceUnavailable("S3 is away (in this test).")


def pictures(count: int) -> dict[str, bytes | None]:
    """So many photos that all differ."""
    return {f"photo-{n}.png": encoded(scene(20 + n, 16), "PNG") for n in range(count)}
