"""The staged ratio schedule and its learning rate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.schedule.stages import Schedule, Stage, learning_rate


def test_a_schedule_reads_what_it_writes() -> None:
    text = "0.02:600,0.1:300,15:700"
    assert str(Schedule.parse(text)) == text
    assert Schedule.parse(text).iterations == 1600


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "RATIO:ITERATIONS"),
        ("0.1", "RATIO:ITERATIONS"),
        ("0.1:many", "RATIO:ITERATIONS"),
        ("0:10", "positive"),
        ("-1:10", "positive"),
        ("nan:10", "positive"),
        ("inf:10", "positive"),
        ("1:0", "at least 1"),
        ("1:10,0.5:10", "rise"),
        ("1:10,1:10", "rise"),
    ],
)
def test_a_schedule_that_makes_no_sense_says_why(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Schedule.parse(text)


def test_a_schedule_has_stages() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Schedule(())


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


def test_ratios_that_differ_late_stay_apart() -> None:
    schedule = Schedule.parse("0.1:10,1234567:5,1234568:5")
    assert Schedule.parse(str(schedule)) == schedule
