"""Staged against direct training: does raising the style:content ratio step by step pay?

    python3 infra/dev.py bench schedule [--scale small|full] [--loss-network vgg19_original]

Both arms have the same net, seed, photos and total iterations. The direct one trains at the last
ratio from the first step; the staged one comes to it from the lowest. No arm has the trainer's
pixel distance, which at high ratios would help the direct one more. With plain losses (squared
errors, Johnson et al., 2016) a ratio is weighed by the energies of photos and painting, so that
it means about the same as a dimensionless one. "Photo lost" is content distance over that to
another photo: at 1 a painting could as well be one of the other photo.

Over a VGG the ladder lies lower, and results are kept under a name of their own. At full scale that
is some six hours of a processor; what was stopped goes on two minutes before its end, so it can run
under `nice` whenever there is time.
"""

import argparse
import itertools
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tests.bench.common.options import parser, prepare, save
from tests.bench.training.common.arms import Arm, Laboratory
from tests.bench.training.common.assets import find_assets
from tests.bench.training.common.pairs import (
    Cell,
    equal_style_table,
    results_table,
    unique,
    verdict,
)
from tests.bench.training.common.pictures import draw_grid
from trainer.loss.objective import Hyperparameters
from worker.net import NetConfig
from worker.net.grain import paint

LOSSES = ("dimensionless", "plain")
#: The staged arm's lowest ratio, over SqueezeNet and over the VGGs.
LOWEST = 0.02
VGG_LOWEST = 0.1
#: The share of iterations that each stage gets.
SHARES = (0.25, 0.15, 0.15, 0.2, 0.25)
#: Adam's highest learning rate in every stage.
PEAK_RATE = 1e-3
SCALES: dict[str, dict[str, object]] = {
    "tiny": {
        "ratios": [1.5, 150.0],
        "seeds": [1],
        "iterations": 5,
        "width": 2,
        "crop": 64,
        "batch": 1,
    },
    "small": {
        "ratios": [1.5, 15.0, 150.0],
        "seeds": [1],
        "iterations": 120,
        "width": 8,
        "crop": 96,
        "batch": 2,
    },
    "full": {
        "ratios": [5.0, 50.0, 500.0],
        "seeds": [1, 2, 3],
        "iterations": 250,
        "width": 16,
        "crop": 96,
        "batch": 2,
    },
}
#: What is another over the VGGs, which see more in a step, and want more of them.
VGG_SCALES: dict[str, dict[str, object]] = {
    "tiny": {"ratios": [8.0]},
    "small": {"ratios": [8.0], "iterations": 200},
    "full": {"ratios": [4.0, 8.0], "seeds": [1, 2], "iterations": 800, "crop": 128, "batch": 4},
}


def main() -> None:
    """Train every arm and print the tables."""
    options = _parse()
    out = prepare(options)
    assets = find_assets()
    found = assets.paintings()
    names = options.painting or itertools.islice(found, options.paintings)
    paintings = {name: found[name] for name in names}
    network = assets.loss_network(options.loss_network)
    laboratory = Laboratory(photos=assets.photos, loss_network=network, out=out)
    kept = f"schedule-{network.name}" if _is_vgg(network.name) else "schedule"
    cells: list[Cell] = []
    for name, painting in paintings.items():
        for seed, losses in itertools.product(options.seeds, options.losses or LOSSES):
            cells += _compare(laboratory, options, name, painting, str(losses), int(seed))
            save(out, kept, [asdict(cell) for cell in cells])
    _draw(laboratory, options, cells, paintings, out / f"{kept}.jpg")
    print(
        f"\n### Staged against direct: {len(paintings)} paintings, {len(options.seeds)} seeds, "
        f"{options.iterations} iterations of {options.batch} crops of {options.crop} px, "
        f"width {options.width}, {network.name}\n"
    )
    print(results_table(cells))
    print(f"\n{equal_style_table(cells)}\n\n{verdict(cells)}")


def _parse() -> argparse.Namespace:
    made = parser("schedule", __doc__ or "", trains=True)
    made.add_argument("--paintings", type=int, default=3, help="how many")
    made.add_argument("--painting", action="append", help="these alone, by name")
    made.add_argument("--losses", choices=LOSSES, action="append", help="default: both")
    made.add_argument("--ratios", type=float, nargs="+", help="last ratios")
    made.add_argument("--seeds", type=int, nargs="+")
    for name in ("iterations", "width", "crop", "batch"):
        made.add_argument(f"--{name}", type=int)
    options = made.parse_args()
    other = VGG_SCALES if _is_vgg(options.loss_network) else {}
    for name, value in {**SCALES[options.scale], **other.get(options.scale, {})}.items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    options.lowest = VGG_LOWEST if other else LOWEST
    return options


def _is_vgg(loss_network: str) -> bool:
    return loss_network.startswith("vgg")


def staged(last: float, iterations: int, lowest: float = LOWEST) -> str:
    """Return a schedule that rises geometrically from the lowest ratio to the last."""
    top = len(SHARES) - 1
    ratios = [lowest * (last / lowest) ** (step / top) for step in range(top + 1)]
    counts = [round(share * iterations) for share in SHARES]
    counts[-1] += iterations - sum(counts)
    return ",".join(f"{r:.6g}:{n}" for r, n in zip(ratios, counts, strict=True))


def _compare(
    laboratory: Laboratory,
    options: argparse.Namespace,
    name: str,
    painting: Path,
    losses: str,
    seed: int,
) -> list[Cell]:
    cells: list[Cell] = []
    for ratio in options.ratios:
        schedules = {
            "staged": staged(ratio, options.iterations, options.lowest),
            "direct": f"{ratio:g}:{options.iterations}",
        }
        for arm, schedule in schedules.items():
            trained = Arm(
                painting,
                schedule,
                seed,
                losses,
                config=NetConfig(width=options.width),
                # One rate for both arms: the staged one is not to gain by a lower one.
                hyperparameters=Hyperparameters(
                    batch=options.batch, crop=options.crop, identity=0.0, later_rate=PEAK_RATE
                ),
            )
            outcome = laboratory.run(trained)
            path = laboratory.along(trained)
            cells.append(Cell(name, losses, ratio, arm, seed, outcome, path))
    return cells


def _draw(
    laboratory: Laboratory,
    options: argparse.Namespace,
    cells: Sequence[Cell],
    paintings: dict[str, Path],
    path: Path,
) -> None:
    """Draw one photo in every arm of the first seed."""
    rows = []
    columns = [
        "painting",
        "photo",
        *(f"{r:g} {a}" for r in options.ratios for a in ("staged", "direct")),
    ]
    for name, losses in unique((c.painting, c.losses) for c in cells):
        context = laboratory.context(Arm(paintings[name], "1:1", hyperparameters=Hyperparameters()))
        photo = context.held_out[len(rows) % len(context.held_out)]
        mine = [
            c for c in cells if (c.painting, c.losses, c.seed) == (name, losses, options.seeds[0])
        ]
        pictures = [paint(c.outcome.load(), photo) for c in mine]
        rows.append((f"{name}, {losses}", [context.painting, photo, *pictures]))
    draw_grid(path, columns, rows)


if __name__ == "__main__":
    main()
