"""A soak at steady load: does the memory of any process, or of Redis, grow with the work done?

    python3 infra/dev.py bench soak [--seconds 3600]

API, two workers, trainer, Redis and S3 run for real; a small album is sent every few seconds, so
the load is the same however fast the machine is. After a warm-up (a quarter of the time) each
process's resident memory is the median of what was measured in the first quarter of the rest, and
in the last. Redis is held against its start once the records of ended jobs have expired; the day
that this takes is passed over by shortening their time to live. The embedded S3 server keeps a
folder that was removed for ten minutes more: in less than forty, its growth says nothing.
"""

import argparse
import signal
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import psutil
from redis import Redis

from impasto_client import Client
from infra.jobs.domain.timing import DAY_SECONDS
from infra.redis.job_store import record_key
from infra.stack.programs import API, REDIS, STORAGE, TRAINER
from tests.bench.common.tables import table
from tests.faults.campaign.albums import Gallery
from tests.faults.stack.fault_stack import READY_SECONDS, WORKERS, FaultStack
from tests.integration.live_stack import wait_until

#: Growth that is taken for none.
FLAT = 0.05
#: Seconds between two measurements.
SAMPLE_SECONDS = 2.0
#: Seconds that an ended job stays: the bucket has then its lasting size before the warm-up is over
#: (the embedded S3 server keeps some kilobytes in memory for every object that there is).
RETENTION_SECONDS = 120.0
#: Photos of an album, and seconds from one album to the next: a third of what two cores can do.
PHOTOS = 16
APART_SECONDS = 3.0
#: Albums that may be at work at a time: so many only where the machine cannot keep up.
OPEN_ALBUMS = 20
#: How far photos a second may differ between early and late in a load that is called steady.
STEADY = 0.05
#: Part of the time that is warm-up.
WARM_UP = 0.25
#: Seconds that the last albums get to end.
DRAIN_SECONDS = 300.0

#: Resident bytes of each process at one moment, by what it is.
Memory = dict[str, int]


@dataclass(frozen=True, slots=True)
class Sample:
    """What was measured at one moment: seconds, photos finished so far, and memory."""

    at: float
    photos: int
    memory: Memory


@dataclass(frozen=True, slots=True)
class Growth:
    """One process's memory: bytes early and late."""

    name: str
    early: float
    late: float

    @property
    def share(self) -> float:
        """How much it grew, as a part of what it had."""
        return self.late / self.early - 1


@dataclass(frozen=True, slots=True)
class Soaked:
    """What came of a soak."""

    samples: list[Sample]
    photos: int
    #: What Redis used before it, and once the records of ended jobs had expired.
    redis: Growth


def main() -> int:
    """Soak and print the tables; 1 when something grew."""
    options = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # in order
    out = options.out or Path(tempfile.mkdtemp(prefix="impasto-soak-"))
    soaked = soak(out, options.seconds)
    grown = growths(soaked.samples)
    print(f"\n### Soak: {options.seconds:g} s, {soaked.photos:,} photos\n\n{_memory(grown)}\n")
    print(
        f"Redis: {soaked.redis.early:,} bytes at the start, {soaked.redis.late:,} once the ended "
        f"jobs had expired ({soaked.redis.share:+.1%})."
    )
    early, late = paces(soaked.samples)
    print(f"Load: {early:.2f} photos a second early, {late:.2f} late.")
    flat = all(growth.share <= FLAT for growth in (*grown, soaked.redis))
    steady = abs(late / early - 1) <= STEADY
    print("Memory is flat." if flat else f"Memory grew by more than {FLAT:.0%}.")
    if not steady:
        print("The load was not steady: the machine could not keep up, and this says little.")
    return 0 if flat and steady else 1


def soak(out: Path, seconds: float) -> Soaked:
    """Load a stack for so long and measure it; its data and photos lie in `out`."""
    kept = {"retention_days": RETENTION_SECONDS / DAY_SECONDS}
    with FaultStack(out / "data", **kept) as stack, Client(stack.url) as client:
        gallery = Gallery(
            stack.url,
            out / "photos",
            photos=PHOTOS,
            open_albums=OPEN_ALBUMS,
            apart=APART_SECONDS,
        )
        before = _redis_start(stack, client, gallery)
        gallery.start()
        samples = _measure(stack, gallery, seconds)
        gallery.end(DRAIN_SECONDS)
        wrong = [fault for album in gallery.albums for fault in album.wrong]
        assert not wrong, wrong
        redis = Growth("Redis's own count", before, _redis_expired(stack))
        return Soaked(samples, gallery.finished, redis)


def _measure(stack: FaultStack, gallery: Gallery, seconds: float) -> list[Sample]:
    samples: list[Sample] = []
    end = time.monotonic() + seconds
    while (now := time.monotonic()) < end:
        samples.append(Sample(now, gallery.finished, _memory_now(stack)))
        time.sleep(SAMPLE_SECONDS)
    return samples


def _memory_now(stack: FaultStack) -> Memory:
    found: Memory = {}
    for name in (REDIS, STORAGE, API, *WORKERS, TRAINER):
        found[name] = psutil.Process(stack.pid(name)).memory_info().rss
        pool = stack.children(API) if name == API else stack.pool(name)
        for number, child in enumerate(pool, 1):
            found[f"{name}, child {number}"] = child.memory_info().rss
        if name in WORKERS:
            found[f"{name}, decoders"] = sum(
                decoder.memory_info().rss for child in pool for decoder in child.children()
            )
    return found


def _periods(samples: list[Sample]) -> tuple[list[Sample], list[Sample]]:
    """Return the first and the last quarter of what was measured after the warm-up."""
    warm = samples[int(len(samples) * WARM_UP) :]
    quarter = max(len(warm) // 4, 1)
    return warm[:quarter], warm[-quarter:]


def paces(samples: list[Sample]) -> tuple[float, float]:
    """Return the photos a second early and late."""

    def pace(part: list[Sample]) -> float:
        return (part[-1].photos - part[0].photos) / (part[-1].at - part[0].at)

    early, late = _periods(samples)
    return pace(early), pace(late)


def growths(samples: list[Sample]) -> list[Growth]:
    """Return how the memory of each process that was there to the end grew after the warm-up."""
    early, late = _periods(samples)
    names = [n for n in late[-1].memory if all(n in sample.memory for sample in (*early, *late))]

    def median(name: str, part: list[Sample]) -> float:
        return statistics.median(sample.memory[name] for sample in part)

    return [Growth(name, median(name, early), median(name, late)) for name in names]


def _memory(grown: list[Growth]) -> str:
    rows = [
        (g.name, f"{g.early / 1e6:.1f}", f"{g.late / 1e6:.1f}", f"{g.share:+.1%}") for g in grown
    ]
    return table(("process", "early, MB", "late, MB", "growth"), rows)


def _redis_start(stack: FaultStack, client: Client, gallery: Gallery) -> int:
    """Return Redis's bytes after a first album has come and gone: queues and counters exist."""
    album = gallery.submit(client, PHOTOS)
    wait_until(lambda: client.job(album.job).state.terminal, "the first album", READY_SECONDS)
    return _redis_expired(stack)


def _redis_expired(stack: FaultStack) -> int:
    """Let the records of ended jobs expire now; returns the bytes that Redis still uses.

    What its clients' buffers hold, some hundred kilobytes that come and go, is no part of it. Redis
    adds that up late for `INFO`, but at once for `CLIENT LIST`, and both are of one moment.
    """
    with stack.redis() as redis:
        wait_until(lambda: _expire(redis), "the records to expire", READY_SECONDS)
        moment = redis.pipeline(transaction=True)
        moment.info("memory")
        moment.client_list()
        memory, clients = moment.execute()
        return memory["used_memory"] - sum(int(client["tot-mem"]) for client in clients)


def _expire(redis: "Redis") -> bool:
    """Shorten the time to live of every record that has one; whether no record is left.

    A job is finalized, and gets its time to live, a moment after it has ended.
    """
    for key in redis.scan_iter(match=record_key("*")):
        if cast("int", redis.pttl(key)) > 0:
            redis.pexpire(key, 1)
    return not any(True for _ in redis.scan_iter(match=record_key("*")))


def _parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="infra/dev.py bench soak",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--seconds", type=float, default=3600.0, help="of load; default: 3600")
    made.add_argument("--out", type=Path, help="folder for data and photos")
    return made


if __name__ == "__main__":
    sys.exit(main())
