"""Redis flushed in the middle of an album: what that costs."""

from dataclasses import dataclass
from pathlib import Path

from impasto_client import Client
from infra import layout
from tests.faults.campaign.albums import Gallery, check_results, watch_until
from tests.faults.campaign.bucket_audit import TENANT
from tests.faults.stack.fault_stack import FaultStack

#: Seconds that an album may take, however much else the machine does.
ALBUM_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Flushed:
    """What became of an album whose jobs Redis forgot on the way."""

    photos: int
    #: Photos that were done when Redis was flushed.
    done_before: int
    #: Results that were whole before the flush and were written again after it.
    repeated: list[str]
    #: Photos without exactly one good result, counts that ran back, outcomes that changed.
    wrong: list[str]

    @property
    def faultless(self) -> bool:
        """Whether every photo has one result, and none was made twice."""
        return not self.repeated and not self.wrong

    def __str__(self) -> str:
        told = (
            f"Redis flushed after {self.done_before} of {self.photos} photos: "
            f"{len(self.repeated)} results made again, {len(self.wrong)} photos wrong."
        )
        return "\n".join([told, *self.repeated, *self.wrong])


def flush_in_the_middle(
    stack: FaultStack, client: Client, gallery: Gallery, *, photos: int, out: Path
) -> Flushed:
    """Send an album, flush all of Redis when half of it is done, and follow it to its end."""
    album = gallery.submit(client, photos)
    half = photos // 2
    watch_until(client, album, lambda j: j.counts.done >= half, "half the album", ALBUM_SECONDS)
    with stack.redis() as redis:
        redis.flushdb()
    whole = _index_entries(stack)
    before = album.counts[0]
    watch_until(client, album, lambda job: job.state.terminal, "the album", ALBUM_SECONDS)
    after = _index_entries(stack)
    repeated = [path.name for path, written in whole.items() if after[path] != written]
    return Flushed(photos, before, repeated, check_results(client, album, out) + album.wrong)


def _index_entries(stack: FaultStack) -> dict[Path, int]:
    """Return when each result's index entry was written: the embedded S3 keeps objects as files."""
    bucket = stack.data / "s3" / stack.settings.s3_bucket
    results = bucket / layout.tenant_prefix(TENANT) / "results"
    return {path: path.stat().st_mtime_ns for path in results.glob("*/*.json")}
