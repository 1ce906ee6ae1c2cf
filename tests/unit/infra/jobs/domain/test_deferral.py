"""Retry rounds of unreadable photos; how a worker counts them is in worker/album."""

import pytest

from infra.jobs.domain import deferral, rules
from infra.jobs.domain.deferral import RETRY_ROUNDS
from infra.jobs.domain.model import JobRecord, JobState
from tests.unit.infra.jobs.domain.test_rules import NOW, TTL, claimed, offered


def test_rounds_are_counted_photo_by_photo_and_without_a_strike() -> None:
    record = offered()
    for left in ([0, 2], *[[2]] * (RETRY_ROUNDS - 2)):
        record, token = claimed(record)
        assert deferral.last_attempt(record.active[0]) == frozenset()
        record, _ = rules.report(record, 0, token, [], left, NOW, TTL)
        record = deferral.defer(record, 0, token, left, NOW)
    chunk = record.active[0]
    assert (chunk.lease, chunk.in_flight, chunk.strikes) == (None, (), {})
    assert chunk.retry_rounds == {0: 1, 2: RETRY_ROUNDS - 1}
    assert deferral.last_attempt(chunk) == {2}


def test_only_the_holder_counts_rounds() -> None:
    record, token = claimed(offered())
    with pytest.raises(rules.StaleLease):
        deferral.defer(record, 0, token - 1, [0], NOW)
    again = deferral.defer(record, 0, token, [0], NOW)
    with pytest.raises(rules.StaleLease):
        deferral.defer(again, 0, token, [0], NOW)


def test_job_that_is_cancelled_ends_when_its_last_chunk_is_deferred() -> None:
    record, token = claimed(offered())
    record = deferral.defer(rules.cancel(record, NOW), 0, token, [0], NOW)
    assert record.state is JobState.CANCELLED


def test_record_of_the_version_before_is_read_and_its_names_are_written() -> None:
    """Workers of both versions share records while a deployment is updated."""
    record, token = claimed(offered())
    record = deferral.defer(record, 0, token, [2], NOW)
    stored = record.model_dump_json(exclude_none=True)
    assert '"fruitless":{"2":1}' in stored
    assert JobRecord.model_validate_json(stored).active[0].retry_rounds == {2: 1}
