"""What a worker's memory does while it paints hundreds of photos, each of another size.

    python3 infra/dev.py bench memory [--scale small|full] [--engine torch|openvino]

Albums go through the whole service, of each reading's photos half to a light net and half to a
blend of two. The memory is that which the worker's child and its decoders have in use (resident),
and the most that they had since the reading before; it should be flat once the first photos have
been through.
"""

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory

import numpy as np

from impasto_client import Client
from infra.settings import Settings
from infra.stack import EmbeddedStack
from infra.storage.s3 import connect_s3
from tests.bench.common.options import parser, prepare, save
from tests.bench.common.promises import Promise, at_most, judge
from tests.bench.common.tables import table
from tests.bench.painting.common.service import Size, WorkerMemory, paint_album, put_photos
from tests.integration.live_stack import LiveStack

#: Photos, and the pixels of the smallest and the largest, by scale.
PHOTOS = {
    "tiny": (20, 400, 4_000),
    "small": (500, 20_000, 300_000),
    "full": (500, 50_000, 2_000_000),
}
#: Photos between two readings. Flat begins after the first one.
EVERY = {"tiny": 6, "small": 50, "full": 50}
#: What the later readings may lie above the first one: which photo is the largest is chance, so a
#: single one may do so by more than their mean.
HIGHEST, MEAN = 1.15, 1.05
#: Megabytes that worker and decoders together may have at any time.
MEGABYTES = 1000
#: Of the style, the last net, and one between two of its stages.
STRENGTHS = (1.0, 0.6)


@dataclass(frozen=True, slots=True)
class Reading:
    """The processes after so many photos."""

    photos: int
    resident_bytes: int
    #: The most that each held since the reading before, together.
    peak_bytes: int


def main() -> int:
    """Paint photos of random sizes and read the processes' memory; 1 when it grew."""
    made = parser("memory", __doc__ or "")
    made.add_argument("--engine", choices=("auto", "torch", "openvino"), default="auto")
    made.add_argument("--photos", type=int, help="default: by scale")
    chosen = made.parse_args()
    out = prepare(chosen)
    count, smallest, largest = PHOTOS[chosen.scale]
    sizes = random_sizes(chosen.photos or count, smallest, largest)
    with TemporaryDirectory() as data:
        settings = Settings(
            data=Path(data), port=0, device="cpu", engine=chosen.engine, threads=chosen.threads
        )
        readings = paint_albums(settings, sizes, every=EVERY[chosen.scale])
    save(out, "memory", {"engine": chosen.engine, "readings": [asdict(r) for r in readings]})
    print(f"\n### Memory over photos of random sizes, {chosen.engine}\n")
    print(readings_table(readings))
    return judge(promises(readings), chosen.scale)


def random_sizes(count: int, smallest: int, largest: int) -> list[Size]:
    """Return (height, width) of photos between so many pixels, of shapes from 9:16 to 16:9."""
    random = np.random.default_rng(1)
    pixels = np.exp(random.uniform(np.log(smallest), np.log(largest), count))
    aspect = np.exp(random.uniform(np.log(9 / 16), np.log(16 / 9), count))
    heights, widths = np.sqrt(pixels / aspect), np.sqrt(pixels * aspect)
    return [(round(h), round(w)) for h, w in zip(heights, widths, strict=True)]


def paint_albums(settings: Settings, sizes: list[Size], *, every: int) -> list[Reading]:
    """Paint a photo of each size; returns a reading of the memory after every so many."""
    readings = list[Reading]()
    live = LiveStack(EmbeddedStack(settings))
    with live.stack as stack, Client(stack.url) as client:
        live.wait_ready()
        bucket, memory = connect_s3(stack.settings), WorkerMemory(live.pool_child())
        for begin in range(0, len(sizes), every):
            some = sizes[begin : begin + every]
            memory.forget_peak()
            for turn, strength in enumerate(STRENGTHS):
                prefix = f"inbox/{begin}/{turn}/"
                put_photos(bucket, prefix, some[turn :: len(STRENGTHS)])
                paint_album(client, prefix, strength)
            done = min(begin + every, len(sizes))
            readings.append(Reading(done, memory.resident_bytes, memory.peak_bytes))
    return readings


def readings_table(readings: list[Reading]) -> str:
    """Return the table of readings."""
    rows = [
        (
            r.photos,
            f"{r.resident_bytes / 1e6:.0f}",
            f"{r.peak_bytes / 1e6:.0f}",
        )
        for r in readings
    ]
    return table(("photos", "resident, MB", "peak, MB"), rows)


def promises(readings: list[Reading]) -> list[Promise]:
    """Hold what came after the first reading against it."""
    first, later = readings[0], readings[1:]
    after = f"after the first {first.photos} photos"
    peaks = [reading.peak_bytes / first.peak_bytes for reading in later]
    resident = fmean(reading.resident_bytes for reading in later) / first.resident_bytes
    return [
        at_most(f"highest peak over that {after}", max(peaks), HIGHEST, "{:.2f}"),
        at_most(f"mean peak over that {after}", fmean(peaks), MEAN, "{:.2f}"),
        at_most(f"mean resident over that {after}", resident, MEAN, "{:.2f}"),
        at_most("highest peak, MB", max(r.peak_bytes for r in readings) / 1e6, MEGABYTES, "{:.0f}"),
    ]


if __name__ == "__main__":
    sys.exit(main())
