"""The staged ratio schedule: train at a low style:content ratio first, then raise it.

Started low, the net learns something like the identity; every further stage adds style to a net
that already keeps the photo, where a net trained at the high ratio from the start may never
learn to. Pure arithmetic: nothing here knows of tensors.
"""

import math
from dataclasses import dataclass
from itertools import pairwise


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

    @classmethod
    def parse(cls, text: str) -> "Schedule":
        """Read `RATIO:ITERATIONS,RATIO:ITERATIONS,…`; raises ValueError saying what is wrong."""
        return cls(tuple(_parse_stage(part) for part in text.split(",")))

    def __str__(self) -> str:
        return ",".join(f"{stage.ratio:g}:{stage.iterations}" for stage in self.stages)


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


def learning_rate(iteration: int, iterations: int, *, peak: float, floor: float) -> float:
    """Return the rate of one iteration of a stage: a short warm-up, then half a cosine.

    Each stage starts with a fresh optimiser whose first steps would be wild at the full rate.
    """
    warmup = min(20, iterations // 5)
    if iteration < warmup:
        return peak * (iteration + 1) / (warmup + 1)
    progress = (iteration - warmup) / max(1, iterations - warmup)
    return floor + (peak - floor) * 0.5 * (1 + math.cos(math.pi * progress))
