"""Rounds in which photos are out of reach; what a worker makes of them is in worker/test_reach."""

import pytest

from infra.jobs.domain import rules, unreachable
from infra.jobs.domain.model import JobState
from infra.jobs.domain.unreachable import ROUNDS
from tests.unit.infra.jobs.domain.test_rules import NOW, TTL, claimed, offered


def test_rounds_are_counted_photo_by_photo_and_without_a_strike() -> None:
    record = offered()
    for left in ([0, 2], *[[2]] * (ROUNDS - 2)):
        record, token = claimed(record)
        assert unreachable.last_round(record.active[0]) == frozenset()
        record, _ = rules.report(record, 0, token, [], left, NOW, TTL)
        record = unreachable.put_off(record, 0, token, left, NOW)
    chunk = record.active[0]
    assert (chunk.lease, chunk.in_flight, chunk.strikes) == (None, (), {})
    assert chunk.fruitless == {0: 1, 2: ROUNDS - 1}
    assert unreachable.last_round(chunk) == {2}


def test_only_the_holder_counts_rounds() -> None:
    record, token = claimed(offered())
    with pytest.raises(rules.StaleLease):
        unreachable.put_off(record, 0, token - 1, [0], NOW)
    again = unreachable.put_off(record, 0, token, [0], NOW)
    with pytest.raises(rules.StaleLease):
        unreachable.put_off(again, 0, token, [0], NOW)


def test_job_that_is_cancelled_ends_when_its_last_chunk_is_put_off() -> None:
    record, token = claimed(offered())
    record = unreachable.put_off(rules.cancel(record, NOW), 0, token, [0], NOW)
    assert record.state is JobState.CANCELLED
