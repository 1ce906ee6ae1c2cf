"""Images a second of a training step, light and standard, beside the same step written plainly.

    python3 infra/dev.py bench train [--scale small|full]

The plain step is eager, in the default layout, with PIL opening each photo in the loop, and the
net's layers computed one by one as they are written. "Exact" is what a CPU trains with and a card
repeats; the others are what a GPU trains with, here on the CPU. All run in turns within one
process, so that a busy machine slows all of them; the best turn of each counts. bfloat16 is left
out where the processor only imitates it, which takes five times as long as plain. The share is the
plain step's arithmetic, in each variant's time, of the fastest float32 convolution that this
machine was seen to do.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import torch

from infra.jobs.domain.schedule import Stage
from tests.bench.common.options import parser, prepare, save
from tests.bench.common.peak import convolution_peak, count_flops
from tests.bench.common.plain import PlainLoader, plain_scale, plain_step
from tests.bench.common.plain_net import plain_net
from tests.bench.common.tables import table
from tests.bench.training.common.arms import Arm, Laboratory
from tests.bench.training.common.assets import find_assets
from trainer.compute.arithmetic import EXACT, Arithmetic, calculates_in_bfloat16
from trainer.loss.objective import Hyperparameters
from trainer.training.context import TrainingContext
from trainer.training.loop import StageTrainer
from worker.net import NetConfig, TransformNet

PROFILES = {"light": NetConfig(width=16), "standard": NetConfig(width=32)}
VARIANTS = (
    EXACT,
    Arithmetic(compiled=True),
    Arithmetic(channels_last=True, compiled=True),
    Arithmetic(half=True, channels_last=True),
    Arithmetic(half=True, channels_last=True, compiled=True),
)
#: Steps in a turn and number of turns, by scale.
TURNS = {"tiny": (1, 1), "small": (2, 5), "full": (5, 12)}


@dataclass(frozen=True, slots=True)
class Rate:
    """One variant's result."""

    profile: str
    variant: str
    images_per_second: float
    #: Over the plain step of the same profile.
    ratio: float
    #: Median of the turns over the best one: how busy the machine was.
    unrest: float
    peak_share: float


def main() -> None:
    """Measure all variants of both profiles."""
    options = parser("train", __doc__ or "", trains=True)
    options.add_argument("--profile", choices=tuple(PROFILES), action="append")
    chosen = options.parse_args()
    out = prepare(chosen)
    # Compiled backward passes have operators without a deterministic form; only time counts here.
    torch.use_deterministic_algorithms(True, warn_only=True)
    assets = find_assets()
    painting = next(iter(assets.paintings().values()))
    network = assets.loss_network(chosen.loss_network)
    laboratory = Laboratory(photos=assets.photos, loss_network=network, out=out)
    rates: list[Rate] = []
    peak = 0.0
    for profile in chosen.profile or PROFILES:
        arm = Arm(painting, "1:1000000", config=PROFILES[profile])
        context = laboratory.context(arm)
        # As often as the steps, or a busy moment would pass for the machine's best.
        peak = max(peak, convolution_peak())
        steps = measure_profile(context, profile, TURNS[chosen.scale])
        peak = max(peak, convolution_peak())
        rates += [replace(rate, peak_share=rate.peak_share / peak) for rate in steps]
        print(rates_table(rates), flush=True)
        save(out, "train", {"peak_flops": peak, "rates": [asdict(rate) for rate in rates]})
    print(f"\n### Training step: {network.name}, crops of {Hyperparameters().crop} px\n")
    print(rates_table(rates))
    print(f"\nConvolution peak: {peak / 1e9:.0f} GFLOP/s on {chosen.threads} threads.")


def measure_profile(context: TrainingContext, profile: str, turns: tuple[int, int]) -> list[Rate]:
    """Run all variants of one profile in turns; their share is still the rate itself, FLOP/s."""
    config = PROFILES[profile]
    steps: dict[str, Callable[[], object]] = {"plain": plain(context, config)}
    for arithmetic in VARIANTS:
        if arithmetic.half and not calculates_in_bfloat16():
            continue
        steps[f"Impasto, {arithmetic}"] = ours(context, config, arithmetic)
    flops = count_flops(steps["plain"])
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for step in steps.values():
        step()  # compiles
        step()
    for _ in range(turns[1]):
        for name, step in steps.items():
            begun = time.perf_counter()
            for _ in range(turns[0]):
                step()
            seconds[name].append((time.perf_counter() - begun) / turns[0])
    batch = context.config.hyperparameters.batch
    return [
        Rate(
            profile,
            name,
            images_per_second=batch / min(times),
            ratio=min(seconds["plain"]) / min(times),
            unrest=statistics.median(times) / min(times),
            peak_share=flops / min(times),
        )
        for name, times in seconds.items()
    ]


def plain(context: TrainingContext, config: NetConfig) -> Callable[[], object]:
    """Return the plain step."""
    torch.manual_seed(0)
    net, hyperparameters = plain_net(config), context.config.hyperparameters
    paths = sorted(context.config.photos.rglob("*.jpg"))
    loader = PlainLoader(paths, crop=hyperparameters.crop)
    weight = plain_scale(context.loss_network, context.held_out, context.target)
    optimizer = torch.optim.Adam(net.parameters(), lr=hyperparameters.peak_rate)
    return lambda: plain_step(
        net,
        context.loss_network,
        context.target,
        loader.batch(hyperparameters.batch),
        weight,
        optimizer,
    )


def ours(
    context: TrainingContext, config: NetConfig, arithmetic: Arithmetic
) -> Callable[[], object]:
    """Return the trainer's own step in some arithmetic."""
    torch.manual_seed(0)
    trainer = StageTrainer(
        net=TransformNet(config),
        loss_network=context.loss_network,
        target=context.target,
        sampler=context.sampler,
        stage=Stage(1.0, 1_000_000),
        hyperparameters=context.config.hyperparameters,
        lowest_ratio=1.0,
        first_photo=0,
        arithmetic=arithmetic,
    )
    return trainer.step


def rates_table(rates: list[Rate]) -> str:
    """Return the table of variants."""
    rows = [
        (
            f"{rate.profile}, {rate.variant}",
            f"{rate.images_per_second:.2f}",
            f"{rate.ratio:.2f}×",
            f"{rate.peak_share:.0%}",
            f"{rate.unrest:.2f}",
        )
        for rate in rates
    ]
    return table(("step", "images/s", "of plain", "of peak", "median/best"), rows)


if __name__ == "__main__":
    main()
