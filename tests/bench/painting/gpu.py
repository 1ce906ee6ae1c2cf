"""What a GPU makes of the nets: megapixels a second, alone and in an album, and how exact.

    pip install torch==2.11 numpy pillow safetensors pydantic pydantic-settings structlog
    python -m tests.bench.painting.gpu [--scale small|full]

Runs from a bare checkout, without Redis and S3: the album goes through the worker's own pipeline,
over a job service and objects in memory. The reference is the plain net, eager, in float32 on the
same GPU. The peak is a large matrix product's, in bfloat16. Every figure of the engine includes the
way to the GPU and back. A way that fails here is named and left out. Without a GPU, or with
`--device cpu`, it only shows that everything runs.
"""

import argparse
import logging
import os
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import structlog
import torch
from PIL import Image

from infra.corpus import FOLDER
from tests.bench.common.nets import light_net, standard_net
from tests.bench.common.options import save
from tests.bench.common.plain_net import flops_of, written_plainly
from tests.bench.common.promises import Promise, at_least, at_most, judge
from tests.bench.painting.common.difference import differences
from tests.bench.painting.common.gpu_tables import Result, albums_table, results_table
from tests.bench.painting.common.mixed import mixed_photos
from tests.fakes.album import AlbumHarness
from worker.album.overlap_runner import ChunkOverlapRunner
from worker.album.stages import gpu_limits
from worker.engines.port import Pixels
from worker.engines.pytorch.cuda_graphs import Painter, record_cuda_graph
from worker.engines.pytorch.engine import TorchEngine
from worker.net import TransformNet
from worker.pixels import PixelLimits, decode, encode

PROFILES = {"standard": standard_net, "light": light_net}
SIZES = {
    "tiny": ((48, 64),),
    "small": ((480, 640), (1080, 1920)),
    "full": ((480, 640), (768, 1024), (1080, 1920)),
}
TURNS = {"tiny": 2, "small": 20, "full": 100}
#: Photos that the device is given together, where it is given several.
TOGETHER = 4
#: Albums that are timed, after one in which every size is met.
ALBUMS = 3
#: What the worker's own ways are compared with.
PLAIN, COMPILED = "plain, float32", "float16, compiled"
#: Decibels that half precision is held to, beside float32.
PSNR = 40.0
LIMITS = PixelLimits(max_megapixels=50)


@dataclass(frozen=True, slots=True)
class Way:
    """An engine, and how many photos it is given at a time."""

    engine: TorchEngine
    together: int = 1


def main() -> int:
    """Measure the engine's forms, then an album; 1 when half precision is too far off."""
    chosen = _options()
    chosen.out.mkdir(parents=True, exist_ok=True)
    device, scale = torch.device(chosen.device), chosen.scale
    torch.backends.cudnn.allow_tf32 = False  # float32 is to be float32
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    found: dict[str, object] = {
        "peak": (peak := product_peak(device, 256 if scale == "tiny" else 8192))
    }
    results, failed = list[Result](), list[str]()
    for size in SIZES[scale]:
        for profile in PROFILES:
            results += compare(profile, size, device, TURNS[scale], peak, failed)
        save(chosen.out, "gpu", found | {"results": [asdict(r) for r in results]})
    measured = device.type == "cuda"
    name = torch.cuda.get_device_name(device) if measured else "no GPU: no measurement"
    print(f"\n### Engine on {name}, PyTorch {torch.__version__}, peak {peak / 1e12:.1f} TFLOP/s\n")
    print(results_table(results, measured=measured), flush=True)
    albums = {p: album_speeds(make(), device, scale) for p, make in PROFILES.items()}
    save(chosen.out, "gpu", found | {"results": [asdict(r) for r in results], "albums": albums})
    print(f"\n### Albums, {os.cpu_count()} cores\n")
    print(albums_table(albums))
    return judge(promises(results, failed), scale if measured else "tiny")


def _options() -> argparse.Namespace:
    made = argparse.ArgumentParser(prog="tests.bench.painting.gpu", description=__doc__)
    made.formatter_class = argparse.RawDescriptionHelpFormatter
    made.add_argument("--scale", choices=("tiny", "small", "full"), help="default: small on a GPU")
    made.add_argument("--device", help="cuda or cpu; default: cuda where there is one")
    made.add_argument("--out", type=Path, default=Path(".impasto/bench/gpu"))
    made.add_argument("--threads", type=int, default=0, help="of the CPU; 0 leaves it to PyTorch")
    chosen = made.parse_args()
    chosen.device = chosen.device or ("cuda" if torch.cuda.is_available() else "cpu")
    chosen.scale = chosen.scale or ("small" if chosen.device == "cuda" else "tiny")
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    return chosen


@cache
def picture(height: int, width: int) -> Pixels:
    """Return a picture of a size, from one that comes with the code."""
    with Image.open(min(FOLDER.glob("*.jpg"))) as image:
        return np.array(image.convert("RGB").resize((width, height)))


def ways(make: Callable[[], TransformNet], device: torch.device) -> dict[str, Way]:
    """Return every form of the engine, the plain one first."""
    cuda = device.type == "cuda"
    record = record_cuda_graph if cuda else None
    half = partial(TorchEngine.for_cuda, device=device)
    found = {
        PLAIN: Way(TorchEngine(written_plainly(make()), device=device)),
        "float16, eager": Way(half(make(), record=None)),
        "float16": Way(half(make(), record=record)),
        f"float16, {TOGETHER} together": Way(half(make(), record=record), TOGETHER),
        f"bfloat16, {TOGETHER} together": Way(
            half(make(), dtype=torch.bfloat16, record=record), TOGETHER
        ),
    }
    if cuda:
        compiled = TorchEngine(make(), device=device, dtype=torch.float16, record=record_compiled)
        found[COMPILED] = Way(compiled)
    return found


def record_compiled(paint: Painter, photo: torch.Tensor) -> Painter:
    """Return `paint` compiled for exactly this shape: the alternative to a recording."""
    compiled: Painter = torch.compile(paint, dynamic=False)
    compiled(photo)
    return compiled


def compare(
    profile: str,
    size: tuple[int, int],
    device: torch.device,
    turns: int,
    peak: float,
    failed: list[str],
) -> list[Result]:
    """Let every way paint in turns; adds those that cannot to `failed`."""
    rgb, found, paintings = picture(*size), dict[str, Way](), dict[str, Pixels]()
    for name, way in ways(PROFILES[profile], device).items():
        try:
            paintings[name] = paint(way, rgb, 3)[0]
        except Exception as error:
            if name == PLAIN:
                raise
            failed.append(f"{profile}, {size[1]}×{size[0]}, {name}")
            print(f"Left out: {failed[-1]}: {type(error).__name__}: {error}")
        else:
            found[name] = way
    seconds: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(turns):
        for name, way in found.items():
            seconds[name].append(paint(way, rgb, 1)[1])
    median = {name: statistics.median(times) for name, times in seconds.items()}
    flops = flops_of(PROFILES[profile](), size)
    return [
        Result(
            profile,
            name,
            size,
            size[0] * size[1] / 1e6 / median[name],
            gain=median[PLAIN] / median[name],
            peak_share=flops / median[name] / peak,
            **differences(paintings[name], paintings[PLAIN]),
        )
        for name in found
    ]


def paint(way: Way, rgb: Pixels, times: int) -> tuple[Pixels, float]:
    """Paint a photo so many times; the painting, and the seconds of one photo."""
    paintings = list[Pixels]()
    begun = time.perf_counter()
    for _ in range(times):
        paintings = way.engine.stylize_batch([rgb] * way.together)
    return paintings[-1], (time.perf_counter() - begun) / times / way.together


def product_peak(device: torch.device, side: int) -> float:
    """Return the rate (FLOP/s) of a product of two square bfloat16 matrices."""
    a = torch.randn(side, side, device=device, dtype=torch.bfloat16)
    times: list[float] = []
    for _ in range(10):
        begun = time.perf_counter()
        (a @ a)[0, 0].item()  # waits for the device
        times.append(time.perf_counter() - begun)
    return 2 * side**3 / min(times)


def album_speeds(net: TransformNet, device: torch.device, scale: str) -> dict[str, float]:
    """Return what the engine alone, the codecs alone, and an album of both do in a second."""
    files = mixed_photos(scale, 1, picture)
    record = record_cuda_graph if device.type == "cuda" else None
    engine = TorchEngine.for_cuda(net, device, record=record)
    decoded = [decode(data, LIMITS) for data in files.values()]
    paintings, alone = list[Pixels](), 0.0
    for _ in range(3):  # once to meet each size, once to record it, once for its time
        begun = time.perf_counter()
        paintings = [engine.stylize(photo.rgb) for photo in decoded]
        alone = time.perf_counter() - begun
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        begun = time.perf_counter()
        list(pool.map(lambda data: decode(data, LIMITS), files.values()))
        list(pool.map(encode, paintings, decoded))
        codecs = time.perf_counter() - begun
    _met, *timed = [album_seconds(engine, files) for _ in range(1 + ALBUMS)]
    album = statistics.median(timed)
    megapixels = sum(photo.width * photo.height for photo in decoded) / 1e6
    return {
        "engine alone, photos": len(files) / alone,
        "codecs alone on all cores, photos": len(files) / codecs,
        "album, photos": len(files) / album,
        "engine alone, megapixels": megapixels / alone,
        "album, megapixels": megapixels / album,
        "album, of the slower of both": max(alone, codecs) / album,
    }


def album_seconds(engine: TorchEngine, files: dict[str, bytes]) -> float:
    """Send an album through the pipeline; seconds."""
    harness = AlbumHarness(limits=gpu_limits(), engine=engine, max_photo_bytes=1 << 30)
    job = harness.submit(files)
    runner = ChunkOverlapRunner(pipeline=harness.pipeline, stop=harness.stop)
    begun = time.perf_counter()
    for chunk in range(harness.record(job).spec.chunks):
        runner.run(harness.claim(job, chunk))
    runner.finish()
    assert harness.jobs.queries.get(job, "default").done == len(files)
    return time.perf_counter() - begun


def promises(results: list[Result], failed: list[str]) -> list[Promise]:
    """Hold half precision against its limit; of the worker's own ways none may fail."""
    own = [name for name in failed if not name.endswith(COMPILED)]
    return [
        at_most("the worker's ways that failed", len(own), 0, "{:.0f}"),
        *(
            at_least(
                f"{r.profile}, {r.size[1]}×{r.size[0]}, {r.way}: PSNR", r.psnr, PSNR, "{:.1f} dB"
            )
            for r in results
            if r.way != PLAIN
        ),
    ]


if __name__ == "__main__":
    sys.exit(main())
