"""Schedules as text, and the names that a training may choose from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.jobs.domain.training_options import (
    MAX_STAGES,
    PROFILES,
    SCHEDULES,
    USUAL_SCHEDULES,
    Stages,
    parse_schedule,
    write_schedule,
)


def test_schedule_is_read_stage_by_stage() -> None:
    assert parse_schedule(" 0.02:600, 1.5:400,1e9:1 ") == ((0.02, 600), (1.5, 400), (1e9, 1))


@pytest.mark.parametrize("name", SCHEDULES)
def test_named_schedule_is_a_schedule(name: str) -> None:
    assert parse_schedule(name) == parse_schedule(SCHEDULES[name])


def test_every_profile_has_its_usual_schedule() -> None:
    assert set(USUAL_SCHEDULES) == set(PROFILES)
    assert set(USUAL_SCHEDULES.values()) <= set(SCHEDULES)


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
        parse_schedule(text)


@given(
    st.lists(st.floats(min_value=1e-300, max_value=1e300), min_size=1, max_size=20, unique=True),
    st.integers(min_value=1, max_value=50_000),
)
def test_schedule_that_is_written_is_read_back(ratios: list[float], iterations: int) -> None:
    stages: Stages = tuple((ratio, iterations) for ratio in sorted(ratios))
    assert parse_schedule(write_schedule(stages)) == stages
