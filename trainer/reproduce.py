"""Repeat the first iterations of a published stage and compare them bit for bit."""

from dataclasses import dataclass
from pathlib import Path

from trainer.card import (
    FirstIterations,
    FirstIterationsElsewhere,
    StageCard,
    StyleCard,
    machine,
    weights_sha256,
)
from trainer.training import Studio, first_iterations, starting_net


@dataclass(frozen=True, slots=True)
class Repetition:
    """What came out: how many losses were equal, and whether the weights behind them were."""

    iterations: int
    equal_losses: int
    equal_weights: bool
    #: False when nobody has recorded yet what comes out on this kind of processor; then the
    #: comparison is with the kind that the style was made on, which may round otherwise.
    same_arithmetic: bool

    @property
    def exact(self) -> bool:
        """Whether every bit was the same."""
        return self.equal_losses == self.iterations and self.equal_weights


def repeat_stage(studio: Studio, folder: Path, stage: int) -> Repetition:
    """Train a stage's first iterations again from the files in `folder`.

    Raises KeyError for a stage that the card does not hold.
    """
    card = StyleCard.read(folder)
    published = {done.stage: done for done in card.stages}[stage]
    known = published.first_on(machine(studio.device), card.training.machine)
    expected = known or published.first
    found = run_first_iterations(studio, folder, published)
    return Repetition(
        iterations=len(expected.losses),
        equal_losses=sum(a == b for a, b in zip(found.losses, expected.losses, strict=True)),
        equal_weights=found.weights_sha256 == expected.weights_sha256,
        same_arithmetic=known is not None,
    )


def record_elsewhere(studio: Studio, folder: Path) -> StyleCard:
    """Add to a card what every stage's first iterations come out as on this processor."""
    card = StyleCard.read(folder)
    stages = [_recorded(studio, folder, stage, card.training.machine) for stage in card.stages]
    card = card.model_copy(update={"stages": stages})
    card.write(folder)
    return card


def run_first_iterations(studio: Studio, folder: Path, stage: StageCard) -> FirstIterations:
    """Train a stage's first iterations and return what came out."""
    net = starting_net(studio, folder, stage.stage)
    trainer = studio.stage_trainer(stage.stage, net, rate_scale=stage.rate_scale)
    losses = [(loss.content, loss.style) for loss in first_iterations(trainer)]
    return FirstIterations(losses=losses, weights_sha256=weights_sha256(net))


def _recorded(studio: Studio, folder: Path, stage: StageCard, made_on: str) -> StageCard:
    here = machine(studio.device)
    if not stage.iterations or stage.first_on(here, made_on):
        return stage  # A base was not trained here at all.
    found = run_first_iterations(studio, folder, stage)
    new = FirstIterationsElsewhere(**found.model_dump(), machine=here)
    return stage.model_copy(update={"first_elsewhere": [*stage.first_elsewhere, new]})
