"""Photos of 12, 48 and 100 megapixels within 2 GiB: seconds a megapixel, memory, and exactness.

    python3 infra/dev.py bench large [--scale small|full] [--profile light|standard]

Each photo is painted in a process of its own, from its JPEG to its painting's, as a worker does:
decoded, painted tile by tile, encoded. Memory is the most that the process held in RAM (resident)
over what it held before the photo. An album of two of the largest also goes through a whole
service, where processes of their own decode (with the light net, which bundled styles are of).
The comparison paints one photo as a whole and tile by tile, in turns within one process: times are
of the processor's own clock beside the wall's, because other programs stretch the wall's. The
limit is the net's own arithmetic at the rate of the fastest convolution that this machine was seen
to do.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory

import numpy as np
import psutil
import torch
from numpy.typing import NDArray

from impasto_client import Client
from infra.settings import Settings
from infra.stack import EmbeddedStack
from infra.storage.s3 import connect_s3
from tests.bench.common.nets import BOUNDLESS, light_net, photo, standard_net
from tests.bench.common.options import parser, prepare, save
from tests.bench.common.peak import convolution_peak
from tests.bench.common.plain_net import flops_of
from tests.bench.common.promises import judge
from tests.bench.painting.common.large_tables import (
    Compared,
    Painted,
    Served,
    compared_table,
    painted_table,
    promises,
    served_sentence,
)
from tests.bench.painting.common.service import WorkerMemory, jpeg, paint_album, put_photos
from tests.integration.live_stack import LiveStack
from tests.memory_use import forget_most, most_bytes
from worker.engines.by_size import SizedEngine
from worker.engines.choice import SHAPE_CACHE_BYTES, EngineFactory, choose_engine
from worker.engines.port import Pixels
from worker.pixels import PixelLimits, decode, encode
from worker.process.malloc import share_one_heap

CPU = torch.device("cpu")
PROFILES = {"light": light_net, "standard": standard_net}
#: (height, width) of photos of 12, 48 and 100 megapixels.
SIZES = ((3000, 4000), (6000, 8000), (8660, 11548))
#: Those that are painted within bounds, by scale; the first is also painted as a whole, in so many
#: turns.
LARGE = {"tiny": ((300, 400), (600, 800)), "small": SIZES, "full": SIZES}
TURNS = {"tiny": 1, "small": 2, "full": 5}


def main() -> int:
    """Paint large photos within bounds, and one both ways; 1 when a limit is missed."""
    share_one_heap()  # as a worker's child does
    made = parser("large", __doc__ or "")
    made.add_argument("--engine", choices=("auto", "torch", "openvino"), default="auto")
    made.add_argument("--profile", choices=tuple(PROFILES), default="light", help="of the net")
    made.add_argument("--one", type=int, nargs=2, help=argparse.SUPPRESS)
    made.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    chosen = made.parse_args()
    if chosen.one:
        print(json.dumps(asdict(paint_one(chosen))))
        return 0
    out = prepare(chosen)
    sizes = LARGE[chosen.scale]
    compared = compare(sizes[0], TURNS[chosen.scale], chosen)
    print(compared_table(compared), flush=True)
    painted = list[Painted]()
    for size in sizes:
        painted.append(paint_apart(size, chosen))
        save(out, "large", {"compared": compared, "painted": painted})
        print(painted_table(painted), flush=True)
    served = serve(sizes[-1], chosen.threads) if chosen.profile == "light" else None
    save(out, "large", {"compared": compared, "painted": painted, "served": served})
    limit = flops_of(PROFILES[chosen.profile](), (1000, 1000)) / convolution_peak()
    print(f"\n### Large photos, {chosen.profile} net, {chosen.threads} threads\n")
    print(painted_table(painted))
    print(f"\n{compared_table(compared)}")
    if served:
        print(f"\n{served_sentence(served)}")
    print(f"\nLimit by the net's own arithmetic: {limit:.2f} s/MP on all threads.")
    return judge(promises(painted, compared, served), chosen.scale)


def engine_of(
    chosen: argparse.Namespace, *, shape_cache_bytes: int = SHAPE_CACHE_BYTES
) -> SizedEngine:
    """Return the net's engine as a worker has it, but for what it keeps compiled."""
    factory = EngineFactory(
        choose_engine(chosen.engine, CPU),
        CPU,
        threads=chosen.threads,
        shape_cache_bytes=shape_cache_bytes,
    )
    engine = factory(PROFILES[chosen.profile]())
    assert isinstance(engine, SizedEngine)
    return engine


def paint_apart(size: tuple[int, int], chosen: argparse.Namespace) -> Painted:
    """Paint a photo in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.painting.large", "--one", *map(str, size)]
    command += ["--threads", str(chosen.threads), "--engine", chosen.engine]
    with NamedTemporaryFile(suffix=".jpg") as file:
        # Made there, it would leave memory behind that painting then takes for nothing.
        file.write(jpeg(photo(*size)))
        file.flush()
        command += ["--profile", chosen.profile, "--file", file.name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return Painted(**json.loads(done.stdout))


def paint_one(chosen: argparse.Namespace) -> Painted:
    """Paint a photo from file to file."""
    torch.set_num_threads(chosen.threads)
    height, width = chosen.one
    engine, limits = engine_of(chosen), PixelLimits(max_megapixels=1000)
    file = chosen.file.read_bytes()
    engine.streamed.paint(photo(64, 64))
    idle = resident_bytes()
    forget_most(os.getpid())
    decoded = decode(file, limits)
    timed = time_call(lambda: engine.streamed.paint(decoded.rgb))
    encode(timed.painting, decoded)
    return Painted(height, width, timed.seconds, timed.cpu_seconds, most_bytes(os.getpid()) - idle)


def serve(size: tuple[int, int], threads: int) -> Served:
    """Paint two photos of about a size through a whole service."""
    with TemporaryDirectory() as data:
        settings = Settings(
            data=Path(data), port=0, device="cpu", threads=threads, max_photo_megapixels=1000
        )
        live = LiveStack(EmbeddedStack(settings))
        with live.stack as stack, Client(stack.url) as client:
            live.wait_ready()
            bucket, memory = connect_s3(stack.settings), WorkerMemory(live.pool_child())
            put_photos(bucket, "small/", [(64, 64)])
            # Another size, because the same photo is painted once.
            sizes = [size, (size[0] - 1, size[1])]
            put_photos(bucket, "large/", sizes)
            paint_album(client, "small/")
            idle = memory.resident_bytes
            with memory.watched() as seen:
                seconds = paint_album(client, "large/")
            megapixels = size[0] * size[1] / 1e6
            return Served(megapixels, len(sizes), seconds, max(seen) - idle)


@dataclass(frozen=True, slots=True)
class Timed:
    """A painting and the seconds that it took, by the wall's clock and the processor's."""

    painting: Pixels
    seconds: float
    cpu_seconds: float


def time_call(paint: Callable[[], Pixels]) -> Timed:
    """Time a painting."""
    wall, cpu = time.perf_counter(), time.process_time()
    painting = paint()
    return Timed(painting, time.perf_counter() - wall, time.process_time() - cpu)


def compare(size: tuple[int, int], turns: int, chosen: argparse.Namespace) -> Compared:
    """Paint a photo as a whole and tile by tile, in turns."""
    # OpenVINO compiles a size when it meets it; a worker would not keep what this one takes.
    rgb, engine = photo(*size), engine_of(chosen, shape_cache_bytes=BOUNDLESS)
    engine.whole.stylize(rgb)
    whole, streamed = list[Timed](), list[Timed]()
    for _ in range(turns):
        whole.append(time_call(lambda: engine.whole.stylize(rgb)))
        streamed.append(time_call(lambda: engine.streamed.paint(rgb)))
    apart = np.abs(streamed[0].painting.astype(np.int16) - whole[0].painting)
    return Compared(
        megapixels=rgb.size / 3e6,
        whole_seconds=min(t.seconds for t in whole),
        whole_cpu_seconds=min(t.cpu_seconds for t in whole),
        streamed_seconds=min(t.seconds for t in streamed),
        streamed_cpu_seconds=min(t.cpu_seconds for t in streamed),
        largest_difference=int(apart.max()),
        within_two=float((apart.max(axis=-1) <= 2).mean()),
        at_borders=difference_at_borders(apart, engine.streamed.tile),
    )


def difference_at_borders(apart: NDArray[np.int16], tile: int) -> float:
    """Return the mean difference beside borders of tiles over that elsewhere; 1 for none at all."""
    rows, columns = (np.arange(side) % tile for side in apart.shape[:2])
    beside = np.isin(rows, (0, tile - 1))[:, None] | np.isin(columns, (0, tile - 1))[None]
    at_borders, elsewhere = apart[beside].mean(), apart[~beside].mean()
    if not elsewhere:
        return float("inf") if at_borders else 1.0
    return float(at_borders / elsewhere)


def resident_bytes() -> int:
    """Return what this process holds in RAM now."""
    return psutil.Process().memory_info().rss


if __name__ == "__main__":
    sys.exit(main())
