"""The learning rate of a stage."""

from hypothesis import given
from hypothesis import strategies as st

from infra.jobs.domain.schedule import Stage
from trainer.schedule.learning_rate import learning_rate


def test_a_stage_of_one_iteration_is_a_stage() -> None:
    assert learning_rate(0, Stage(1, 1).iterations, peak=1e-3, floor=1e-4) == 1e-3


@given(iterations=st.integers(1, 3000), data=st.data())
def test_the_rate_stays_in_bounds_and_falls_after_the_warm_up(
    iterations: int, data: st.DataObject
) -> None:
    iteration = data.draw(st.integers(0, iterations - 1))
    rate = learning_rate(iteration, iterations, peak=1e-3, floor=1e-4)
    assert 0 < rate <= 1e-3
    if iteration >= 20:
        assert 1e-4 <= rate
        assert learning_rate(iteration + 1, iterations, peak=1e-3, floor=1e-4) <= rate
