"""The staged ratio schedule: train at a low style:content ratio first, then raise it.

Started low, the net learns something like the identity; every further stage adds style to a net
that already keeps the photo, where a net trained at the high ratio from the start may never
learn to. Pure arithmetic: nothing here knows of tensors.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple, Self

#: Schedules by name, for SqueezeNet. All end at the same ratio; the longer, the more of the photo
#: is kept there. The first stage is long, so that content distance starts at its lowest; where the
#: base of an earlier training serves as it, it costs nothing.
SCHEDULES: Final[dict[str, str]] = {
    "brief": "0.1:50,0.5:50,1.5:50,4:50,10:100",
    "balanced": "0.02:2400,0.5:300,1.5:350,4:400,10:450",
    "thorough": "0.02:5000,0.5:1200,1.5:1400,4:1800,10:2600",
}
#: The same names for the VGGs, whose distances tell more of strokes and of what a photo shows: at
#: ratio 4 a photo is a painting, at 8 it begins to be lost.
VGG_SCHEDULES: Final[dict[str, str]] = {
    "brief": "0.1:50,0.7:25,2:35,6:90",
    "balanced": "0.02:2400,0.4:250,1:300,2.5:400,6:500",
    "thorough": "0.02:5000,0.4:1000,1:1400,2.5:2000,6:2600",
}

MAX_STAGES: Final = 20
#: Iterations of all stages together.
MAX_ITERATIONS: Final = 1_000_000
#: Highest ratio of a first stage that a near-identity may stand for.
BASE_RATIO: Final = 0.1

#: (style:content ratio, iterations) of each stage, as records store a schedule.
Stages = tuple[tuple[float, int], ...]


class Stage(NamedTuple):
    """One stage: its style:content ratio and how many iterations it trains."""

    ratio: float
    iterations: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """Stages in order; the ratios rise. Raises ValueError, saying what is wrong."""

    stages: tuple[Stage, ...]

    def __post_init__(self) -> None:
        if not self.stages:
            raise ValueError("a schedule needs at least one stage")
        if len(self.stages) > MAX_STAGES:
            raise ValueError(f"a schedule has at most {MAX_STAGES} stages, not {len(self.stages)}")
        for ratio, iterations in self.stages:
            if not (math.isfinite(ratio) and ratio > 0):
                raise ValueError(f"a ratio must be a positive number, not {ratio}")
            if iterations < 1:
                raise ValueError(f"a stage trains at least 1 iteration, not {iterations}")
        if self.iterations > MAX_ITERATIONS:
            raise ValueError(
                f"a schedule has at most {MAX_ITERATIONS} iterations, not {self.iterations}"
            )
        for (weak, _), (strong, _) in pairwise(self.stages):
            if strong <= weak:
                raise ValueError(
                    f"ratios must rise from stage to stage: {_digits(weak)} before "
                    f"{_digits(strong)}"
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
    def of(cls, stages: Iterable[tuple[float, int]]) -> Self:
        """Return the schedule of stored stages; raises ValueError."""
        return cls(tuple(Stage(ratio, iterations) for ratio, iterations in stages))

    @classmethod
    def parse(cls, text: str, loss_network: str = "") -> Self:
        """Read the name of a schedule, or `RATIO:ITERATIONS,RATIO:ITERATIONS,…`.

        What a name stands for depends on the loss network. Raises ValueError.
        """
        named = VGG_SCHEDULES if loss_network.startswith("vgg") else SCHEDULES
        written = named.get(text.strip(), text)
        if ":" not in written:
            raise ValueError(
                f"{text.strip()!r} is neither a schedule ({', '.join(SCHEDULES)}) "
                "nor RATIO:ITERATIONS,… such as 0.1:250,1.5:400"
            )
        return cls(tuple(_parse_stage(part) for part in written.split(",")))

    def __str__(self) -> str:
        """Write the stages as text that `parse` reads back to the same numbers."""
        return ",".join(f"{_digits(ratio)}:{iterations}" for ratio, iterations in self.stages)


def check_stages(stages: Stages) -> Stages:
    """Return stages as they are; raises ValueError where they are no schedule."""
    Schedule.of(stages)
    return stages


def _digits(ratio: float) -> str:
    """Write a ratio with as few digits as read back to it."""
    short = f"{ratio:g}"
    return short if float(short) == ratio else repr(ratio)


def _parse_stage(text: str) -> Stage:
    ratio, _, iterations = text.strip().partition(":")
    try:
        return Stage(float(ratio), int(iterations))
    except ValueError:
        raise ValueError(f"{text.strip()!r} is not RATIO:ITERATIONS, such as 0.1:250") from None
