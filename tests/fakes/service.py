"""A job service over fakes, with everything a test may want to look at or break."""

from collections.abc import Callable
from typing import Generic, TypeVar

from infra.catalogue.style import WeightedNet
from infra.jobs.domain.claim import ClaimedChunk
from infra.jobs.domain.model import JobDraft, PhotoEntry, PhotoOutcome, Problem
from infra.jobs.service import JobServices, connect_jobs
from infra.jobs.views import ItemView, JobView
from infra.settings import Settings
from tests.fakes.jobs import Clock, Fuse, MemoryJobStore, RecordingNotifier, Records
from tests.fakes.storage import MemoryStore

R = TypeVar("R", bound=Records)

TENANT = "default"
BLEND = (WeightedNet(key="styles/s/nets/0.safetensors", sha256="0" * 64, weight=1.0),)
PROBLEM = Problem(type="truncated-photo", detail="The file ends too early; send it again.")


class Deployment(Generic[R]):
    """One service over memory, but for its records; `work_off()` works it to the end."""

    def __init__(
        self,
        keep_records: Callable[[Fuse], R],
        connect: Callable[..., JobServices] = connect_jobs,
        **settings: object,
    ) -> None:
        self._connect = connect
        self.fuse = Fuse()
        self.objects = MemoryStore(self.fuse)
        self.records = keep_records(self.fuse)
        self.notifier = RecordingNotifier(self.fuse)
        self.clock = Clock()
        chosen: dict[str, object] = {"chunk_photos": 3, "job_window": 2, **settings}
        self.settings = Settings.model_validate(chosen)
        self.restart()

    def restart(self) -> None:
        """Begin a new process over the same world."""
        self.jobs = self._connect(
            objects=self.objects,
            records=self.records,
            notifier=self.notifier,
            clock=self.clock,
            settings=self.settings,
        )

    def submit(self, photos: int, tenant: str = TENANT) -> JobView:
        """Submit an album of so many photos."""
        draft = JobDraft(
            id=self.jobs.submission.new_job_id(), tenant=tenant, style="s", blend=BLEND
        )
        return self.jobs.submission.submit(draft, entries(photos))

    def claim(self, job: str, chunk: int, worker: str = "w1") -> ClaimedChunk:
        """Claim a chunk that must be there."""
        claim = self.jobs.chunks.claim(job, chunk, worker)
        assert claim
        return claim

    def items(self, job: str) -> list[ItemView]:
        """Return every photo of a job."""
        return self.jobs.queries.items(job, TENANT, 0, 100_000)

    def states(self, job: str) -> str:
        """Return the photos' states by their first letters, such as `ddfrpp`."""
        return "".join(item.state[0] for item in self.items(job))

    def take_message(self) -> ClaimedChunk | None:
        """Take the oldest message and claim what it names."""
        return self.jobs.chunks.claim(*self.notifier.messages.pop(0), "w1")

    def work(self, claim: ClaimedChunk) -> None:
        """Work a claimed chunk to its end, one report a photo."""
        for photo in claim.photos:
            self.jobs.chunks.report(claim, [], [photo.index])
            self.clock.advance(1.0)
            self.jobs.chunks.report(claim, [done(photo.index, claim)], [])
        self.jobs.chunks.finish(claim)

    def work_off(self) -> None:
        """Take messages and work until none is left."""
        while self.notifier.messages:
            if claim := self.take_message():
                self.work(claim)


class FakeDeployment(Deployment[MemoryJobStore]):
    """One service over memory."""

    def __init__(self, **settings: object) -> None:
        super().__init__(MemoryJobStore, connect_jobs, **settings)


def entries(count: int) -> list[PhotoEntry]:
    """Return manifest lines of so many photos."""
    return [PhotoEntry(index=n, name=f"{n}.jpg", key=f"photos/{n}.jpg") for n in range(count)]


def done(index: int, claim: ClaimedChunk) -> PhotoOutcome:
    """Return a success that tells which attempt it comes from."""
    return PhotoOutcome(index=index, result=f"results/{index}-{claim.token}.jpg", bytes=10)


def failed(index: int) -> PhotoOutcome:
    """Return a failure."""
    return PhotoOutcome(index=index, error=PROBLEM)


def draft(world: FakeDeployment) -> JobDraft:
    """Return what a client asks for whose photos are still to be counted."""
    return JobDraft(id=world.jobs.submission.new_job_id(), tenant=TENANT, style="s", blend=BLEND)


def keys(world: FakeDeployment, part: str) -> list[str]:
    """Return the keys of all objects that have something in them."""
    return [key for key in world.objects.objects if part in key]


def lose_redis(world: FakeDeployment) -> None:
    """Let Redis forget everything that it knows, messages too."""
    world.records.flush()
    world.notifier.messages.clear()
    world.clock.advance(0.001)
