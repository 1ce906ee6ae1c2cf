"""Repeat the first iterations of a published stage and compare them, bit for bit where they can be.

Another kind of processor sums in another order. Rounding is then all that differs at first, and
training makes more of it with every step.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.catalogue.card import FirstIterations, StageCard, StyleCard
from infra.errors import ImpastoError
from trainer.card import weights_sha256
from trainer.local.train import TrainingContext, first_iterations, starting_net

#: Iterations in which rounding has not grown yet, and the largest relative difference of their
#: losses on another kind of processor. Seen: 1.5e-5 in the first five, and up to 5e-2 in twenty.
EARLY: Final = 5
TOLERANCE: Final = 1e-3


class NotReproduced(ImpastoError):
    """The repetition is not the training on the card."""

    type = "not-reproduced"
    title = "The training on the card does not repeat."


@dataclass(frozen=True, slots=True)
class Repetition:
    """The outcome: how many losses were equal, and whether the weights behind them were."""

    iterations: int
    equal_losses: int
    equal_weights: bool
    #: Largest relative difference of the first `EARLY` losses.
    early_difference: float
    #: False when nobody has recorded yet what comes out on this kind of processor; then the
    #: comparison is with the kind that the style was made on, which rounds otherwise.
    same_arithmetic: bool

    @property
    def exact(self) -> bool:
        """Whether every bit was the same."""
        return self.equal_losses == self.iterations and self.equal_weights

    @property
    def repeats(self) -> bool:
        """Whether it is the same training: every bit, or all but rounding where that differs."""
        return self.exact or (not self.same_arithmetic and self.early_difference <= TOLERANCE)


def repeat_stage(context: TrainingContext, folder: Path, stage: int) -> Repetition:
    """Train a stage's first iterations again from the files in `folder`.

    Raises KeyError for a stage that the card does not hold.
    """
    card = StyleCard.read(folder)
    published = {done.stage: done for done in card.stages}[stage]
    known = published.first_on(context.machine)
    expected = known or published.first
    found = run_first_iterations(context, folder, published)
    return Repetition(
        iterations=len(expected.losses),
        equal_losses=sum(a == b for a, b in zip(found.losses, expected.losses, strict=True)),
        equal_weights=found.weights_sha256 == expected.weights_sha256,
        early_difference=_early_difference(found, expected),
        same_arithmetic=known is not None,
    )


def _early_difference(found: FirstIterations, expected: FirstIterations) -> float:
    early = zip(found.losses[:EARLY], expected.losses[:EARLY], strict=True)
    return max(abs(a - b) / abs(b) for both in early for a, b in zip(*both, strict=True))


def record_elsewhere(context: TrainingContext, folder: Path) -> StyleCard:
    """Add to a card what every stage's first iterations come out as on this processor.

    Raises NotReproduced, and adds nothing, where they differ by more than rounding.
    """
    card = StyleCard.read(folder)
    stages = [_recorded(context, folder, stage) for stage in card.stages]
    card = card.model_copy(update={"stages": stages})
    card.write(folder)
    return card


def run_first_iterations(
    context: TrainingContext, folder: Path, stage: StageCard
) -> FirstIterations:
    """Train a stage's first iterations and return what came out."""
    net = starting_net(context, folder, stage.stage)
    trainer = context.stage_trainer(stage.stage, net, rate_scale=stage.rate_scale)
    losses = [(loss.content, loss.style) for loss in first_iterations(trainer)]
    return FirstIterations(
        losses=losses, weights_sha256=weights_sha256(net), machine=context.machine
    )


def _recorded(context: TrainingContext, folder: Path, stage: StageCard) -> StageCard:
    if not stage.iterations or stage.first_on(context.machine):
        return stage  # A base was not trained here at all.
    found = run_first_iterations(context, folder, stage)
    difference = _early_difference(found, stage.first)
    if not difference <= TOLERANCE:
        raise NotReproduced(
            f"Stage {stage.stage} differs from the card by {difference:.1e} in its first losses, "
            "which is more than rounding: nothing was added."
        )
    return stage.model_copy(update={"first_elsewhere": [*stage.first_elsewhere, found]})
