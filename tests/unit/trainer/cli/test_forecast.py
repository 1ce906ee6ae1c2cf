"""What is said about how long a training on this machine takes."""

from infra.jobs.domain.schedule import Schedule
from trainer.cli.forecast import Forecast
from trainer.local.train import Progress
from trainer.loss.objective import StepLoss


def test_time_is_said_once_by_the_iterations_behind_the_first() -> None:
    """The first takes a minute and is not counted; of 1,010 iterations 4 are over then."""
    times = iter([60.0, 62.0, 64.0, 66.0])
    said: list[str] = []
    forecast = Forecast(Schedule.parse("0.1:10,1.5:1000"), said.append, clock=lambda: next(times))
    assert said == ["At most 1,010 iterations, stages: 2."]
    loss = StepLoss(1.0, 1.0)
    for iteration in range(1, 11):
        forecast(Progress(0, 0.1, iteration, 10, loss))
    assert said[1:] == ["About 0:33:32 at this pace (h:mm:ss)."]
