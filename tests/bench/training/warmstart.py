"""A second style from the shared base: how much sooner is it there than from scratch?

    python3 infra/dev.py bench warmstart [--scale small|full] [--base FILE]

The reference is the whole schedule from an untrained net. The base is stage 0 of another
painting. From it, rising shares of the schedule's iterations are tried, without the first stage,
which the base is already; the first share that reaches the reference's style distance at no worse
content distance is the answer. From scratch as many iterations are shown beside it. A quarter of
the cost from scratch, in processor seconds, is what is promised.
"""

import itertools
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from infra.jobs.domain.schedule import Schedule
from tests.bench.common.options import parser, prepare, save
from tests.bench.common.promises import Promise, at_most, judge
from tests.bench.common.tables import table
from tests.bench.training.common.arms import Arm, Laboratory, Outcome
from tests.bench.training.common.assets import find_assets
from tests.bench.training.common.pictures import draw_grid
from trainer.loss.objective import Hyperparameters
from worker.net import NetConfig
from worker.net.grain import paint
from worker.net.netfile import unpack

#: Shares of the whole schedule's iterations.
SHARES = (0.1, 0.15, 0.25, 0.4, 0.6)
#: Style and content within this factor of the reference's count as reached.
TOLERANCE = 1.02
SCHEDULES = {
    "tiny": "0.02:4,1:4",
    "small": "0.02:120,0.2:60,2:80,10:100",
    "full": "0.02:500,0.15:150,0.6:200,2:250,5:300,10:300",
}
#: The same over the VGGs, whose ladder lies lower.
VGG_SCHEDULES = {
    "tiny": "0.02:4,1:4",
    "small": "0.02:120,0.2:60,1:80,4:100",
    "full": "0.02:500,0.1:150,0.4:200,1:250,2.5:300,6:300",
}
#: Part of the processor seconds from scratch in which a style from the base is to be as good.
PROMISED = 0.25
SHAPES = {
    "tiny": (NetConfig(width=2), Hyperparameters(batch=1, crop=64)),
    "small": (NetConfig(width=8), Hyperparameters(batch=2, crop=96, smoothness=0.2)),
    "full": (NetConfig(width=16), Hyperparameters(batch=2, crop=96, smoothness=0.2)),
}


@dataclass(frozen=True, slots=True)
class Run:
    """One painting, one way of starting, one share of the iterations."""

    painting: str
    start: str
    share: float
    iterations: int
    outcome: Outcome


def main() -> int:
    """Train every painting from both starts and print the tables."""
    made = parser("warmstart", __doc__ or "", trains=True)
    made.add_argument("--paintings", type=int, default=2, help="how many styles to start warm")
    made.add_argument("--base", type=Path, help="stage 0 to start from; default: trained here")
    made.add_argument("--shares", type=float, nargs="+", default=SHARES)
    options = made.parse_args()
    out = prepare(options)
    assets = find_assets()
    network = assets.loss_network(options.loss_network)
    laboratory = Laboratory(photos=assets.photos, loss_network=network, out=out)
    first, *others = assets.paintings().items()
    config, hyperparameters = SHAPES[options.scale]
    if options.base:
        config = unpack(options.base.read_bytes())[1].config
    schedule = (VGG_SCHEDULES if network.name.startswith("vgg") else SCHEDULES)[options.scale]
    plain = Arm(first[1], schedule, config=config, hyperparameters=hyperparameters)
    base = options.base or _base(laboratory, plain)
    runs: list[Run] = []
    for name, painting in itertools.islice(others, options.paintings):
        arm = replace(plain, painting=painting)
        runs += measure_painting(laboratory, arm, name, base, options.shares)
        save(out, "warmstart", [asdict(run) for run in runs])
    _draw(laboratory, runs, dict(others), out / "warmstart.jpg")
    of = options.base or f"stage 0 of {first[0]}"
    print(f"\n### From the base ({of}) against from scratch: {schedule}\n")
    print(runs_table(runs), "\n")
    names = dict.fromkeys(run.painting for run in runs)
    by_painting = [[run for run in runs if run.painting == name] for name in names]
    print("\n".join(map(verdict, by_painting)))
    return judge(list(map(promise, by_painting)), options.scale)


def _base(laboratory: Laboratory, arm: Arm) -> Path:
    """Train a first stage on a painting of its own and return its file."""
    return Path(laboratory.run(replace(arm, schedule=arm.schedule.split(",")[0])).net)


def scaled(schedule: str, iterations: int) -> str:
    """Return a schedule of the same ratios with as many iterations in all."""
    stages = Schedule.parse(schedule).stages
    total = sum(stage.iterations for stage in stages)
    counts = [max(1, round(stage.iterations * iterations / total)) for stage in stages]
    return ",".join(f"{s.ratio:g}:{n}" for s, n in zip(stages, counts, strict=True))


def measure_painting(
    laboratory: Laboratory, arm: Arm, name: str, base: Path, shares: tuple[float, ...]
) -> list[Run]:
    """Train one painting: the reference, then shares from the base until one reaches it."""
    total = Schedule.parse(arm.schedule).iterations
    reference = Run(name, "scratch", 1.0, total, laboratory.run(arm))
    runs = [reference]
    rest = arm.schedule.split(",", 1)[1]
    for share in shares:
        iterations = round(share * total)
        warm = replace(arm, schedule=scaled(rest, iterations), base=base)
        runs.append(Run(name, "base", share, iterations, laboratory.run(warm)))
        if reaches(runs[-1], reference):
            break
    tried = runs[-1]
    cold = replace(arm, schedule=scaled(arm.schedule, tried.iterations))
    return [*runs, Run(name, "scratch", tried.share, tried.iterations, laboratory.run(cold))]


def reaches(run: Run, reference: Run) -> bool:
    """Whether a run has the reference's style distance at no worse content distance."""
    mine, goal = run.outcome.measured, reference.outcome.measured
    return mine.style <= goal.style * TOLERANCE and mine.content <= goal.content * TOLERANCE


def runs_table(runs: list[Run]) -> str:
    """Return every run, beside whether it reached its reference."""
    references = {run.painting: run for run in runs if run.share == 1.0}
    rows = [
        (
            f"{run.painting}, from {run.start}",
            f"{run.share:.0%}",
            run.iterations,
            f"{run.outcome.seconds:.0f}",
            f"{run.outcome.measured.style:.3f}",
            f"{run.outcome.measured.content:.3f}",
            f"{run.outcome.measured.ssim:.3f}",
            "reference" if run.share == 1.0 else _yes(reaches(run, references[run.painting])),
        )
        for run in runs
    ]
    head = (
        "style",
        "share",
        "iterations",
        "processor seconds",
        "style",
        "content",
        "SSIM",
        "reached",
    )
    return table(head, rows)


def _first(runs: list[Run]) -> Run | None:
    """Return the shortest run from the base that is as good as the reference, the first of all."""
    reference, *others = runs
    there = [r for r in others if r.start == "base" and reaches(r, reference)]
    return min(there, key=lambda run: run.iterations, default=None)


def promise(runs: list[Run]) -> Promise:
    """Hold the cost of a painting's style from the base against that from scratch."""
    reference, first = runs[0], _first(runs)
    what = f"{reference.painting}: cost from the base, of from scratch"
    if first is None:
        return Promise(what, "never", f"≤ {PROMISED:.0%}", kept=False)
    return at_most(what, first.outcome.seconds / reference.outcome.seconds, PROMISED, "{:.0%}")


def verdict(runs: list[Run]) -> str:
    """Say how many iterations and seconds a painting's style needs from the base."""
    reference, *others = runs
    first = _first(runs)
    if first is None:
        return f"{reference.painting}: no share of {', '.join(_shares(others))} reaches it."
    return (
        f"{reference.painting}: {first.iterations} iterations ({first.share:.0%}) and "
        f"{first.outcome.seconds:.0f} s ({first.outcome.seconds / reference.outcome.seconds:.0%}) "
        f"from the base, {reference.iterations} and {reference.outcome.seconds:.0f} s from scratch."
    )


def _shares(runs: list[Run]) -> list[str]:
    return [f"{run.share:.0%}" for run in runs if run.start == "base"]


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


def _draw(laboratory: Laboratory, runs: list[Run], paintings: dict[str, Path], path: Path) -> None:
    rows = []
    columns: list[str] = []
    for name in dict.fromkeys(run.painting for run in runs):
        mine = [run for run in runs if run.painting == name]
        columns = ["painting", "photo", *(f"{run.start} {run.share:.0%}" for run in mine)]
        context = laboratory.context(Arm(paintings[name], "1:1"))
        photo = context.held_out[len(rows)]
        pictures = [paint(run.outcome.load(), photo) for run in mine]
        rows.append((name, [context.painting, photo, *pictures]))
    draw_grid(path, columns, rows)


if __name__ == "__main__":
    sys.exit(main())
