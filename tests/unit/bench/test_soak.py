"""What a soak calls growth."""

import pytest

from tests.bench.soak import growths


def test_memory_after_the_warm_up_counts_early_against_late() -> None:
    """A quarter is warm-up; of the rest the first quarter's median is held against the last's."""
    warming = [{"api": 10}, {"api": 50}, {"api": 90}, {"api": 95}]
    flat = [{"api": 100}] * 6 + [{"api": 900}] + [{"api": 104}] * 5
    (api,) = growths(warming + flat)
    assert (api.early, api.late) == (100, 104)
    assert api.share == pytest.approx(0.04)


def test_a_process_that_came_later_is_not_held_against_anything() -> None:
    samples = [{"api": 100}] * 8 + [{"api": 100, "child": 50}] * 8
    assert [growth.name for growth in growths(samples)] == ["api"]
