"""The staged schedule: what is read, what is written, and what is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.jobs.domain.schedule import (
    BASE_RATIO,
    MAX_STAGES,
    SCHEDULES,
    VGG_SCHEDULES,
    Schedule,
    Stages,
)
from infra.jobs.domain.training_options import LOSS_NETWORKS


def test_schedule_is_read_stage_by_stage() -> None:
    assert Schedule.parse(" 0.02:600, 1.5:400,1e9:1 ").stages == ((0.02, 600), (1.5, 400), (1e9, 1))


@pytest.mark.parametrize("name", SCHEDULES)
def test_named_schedule_is_a_schedule(name: str) -> None:
    assert Schedule.parse(name) == Schedule.parse(SCHEDULES[name])


@pytest.mark.parametrize("network", LOSS_NETWORKS)
@pytest.mark.parametrize("name", SCHEDULES)
def test_a_name_stands_for_the_ladder_of_its_loss_network(name: str, network: str) -> None:
    """VGG19 loses the photo at ratios that SqueezeNet is only painterly at."""
    ladder = Schedule.parse(name, network)
    ladders = VGG_SCHEDULES if network.startswith("vgg") else SCHEDULES
    assert str(ladder) == ladders[name]
    assert ladder.stages[0].ratio <= BASE_RATIO  # the deployment's base serves as it
    assert ladder.stages[-1].ratio == (6 if network.startswith("vgg") else 10)


def test_stages_that_are_written_out_are_the_same_for_every_loss_network() -> None:
    assert Schedule.parse("0.1:5,10:7", "vgg19") == Schedule.parse("0.1:5,10:7", "squeezenet1_0")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "neither"),
        ("slow", "neither"),
        ("1:", "RATIO:ITERATIONS"),
        (":5", "RATIO:ITERATIONS"),
        ("1:2:3", "RATIO:ITERATIONS"),
        ("1:5,", "RATIO:ITERATIONS"),
        ("0.1:1.5", "RATIO:ITERATIONS"),
        ("0:5", "positive"),
        ("-1:5", "positive"),
        ("nan:5", "positive"),
        ("inf:5", "positive"),
        ("1:0", "at least 1 iteration"),
        ("2:5,1:5", "2 before 1"),
        ("1:5,1:5", "must rise"),
        ("1:1000001", "at most 1000000 iterations"),
        (",".join(f"{n}:1" for n in range(1, MAX_STAGES + 2)), "at most 20 stages"),
    ],
)
def test_text_that_is_no_schedule_says_why(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        Schedule.parse(text)


@given(
    st.lists(st.floats(min_value=1e-300, max_value=1e300), min_size=1, max_size=20, unique=True),
    st.integers(min_value=1, max_value=50_000),
)
def test_schedule_that_is_written_is_read_back(ratios: list[float], iterations: int) -> None:
    stages: Stages = tuple((ratio, iterations) for ratio in sorted(ratios))
    assert Schedule.parse(str(Schedule.of(stages))).stages == stages


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


def test_ratios_that_differ_late_stay_apart() -> None:
    schedule = Schedule.parse("0.1:10,1234567:5,1234568:5")
    assert Schedule.parse(str(schedule)) == schedule
