"""Learning-rate policies: the rate of each step of a stage, and when the stage ends.

A policy sees the losses of a stage one by one and nothing else, so it is the same again after a
resume that shows it the losses so far.
"""

from typing import Protocol

from infra.jobs.domain.schedule import Stage
from trainer.schedule.learning_rate import Adaptive, learning_rate, settled, warm_rate


class LearningRatePolicy(Protocol):
    """Decides the rate of each iteration of one stage, and when the stage ends."""

    def observe(self, loss: float) -> None:
        """Take in the total loss of the iteration that was just trained."""
        ...

    def rate(self, iteration: int) -> float:
        """Return the learning rate of an iteration, once all before it were observed."""
        ...

    def ended(self, iteration: int) -> bool:
        """Whether the stage is over when so many iterations are done."""
        ...


class FixedRate:
    """As many iterations as the schedule says: a warm-up, then half a cosine."""

    def __init__(self, stage: Stage, *, peak: float, floor: float) -> None:
        self._iterations = stage.iterations
        self._peak = peak
        self._floor = floor

    def observe(self, loss: float) -> None:
        """See LearningRatePolicy; nothing depends on it."""

    def rate(self, iteration: int) -> float:
        """See LearningRatePolicy."""
        return learning_rate(iteration, self._iterations, peak=self._peak, floor=self._floor)

    def ended(self, iteration: int) -> bool:
        """See LearningRatePolicy."""
        return iteration >= self._iterations


class AdaptiveRate:
    """Trains at the peak rate until the loss has settled, then cools down and ends.

    The schedule's iterations are the most that the stage gets. The rate stays up until then: a
    loss that is flat because the rate has fallen would say nothing about the net.
    """

    def __init__(self, stage: Stage, rule: Adaptive, *, peak: float, floor: float) -> None:
        self._rule = rule.within(stage.iterations)
        self._peak = peak
        self._floor = floor
        self._most = stage.iterations
        self._cooling = max(1, round(rule.cooling * stage.iterations))
        self._losses: list[float] = []
        #: Iteration from which the stage cools down; as late as possible until it has settled.
        self._settled = stage.iterations - self._cooling
        self._open = True

    def observe(self, loss: float) -> None:
        """See LearningRatePolicy."""
        self._losses.append(loss)
        done = len(self._losses)
        if self._open and done < self._settled and self._looks(done):
            self._settled, self._open = done, False

    def _looks(self, done: int) -> bool:
        enough = done >= self._rule.least * self._most and done % self._rule.every == 0
        return enough and settled(self._losses, self._rule)

    def rate(self, iteration: int) -> float:
        """See LearningRatePolicy."""
        if iteration < self._settled:
            return warm_rate(iteration, self._most, peak=self._peak)
        return learning_rate(
            iteration - self._settled,
            self._cooling,
            peak=self._peak,
            floor=self._floor,
            warmup=0,
        )

    def ended(self, iteration: int) -> bool:
        """See LearningRatePolicy."""
        return iteration >= self._settled + self._cooling
