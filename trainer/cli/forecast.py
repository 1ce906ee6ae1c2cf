"""How long a training takes: its iterations before it starts, and a time after the first few."""

import time
from collections.abc import Callable
from datetime import timedelta

from infra.jobs.domain.schedule import Schedule
from trainer.local.train import Progress

#: Iterations that are timed. The one before them is not: it prepares what the others find ready.
TIMED = 3


class Forecast:
    """Says once about how long the iterations that are left take."""

    def __init__(
        self,
        schedule: Schedule,
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._schedule = schedule
        self._say = say
        self._clock = clock
        self._ends: list[float] = []
        stages = len(schedule.stages)
        say(f"At most {schedule.iterations:,} iterations, stages: {stages}.")

    def __call__(self, now: Progress) -> None:
        """Take note that an iteration has ended."""
        if len(self._ends) > TIMED:
            return
        self._ends.append(self._clock())
        if len(self._ends) > TIMED:
            seconds = (self._ends[-1] - self._ends[0]) / TIMED * self._left(now)
            self._say(f"About {timedelta(seconds=round(seconds))} at this pace (h:mm:ss).")

    def _left(self, now: Progress) -> int:
        later = sum(stage.iterations for stage in self._schedule.stages[now.stage + 1 :])
        return now.iterations - now.iteration + later
