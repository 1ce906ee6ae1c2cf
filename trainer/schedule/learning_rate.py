"""The learning rate of each iteration of a stage, and when a stage has settled: arithmetic."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean


def learning_rate(
    iteration: int, iterations: int, *, peak: float, floor: float, warmup: int | None = None
) -> float:
    """Return the rate of one iteration of a stage: a short warm-up, then half a cosine.

    Each stage starts with a fresh optimiser whose first steps would be wild at the full rate.
    """
    warmup = warm_iterations(iterations) if warmup is None else warmup
    if iteration < warmup:
        return peak * (iteration + 1) / (warmup + 1)
    progress = (iteration - warmup) / max(1, iterations - warmup)
    return floor + (peak - floor) * 0.5 * (1 + math.cos(math.pi * progress))


def warm_rate(iteration: int, iterations: int, *, peak: float) -> float:
    """Return the rate of one iteration: the same warm-up, and then the peak for good."""
    warmup = warm_iterations(iterations)
    return peak * min(1.0, (iteration + 1) / (warmup + 1))


def warm_iterations(iterations: int) -> int:
    """Return over how many iterations the rate of a stage rises."""
    return min(20, iterations // 5)


@dataclass(frozen=True, slots=True)
class Adaptive:
    """When a stage has settled: its smoothed loss falls no further.

    The mean loss of the last `window` iterations is compared with that of the window before it.
    """

    #: Iterations over which a loss is smoothed; in short stages a fifth of them, 10 at least.
    window: int = 60
    #: Relative improvement from window to window below which a stage has settled.
    threshold: float = 0.02
    #: Part of the schedule's iterations that a stage trains at least before it may settle.
    least: float = 0.25
    #: Part of the schedule's iterations in which the rate comes down in the end.
    cooling: float = 0.2
    #: Iterations between two looks.
    every: int = 10

    def within(self, iterations: int) -> "Adaptive":
        """Return the rule for a stage of so many iterations at most."""
        return replace(self, window=min(self.window, max(10, iterations // 5)))


def settled(losses: Sequence[float], rule: Adaptive) -> bool:
    """Whether the total losses of a stage so far, one an iteration, have settled."""
    if len(losses) < 2 * rule.window:
        return False
    last = fmean(losses[-rule.window :])
    before = fmean(losses[-2 * rule.window : -rule.window])
    return before - last < rule.threshold * abs(before)
