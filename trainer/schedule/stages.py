"""The staged ratio schedule: train at a low style:content ratio first, then raise it.

Started low, the net learns something like the identity; every further stage adds style to a net
that already keeps the photo, where a net trained at the high ratio from the start may never
learn to. Pure arithmetic: nothing here knows of tensors.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import fmean

#: Highest ratio of a first stage that a near-identity may stand for.
BASE_RATIO = 0.1


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: its style:content ratio and how many iterations it trains."""

    ratio: float
    iterations: int

    def __post_init__(self) -> None:
        if not (math.isfinite(self.ratio) and self.ratio > 0):
            raise ValueError(f"a ratio must be a positive number, not {self.ratio}")
        if self.iterations < 1:
            raise ValueError(f"a stage trains at least 1 iteration, not {self.iterations}")


@dataclass(frozen=True, slots=True)
class Schedule:
    """Stages in order; the ratios rise."""

    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        if not self.stages:
            raise ValueError("a schedule needs at least one stage")
        for weak, strong in pairwise(self.stages):
            if strong.ratio <= weak.ratio:
                raise ValueError(
                    f"ratios must rise from stage to stage: {weak.ratio} before {strong.ratio}"
                )

    @property
    def iterations(self) -> int:
        """Iterations of all stages together."""
        return sum(stage.iterations for stage in self.stages)

    @property
    def begins_near_identity(self) -> bool:
        """Whether a net that leaves photos nearly as they are may stand for the first stage."""
        return len(self.stages) > 1 and self.stages[0].ratio <= BASE_RATIO

    @classmethod
    def parse(cls, text: str) -> "Schedule":
        """Read `RATIO:ITERATIONS,RATIO:ITERATIONS,…`; raises ValueError saying what is wrong."""
        return cls(tuple(_parse_stage(part) for part in text.split(",")))

    def __str__(self) -> str:
        return ",".join(f"{_digits(stage.ratio)}:{stage.iterations}" for stage in self.stages)


def _digits(ratio: float) -> str:
    """Write a ratio with as few digits as read back to it."""
    short = f"{ratio:g}"
    return short if float(short) == ratio else repr(ratio)


def _parse_stage(text: str) -> Stage:
    ratio, colon, iterations = text.strip().partition(":")
    try:
        if not colon:
            raise ValueError("no colon")
        return Stage(float(ratio), int(iterations))
    except ValueError as error:
        raise ValueError(
            f"{text.strip()!r} is not RATIO:ITERATIONS, such as 0.1:250 ({error})"
        ) from error


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
