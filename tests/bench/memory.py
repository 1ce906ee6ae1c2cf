"""What a worker's memory does while it paints hundreds of photos, each of another size.

    python3 infra/dev.py bench memory [--scale small|full] [--engine torch|openvino]

The nets come from a store through the worker's own cache, the light one and a blend in turns. The
memory is that which the process has in use (resident); it should be flat once the first photos
have been through.
"""

import hashlib
from dataclasses import asdict, dataclass
from statistics import fmean

import numpy as np
import psutil
import torch

from infra.jobs.model import WeightedNet
from tests.bench.common.nets import STYLES, photo
from tests.bench.common.options import parser, prepare, save
from tests.bench.common.tables import table
from tests.fakes.storage import MemoryStore
from worker.engines.choice import EngineFactory, choose_engine
from worker.nets import NetCache

#: Photos, and the pixels of the smallest and the largest, by scale.
PHOTOS = {
    "tiny": (20, 400, 4_000),
    "small": (500, 20_000, 300_000),
    "full": (500, 50_000, 2_000_000),
}
#: Photos between two readings, of which the first is where flat begins.
EVERY = {"tiny": 5, "small": 50, "full": 50}
CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True)
class Reading:
    """The process after so many photos."""

    photos: int
    resident_bytes: int
    #: The largest that it was since the reading before.
    peak_bytes: int
    #: What the worker's caches say they hold.
    counted_bytes: int


def main() -> None:
    """Paint photos of random sizes and read the process's memory."""
    made = parser("memory", __doc__ or "")
    made.add_argument("--engine", choices=("auto", "torch", "openvino"), default="auto")
    made.add_argument("--photos", type=int, help="default: by scale")
    chosen = made.parse_args()
    out = prepare(chosen)
    count, smallest, largest = PHOTOS[chosen.scale]
    engine = choose_engine(chosen.engine, CPU)
    readings = paint_album(
        EngineFactory(engine, CPU, threads=chosen.threads),
        sizes=random_sizes(chosen.photos or count, smallest, largest),
        every=EVERY[chosen.scale],
    )
    save(out, "memory", {"engine": engine, "readings": [asdict(r) for r in readings]})
    print(f"\n### Memory over photos of random sizes, {engine}\n")
    print(readings_table(readings))
    print(f"\n{verdict(readings)}")


def random_sizes(count: int, smallest: int, largest: int) -> list[tuple[int, int]]:
    """Return (height, width) of photos between so many pixels, of shapes from 9:16 to 16:9."""
    random = np.random.default_rng(1)
    pixels = np.exp(random.uniform(np.log(smallest), np.log(largest), count))
    aspect = np.exp(random.uniform(np.log(9 / 16), np.log(16 / 9), count))
    heights, widths = np.sqrt(pixels / aspect), np.sqrt(pixels * aspect)
    return [(round(h), round(w)) for h, w in zip(heights, widths, strict=True)]


def paint_album(
    factory: EngineFactory, *, sizes: list[tuple[int, int]], every: int
) -> list[Reading]:
    """Paint a photo of each size; returns readings of the memory."""
    store = MemoryStore()
    blends = [[_put(store, 4, 1.0)], [_put(store, 3, 0.5), _put(store, 4, 0.5)]]
    nets = NetCache(objects=store, make_engine=factory, limit_bytes=1 << 29)
    process, peak, readings = psutil.Process(), 0, list[Reading]()
    for number, size in enumerate(sizes, 1):
        nets.engine(blends[number % len(blends)]).stylize(photo(*size))
        resident = process.memory_info().rss
        peak = max(peak, resident)
        if number % every == 0:
            counted = nets.loaded_bytes + factory.held_bytes
            readings.append(Reading(number, resident, peak, counted))
            peak = 0
    return readings


def _put(store: MemoryStore, stage: int, weight: float) -> WeightedNet:
    data = (STYLES / "water-lilies" / f"stage-{stage}.safetensors").read_bytes()
    store.put(f"nets/{stage}", data)
    sha256 = hashlib.sha256(data).hexdigest()
    return WeightedNet(key=f"nets/{stage}", sha256=sha256, weight=weight)


def readings_table(readings: list[Reading]) -> str:
    """Return the table of readings."""
    rows = [
        (
            r.photos,
            f"{r.resident_bytes / 1e6:.0f}",
            f"{r.peak_bytes / 1e6:.0f}",
            f"{r.counted_bytes / 1e6:.0f}",
        )
        for r in readings
    ]
    return table(("photos", "resident, MB", "peak, MB", "counted by the caches, MB"), rows)


def verdict(readings: list[Reading]) -> str:
    """Say how much the peak of the last photos lies over that of the first, and its trend."""
    first, later = readings[0].peak_bytes, [reading.peak_bytes for reading in readings[1:]]
    half = len(later) // 2
    trend = fmean(later[half:]) - fmean(later[: half or 1])
    highest = max(later) - first
    return (
        f"Peak after the first {readings[0].photos} photos: {first / 1e6:.0f} MB; "
        f"highest since: {highest / 1e6:+.0f} MB; later half over earlier: {trend / 1e6:+.0f} MB."
    )


if __name__ == "__main__":
    main()
