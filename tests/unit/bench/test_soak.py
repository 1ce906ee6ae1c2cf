"""What a soak calls growth, and a steady load."""

import pytest

from tests.bench.service.soak import Sample, growths, paces


def samples(*memory: dict[str, int]) -> list[Sample]:
    """Measurements a second apart, ten photos finished between each."""
    return [Sample(at, 10 * at, found) for at, found in enumerate(memory)]


def test_memory_after_the_warm_up_counts_early_against_late() -> None:
    """A quarter is warm-up; of the rest the first quarter's median is held against the last's."""
    warming = [{"api": 10}, {"api": 50}, {"api": 90}, {"api": 95}]
    flat = [{"api": 100}] * 6 + [{"api": 900}] + [{"api": 104}] * 5
    (api,) = growths(samples(*warming, *flat))
    assert (api.early, api.late) == (100, 104)
    assert api.share == pytest.approx(0.04)


def test_a_process_that_came_later_is_not_held_against_anything() -> None:
    memory = [{"api": 100}] * 8 + [{"api": 100, "child": 50}] * 8
    assert [growth.name for growth in growths(samples(*memory))] == ["api"]


def test_a_load_is_steady_when_photos_come_as_fast_late_as_early() -> None:
    steady = samples(*[{"api": 100}] * 16)
    assert paces(steady) == (10, 10)
    slower = [Sample(one.at * (1 if one.at < 12 else 2), one.photos, one.memory) for one in steady]
    assert paces(slower) == (10, 5)
