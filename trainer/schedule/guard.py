"""The divergence guard: pure rules that tell when a training has left the path.

What follows is the run's: it goes back to the net that the stage started from, and on with
smaller steps.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from infra.catalogue.card import Losses
from infra.errors import ImpastoError


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
    #: Content distance over that to another photo (`Measured.lost`) at which the photo counts as
    #: lost. Seen with SqueezeNet 1.0: 0.69 and 0.64 at ratio 10 (Water Lilies, Great Wave), where
    #: photos can be told; 0.81 to 0.88 at ratio 1e9 (Water Lilies, Starry Night), where few can.
    lost: float = 0.8
    #: The same of the net that a stage starts from: above it there is no photo left to lose.
    learned: float = 0.8
    #: Ratio from which content has next to no say in the loss: what is lost there stays lost, so
    #: that it does not matter whether a photo was learned before.
    blind: float = 1e3
    #: Share of any held-out painting, 0..1, that may be dead (`Measured.dead`). The backbone of
    #: 0.1.0, whose holes anybody sees, had up to 0.043.
    dead: float = 0.002
    #: By how much rims of edges may overshoot on held-out photos (`Measured.halo`), 0..1 of light.
    #: An unsharp mask of 12 pixels at full strength, whose halos anybody sees, has 0.024; the
    #: stages of Water Lilies are between -0.004 and 0.005.
    halo: float = 0.02
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


def stage_alarm(
    before: Losses | None, after: Losses, ratio: float, rules: GuardRules
) -> str | None:
    """Return what is wrong with a finished stage on held-out photos; None when nothing is.

    `before` is what the stage started from; None stands for an untrained net, which has no photo
    to lose.
    """
    if not (math.isfinite(after.content) and math.isfinite(after.style)):
        return "the net gives values that are no numbers"
    learned = before is not None and before.lost < rules.learned
    return loss_of_photo(after, rules) if learned or ratio >= rules.blind else None


def loss_of_photo(after: Losses, rules: GuardRules) -> str | None:
    """Return by how much the photo is lost; None while it can be told."""
    if after.lost < rules.lost:
        return None
    return (
        f"the photo is lost: on held-out photos the painting's content is {after.lost:.0%} as far "
        f"from its own photo as from another one, and {rules.lost:.0%} is the bound"
    )
