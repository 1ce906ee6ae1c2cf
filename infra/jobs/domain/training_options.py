"""What a training may be asked for: loss networks, profiles, and schedules as text.

Pure, so that the API can refuse at once what the trainer could only refuse later.
"""

import math
from itertools import pairwise
from typing import Final, Literal, get_args

#: Networks whose features measure content and style, by torchvision's own names.
LossNetworkName = Literal["vgg19", "vgg16", "squeezenet1_0", "squeezenet1_1"]
LOSS_NETWORKS: Final[tuple[str, ...]] = get_args(LossNetworkName)

#: Standard width, half width, or nothing but the instance-norm affine over a shared backbone.
ProfileName = Literal["standard", "light", "quick"]
PROFILES: Final[tuple[str, ...]] = get_args(ProfileName)

#: Schedules by name. All end at the same ratio; the longer, the more of the photo is kept there.
#: The first stage is long, so that content distance starts at its lowest; where the base of an
#: earlier training serves as it, it costs nothing.
SCHEDULES: Final[dict[str, str]] = {
    "brief": "0.1:50,0.5:50,1.5:50,4:50,10:100",
    "balanced": "0.02:2400,0.5:300,1.5:350,4:400,10:450",
    "thorough": "0.02:5000,0.5:1200,1.5:1400,4:1800,10:2600",
}

#: The schedule of a training that names none, by its profile.
USUAL_SCHEDULES: Final[dict[str, str]] = {
    "standard": "balanced",
    "light": "balanced",
    "quick": "brief",
}

MAX_STAGES: Final = 20
#: PyTorch and NumPy both take seeds of this size.
MAX_SEED: Final = 2**32 - 1
#: Iterations of all stages together.
MAX_ITERATIONS: Final = 1_000_000

#: (ratio of style to content, iterations) of each stage; the ratios rise.
Stages = tuple[tuple[float, int], ...]


def parse_schedule(text: str) -> Stages:
    """Read the name of a schedule, or `RATIO:ITERATIONS,RATIO:ITERATIONS,…`.

    Raises ValueError, saying what is wrong.
    """
    written = SCHEDULES.get(text.strip(), text)
    if ":" not in written:
        raise ValueError(
            f"{text.strip()!r} is neither a schedule ({', '.join(SCHEDULES)}) "
            "nor RATIO:ITERATIONS,… such as 0.1:250,1.5:400"
        )
    return check_stages(tuple(_parse_stage(part) for part in written.split(",")))


def check_stages(stages: Stages) -> Stages:
    """Return the stages as they are; raises ValueError where they are no schedule."""
    if not stages:
        raise ValueError("a schedule needs at least one stage")
    if len(stages) > MAX_STAGES:
        raise ValueError(f"a schedule has at most {MAX_STAGES} stages, not {len(stages)}")
    for ratio, iterations in stages:
        if not (math.isfinite(ratio) and ratio > 0):
            raise ValueError(f"a ratio must be a positive number, not {ratio}")
        if iterations < 1:
            raise ValueError(f"a stage trains at least 1 iteration, not {iterations}")
    if (total := sum(iterations for _, iterations in stages)) > MAX_ITERATIONS:
        raise ValueError(f"a schedule has at most {MAX_ITERATIONS} iterations, not {total}")
    for (weak, _), (strong, _) in pairwise(stages):
        if strong <= weak:
            raise ValueError(f"ratios must rise from stage to stage: {weak:g} before {strong:g}")
    return stages


def write_schedule(stages: Stages) -> str:
    """Write stages as text that `parse_schedule` reads."""
    return ",".join(f"{ratio!r}:{iterations}" for ratio, iterations in stages)


def _parse_stage(text: str) -> tuple[float, int]:
    ratio, _, iterations = text.strip().partition(":")
    try:
        return float(ratio), int(iterations)
    except ValueError:
        raise ValueError(f"{text.strip()!r} is not RATIO:ITERATIONS, such as 0.1:250") from None
