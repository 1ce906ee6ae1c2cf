"""Seconds a megapixel of every engine, light and standard, and how far each is from the reference.

    python3 infra/dev.py bench engines [--scale small|full]

The reference is PyTorch in float32, eager, on the net computed layer by layer as it is written.
All take turns within one process, so that a busy machine slows all of them; medians count. The
share is the plain net's arithmetic, in each engine's time, of the fastest float32 convolution that
this machine was seen to do. Both nets are one trained net: the standard one has its channels twice.
A star marks what `auto` chooses here.
"""

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch

from infra.settings import PrecisionSetting
from tests.bench.common.nets import BOUNDLESS, light_net, photo, standard_net
from tests.bench.common.options import parser, prepare, save
from tests.bench.common.peak import convolution_peak
from tests.bench.common.plain_net import flops_of, written_plainly
from tests.bench.common.promises import Promise, at_least, judge
from tests.bench.common.tables import table
from tests.bench.painting.common.difference import differences
from worker.engines.choice import EngineFactory, choose_engine
from worker.engines.openvino.programs import calculates_in_bfloat16
from worker.engines.port import Engine, Pixels
from worker.engines.pytorch.engine import TorchEngine
from worker.net import TransformNet

CPU = torch.device("cpu")
PROFILES = {"standard": standard_net, "light": light_net}
#: (height, width) of the photos, by scale.
SIZES = {
    "tiny": ((48, 64),),
    "small": ((480, 640), (768, 1024), (1080, 1920)),
    "full": ((480, 640), (768, 1024), (1080, 1920)),
}
#: Turns of every engine, by scale.
TURNS = {"tiny": 1, "small": 3, "full": 9}
PLAIN = "PyTorch, plain"
#: The engines of `IMPASTO_ENGINE`, as they are called here.
NAMES = {"torch": "PyTorch", "openvino": "OpenVINO"}
#: What they are held to: the chosen engine's gain over the plain net, and the light net's over the
#: plain standard one; the share of pixels within 1/255 of the reference in float32, and decibels in
#: half precision.
GAIN, LIGHT_GAIN, WITHIN_ONE, PSNR = 1.9, 6.0, 0.999, 40.0


@dataclass(frozen=True, slots=True)
class Result:
    """One engine's, for a profile and a size."""

    profile: str
    engine: str
    size: tuple[int, int]
    #: Of a first photo of this size: compiling included.
    first_seconds: float
    #: Median, of one photo.
    seconds: float
    #: The plain net's time over this one's, of the same profile and of the standard one.
    gain: float
    gain_over_standard: float
    peak_share: float
    #: Bytes of 255 that the painting differs from the reference by, at most; and the share of
    #: pixels none of whose values differs by more than one.
    largest_difference: int
    within_one: float
    #: Decibels; infinite for no difference.
    psnr: float


@dataclass(frozen=True, slots=True)
class Entry:
    """An engine of a profile, and what it was seen to take, in seconds."""

    profile: str
    name: str
    engine: Engine
    first: float
    painting: Pixels
    times: list[float]


def main() -> int:
    """Measure every engine with both profiles at every size; 1 when a limit is missed."""
    made = parser("engines", __doc__ or "")
    made.add_argument("--turns", type=int, help="default: by scale")
    chosen = made.parse_args()
    out = prepare(chosen)
    turns = chosen.turns or TURNS[chosen.scale]
    seen: dict[tuple[int, int], list[Entry]] = {}
    results, peak = list[Result](), 0.0
    for size in SIZES[chosen.scale]:
        seen[size] = run_turns(photo(*size), turns, chosen.threads)
        peak = max(peak, convolution_peak())
        results = [result for of, entries in seen.items() for result in compare(entries, of, peak)]
        save(out, "engines", {"peak_flops": peak, "results": [asdict(r) for r in results]})
        print(results_table([r for r in results if r.size == size]), flush=True)
    print(f"\n### Engines, {chosen.threads} threads\n")
    print(results_table(results))
    print(f"\nConvolution peak: {peak / 1e9:.0f} GFLOP/s.")
    return judge(promises(results), chosen.scale)


def chosen_name() -> str:
    """Return the engine that `auto` chooses on a CPU."""
    return NAMES[choose_engine("auto", CPU)]


def engines(profile: str, threads: int) -> dict[str, Callable[[], Engine]]:
    """Return what makes each engine of a profile."""
    net = PROFILES[profile]
    made: dict[str, Callable[[], Engine]] = {
        PLAIN: lambda: TorchEngine(written_plainly(net()), device=CPU),
        "PyTorch": lambda: TorchEngine(net(), device=CPU),
        "OpenVINO": lambda: openvino_engine(net(), threads, "float32"),
    }
    if calculates_in_bfloat16():  # elsewhere it is only imitated, at a tenth of the speed
        made["PyTorch, bfloat16"] = lambda: TorchEngine(net(), device=CPU, dtype=torch.bfloat16)
        made["OpenVINO, bfloat16"] = lambda: openvino_engine(net(), threads, "bfloat16")
    return made


def openvino_engine(net: TransformNet, threads: int, precision: PrecisionSetting) -> Engine:
    """Return an engine that paints every photo as a whole and compiles each size but once."""
    factory = EngineFactory(
        "openvino",
        CPU,
        threads=threads,
        memory_bytes=BOUNDLESS,
        shape_cache_bytes=BOUNDLESS,
        precision=precision,
    )
    return factory(net)


def run_turns(rgb: Pixels, turns: int, threads: int) -> list[Entry]:
    """Let all engines of both profiles paint a photo in turns."""
    entries = [
        _enter(profile, name, make(), rgb)
        for profile in PROFILES
        for name, make in engines(profile, threads).items()
    ]
    for _ in range(turns):
        for entry in entries:
            begun = time.perf_counter()
            entry.engine.stylize(rgb)
            entry.times.append(time.perf_counter() - begun)
    return entries


def _enter(profile: str, name: str, engine: Engine, rgb: Pixels) -> Entry:
    begun = time.perf_counter()
    painting = engine.stylize(rgb)
    return Entry(profile, name, engine, time.perf_counter() - begun, painting, [])


def compare(entries: list[Entry], size: tuple[int, int], peak: float) -> list[Result]:
    """Hold every engine against the plain one of its profile, and of the standard profile."""
    plain = {entry.profile: entry for entry in entries if entry.name == PLAIN}
    flops = {profile: flops_of(PROFILES[profile](), size) for profile in PROFILES}
    seconds = {profile: statistics.median(entry.times) for profile, entry in plain.items()}
    return [
        Result(
            profile=entry.profile,
            engine=entry.name,
            size=size,
            first_seconds=entry.first,
            seconds=(median := statistics.median(entry.times)),
            gain=seconds[entry.profile] / median,
            gain_over_standard=seconds["standard"] / median,
            peak_share=flops[entry.profile] / median / peak,
            **differences(entry.painting, plain[entry.profile].painting),
        )
        for entry in entries
    ]


def promises(results: list[Result]) -> list[Promise]:
    """Hold speed and exactness against their limits."""
    made = list[Promise]()
    for r in results:
        what = f"{r.profile}, {r.size[1]}×{r.size[0]}, {r.engine}"
        if r.engine == chosen_name():
            made.append(at_least(f"{what}: of plain", r.gain, GAIN, "{:.2f}×"))
            if r.profile == "light":
                gain = r.gain_over_standard
                made.append(at_least(f"{what}: of plain standard", gain, LIGHT_GAIN, "{:.1f}×"))
        if "bfloat16" in r.engine:
            made.append(at_least(f"{what}: PSNR", r.psnr, PSNR, "{:.1f} dB"))
        elif r.engine != PLAIN:
            made.append(at_least(f"{what}: within 1/255", r.within_one, WITHIN_ONE, "{:.3%}"))
    return made


def results_table(results: list[Result]) -> str:
    """Return the table of engines."""
    star = chosen_name()
    rows = [
        (
            f"{r.profile}, {r.size[1]}×{r.size[0]}, {r.engine}{' *' * (r.engine == star)}",
            f"{r.seconds / (r.size[0] * r.size[1]) * 1e6:.2f}",
            f"{r.first_seconds:.2f}",
            f"{r.gain:.2f}×",
            f"{r.gain_over_standard:.1f}×",
            f"{r.peak_share:.0%}",
            r.largest_difference,
            f"{r.within_one:.3%}",
            f"{r.psnr:.1f}",
        )
        for r in results
    ]
    columns = ("net, photo, engine", "s/MP", "first photo, s", "of plain", "of standard plain")
    return table((*columns, "of peak", "largest", "within 1/255", "PSNR"), rows)


if __name__ == "__main__":
    sys.exit(main())
