"""Repeat the first iterations of a published stage and compare them bit for bit."""

from dataclasses import dataclass
from pathlib import Path

from trainer.card import StyleCard, machine, weights_sha256
from trainer.training import Studio, first_iterations, starting_net


@dataclass(frozen=True, slots=True)
class Repetition:
    """What came out: how many losses were equal, and whether the weights behind them were."""

    iterations: int
    equal_losses: int
    equal_weights: bool
    #: Set when the card was made on arithmetic that may round differently.
    other_machine: str | None

    @property
    def exact(self) -> bool:
        """Whether every bit was the same."""
        return self.equal_losses == self.iterations and self.equal_weights


def repeat_stage(studio: Studio, folder: Path, stage: int) -> Repetition:
    """Train a stage's first iterations again from the files in `folder`.

    Raises IndexError for a stage that the card does not hold.
    """
    card = StyleCard.read(folder)
    published = card.stages[stage].first
    net = starting_net(studio, folder, stage)
    losses = [
        (loss.content, loss.style) for loss in first_iterations(studio.stage_trainer(stage, net))
    ]
    here = machine()
    return Repetition(
        iterations=len(published.losses),
        equal_losses=sum(a == b for a, b in zip(losses, published.losses, strict=True)),
        equal_weights=weights_sha256(net) == published.weights_sha256,
        other_machine=None if card.training.machine == here else card.training.machine,
    )
