"""Staged and direct nets in pairs: their tables, and whether the seed's finding holds."""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tests.bench.common.tables import spread, table
from tests.bench.training.common.arms import Outcome
from trainer.loss.measure import Measured

Key = TypeVar("Key")


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


def results_table(cells: Sequence[Cell]) -> str:
    """Return mean ± deviation over paintings and seeds, by losses, last ratio and arm."""
    rows = []
    for losses, ratio, arm in unique((c.losses, c.ratio, c.arm) for c in cells):
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
    for losses, ratio in unique((c.losses, c.ratio) for c in cells):
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
    """Return the staged path's content distance at the direct net's style, less the direct one's.

    None where that style lies outside of the path.
    """
    return _gap(staged, direct, lambda measured: measured.content)


def lost_gap(staged: Cell, direct: Cell) -> float | None:
    """Return the same of what is lost of the photo."""
    return _gap(staged, direct, lambda measured: measured.lost)


def _gap(staged: Cell, direct: Cell, figure: Callable[[Measured], float]) -> float | None:
    """Return a figure of the staged path, where it has the direct net's style, less its figure.

    The path runs through the staged arm's stages; between two of them it is a line over the
    logarithm of style.
    """
    goal = direct.outcome.measured
    for here, there in itertools.pairwise(staged.path):
        low, high = sorted((here, there), key=lambda m: m.style)
        if low.style <= goal.style <= high.style and low.style < high.style:
            share = math.log(goal.style / low.style) / math.log(high.style / low.style)
            return figure(low) + share * (figure(high) - figure(low)) - figure(goal)
    return None


def verdict(cells: Sequence[Cell]) -> str:
    """Say whether the seed's finding holds: more of the photo at equal style, and less lost.

    It holds where that is so in more than half of the pairs that can be compared.
    """
    pairs = [
        pair
        for losses, ratio in unique((c.losses, c.ratio) for c in cells)
        for pair in _pairs([c for c in cells if (c.losses, c.ratio) == (losses, ratio)])
    ]
    content, lost = (
        [gap for pair in pairs if (gap := of(*pair)) is not None] for of in (content_gap, lost_gap)
    )
    style = sum(s.outcome.measured.style < d.outcome.measured.style for s, d in pairs)
    kept, less = (sum(gap < 0 for gap in gaps) for gaps in (content, lost))
    holds = 2 * min(kept, less) > len(content)
    return (
        f"The seed's finding {'holds' if holds else 'does not hold'}: at the direct net's own "
        f"style the staged one keeps more content in {kept} of {len(content)} pairs, and has lost "
        f"less of the photo in {less}; it ends with less style distance in {style} of {len(pairs)}."
    )


def _pairs(cells: Sequence[Cell]) -> list[tuple[Cell, Cell]]:
    """Return the staged and the direct cell of each painting and seed."""
    found = {(c.painting, c.seed, c.arm): c for c in cells}
    both = unique((c.painting, c.seed) for c in cells)
    return [(found[(*key, "staged")], found[(*key, "direct")]) for key in both]


def unique(values: Iterable[Key]) -> list[Key]:
    """Return values without those that came before, in their order."""
    return list(dict.fromkeys(values))
