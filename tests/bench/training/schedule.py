"""Staged against direct training: does raising the style:content ratio step by step pay?

    python3 infra/dev.py bench schedule [--scale small|full]

Both arms have the same net, seed, photos and total iterations. The direct one trains at the last
ratio from the first step; the staged one comes to it from the lowest. No arm has the trainer's
pixel distance, which at high ratios would help the direct one more. With plain losses (squared
errors, Johnson et al., 2016) a ratio is weighed by the energies of photos and painting, so that
it means about the same as a dimensionless one. "Photo lost" is content distance over that to
another photo: at 1 a painting could as well be one of the other photo.
"""

import argparse
import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from tests.bench.common.options import parser, prepare, save
from tests.bench.common.tables import spread, table
from tests.bench.training.common.arms import Arm, Laboratory, Outcome
from tests.bench.training.common.assets import find_assets
from tests.bench.training.common.pictures import draw_grid, paint
from trainer.loss.measure import Measured
from trainer.loss.objective import Hyperparameters
from worker.net import NetConfig

Key = TypeVar("Key")
LOSSES = ("dimensionless", "plain")
#: The staged arm's lowest ratio, and the share of iterations that each stage gets.
LOWEST = 0.02
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


@dataclass(frozen=True, slots=True)
class Cell:
    """One training and how it ended."""

    painting: str
    losses: str
    ratio: float
    arm: str
    seed: int
    outcome: Outcome
    #: Held-out measures after each stage; the direct arm has but one.
    path: list[Measured]


def main() -> None:
    """Train every arm and print the tables."""
    made = parser("schedule", __doc__ or "", trains=True)
    made.add_argument("--paintings", type=int, default=3, help="how many")
    made.add_argument("--losses", choices=LOSSES, action="append", help="default: both")
    made.add_argument("--ratios", type=float, nargs="+", help="last ratios")
    made.add_argument("--seeds", type=int, nargs="+")
    for name in ("iterations", "width", "crop", "batch"):
        made.add_argument(f"--{name}", type=int)
    options = made.parse_args()
    for name, value in SCALES[options.scale].items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    out = prepare(options)
    assets = find_assets()
    paintings = dict(itertools.islice(assets.paintings().items(), options.paintings))
    network = assets.loss_network(options.loss_network)
    laboratory = Laboratory(photos=assets.photos, loss_network=network, out=out)
    cells: list[Cell] = []
    for name, painting in paintings.items():
        for seed, losses in itertools.product(options.seeds, options.losses or LOSSES):
            cells += _compare(laboratory, options, name, painting, str(losses), int(seed))
            save(out, "schedule", [asdict(cell) for cell in cells])
    _draw(laboratory, options, cells, paintings, out / "schedule.jpg")
    print(
        f"\n### Staged against direct: {len(paintings)} paintings, {len(options.seeds)} seeds, "
        f"{options.iterations} iterations of {options.batch} crops of {options.crop} px, "
        f"width {options.width}, {network.name}\n"
    )
    print(results_table(cells))
    print(f"\n{equal_style_table(cells)}\n\nMade by: {made.prog} --scale {options.scale}")


def staged(last: float, iterations: int) -> str:
    """Return a schedule that rises geometrically from the lowest ratio to the last."""
    top = len(SHARES) - 1
    ratios = [LOWEST * (last / LOWEST) ** (step / top) for step in range(top + 1)]
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
            "staged": staged(ratio, options.iterations),
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


def results_table(cells: Sequence[Cell]) -> str:
    """Return mean ± deviation over paintings and seeds, by losses, last ratio and arm."""
    rows = []
    for losses, ratio, arm in _unique((c.losses, c.ratio, c.arm) for c in cells):
        seen = [
            c.outcome.measured for c in cells if (c.losses, c.ratio, c.arm) == (losses, ratio, arm)
        ]
        rows.append(
            (
                f"{losses}, {ratio:g}, {arm}",
                spread([m.style for m in seen]),
                spread([m.content for m in seen]),
                spread([m.ssim for m in seen]),
                spread([m.lost for m in seen]),
            )
        )
    head = ("losses, last ratio, arm", "style distance", "content distance", "SSIM", "photo lost")
    return table(head, rows)


def equal_style_table(cells: Sequence[Cell]) -> str:
    """Return how the staged arm's content compares with the direct one's at the same style."""
    rows = []
    for losses, ratio in _unique((c.losses, c.ratio) for c in cells):
        pairs = _pairs([c for c in cells if (c.losses, c.ratio) == (losses, ratio)])
        gaps = [gap for staged, direct in pairs if (gap := content_gap(staged, direct)) is not None]
        lower = sum(s.outcome.measured.style < d.outcome.measured.style for s, d in pairs)
        rows.append(
            (
                f"{losses}, {ratio:g}",
                spread(gaps) if gaps else "–",
                f"{sum(gap < 0 for gap in gaps)} of {len(gaps)}",
                f"{len(pairs) - len(gaps)} of {len(pairs)}",
                f"{lower} of {len(pairs)}",
            )
        )
    head = (
        "last ratio",
        "staged content less direct content, at the direct net's style",
        "staged keeps more",
        "not comparable",
        "staged ends with less style distance",
    )
    return table(head, rows)


def content_gap(staged: Cell, direct: Cell) -> float | None:
    """Return the content distance of the staged path, where it has the direct net's style, less it.

    The path runs through the staged arm's stages; between two of them it is a line over the
    logarithm of style. None where the direct net's style lies outside of the path.
    """
    goal = direct.outcome.measured
    for here, there in itertools.pairwise(staged.path):
        low, high = sorted((here, there), key=lambda m: m.style)
        if low.style <= goal.style <= high.style and low.style < high.style:
            share = math.log(goal.style / low.style) / math.log(high.style / low.style)
            return low.content + share * (high.content - low.content) - goal.content
    return None


def _pairs(cells: Sequence[Cell]) -> list[tuple[Cell, Cell]]:
    """Return the staged and the direct cell of each painting and seed."""
    found = {(c.painting, c.seed, c.arm): c for c in cells}
    both = _unique((c.painting, c.seed) for c in cells)
    return [(found[(*key, "staged")], found[(*key, "direct")]) for key in both]


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
    for name, losses in _unique((c.painting, c.losses) for c in cells):
        context = laboratory.context(Arm(paintings[name], "1:1", hyperparameters=Hyperparameters()))
        photo = context.held_out[len(rows) % len(context.held_out)]
        mine = [
            c for c in cells if (c.painting, c.losses, c.seed) == (name, losses, options.seeds[0])
        ]
        pictures = [paint(c.outcome.load(), photo) for c in mine]
        rows.append((f"{name}, {losses}", [context.painting, photo, *pictures]))
    draw_grid(path, columns, rows)


def _unique(values: Iterable[Key]) -> list[Key]:
    return list(dict.fromkeys(values))


if __name__ == "__main__":
    main()
