"""What a GPU makes of the nets: megapixels a second, alone and in an album, and how exact.

    pip install torch==2.11 numpy pillow safetensors pydantic pydantic-settings structlog
    python -m tests.bench.gpu [--scale small|full]

Runs from a bare checkout, without Redis and S3: the album goes through the worker's own pipeline,
over a job service and objects in memory. The reference is the plain net, eager, in float32 on the
same GPU. The peak is a large matrix product's, in the same precision. Every figure of the engine
includes the way to the GPU and back. With `--device cpu` it only shows that everything runs.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from tests.bench.common.difference import differences
from tests.bench.common.mixed import mixed_photos
from tests.bench.common.nets import STYLES, light_net, standard_net
from tests.bench.common.options import save
from tests.bench.common.plain_net import flops_of, written_plainly
from tests.bench.common.tables import table
from tests.fakes.studio import Studio
from worker.engines.port import Pixels
from worker.engines.recorded import Painter, record_cuda_graph
from worker.engines.torch_engine import TorchEngine
from worker.net import TransformNet
from worker.pixels import PixelLimits, decode, encode
from worker.relay import Relay
from worker.stages import gpu_pace

PROFILES = {"standard": standard_net, "light": light_net}
SIZES = {
    "tiny": ((48, 64),),
    "small": ((480, 640), (1080, 1920)),
    "full": ((480, 640), (768, 1024), (1080, 1920)),
}
TURNS = {"tiny": 2, "small": 20, "full": 100}
#: Photos that the device is given together, where it is given several.
TOGETHER = 4
PLAIN = "plain, float32"
LIMITS = PixelLimits(max_megapixels=50)


@dataclass(frozen=True, slots=True)
class Result:
    """One way to paint, for a profile and a size."""

    profile: str
    way: str
    size: tuple[int, int]
    megapixels_a_second: float
    gain: float
    #: Of the half-precision peak.
    peak_share: float
    largest_difference: int
    within_one: float
    psnr: float


@dataclass(frozen=True, slots=True)
class Way:
    """An engine, and how many photos it is given at a time."""

    engine: TorchEngine
    together: int = 1


def main() -> None:
    """Measure the engine's forms, then an album."""
    chosen = _options()
    chosen.out.mkdir(parents=True, exist_ok=True)
    device = torch.device(chosen.device)
    torch.backends.cudnn.allow_tf32 = False  # float32 is to be float32
    peak = product_peak(device, 256 if chosen.scale == "tiny" else 8192)
    results = [
        result
        for size in SIZES[chosen.scale]
        for profile in PROFILES
        for result in compare(profile, size, device, TURNS[chosen.scale], peak)
    ]
    albums = {p: album_speeds(make(), device, chosen.scale) for p, make in PROFILES.items()}
    save(
        chosen.out, "gpu", {"peak": peak, "results": [asdict(r) for r in results], "albums": albums}
    )
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "no GPU: no measurement"
    print(f"\n### Engine on {name}, PyTorch {torch.__version__}, peak {peak / 1e12:.1f} TFLOP/s\n")
    print(results_table(results))
    print(f"\n### Albums, {os.cpu_count()} cores\n")
    print(albums_table(albums))


def _options() -> argparse.Namespace:
    made = argparse.ArgumentParser(prog="tests.bench.gpu", description=__doc__)
    made.add_argument("--scale", choices=("tiny", "small", "full"), default="small")
    made.add_argument("--device", default="cuda", help="cpu shows that everything runs")
    made.add_argument("--out", type=Path, default=Path(".impasto/bench/gpu"))
    made.add_argument("--threads", type=int, default=0, help="of the CPU; 0 leaves it to PyTorch")
    chosen = made.parse_args()
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    return chosen


@cache
def picture(height: int, width: int) -> Pixels:
    """Return a picture of a size, from one that comes with the code."""
    with Image.open(STYLES / "water-lilies" / "example.jpg") as image:
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
        found["float16, compiled"] = Way(compiled)
    return found


def record_compiled(paint: Painter, photo: torch.Tensor) -> Painter:
    """Return `paint` compiled for exactly this shape: the alternative to a recording."""
    compiled: Painter = torch.compile(paint, dynamic=False)
    compiled(photo)
    return compiled


def compare(
    profile: str, size: tuple[int, int], device: torch.device, turns: int, peak: float
) -> list[Result]:
    """Let every way paint in turns."""
    found, rgb = ways(PROFILES[profile], device), picture(*size)
    seconds: dict[str, list[float]] = {name: [] for name in found}
    paintings = {name: paint(way, rgb, 3)[0] for name, way in found.items()}
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
    album = album_seconds(engine, files)
    return {
        "engine alone, photos": len(files) / alone,
        "codecs alone on all cores, photos": len(files) / codecs,
        "album, photos": len(files) / album,
        "album, megapixels": sum(p.width * p.height for p in decoded) / 1e6 / album,
    }


def album_seconds(engine: TorchEngine, files: dict[str, bytes]) -> float:
    """Send an album through the pipeline; seconds."""
    studio = Studio(pace=gpu_pace(), engine=engine, max_photo_bytes=1 << 30)
    job = studio.submit(files)
    relay = Relay(pipeline=studio.pipeline, stop=studio.stop)
    begun = time.perf_counter()
    for chunk in range(studio.record(job).spec.chunks):
        relay.run(studio.claim(job, chunk))
    relay.finish()
    assert studio.jobs.get(job, "default").done == len(files)
    return time.perf_counter() - begun


def results_table(results: list[Result]) -> str:
    """Return the table of the engine."""
    columns = ("net, photo, way", "MP/s", "of plain", "of peak", "largest", "within 1/255", "PSNR")
    rows = [
        (
            f"{r.profile}, {r.size[1]}×{r.size[0]}, {r.way}",
            f"{r.megapixels_a_second:.1f}",
            f"{r.gain:.1f}×",
            f"{r.peak_share:.1%}",
            r.largest_difference,
            f"{r.within_one:.2%}",
            f"{r.psnr:.1f}",
        )
        for r in results
    ]
    return table(columns, rows)


def albums_table(albums: dict[str, dict[str, float]]) -> str:
    """Return the table of albums; what is lowest bounds the album."""
    rows = [
        (f"{profile}, {what}", f"{speed:.1f}")
        for profile, speeds in albums.items()
        for what, speed in speeds.items()
    ]
    return table(("net, what", "a second"), rows)


if __name__ == "__main__":
    main()
