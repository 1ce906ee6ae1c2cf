"""What becomes of a chunk whose lease is lost, released, or outlived by its holder."""

import pytest

from infra.jobs.domain import quarantine, rules
from tests.fakes.records import NOW, TTL, claimed, offered, outcomes, report


def test_sweep_leaves_what_is_well() -> None:
    record, _ = claimed(offered())
    assert rules.sweep(record, NOW + 5, 30) == (record, [])


def test_lost_lease_is_taken_back_with_a_strike_for_what_was_in_flight() -> None:
    record, token = claimed(offered())
    record, _ = rules.report(record, 0, token, outcomes(0), [1, 2], NOW, TTL)
    swept, chunks = rules.sweep(record, NOW + TTL, 30)
    assert chunks == rules.lost(record, swept) == [0]
    chunk = swept.active[0]
    assert chunk.lease is None
    assert chunk.strikes == {1: 1, 2: 1}
    assert list(chunk.items) == [0]


def test_unclaimed_chunk_is_rung_again_after_a_while() -> None:
    record = offered()
    assert rules.sweep(record, NOW + 29, 30)[1] == []
    record, chunks = rules.sweep(record, NOW + 30, 30)
    assert chunks == [0, 1]
    assert rules.sweep(record, NOW + 31, 30)[1] == []


def test_released_chunk_has_no_strike() -> None:
    record, token = claimed(offered())
    record, _ = rules.report(record, 0, token, [], [0], NOW, TTL)
    chunk = rules.release(record, 0, token, NOW).active[0]
    assert (chunk.lease, chunk.in_flight, chunk.strikes) == (None, (), {})


def test_worker_that_outlived_its_lease_takes_the_strikes_back() -> None:
    """It was stopped or cut off, so the photos that it held are not to blame; others' are."""
    record, old = claimed(offered())
    record, _ = rules.report(record, 0, old, [], [0, 1], NOW, TTL)
    record, _ = rules.sweep(record, NOW + TTL, 30)
    record, newer = claimed(record, now=NOW + TTL)
    record, _ = rules.report(record, 0, newer, [], [1], NOW + TTL, TTL)
    record, _ = rules.sweep(record, NOW + 2 * TTL, 30)
    assert record.active[0].strikes == {0: 1, 1: 2}
    record, due = rules.give_back(record, 0, old, NOW + 2 * TTL)
    assert due == []
    assert record.active[0].strikes == {1: 1}
    with pytest.raises(rules.StaleLease):
        rules.give_back(record, 0, old, NOW + 2 * TTL)


def test_late_word_of_a_survivor_leaves_the_new_holder_alone() -> None:
    record, old = claimed(offered())
    record, _ = rules.report(record, 0, old, [], [0], NOW, TTL)
    record, _ = rules.sweep(record, NOW + TTL, 30)
    record, newer = claimed(record, now=NOW + TTL)
    record, _ = rules.give_back(record, 0, old, NOW + TTL)
    _, lease = rules.held(record, 0, newer)
    assert lease.token == newer
    assert record.active[0].strikes == {}


def test_chunk_given_back_in_time_is_rung_for() -> None:
    record, token = claimed(offered())
    record, due = rules.give_back(record, 0, token, NOW)
    assert due == [0]
    assert record.active[0].lease is None


def test_photo_that_kills_workers_is_found_and_given_up() -> None:
    """Two strikes: photo by photo. Three: poisoned, and the rest goes on together."""
    record = offered()
    seen: list[tuple[bool, list[int]]] = []
    for _ in range(4):
        record, token = claimed(record)
        chunk = record.active[0]
        seen.append((quarantine.solo(chunk), [item.index for item in quarantine.poisoned(chunk)]))
        record, _ = rules.report(record, 0, token, [], [1], NOW, TTL)
        record, _ = rules.sweep(record, NOW + TTL, 30)
    assert seen == [(False, []), (False, []), (True, []), (False, [1])]
    assert quarantine.poisoned(record.active[0])[0].error
    done = report(*claimed(record), 1)
    assert quarantine.poisoned(done.active[0]) == []
