"""A soak at steady load: does the memory of any process, or of Redis, grow with the work done?

    python3 infra/dev.py bench soak [--seconds 3600]

API, two workers, trainer, Redis and S3 run for real; small albums are sent all the time. After a
warm-up (a quarter of the time) each process's resident memory is the median of what was measured
in the first quarter of the rest, and in the last. Redis is held against its start once the records
of ended jobs have expired; the day that this takes is passed over by shortening their time to live.
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

from api.client import Client
from infra.jobs.store import record_key
from infra.jobs.timing import DAY_SECONDS
from infra.stack.programs import API, REDIS, STORAGE, TRAINER
from tests.bench.common.tables import table
from tests.faults.albums import Gallery
from tests.faults.fault_stack import READY_SECONDS, WORKERS, FaultStack
from tests.integration.live_stack import wait_until

#: Growth that is taken for none.
FLAT = 0.05
#: Seconds between two measurements.
SAMPLE_SECONDS = 2.0
#: Seconds that an ended job stays: the bucket has then its lasting size before the warm-up is over
#: (the embedded S3 server keeps some kilobytes in memory for every object that there is).
RETENTION_SECONDS = 120.0
#: Part of the time that is warm-up.
WARM_UP = 0.25
#: Looks at Redis's memory, a second apart.
REDIS_LOOKS = 30
#: Seconds that the last albums get to end.
DRAIN_SECONDS = 300.0

#: Resident bytes of each process at one moment, by what it is.
Sample = dict[str, int]


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


def main() -> int:
    """Soak and print the tables; 1 when something grew."""
    options = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # in order
    out = options.out or Path(tempfile.mkdtemp(prefix="impasto-soak-"))
    kept = {"retention_days": RETENTION_SECONDS / DAY_SECONDS}
    with FaultStack(out / "data", **kept) as stack, Client(stack.url) as client:
        gallery = Gallery(stack.url, out / "photos", photos=16, open_albums=2)
        start = _redis_start(stack, client, gallery)
        gallery.start()
        samples = _measure(stack, options.seconds)
        gallery.end(DRAIN_SECONDS)
        end = _redis_expired(stack)
    grown = growths(samples)
    print(f"\n### Soak: {options.seconds} s, {gallery.finished} photos\n\n{_memory(grown)}\n")
    print(f"Redis: {start:,} bytes at the start, {end:,} once the ended jobs had expired.")
    flat = all(growth.share <= FLAT for growth in grown) and end <= start * (1 + FLAT)
    print("Memory is flat." if flat else "Memory grew.")
    return 0 if flat else 1


def _measure(stack: FaultStack, seconds: float) -> list[Sample]:
    samples: list[Sample] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        samples.append(_sample(stack))
        time.sleep(SAMPLE_SECONDS)
    return samples


def _sample(stack: FaultStack) -> Sample:
    sample: Sample = {}
    for name in (REDIS, STORAGE, API, *WORKERS, TRAINER):
        sample[name] = psutil.Process(stack.pid(name)).memory_info().rss
        workers = stack.children(API) if name == API else []
        if name in (*WORKERS, TRAINER):
            workers = stack.pool(name)
        for number, child in enumerate(workers, 1):
            sample[f"{name}, child {number}"] = child.memory_info().rss
    return sample


def growths(samples: list[Sample]) -> list[Growth]:
    """Return how the memory of each process that was there to the end grew after the warm-up."""
    warm = samples[int(len(samples) * WARM_UP) :]
    quarter = max(len(warm) // 4, 1)
    names = [name for name in warm[-1] if all(name in sample for sample in warm)]

    def median(name: str, part: list[Sample]) -> float:
        return statistics.median(sample[name] for sample in part)

    return [
        Growth(name, median(name, warm[:quarter]), median(name, warm[-quarter:])) for name in names
    ]


def _memory(grown: list[Growth]) -> str:
    rows = [
        (g.name, f"{g.early / 1e6:.1f}", f"{g.late / 1e6:.1f}", f"{g.share:+.1%}") for g in grown
    ]
    return table(("process", "early, MB", "late, MB", "growth"), rows)


def _redis_start(stack: FaultStack, client: Client, gallery: Gallery) -> int:
    """Return Redis's bytes after a first album has come and gone: queues and counters exist."""
    album = gallery.submit(client, 16)
    wait_until(lambda: client.job(album.job).state.terminal, "the first album", READY_SECONDS)
    return _redis_expired(stack)


def _redis_expired(stack: FaultStack) -> int:
    """Let the records of ended jobs expire now; returns the bytes that Redis still uses.

    What its clients' buffers hold is no part of it. Redis counts them a moment late, 16 KiB at a
    time and up to 100 KiB in all, so the least of many looks tells what lasts.
    """
    with stack.redis() as redis:
        wait_until(lambda: _expire(redis), "the records to expire", READY_SECONDS)
        return min(_lasting(redis) for _ in range(REDIS_LOOKS))


def _lasting(redis: "Redis") -> int:
    time.sleep(1)
    memory = cast("dict[str, int]", redis.info("memory"))
    return memory["used_memory"] - memory["mem_clients_normal"]


def _expire(redis: "Redis") -> bool:
    """Shorten the time to live of every record that has one; whether no record is left.

    A job is sealed, and gets its time to live, a moment after it has ended.
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
