"""The divergence guard: pure rules that tell when a training has left the path.

What follows is the run's: it goes back to the net that the stage started from, and on with
smaller steps.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from infra.errors import ImpastoError
from trainer.card import Losses


@dataclass(frozen=True, slots=True)
class GuardRules:
    """How far a training may go astray before the guard steps in."""

    #: Iterations whose median the newest losses are held against.
    window: int = 100
    #: Iterations of a stage before which no loss is taken for a spike.
    calm: int = 50
    #: Times the median that is a spike, and how many iterations in a row it takes.
    spike: float = 5.0
    sustained: int = 5
    #: Held-out content distance at which the photo counts as lost. Set by eye between two nets of
    #: one painting (Water Lilies, SqueezeNet 1.0): at 0.74 (ratio 10) five of six sheet photos can
    #: be told, at 0.87 (ratio 1e9) about two. Other paintings and networks may want another bound.
    content_lost: float = 0.85
    #: Rise of held-out content distance within one stage at which it counts as lost.
    content_jump: float = 0.75
    #: Times that the guard steps in within one stage before the training is ended.
    attempts: int = 3
    #: What each intervention multiplies the learning rate with.
    slower: float = 0.5


class TrainingDiverged(ImpastoError):
    """The training left the path again and again; what was published before stays."""

    type = "training-diverged"
    title = "The training did not converge."


def step_alarm(losses: Sequence[float], rules: GuardRules) -> str | None:
    """Return what is wrong with a stage's total losses so far; None when nothing is."""
    if losses and not math.isfinite(losses[-1]):
        return f"the loss became {losses[-1]}"
    if len(losses) < rules.calm + rules.sustained:
        return None
    newest = losses[-rules.sustained :]
    usual = median(losses[-rules.window - rules.sustained : -rules.sustained])
    if min(newest) <= rules.spike * usual:
        return None
    return f"the loss rose to {min(newest):.3g}, where {usual:.3g} was usual"


def stage_alarm(before: Losses | None, after: Losses, rules: GuardRules) -> str | None:
    """Return what is wrong with a finished stage on held-out photos; None when nothing is.

    `before` is what the stage started from; None stands for an untrained net, which has no photo
    to lose.
    """
    if not (math.isfinite(after.content) and math.isfinite(after.style)):
        return "the net gives values that are no numbers"
    if before is None or before.content >= rules.content_lost:
        return None
    limit = min(rules.content_lost, before.content + rules.content_jump)
    if after.content < limit:
        return None
    return (
        f"the photo was lost: content distance went from {before.content:.3f} to "
        f"{after.content:.3f} on held-out photos"
    )
