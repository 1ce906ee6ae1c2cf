"""The pure rules of a job, one by one; their play together is in test_job_machine."""

import pytest

from infra.jobs.domain import rules, timing
from infra.jobs.domain.model import (
    JobRecord,
    JobState,
)
from infra.jobs.domain.transitions import IllegalTransition, move
from tests.fakes.records import (
    NOW,
    TTL,
    claimed,
    failures,
    offered,
    outcomes,
    report,
    spec,
    worked,
)


def test_last_chunk_is_short() -> None:
    assert spec().chunks == 3
    assert [list(spec().indices(n)) for n in range(3)] == [[0, 1, 2], [3, 4, 5], [6]]


def test_offer_fills_the_window_and_no_more() -> None:
    record, chunks = rules.offer(JobRecord(spec=spec()), NOW, 2)
    assert chunks == [0, 1]
    assert rules.offer(record, NOW, 2) == (record, [])
    record, chunks = rules.offer(worked(record, 0), NOW, 2)
    assert chunks == [2]
    assert rules.offer(record, NOW, 5) == (record, [])


def test_window_that_shrank_takes_nothing_back() -> None:
    record = offered(window=2)
    assert rules.offer(record, NOW, 1) == (record, [])


def test_first_claim_starts_the_job() -> None:
    record, _ = claimed(offered())
    assert record.state is JobState.RUNNING
    assert record.started == NOW
    record, _ = claimed(record, 1, NOW + 5)
    assert record.started == NOW


def test_chunk_is_claimed_once() -> None:
    record, _ = claimed(offered())
    with pytest.raises(rules.NotClaimable):
        rules.claim(record, 0, "w2", NOW, TTL)


@pytest.mark.parametrize("number", [2, 99, -1])
def test_chunk_that_was_not_offered_is_not_claimable(number: int) -> None:
    with pytest.raises(rules.NotClaimable):
        rules.claim(offered(), number, "w", NOW, TTL)


def test_finished_chunk_is_not_claimable() -> None:
    with pytest.raises(rules.NotClaimable):
        rules.claim(worked(offered(), 0), 0, "w", NOW, TTL)


def test_tokens_grow_even_when_the_clock_stands_or_goes_back() -> None:
    record, first = claimed(offered())
    record, second = claimed(record, 1, NOW - 100)
    assert (first, second) == (int(NOW * 1_000_000), first + 1)


def test_photo_is_counted_once_however_often_it_is_reported() -> None:
    record, token = claimed(offered())
    record = report(record, token, 0, 0, 1)
    record = report(record, token, 1, 0)
    assert (record.done, record.failed) == (2, 0)
    record, _ = rules.report(record, 0, token, failures(0, 2), None, NOW, TTL)
    assert (record.done, record.failed) == (2, 1)
    assert record.active[0].items[0].error is None


def test_photos_of_another_chunk_are_not_counted() -> None:
    record, token = claimed(offered())
    assert report(record, token, 3, 99).done == 0


def test_report_extends_the_lease_and_says_what_is_in_flight() -> None:
    record, token = claimed(offered())
    record, _ = rules.report(record, 0, token, [], [1, 0], NOW + 5, TTL)
    chunk = record.active[0]
    assert chunk.in_flight == (0, 1)
    assert chunk.lease
    assert chunk.lease.expires == NOW + 5 + TTL
    record = report(record, token, 0)
    assert record.active[0].in_flight == (1,)


def test_report_with_an_old_token_is_refused() -> None:
    record, old = claimed(offered())
    record, _ = rules.sweep(record, NOW + TTL + 1, 30)
    record, _ = claimed(record, now=NOW + TTL + 2)
    for call in (
        lambda: rules.report(record, 0, old, outcomes(0), None, NOW, TTL),
        lambda: rules.finish_chunk(record, 0, old, NOW),
        lambda: rules.release(record, 0, old, NOW),
    ):
        with pytest.raises(rules.StaleLease):
            call()


def test_late_report_counts_while_nobody_took_the_chunk_back() -> None:
    record, token = claimed(offered())
    record, kept = rules.report(record, 0, token, outcomes(0), None, NOW + 10 * TTL, TTL)
    assert kept
    assert record.done == 1


def test_chunk_with_a_photo_left_cannot_be_handed_in() -> None:
    record, token = claimed(offered())
    with pytest.raises(IllegalTransition):
        rules.finish_chunk(report(record, token, 0, 2), 0, token, NOW)


def test_job_succeeds_with_some_bad_photos() -> None:
    record = offered(total=2, chunk=2)
    record, token = claimed(record)
    record, _ = rules.report(record, 0, token, outcomes(0) + failures(1), None, NOW, TTL)
    record = rules.finish_chunk(record, 0, token, NOW + 3)
    assert record.state is JobState.SUCCEEDED
    assert (record.done, record.failed, record.finished) == (1, 1, NOW + 3)


def test_job_fails_when_every_photo_failed() -> None:
    record, token = claimed(offered(total=2, chunk=2))
    record, _ = rules.report(record, 0, token, failures(0, 1), None, NOW, TTL)
    record = rules.finish_chunk(record, 0, token, NOW)
    assert record.state is JobState.FAILED
    assert record.error
    assert record.error.type == "every-photo-failed"


def test_cancel_before_anybody_works_is_immediate() -> None:
    record = rules.cancel(offered(), NOW + 1)
    assert record.state is JobState.CANCELLED
    assert record.finished == NOW + 1


def test_running_chunk_learns_of_the_cancel_at_its_next_report_and_keeps_its_photos() -> None:
    record, token = claimed(offered())
    record = rules.cancel(record, NOW)
    assert record.state is JobState.CANCELLING
    assert rules.cancel(record, NOW) == record
    with pytest.raises(rules.NotClaimable):
        rules.claim(record, 1, "w", NOW, TTL)
    assert rules.offer(record, NOW, 99) == (record, [])
    record, kept = rules.report(record, 0, token, outcomes(0), [1], NOW, TTL)
    assert not kept
    assert record.state is JobState.CANCELLED
    assert record.done == 1


def test_cancelled_job_waits_for_lost_workers_until_their_lease_ends() -> None:
    record, _ = claimed(offered())
    record = rules.cancel(record, NOW)
    record, chunks = rules.sweep(record, NOW + TTL + 1, 30)
    assert chunks == []
    assert record.state is JobState.CANCELLED


@pytest.mark.parametrize("ended", [JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED])
def test_job_that_has_ended_does_not_change(ended: JobState) -> None:
    record = offered().model_copy(update={"state": ended})
    assert rules.sweep(record, NOW + 99, 30) == (record, [])
    assert rules.offer(record, NOW, 99) == (record, [])
    with pytest.raises(IllegalTransition):
        rules.cancel(record, NOW)
    with pytest.raises(rules.NotClaimable):
        rules.claim(record, 0, "w", NOW, TTL)


@pytest.mark.parametrize("state", list(JobState))
def test_no_state_can_be_entered_twice(state: JobState) -> None:
    with pytest.raises(IllegalTransition):
        move(offered().model_copy(update={"state": state}), state)


def test_rules_leave_what_they_are_handed() -> None:
    record = offered()
    before = record.model_dump_json()
    worked(record, 0)
    rules.cancel(record, NOW)
    rules.sweep(record, NOW + 99, 30)
    assert record.model_dump_json() == before


def test_eta_follows_the_pace_and_is_unknown_before_the_first_photo() -> None:
    record, token = claimed(offered())
    assert timing.eta(record, NOW + 5) is None
    record = report(record, token, 0, 1)
    assert timing.eta(record, NOW + 8) == 8 / 2 * 5
    assert timing.eta(rules.cancel(record, NOW), NOW + 8) is None
